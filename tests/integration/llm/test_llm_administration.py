"""Keys and budgets from their making to their end, over gRPC, PostgreSQL and Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from aisle.llm.v1 import llm_admin_service_pb2 as pb
from aisle.llm.v1.llm_admin_service_pb2_grpc import LlmAdminServiceStub
from services.llm.__main__ import build
from services.llm.adapters.issued_api_keys import IssuedApiKeys
from services.llm.adapters.postgres_administration import PostgresAdminBook
from services.llm.adapters.settings_api_keys import SettingsApiKeys
from services.llm.application.follow_administration import FollowAdministration
from services.llm.domain.administration import Administration
from services.llm.domain.budget import Rule, Subject, Window
from services.llm.settings import LlmSettings
from services.runtime import sql
from services.runtime.interceptors import MeshInterceptor

pytestmark = pytest.mark.servers
ADMIN = (("x-aisle-caller", "cli"), ("x-aisle-subject", "users/ada"), ("x-aisle-role", "admin"))
TABLE = """
version: 2
policies:
  default: {prefer: basic}
budgets:
- {subject: tenant, window: month, dollars: 10}
models:
- {name: models/mock, display_name: Mock, provider: local, provider_id: mock, kind: text, quality: basic,
   context_tokens: 10000, price: {input: 0, output: 0, date: "2026-11-01"}}
"""


@dataclass
class House:
    """The service, and beside it another replica's knowledge of keys and budgets."""

    stub: LlmAdminServiceStub
    follow: FollowAdministration
    administration: Administration
    database: sql.Database

    def holder(self, secret: str) -> str | None:
        keys = IssuedApiKeys(self.administration, SettingsApiKeys(()), lambda: datetime.now(UTC))
        found = keys.find(secret)
        return found.name if found else None


@pytest.fixture
async def house(database_url: Callable[[str], Awaitable[str]], redis_url: str, tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "models.yaml").write_text(TABLE)
    settings = LlmSettings(
        listen_port=1,
        token_key=SecretStr("k"),
        local_url="http://127.0.0.1:9/v1",
        models_file=str(tmp_path / "models.yaml"),
        difficulty=False,
        redis_url=SecretStr(redis_url),
        database_url=SecretStr(await database_url("llm")),
    )
    async with AsyncExitStack() as stack:
        service = await build(settings.model_copy(), stack)
        server = grpc.aio.server(interceptors=[MeshInterceptor("llm.aisle")])
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, None)
        database = await stack.enter_async_context(sql.connect(settings.database_url.get_secret_value(), service="llm"))
        administration = Administration()
        follow = FollowAdministration(PostgresAdminBook(database), administration)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        yield House(LlmAdminServiceStub(channel), follow, administration, database)


async def created(house: House, **more: object) -> pb.CreateApiKeyResponse:
    asked = pb.ApiKey(display_name="Warehouse", tenant="tenants/warehouse")
    if more:
        asked.expire_time.FromDatetime(more["expires"])  # type: ignore[arg-type]
    return await house.stub.CreateApiKey(pb.CreateApiKeyRequest(api_key=asked), metadata=ADMIN)  # type: ignore[no-any-return]


async def test_key_is_accepted_by_every_replica_until_it_is_revoked(house: House) -> None:
    made = await created(house)
    await house.follow.look()
    assert house.holder(made.secret) == made.api_key.name
    assert house.holder(made.secret + "x") is None
    revoked = await house.stub.RevokeApiKey(pb.RevokeApiKeyRequest(name=made.api_key.name), metadata=ADMIN)
    assert revoked.state == pb.API_KEY_STATE_REVOKED
    await house.follow.look()
    assert house.holder(made.secret) is None
    again = await house.stub.RevokeApiKey(pb.RevokeApiKeyRequest(name=made.api_key.name), metadata=ADMIN)
    assert again.revoke_time == revoked.revoke_time


async def test_secret_is_kept_nowhere(house: House) -> None:
    made = await created(house)
    async with house.database.reading() as session:
        rows = [
            str(row)
            for table in ("api_keys", "audit_entries")
            for row in (await session.execute(text(f"SELECT * FROM {table}"))).all()
        ]
    kept = "\n".join(rows)
    assert made.secret.startswith("sk-aisle-")
    assert len(made.secret) > 48
    assert made.secret not in kept
    assert made.secret[9:40] not in kept
    assert made.api_key.hint == made.secret[-4:]


