"""Events of the contract to the domain and back."""

from datetime import UTC, datetime
from uuid import UUID

from aisle.analytics.v1 import event_pb2
from services.analytics.domain.event import Event, EventType, normalised_query

_TYPE = "EVENT_TYPE_"


def event_of(message: event_pb2.Event, now: datetime) -> Event:
    """Return the event of a message; one without a time happened now."""
    return Event(
        id=UUID(message.event_id),
        type=EventType(event_pb2.EventType.Name(message.type).removeprefix(_TYPE).lower()),
        shopper=kept(message.shopper),
        session=kept(message.session),
        product=message.product,
        query=normalised_query(kept(message.query)),
        result_count=message.result_count,
        quantity=message.quantity,
        value_minor=message.value_minor,
        currency=message.currency_code,
        placement=kept(message.placement),
        time=message.event_time.ToDatetime(UTC) if message.HasField("event_time") else now,
    )


def encode_event(event: Event) -> bytes:
    """Return an event as the contract's message, the form in which other services read it from the stream."""
    message = event_pb2.Event(
        event_id=str(event.id),
        type=event_pb2.EventType.Value(_TYPE + event.type.upper()),
        shopper=event.shopper,
        session=event.session,
        product=event.product,
        query=event.query,
        result_count=event.result_count,
        quantity=event.quantity,
        value_minor=event.value_minor,
        currency_code=event.currency,
        placement=event.placement,
    )
    message.event_time.FromDatetime(event.time)
    return message.SerializeToString()


def decode_event(content: bytes) -> Event:
    """Return the event that `encode_event` wrote. Raises ValueError for anything else."""
    message = event_pb2.Event.FromString(content)
    if not message.HasField("event_time"):
        raise ValueError("an event on the stream has a time")
    return event_of(message, datetime.now(UTC))


def kept(text: str) -> str:
    """Return a text without the one character that PostgreSQL cannot keep: its batch would be tried for ever."""
    return text.replace("\x00", "")
