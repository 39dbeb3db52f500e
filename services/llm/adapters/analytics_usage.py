"""Usage records to the analytics service."""

from collections.abc import Sequence

from aisle.analytics.v1.analytics_service_pb2 import WriteUsageRecordsRequest
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from services.llm.adapters.usage_to_frame import varint
from services.runtime.channel import MeshChannel

# Field 1 of the request, of the kind that carries its length: what stands before each record in it.
_FIELD = b"\x0a"


class AnalyticsUsage:
    """A `UsageSink`. Records are messages of the contract already, so the request is their bytes one after another."""

    def __init__(self, channel: MeshChannel, timeout: float = 10.0) -> None:
        """Take the channel to analytics, and the seconds a call may take."""
        self._stub = AnalyticsServiceStub(channel)
        self._timeout = timeout

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Return once analytics has them all on disk."""
        await self._stub.WriteUsageRecords(request_of(records), timeout=self._timeout)


def request_of(records: Sequence[bytes]) -> WriteUsageRecordsRequest:
    """Return the request that holds the records."""
    return WriteUsageRecordsRequest.FromString(b"".join(_FIELD + varint(len(record)) + record for record in records))
