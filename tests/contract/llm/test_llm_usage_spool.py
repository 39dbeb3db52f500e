"""What the spool of usage records promises about its files: nothing whole is lost, nothing broken is read."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import protovalidate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle.analytics.v1.usage_pb2 import UsageRecord as Message
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.adapters.usage_to_frame import bodies, frame_of, message_of, record_id
from services.llm.domain.usage import TokenUsage, UsageRecord
from services.runtime.errors import Unavailable

FULL = UsageRecord(
    operation="chat",
    model="models/small",
    provider="openai",
    use_case="chat_support",
    outcome="ok",
    usage=TokenUsage(10, 5, True, 3, 2, 1, 4),
    cost_micros=77,
    seconds=1.25,
    first_token_seconds=0.5,
    route_reason="cheapest",
    degraded=("RECOVERED",),
    tenant="tenants/shop",
    user="maya",
    api_key="apiKeys/one",
    prompt_version="v2",
    cache="miss",
    attempt=2,
    hedge=True,
    batch=True,
    price_date="2026-11-01",
    saved_micros=9,
)
NOW = 1_795_000_000_123_456_789


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Iterator[SpoolLedger]:
    with SpoolLedger(tmp_path, segment_bytes=2000, clock=clock) as opened:
        yield opened


def read_all(spool: SpoolLedger) -> list[Message]:
    return [Message.FromString(body) for segment in spool.closed() for body in spool.read(segment)]


def tries(count: int) -> list[UsageRecord]:
    return [replace(FULL, attempt=number) for number in range(count)]


def test_a_record_becomes_a_message_that_analytics_takes() -> None:
    message = message_of(FULL, NOW)
    protovalidate.validate(message)
    assert (message.input_tokens, message.cache_write_1h_tokens, message.reasoning_tokens) == (10, 1, 4)
    assert (message.latency_microseconds, message.first_token_microseconds) == (1_250_000, 500_000)
    assert (message.saved_micros, message.hedge, message.batch, list(message.degraded)) == (
        9,
        True,
        True,
        ["RECOVERED"],
    )
    assert message.record_time.ToNanoseconds() == NOW
    unset = {field.name for field in Message.DESCRIPTOR.fields} - {field.name for field, _ in message.ListFields()}
    assert unset == set()


def test_ids_sort_by_time_and_names_stay_the_same_id() -> None:
    made = [record_id("", NOW + number * 1_000_000) for number in range(100)]
    assert made == sorted(made)
    assert len(set(made)) == 100
    assert record_id("batches/b/items/3", NOW) == record_id("batches/b/items/3", NOW + 1)
    assert record_id(made[0].upper(), NOW) == made[0]


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_of_torn_bytes_the_whole_frames_are_read(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(frame_of(body) for body in written)
    cut = data.draw(st.integers(0, len(whole)))
    read = list(bodies(whole[:cut]))
    assert read == written[: len(read)]
    assert len(b"".join(map(frame_of, read))) <= cut
    assert list(bodies(whole[:cut] + frame_of(b"after")))[-1] == b"after"


@given(st.binary(max_size=400))
def test_noise_is_no_record(noise: bytes) -> None:
    assert list(bodies(noise.replace(b"\xa7U", b""))) == []


def test_records_are_with_the_kernel_when_record_returns(spool: SpoolLedger, tmp_path: Path) -> None:
    spool.record(FULL)
    (segment,) = tmp_path.glob("*/*.usage")
    assert len(list(bodies(segment.read_bytes()))) == 1


def test_a_segment_is_closed_when_it_is_full_or_old(spool: SpoolLedger, clock: Clock) -> None:
    for record in tries(20):
        spool.record(record)
    full = spool.closed()
    assert full
    clock.now += 1
    assert len(spool.closed()) == len(full) + 1
    assert [message.attempt for message in read_all(spool)] == list(range(20))
    for segment in spool.closed():
        spool.remove(segment)
    assert spool.closed() == []


def test_what_is_written_to_is_not_read(spool: SpoolLedger) -> None:
    spool.record(FULL)
    assert spool.closed() == []
    spool.seal()
    assert len(read_all(spool)) == 1


def test_oldest_records_are_kept_when_the_spool_is_full_and_the_loss_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SpoolLedger(tmp_path, max_bytes=1000, segment_bytes=500) as spool:
        for record in tries(50):
            spool.record(record)
        spool.seal()
        kept = [message.attempt for message in read_all(spool)]
        assert kept == list(range(len(kept)))
        assert 0 < len(kept) < 50
        assert "usage records are lost" in caplog.messages
        assert "the spool of usage records fills up" in caplog.messages
        for segment in spool.closed():
            spool.remove(segment)
        spool.record(FULL)
        spool.seal()
        assert len(read_all(spool)) == 1


def test_record_never_fails_and_keeps_what_the_disk_takes_none_of(
    spool: SpoolLedger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.record(FULL)
    spool.seal()
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    hidden = folder.rename(tmp_path.parent / "hidden")
    for record in tries(3):
        spool.record(record)
    assert "the spool takes no usage records; they are kept in memory" in caplog.messages
    hidden.rename(folder)
    spool.record(replace(FULL, attempt=3))
    spool.seal()
    assert [message.attempt for message in read_all(spool)] == [2, 0, 1, 2, 3]


@pytest.mark.parametrize("bad", [replace(FULL, user="\ud800"), replace(FULL, cost_micros=2**80)])
def test_what_no_message_can_hold_is_counted_and_told(
    spool: SpoolLedger, bad: UsageRecord, caplog: pytest.LogCaptureFixture
) -> None:
    spool.record(bad)
    assert "usage records are lost" in caplog.messages


_CROWDED = """
import resource, sys
from pathlib import Path
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.domain.usage import TokenUsage, UsageRecord
with SpoolLedger(Path(sys.argv[1])) as spool:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3001, 100_000))
    for number in range(1, 101):
        spool.record(UsageRecord("chat", "m", "local", "u", "ok", TokenUsage(1), 1, 1.0, attempt=number))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    spool.record(UsageRecord("chat", "m", "local", "u", "ok", TokenUsage(1), 1, 1.0, attempt=101))
