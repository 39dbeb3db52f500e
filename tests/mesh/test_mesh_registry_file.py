"""The registry file while it changes under the control plane's eyes."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.control_plane.sources.registry_file import RegistryFile
from services.control_plane.topology import Topology

GOOD = """
edge: {address: 127.0.0.1, port: 8080}
egress: {address: 127.0.0.1, port: 15001}
services:
  product: {protocol: grpc, endpoints: [{address: 127.0.0.1, port: PORT}]}
"""


def write(path: Path, port: int | str) -> None:
    path.write_text(GOOD.replace("PORT", str(port)))


async def next_port(topologies: AsyncIterator[Topology]) -> int:
    async with asyncio.timeout(2):
        found = await anext(topologies)
    return found.services[0].endpoints[0].port


async def test_file_is_read_at_once_and_after_each_change(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    write(path, 1)
    topologies = RegistryFile(path, (), 0.01).topologies()
    assert await next_port(topologies) == 1
    write(path, 22)
    assert await next_port(topologies) == 22
    fresh = tmp_path / "fresh"
    write(fresh, 33)
    os.utime(fresh, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    fresh.replace(path)
    assert await next_port(topologies) == 33


async def test_broken_and_missing_files_are_passed_over_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "registry.yaml"
    topologies = RegistryFile(path, (), 0.01).topologies()
    waiting = asyncio.ensure_future(next_port(topologies))
    await asyncio.sleep(0.1)
    assert len(caplog.records) == 1
    write(path, "'no port'")
    await asyncio.sleep(0.1)
    assert len(caplog.records) == 2
    assert "services.product.endpoints.0.port" in str(vars(caplog.records[1])["data"])
    write(path, 44)
    assert await waiting == 44
