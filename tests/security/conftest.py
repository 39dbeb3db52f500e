"""One platform for all tests of its security."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from bff.auth import signing_keys
from local import postgres
from tests.conftest import PASSWORD as SERVERS_PASSWORD
from tests.conftest import free_port
from tests.security.world import PASSWORD, World, running
from tests.security.world_process import Plan

SERVICES = ("product", "llm", "chat", "recommendation", "analytics", "bff")
API_KEYS = "sk-team-one-0123456789abcdef,sk-team-two-0123456789abcdef"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test the time the platform's start takes."""
    for item in items:
        if "tests/security" in str(item.path):
            item.add_marker(pytest.mark.servers)


def _signing_keys(path: Path) -> Path:
    signing_keys.prepare(path, datetime.now(UTC))
    return path


async def _databases(port: int) -> dict[str, str]:
    admin = await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=SERVERS_PASSWORD, database="postgres"
    )
    made = {}
    for service in SERVICES:
        name = f"security_{service}_{uuid4().hex[:8]}"
        await admin.execute(f'CREATE DATABASE "{name}" OWNER "{service}"')
        own = postgres.role_password(service, SERVERS_PASSWORD)
        made[service] = f"postgresql+asyncpg://{service}:{own}@127.0.0.1:{port}/{name}"
    await admin.close()
    return made


@pytest.fixture(scope="session")
def world(
    postgres_port: int, redis_url: str, milvus_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    plan = Plan(
        databases=asyncio.run(_databases(postgres_port)),
        redis_url=redis_url,
        milvus_uri=milvus_uri,
        folder=str(folder),
        grpc_port=free_port(),
        bff_port=free_port(),
        http_port=free_port(),
        signing_keys=str(_signing_keys(tmp_path_factory.mktemp("keys") / "signing-keys.json")),
        media_key="media-" + uuid4().hex,
        api_keys=API_KEYS,
        password=PASSWORD,
        suffix=uuid4().hex[:8],
    )
    with running(plan, folder) as found:
        yield found
