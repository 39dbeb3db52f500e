"""Domain errors to google.rpc.Status and back, following AIP-193."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from services.runtime import errors

_CODES: Mapping[type[errors.AisleError], grpc.StatusCode] = {
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Conflict: grpc.StatusCode.ABORTED,
    errors.Precondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Denied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Internal: grpc.StatusCode.INTERNAL,
}
_ERRORS = {code: kind for kind, code in _CODES.items()}


def to_status(error: errors.AisleError, domain: str) -> Status:
    """Return the status that tells a caller about `error`; `domain` is for example "product.aisle"."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=domain, metadata=error.metadata)
    details: list[Message] = [info]
    if isinstance(error, errors.Invalid) and error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                    for v in error.violations
                ]
            )
        )
    if isinstance(error, errors.Retryable):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(retry)
    return Status(code=_number(_CODES[type(error)]), message=error.message, details=_packed(details))


def internal(domain: str, request_id: str) -> Status:
    """Return the fixed answer to an unexpected failure: no text of ours leaks, the request id leads to the log."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=domain, metadata={"request_id": request_id})
    return Status(
        code=_number(grpc.StatusCode.INTERNAL),
        message=f"Something went wrong on our side. Request {request_id}.",
        details=_packed([info]),
    )


def from_rpc_error(error: grpc.aio.AioRpcError) -> errors.AisleError:
    """Return the domain error an upstream meant, with its reason and details."""
    info, violations, retry_after = _details(error)
    kind = _ERRORS.get(error.code(), errors.Internal)
    reason = info.reason or error.code().name
    # Metadata first: a message with braces in it must not be formatted again.
    made: errors.AisleError
    if kind is errors.Invalid:
        made = errors.Invalid(reason, "", violations)
    elif issubclass(kind, errors.Retryable):
        made = kind(reason, "", retry_after)
    else:
        made = kind(reason, "")
    made.message = error.details() or reason
    made.args = (made.message,)
    made.metadata = dict(info.metadata)
    return made


def _details(
    error: grpc.aio.AioRpcError,
) -> tuple[error_details_pb2.ErrorInfo, list[errors.FieldViolation], float]:
    info = error_details_pb2.ErrorInfo()
    violations: list[errors.FieldViolation] = []
    retry_after = 1.0
    for detail in _status_details(error):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            violations = [errors.FieldViolation(v.field, v.description) for v in bad.field_violations]
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
    return info, violations, retry_after


def _status_details(error: grpc.aio.AioRpcError) -> Iterable[AnyMessage]:
    trailing: Iterable[Any] = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return list(Status.FromString(value).details)
    return ()


def _packed(details: Iterable[Message]) -> list[AnyMessage]:
    packed = []
    for detail in details:
        box = AnyMessage()
        box.Pack(detail)
        packed.append(box)
    return packed


def _number(code: grpc.StatusCode) -> int:
    value: Any = code.value
    return int(value[0])


def to_grpc(status: Status) -> grpc.Status:
    """Return what `abort_with_status` takes."""
    return rpc_status.to_status(status)
