"""Each alarm on our own metrics fires under its fault, and none while all goes well.

The parts that emit are the real ones. What they emit goes over OTLP's messages into the collector's store, and the
alarms are read from where Terraform has them.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub, add_AnalyticsServiceServicer_to_server
from aisle.limits.v1.rate_limit_pb2 import ShouldRateLimitRequest
from checks.metrics.alarms import fires
from checks.metrics.written import MODULE
from local.telemetry.metrics import MetricStore
from local.telemetry.receiver import MetricReceiver
from services.analytics.adapters.redis_event_stream import RedisEventStream
from services.control_plane.ads import SotwSession
from services.control_plane.snapshot import CLUSTERS
from services.limits.servicer.rate_limit import RateLimitServicer
from services.llm.adapters.otlp_spans import OtlpSpans
from services.llm.adapters.spool_folder import SUFFIX, SpoolFolder
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.adapters.telemetry_ledger import GatewayMetrics, TelemetryLedger
from services.llm.domain.usage import TokenUsage, UsageRecord
from services.runtime import telemetry
from services.runtime.errors import Internal
from tests.unit.control_plane.proxy import answer_to
from tests.unit.control_plane.proxy import request as asked_by_proxy
from tests.unit.control_plane.test_control_plane_session import ALL, due
from tests.unit.limits.test_limits import Bench
from tests.unit.runtime.test_wire import ADMIN, TOP, Analytics, served

ALARMS = yaml.safe_load((MODULE / "declared" / "alarms.yaml").read_text())["alarms"]
OWN = [alarm for alarm in ALARMS if not any("namespace" in one for one in alarm["metrics"].values())]
KNOWN = {"usd_per_hour": 5.0}
RECORD = UsageRecord(
    operation="chat",
    model="models/small",
    provider="local",
    use_case="chat_support",
    outcome="ok",
    usage=TokenUsage(100, 20),
    cost_micros=7,
    seconds=0.5,
)
CALLS_A_MINUTE = 20


class Groups:
    """A stream of events of which readers have so many left."""

    def __init__(self) -> None:
        self.waiting = 3

    async def xinfo_groups(self, key: str) -> list[dict[str, Any]]:
        return [
            {"name": name, "pending": 0, "lag": self.waiting, "last-delivered-id": b"1000-0"}
            for name in (b"analytics", b"recommendation")
        ]

    async def xpending(self, key: str, group: Any) -> dict[str, Any]:
        return {"pending": 0, "min": None}

    async def xrange(self, key: str, **options: Any) -> list[Any]:
        return [(b"2000-0", {})]

    async def xtrim(self, key: str, **options: Any) -> int:
        return 0


class Platform:
    """The parts that emit, each with its fault; none is on at first."""

    def __init__(self, folder: Path) -> None:
        self.faults: set[str] = set()
        self.away: Counter[str] = Counter()
        self.ledger = TelemetryLedger()
        self.gateway = GatewayMetrics(self._open_breakers, lambda: self.away)
        self.folder = folder
        self.spool = SpoolLedger(folder / "spool")
        self.full = SpoolLedger(folder / "full", max_bytes=1)
        self.limits = Bench()
        self.limiter = RateLimitServicer(self.limits.should_limit)
        self.users = 0
        self.groups = Groups()
        self.stream = RedisEventStream(self.groups, "one", bytes, bytes)  # type: ignore[arg-type]

    def on(self, fault: str) -> bool:
        return fault in self.faults

    def _open_breakers(self) -> list[str]:
        return ["models/small"] if self.on("model-left-alone") else []

    async def minute(self) -> None:
        """Do what a platform does in a minute, with the faults that are on."""
        self._models()
        await self._calls()
        await self._limiting()
        self._proxy()
        self.groups.waiting = 20_000 if self.on("events-waiting") else 3
        await self.stream.trim()
        if self.on("spans-lost"):
            async with OtlpSpans("127.0.0.1:1", {"service.name": "llm"}) as spans:
                spans.add(b"")

    def _models(self) -> None:
        failed = replace(RECORD, outcome="timed out") if self.on("models-failing") else RECORD
        priced = replace(failed, cost_micros=1_000_000) if self.on("money") else failed
        record = replace(priced, degraded=("CACHE",)) if self.on("degraded") else priced
        for _ in range(CALLS_A_MINUTE):
            self.ledger.record(record)
        self.away["interactive"] += self.on("gateway-full")
        if self.on("usage-lost"):
            self.full.record(RECORD)
        if self.on("usage-refused"):
            self.spool.set_aside(b"not a record")

    async def _calls(self) -> None:
        def answer(request: Any) -> Any:
            if self.on("calls-failing"):
                raise Internal("BROKEN", "It does not work.")
            return pb.QueryReportResponse()

        async with served(
            lambda server: add_AnalyticsServiceServicer_to_server(Analytics(answer), server), "analytics"
        ) as channel:
            for _ in range(CALLS_A_MINUTE):
                await asyncio.gather(
                    AnalyticsServiceStub(channel).QueryReport(TOP, caller=ADMIN), return_exceptions=True
                )

    async def _limiting(self) -> None:
        self.limits.counters.away = self.on("nobody-counts")
        asked = ShouldRateLimitRequest(domain="edge")
        descriptor = asked.descriptors.add()
        # Somebody new each time: who was refused a moment ago is not counted.
        self.users += 1
        for key, value in (("class", "browse"), ("user", f"user-{self.users}")):
            descriptor.entries.add(key=key, value=value)
        await asyncio.gather(self.limiter.answer(asked.SerializeToString()), return_exceptions=True)

    def _proxy(self) -> None:
        session = SotwSession()
        session.aim_at(ALL)
        session.receive(asked_by_proxy(CLUSTERS))
        (response,) = due(session)
        session.receive(answer_to(response, refusal="not like this" if self.on("mesh-refused") else ""))

    def pile_up(self) -> None:
        """Leave what a process that died had written and nobody has delivered."""
        left = SpoolFolder.new(self.folder / "spool")
        segment = left.path / f"00000000000000000001{SUFFIX}"
        segment.touch()
        with segment.open("r+b") as file:
            file.truncate(200 << 20)
        left.leave()
        self.spool.closed()


@pytest.fixture(scope="module")
def reader() -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    resource = Resource({"service.name": "test", "service.instance.id": "one"})
    metrics.set_meter_provider(MeterProvider([reader], resource))
    yield reader


@pytest.fixture(scope="module")
def platform(reader: InMemoryMetricReader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    made = Platform(tmp_path_factory.mktemp("platform"))
    with made.spool, made.full:
        yield made


async def alarms_after(platform: Platform, reader: InMemoryMetricReader, minutes: int) -> set[str]:
    """Let minutes pass on a clock of our own, and return the alarms that fire then."""
    # After whatever the parts counted from.
    now = 4_000_000_000.0
    store = MetricStore()
    receiver = MetricReceiver(store, lambda: now)

    async def export() -> None:
        if platform.on("collector-silent"):
            return
        data = reader.get_metrics_data()
        assert data is not None
        await receiver.Export(encode_metrics(telemetry.with_sources(data)), None)

    await platform.minute()
    await export()
    for _ in range(minutes):
        now += 60.0
        await platform.minute()
        await export()
    return {alarm["name"] for alarm in OWN if fires(alarm, store, now, KNOWN)}


async def test_while_all_goes_well_no_alarm_fires(platform: Platform, reader: InMemoryMetricReader) -> None:
    assert await alarms_after(platform, reader, 60) == set()


@pytest.mark.parametrize(
    "alarm", [one for one in OWN if one["name"] != "usage-waiting"], ids=lambda one: str(one["name"])
)
async def test_an_alarm_fires_under_its_fault_and_no_other_does(
    platform: Platform, reader: InMemoryMetricReader, alarm: dict[str, Any]
) -> None:
    platform.faults = {alarm["name"]}
    try:
        assert await alarms_after(platform, reader, alarm["minutes"] * alarm["periods"]) == {alarm["name"]}
    finally:
        platform.faults = set()


async def test_usage_that_piles_up_on_a_disk_is_told(platform: Platform, reader: InMemoryMetricReader) -> None:
    platform.pile_up()
    assert await alarms_after(platform, reader, 10) == {"usage-waiting"}