"""


def test_a_disk_that_is_full_in_the_middle_of_a_record_loses_none_and_breaks_none(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _CROWDED, str(tmp_path)], check=True, timeout=60, stderr=subprocess.DEVNULL)
    with SpoolLedger(tmp_path) as heir:
        assert [message.attempt for message in read_all(heir)] == list(range(1, 102))


def test_a_record_after_the_end_is_told_as_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SpoolLedger(tmp_path) as spool:
        pass
    spool.record(FULL)
    assert "usage records are lost" in caplog.messages


def test_the_folder_of_a_process_that_left_is_adopted_and_removed_when_empty(
    spool: SpoolLedger, tmp_path: Path, clock: Clock
) -> None:
    with SpoolLedger(tmp_path) as other:
        other.record(FULL)
        assert spool.closed() == []
    clock.now += 6
    (segment,) = spool.closed()
    assert len(spool.read(segment)) == 1
    spool.remove(segment)
    assert not Path(segment).parent.exists()


def test_two_processes_never_adopt_the_same_folder(tmp_path: Path, clock: Clock) -> None:
    with SpoolLedger(tmp_path) as dead:
        dead.record(FULL)
    with SpoolLedger(tmp_path, clock=clock) as one, SpoolLedger(tmp_path, clock=clock) as other:
        assert [len(one.closed()), len(other.closed())] == [1, 0]


def test_nothing_is_left_behind_by_a_process_that_wrote_nothing(tmp_path: Path) -> None:
    with SpoolLedger(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


_WRITER = """
import sys
from pathlib import Path
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.domain.usage import TokenUsage, UsageRecord
with SpoolLedger(Path(sys.argv[1]), segment_bytes=5000) as spool:
    number = 0
    while True:
        number += 1
        spool.record(UsageRecord("chat", "m", "local", "u", "ok", TokenUsage(1), 1, 1.0, attempt=number))
        print(number, flush=True)
"""


def test_killed_writers_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    source = random.Random(3)
    acknowledged = 0
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        wanted = source.randrange(1, 200)
        last = 0
        for line in writer.stdout:
            last = int(line)
            if last >= wanted:
                break
        writer.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        acknowledged += last
    with SpoolLedger(tmp_path) as heir:
        found = read_all(heir)
    assert len({message.record_id for message in found}) == len(found)
    # The last one of each may have been written without having been said.
    assert acknowledged <= len(found) <= acknowledged + 5


def test_disk_that_cannot_be_read_is_away(spool: SpoolLedger) -> None:
    spool.record(FULL)
    spool.seal()
    (segment,) = spool.closed()
    Path(segment).unlink()
    with pytest.raises(Unavailable):
        spool.read(segment)
