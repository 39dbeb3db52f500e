"""Why the model server turns a request down, in the words and the shape OpenAI's clients understand."""

from dataclasses import dataclass
from typing import Any


@dataclass
class RefusedError(Exception):
    """A request that will not be answered, with the HTTP status and the error body it earns."""

    status: int
    message: str
    code: str
    kind: str = "invalid_request_error"
    param: str | None = None
    retry_after: int | None = None

    def body(self) -> dict[str, Any]:
        """The error in OpenAI's shape."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """The headers that belong to the error."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> RefusedError:
    """The request itself is wrong."""
    return RefusedError(400, message, code, param=param)


def too_large(limit: int) -> RefusedError:
    """The body is larger than we read."""
    return RefusedError(413, f"The request body is larger than {limit} bytes.", "request_too_large")


def unknown_model(name: str) -> RefusedError:
    """No such model is served here."""
    return RefusedError(404, f"The model {name[:100]!r} does not exist here.", "model_not_found", param="model")


def not_ready(name: str, state: str) -> RefusedError:
    """The model is known but cannot answer yet, or ever."""
    retry = 1 if state == "loading" else None
    return RefusedError(503, f"The model {name} is {state}.", f"model_{state}", "server_error", retry_after=retry)


def busy(name: str) -> RefusedError:
    """Too many requests wait for this model already."""
    return RefusedError(429, f"Too many requests wait for {name}.", "queue_full", "rate_limit_error", retry_after=1)


def failed(message: str) -> RefusedError:
    """The model broke while it answered."""
    return RefusedError(502, message, "model_failed", "server_error")
