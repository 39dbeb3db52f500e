"""What requests may carry: strict models, safe text, and names of resources."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Header, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException

from services.runtime.errors import FieldViolation, Invalid, NotFound

PRODUCT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
SESSION_ID = re.compile(r"[a-z0-9-]{1,80}")
ARTICLE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")

# Services coerce page sizes above their maximum; this only keeps a number inside its field on the wire.
_LARGEST_PAGE = 1000


class Input(BaseModel):
    """A request body: no unknown fields, no numbers written as text."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Query(BaseModel):
    """Query parameters: no unknown ones."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    return text


def _within_page(size: int) -> int:
    return min(size, _LARGEST_PAGE)


NO_NUL = AfterValidator(_without_nul)
Text = Annotated[str, NO_NUL]
PageSize = Annotated[int, Field(ge=0, description="0 means the default."), AfterValidator(_within_page)]
PageToken = Annotated[Text, StringConstraints(max_length=2000)]
ProductId = Annotated[str, StringConstraints(pattern=rf"^{PRODUCT_ID.pattern}$")]
# Strict models take a UUID object only; from JSON it always comes as text.
Uuid = Annotated[UUID, Field(strict=False)]


def product_name(product_id: str) -> str:
    """Return the resource name of a product; an id that no product can have is not found."""
    if not PRODUCT_ID.fullmatch(product_id):
        raise NotFound("PRODUCT_NOT_FOUND", "There is no such product.")
    return f"products/{product_id}"


def conversation_name(session_id: str) -> str:
    """Return the resource name of a chat session; an id that none can have is not found."""
    if not SESSION_ID.fullmatch(session_id):
        raise NotFound("CONVERSATION_NOT_FOUND", "There is no such conversation.")
    return f"conversations/{session_id}"


def article_name(article_id: str) -> str:
    """Return the resource name of an article; an id that none can have is not found."""
    if not ARTICLE_ID.fullmatch(article_id):
        raise NotFound("ARTICLE_NOT_FOUND", "There is no such article.")
    return f"articles/{article_id}"


def last_part(name: str) -> str:
    """Return the id in a resource name."""
    return name.rpartition("/")[2]


def invalid(field: str, description: str) -> Invalid:
    """Return the refusal of one field."""
    return Invalid(
        "FIELD_INVALID",
        "{field}: {description}.",
        [FieldViolation(field, description)],
        field=field,
        description=description,
    )


def require_json(request: Request) -> None:
    """Refuse a body that does not say it is JSON."""
    if request.method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and kind != "application/json":
        raise HTTPException(415, "Send application/json.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Send the body without compression.")


def idempotency_key(
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", description="A UUID that makes a repeated call the same call.")
    ] = None,
) -> str:
    """Return the request id for the services; empty when the client sent none."""
    if key is None:
        return ""
    try:
        return str(UUID(key))
    except ValueError:
        raise Invalid("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key must be a UUID.") from None
