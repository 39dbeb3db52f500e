"""Serves a schema to Terraform as its provider would, and nothing behind it.

Terraform is told where the server is (`TF_REATTACH_PROVIDERS`) instead of starting a plugin, so one server lasts for
all commands. Only what `validate` and `test` with mocked providers ask for is answered; whatever would reach a cloud
is refused by gRPC itself.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from tf.gen import tfplugin_pb2 as wire
from tf.gen import tfplugin_pb2_grpc as rpc

from checks.terraform.schema import Attribute, Block, Schemas

SOURCE = "registry.terraform.io/hashicorp/aws"

_NESTING = {
    "single": wire.Schema.NestedBlock.SINGLE,
    "list": wire.Schema.NestedBlock.LIST,
    "set": wire.Schema.NestedBlock.SET,
}
# Field 11 of an attribute, said on the wire: the stubs are older than values that are never kept.
_WRITE_ONLY = b"\x58\x01"
# Schemas of the web application firewall alone take more than gRPC's default of 4 MiB.
_LARGEST = 256 << 20


class SchemaOnly(rpc.ProviderServicer):  # type: ignore[misc]  # generated, and without types
    """Answers what the schema is and that a configuration may pass; knows no cloud."""

    def __init__(self, schemas: Schemas) -> None:
        """Take what to serve."""
        self._schema = wire.GetProviderSchema.Response(
            provider=wire.Schema(block=_block(schemas.provider)),
            resource_schemas={name: wire.Schema(block=_block(block)) for name, block in schemas.resources.items()},
            data_source_schemas={
                name: wire.Schema(block=_block(block)) for name, block in schemas.data_sources.items()
            },
        )

    def GetProviderSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the schema."""
        return self._schema

    def ValidateProviderConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Let every configuration of the provider pass: Terraform has compared it with the schema."""
        return wire.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Let every resource pass: Terraform has compared it with the schema."""
        return wire.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Let every data source pass: Terraform has compared it with the schema."""
        return wire.ValidateDataResourceConfig.Response()

    def StopProvider(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Say that there is nothing to stop."""
        return wire.StopProvider.Response()


@contextmanager
def served(schemas: Schemas) -> Iterator[dict[str, str]]:
    """Serve a schema while the block runs; yields the variables that lead Terraform to it."""
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "provider.sock"
        server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.max_send_message_length", _LARGEST)])
        rpc.add_ProviderServicer_to_server(SchemaOnly(schemas), server)
        server.add_insecure_port(f"unix://{socket}")
        server.start()
        try:
            yield {"TF_REATTACH_PROVIDERS": json.dumps({SOURCE: _address(socket)})}
        finally:
            server.stop(None).wait()


def _address(socket: Path) -> dict[str, object]:
    return {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "unix", "String": str(socket)},
    }


def _block(block: Block) -> Any:
    return wire.Schema.Block(
        attributes=[_attribute(attribute) for attribute in block.attributes],
        block_types=[
            wire.Schema.NestedBlock(
                type_name=name,
                block=_block(nested),
                nesting=_NESTING[nested.nesting],
                min_items=nested.min_items,
                max_items=nested.max_items,
            )
            for name, nested in block.blocks
        ],
    )


def _attribute(attribute: Attribute) -> Any:
    plain = wire.Schema.Attribute(
        name=attribute.name,
        type=json.dumps(attribute.type).encode(),
        required=attribute.required,
        optional=attribute.optional and not attribute.required,
        computed=attribute.computed,
    )
    return wire.Schema.Attribute.FromString(plain.SerializeToString() + _WRITE_ONLY) if attribute.write_only else plain