async def test_key_past_its_time_is_not_accepted(house: House) -> None:
    made = await created(house, expires=datetime.now(UTC) + timedelta(seconds=0.6))
    await house.follow.look()
    assert house.holder(made.secret) == made.api_key.name
    await asyncio.sleep(0.7)
    assert house.holder(made.secret) is None
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await created(house, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_keys_are_listed_by_pages_newest_first(house: House) -> None:
    names = [(await created(house)).api_key.name for _ in range(5)]
    heard, token = [], ""
    while True:
        page = await house.stub.ListApiKeys(pb.ListApiKeysRequest(page_size=2, page_token=token), metadata=ADMIN)
        heard += [key.name for key in page.api_keys]
        token = page.next_page_token
        if not token:
            break
    assert heard == names[::-1]


async def test_budget_that_is_set_goes_before_the_files_and_the_files_holds_again_without_it(house: House) -> None:
    asked = pb.Budget(
        subject_kind=pb.BUDGET_SUBJECT_TENANT, subject="*", window=pb.BUDGET_WINDOW_MONTH, micros=25_000_000
    )
    of_file = (Rule(Subject.TENANT, "*", Window.MONTH, micros=10_000_000),)
    await house.follow.look()
    assert [rule.micros for rule in house.administration.rules(of_file)] == [10_000_000]
    kept = await house.stub.SetBudget(pb.SetBudgetRequest(budget=asked), metadata=ADMIN)
    assert (kept.origin, kept.updater) == (pb.BUDGET_ORIGIN_SET, "users/ada")
    await house.follow.look()
    assert [rule.micros for rule in house.administration.rules(of_file)] == [25_000_000]
    listed = await house.stub.ListBudgets(pb.ListBudgetsRequest(), metadata=ADMIN)
    assert [(one.origin, one.micros) for one in listed.budgets] == [(pb.BUDGET_ORIGIN_SET, 25_000_000)]
    await house.stub.DeleteBudget(pb.DeleteBudgetRequest(name=kept.name), metadata=ADMIN)
    listed = await house.stub.ListBudgets(pb.ListBudgetsRequest(), metadata=ADMIN)
    assert [(one.origin, one.micros) for one in listed.budgets] == [(pb.BUDGET_ORIGIN_FILE, 10_000_000)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await house.stub.DeleteBudget(pb.DeleteBudgetRequest(name=kept.name), metadata=ADMIN)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_budget_of_one_subject_tells_how_far_it_is_spent(house: House) -> None:
    subject = f"tenants/{uuid4().hex[:8]}"
    asked = pb.Budget(subject_kind=pb.BUDGET_SUBJECT_TENANT, subject=subject, window=pb.BUDGET_WINDOW_MONTH, tokens=500)
    await house.stub.SetBudget(pb.SetBudgetRequest(budget=asked), metadata=ADMIN)
    listed = await house.stub.ListBudgets(pb.ListBudgetsRequest(), metadata=ADMIN)
    found = next(one for one in listed.budgets if one.subject == subject)
    assert not listed.degraded
    assert (found.tokens, found.HasField("micros")) == (500, False)


async def test_budget_without_a_limit_is_refused(house: House) -> None:
    asked = pb.Budget(subject_kind=pb.BUDGET_SUBJECT_TENANT, subject="*", window=pb.BUDGET_WINDOW_MONTH)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await house.stub.SetBudget(pb.SetBudgetRequest(budget=asked), metadata=ADMIN)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_every_change_is_noted_with_who_made_it(house: House) -> None:
    made = await created(house)
    await house.stub.RevokeApiKey(pb.RevokeApiKeyRequest(name=made.api_key.name), metadata=ADMIN)
    listed = await house.stub.ListAuditEntries(pb.ListAuditEntriesRequest(), metadata=ADMIN)
    assert [(one.actor, one.action, one.resource) for one in listed.audit_entries] == [
        ("users/ada", "RevokeApiKey", made.api_key.name),
        ("users/ada", "CreateApiKey", made.api_key.name),
    ]


@pytest.mark.parametrize("role", ["anonymous", "shopper"])
async def test_nobody_else_administers(house: House, role: str) -> None:
    whose = (("x-aisle-caller", "bff"), ("x-aisle-subject", "users/maya"), ("x-aisle-role", role))
    for call, request in (
        (house.stub.ListApiKeys, pb.ListApiKeysRequest()),
        (house.stub.CreateApiKey, pb.CreateApiKeyRequest(api_key=pb.ApiKey(display_name="mine"))),
        (house.stub.ListBudgets, pb.ListBudgetsRequest()),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request, metadata=whose)
        assert refused.value.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)


async def test_what_was_known_holds_while_the_database_is_away(house: House) -> None:
    made = await created(house)
    await house.follow.look()
    async with sql.connect("postgresql+asyncpg://nobody:x@127.0.0.1:1/none", service="llm") as away:
        house.follow._book = PostgresAdminBook(away)
        await house.follow.look()
    assert house.holder(made.secret) == made.api_key.name
