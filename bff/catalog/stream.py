"""A product text as it is written, or at once."""

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

from aisle.product.v1 import product_service_pb2 as pb
from bff.catalog import schemas
from bff.catalog.messages import finding_of
from bff.inputs import last_part
from bff.sse import event
from bff.upstreams import events_of
from services.runtime.errors import Unavailable


async def description_events(stream: AsyncIterable[pb.WriteProductCopyResponse]) -> AsyncGenerator[bytes, None]:
    """Yield the events of a text being written."""
    async with events_of(stream) as replies:
        async for reply in replies:
            kind = reply.WhichOneof("event")
            if kind == "text_delta":
                yield event("delta", {"text": reply.text_delta})
            elif kind == "finding":
                yield event("finding", finding_of(reply.finding).model_dump())
            elif kind == "finished":
                yield event("finished", _end(reply.finished))
                return
    raise _cut_off()


async def whole_description(stream: AsyncIterable[pb.WriteProductCopyResponse]) -> schemas.Description:
    """Return a text when it is whole."""
    findings = []
    async with events_of(stream) as replies:
        async for reply in replies:
            kind = reply.WhichOneof("event")
            if kind == "finding":
                findings.append(finding_of(reply.finding))
            elif kind == "finished":
                return schemas.Description(**_end(reply.finished), findings=findings)
    raise _cut_off()


def _end(finished: pb.CopyFinished) -> dict[str, Any]:
    model = last_part(finished.model) or None
    return {"text": finished.text, "model": model, "degraded": list(finished.degraded)}


def _cut_off() -> Unavailable:
    return Unavailable("COPYWRITER_UNAVAILABLE", "The text broke off before its end.")
