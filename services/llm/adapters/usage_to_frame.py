"""Usage records as they lie on disk and travel: one message of the analytics contract in a frame with a checksum.

A frame is two marking bytes, the message's length (2 bytes) and CRC-32 (4 bytes), then the message. What a crash left
unfinished fails the length or the checksum and is skipped; reading goes on at the next mark that holds.
"""

import os
import struct
import uuid
import zlib
from collections.abc import Iterator

from aisle.analytics.v1.usage_pb2 import UsageRecord as Message
from services.llm.domain.usage import TokenUsage, UsageRecord

_MARK = b"\xa7U"
_HEAD = struct.Struct("<2sHI")
_LONGEST = 0xFFFF
_SPACE = uuid.UUID("8f4b6f0e-6a53-5f0b-9b1e-6f1d2a7c9d10")


def framed(record: UsageRecord, now_ns: int) -> bytes:
    """Return a record's frame. Raises ValueError or TypeError when it holds what no message can."""
    return frame_of(message_of(record, now_ns).SerializeToString())


def frame_of(body: bytes) -> bytes:
    """Return a serialized message's frame. Raises ValueError when it is longer than a frame can be."""
    if len(body) > _LONGEST:
        raise ValueError("the record is longer than a frame")
    return _HEAD.pack(_MARK, len(body), zlib.crc32(body)) + body


def message_of(record: UsageRecord, now_ns: int) -> Message:
    """Return a record as the contract's message; it ended at the given moment of the wall clock."""
    # Fields are set one by one, rare ones only when they say something: half the time of naming them all at once.
    message = Message()
    message.record_id = record_id(record.record_id, now_ns)
    moment = message.record_time
    moment.seconds, moment.nanos = divmod(now_ns, 1_000_000_000)
    message.operation = record.operation
    message.provider = record.provider
    message.model = record.model
    message.use_case = record.use_case
    message.outcome = record.outcome
    message.tenant = record.tenant
    message.user = record.user
    message.api_key = record.api_key
    message.prompt_version = record.prompt_version
    message.cache = record.cache
    message.cost_micros = record.cost_micros
    message.latency_microseconds = int(record.seconds * 1_000_000)
    message.first_token_microseconds = int(record.first_token_seconds * 1_000_000)
    message.route_reason = record.route_reason
    message.attempt = record.attempt
    message.price_date = record.price_date
    _set_tokens(message, record.usage)
    if record.degraded:
        message.degraded.extend(record.degraded)
    if record.hedge or record.batch or record.saved_micros:
        message.hedge = record.hedge
        message.batch = record.batch
        message.saved_micros = record.saved_micros
    return message


def _set_tokens(message: Message, usage: TokenUsage) -> None:
    message.input_tokens = usage.input_tokens
    message.output_tokens = usage.output_tokens
    message.estimated = usage.estimated
    if usage.cached_input_tokens or usage.reasoning_tokens or usage.cache_write_tokens or usage.cache_write_1h_tokens:
        message.cached_input_tokens = usage.cached_input_tokens
        message.cache_write_tokens = usage.cache_write_tokens
        message.cache_write_1h_tokens = usage.cache_write_1h_tokens
        message.reasoning_tokens = usage.reasoning_tokens


def record_id(given: str, now_ns: int) -> str:
    """Return the record's id as a UUID: the given one, one made of the given name, or a new one that sorts by time."""
    if not given:
        raw = bytearray(os.urandom(16))
        raw[:6] = (now_ns // 1_000_000).to_bytes(6, "big")
        raw[6] = raw[6] & 0x0F | 0x70
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    try:
        return str(uuid.UUID(given))
    except ValueError:
        # The same name is the same record for ever, whoever writes it.
        return str(uuid.uuid5(_SPACE, given))


def bodies(data: bytes) -> Iterator[bytes]:
    """Yield the messages of all whole frames."""
    place, view = 0, memoryview(data)
    while (place := data.find(_MARK, place)) >= 0 and place + _HEAD.size <= len(data):
        _, length, checksum = _HEAD.unpack_from(data, place)
        begin = place + _HEAD.size
        body = bytes(view[begin : begin + length])
        if len(body) == length and zlib.crc32(body) == checksum:
            yield body
            place = begin + length
        else:
            place += 1


def varint(number: int) -> bytes:
    """Return a number as protobuf writes lengths: seven bits a byte, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
