"""The few fields of the discovery messages that the protocol turns on, read and written in C.

The generated messages are pure Python and take a hundred times as long, which a thousand proxies that acknowledge at
once would feel. What is not named here (a node's metadata, for example) is skipped; resources are bytes already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto

_PACKAGE = "aisle.internal.discovery"
_IDENTIFIER = "aisle"
_SCALARS = {"string": Field.TYPE_STRING, "bytes": Field.TYPE_BYTES}

# Message: its fields by name, each with its number in Envoy's contract and its type, repeated when in brackets.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Node": {"id": (1, "string"), "cluster": (2, "string")},
    "Status": {"message": (2, "string")},
    "ControlPlane": {"identifier": (1, "string")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "Resource": {"version": (1, "string"), "resource": (2, "Any"), "name": (3, "string")},
    "Version": {"key": (1, "string"), "value": (2, "string")},
    "Request": {
        "version_info": (1, "string"),
        "node": (2, "Node"),
        "resource_names": (3, "[string]"),
        "type_url": (4, "string"),
        "response_nonce": (5, "string"),
        "error_detail": (6, "Status"),
    },
    "DeltaRequest": {
        "node": (1, "Node"),
        "type_url": (2, "string"),
        "resource_names_subscribe": (3, "[string]"),
        "resource_names_unsubscribe": (4, "[string]"),
        "initial_resource_versions": (5, "[Version]"),
        "response_nonce": (6, "string"),
        "error_detail": (7, "Status"),
    },
    "Response": {
        "version_info": (1, "string"),
        "resources": (2, "[Any]"),
        "type_url": (4, "string"),
        "nonce": (5, "string"),
        "control_plane": (6, "ControlPlane"),
    },
    "DeltaResponse": {
        "system_version_info": (1, "string"),
        "resources": (2, "[Resource]"),
        "type_url": (4, "string"),
        "nonce": (5, "string"),
        "removed_resources": (6, "[string]"),
        "control_plane": (7, "ControlPlane"),
    },
}


def _field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    repeated, plain = kind.startswith("["), kind.strip("[]")
    field = message.field.add(name=name, number=number)
    field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    field.type = _SCALARS.get(plain, Field.TYPE_MESSAGE)
    if plain not in _SCALARS:
        field.type_name = f".{_PACKAGE}.{plain}"


def _classes() -> dict[str, Any]:
    """Return a class for each message, in a pool of their own: nobody else's names are in the way."""
    file = descriptor_pb2.FileDescriptorProto(name="discovery.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


# The classes by the names above; the server itself needs no more than what follows.
CLASSES: Mapping[str, Any] = _classes()
_Request, _DeltaRequest = CLASSES["Request"], CLASSES["DeltaRequest"]
_Response, _DeltaResponse = CLASSES["Response"], CLASSES["DeltaResponse"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a proxy says in the state-of-the-world variant. `refusal` is None unless it refuses."""

    type_url: str
    node: str = ""
    workload: str = ""
    version: str = ""
    names: Sequence[str] = ()
    nonce: str = ""
    refusal: str | None = None

    @classmethod
    def parse(cls, message: bytes) -> "Request":
        """Read a DiscoveryRequest. Raises google.protobuf.message.DecodeError."""
        read = _Request.FromString(message)
        return cls(
            type_url=read.type_url,
            node=read.node.id,
            workload=read.node.cluster,
            version=read.version_info,
            names=tuple(read.resource_names),
            nonce=read.response_nonce,
            refusal=read.error_detail.message if read.HasField("error_detail") else None,
        )


@dataclass(frozen=True, slots=True)
class DeltaRequest:
    """What a proxy says in the incremental variant. `refusal` is None unless it refuses."""

    type_url: str
    node: str = ""
    workload: str = ""
    subscribe: Sequence[str] = ()
    unsubscribe: Sequence[str] = ()
    initial_versions: Mapping[str, str] | None = None
    nonce: str = ""
    refusal: str | None = None

    @classmethod
    def parse(cls, message: bytes) -> "DeltaRequest":
        """Read a DeltaDiscoveryRequest. Raises google.protobuf.message.DecodeError."""
        read = _DeltaRequest.FromString(message)
        return cls(
            type_url=read.type_url,
            node=read.node.id,
            workload=read.node.cluster,
            subscribe=tuple(read.resource_names_subscribe),
            unsubscribe=tuple(read.resource_names_unsubscribe),
            initial_versions={entry.key: entry.value for entry in read.initial_resource_versions},
            nonce=read.response_nonce,
            refusal=read.error_detail.message if read.HasField("error_detail") else None,
        )


def response_head(type_url: str, version: str, nonce: str) -> bytes:
    """Return a DiscoveryResponse without its resources, which are appended: joined messages are one message."""
    head = _Response(type_url=type_url, version_info=version, nonce=nonce)
    head.control_plane.identifier = _IDENTIFIER
    return bytes(head.SerializeToString())


def delta_response_head(type_url: str, version: str, nonce: str, removed: Sequence[str]) -> bytes:
    """Return a DeltaDiscoveryResponse without its resources, which are appended."""
    head = _DeltaResponse(type_url=type_url, system_version_info=version, nonce=nonce, removed_resources=removed)
    head.control_plane.identifier = _IDENTIFIER
    return bytes(head.SerializeToString())
