"""A process that loses a background job leaves, cleanly and at once, so that it can be started again."""

import socket
import subprocess
import sys
import textwrap

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from local.settings import ROOT
from services.runtime.sql import is_away

PROCESS = textwrap.dedent(
    """
    import asyncio, sys
    from services.runtime import serve
    from services.runtime.settings import RuntimeSettings

    async def job():
        await asyncio.sleep(0.2)
        raise RuntimeError("the job is broken")

    async def build(stack):
        stack.callback(lambda: print("adapters closed", flush=True))
        return serve.Service("aisle.test.v1.Nothing", lambda server: None, background=(job,))

    serve.run(RuntimeSettings(listen_port=int(sys.argv[1]), token_key="k", drain_seconds=0), build)
    """
)


def test_failed_background_job_ends_the_process_with_its_adapters_closed() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", PROCESS, str(port)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "adapters closed" in ended.stdout
    assert "the job is broken" in ended.stderr


def wrapped(error: Exception, kind: type[DBAPIError] = DBAPIError) -> DBAPIError:
    return kind("SELECT 1", {}, error)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        wrapped(asyncpg.CannotConnectNowError("starting up")),
        wrapped(asyncpg.AdminShutdownError("going down")),
        wrapped(asyncpg.TooManyConnectionsError("full")),
        wrapped(Exception("lost"), OperationalError),
    ],
)
def test_server_that_cannot_be_used_now_is_away(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize("error", [wrapped(asyncpg.UndefinedTableError("no table")), ValueError("not ours")])
def test_wrong_statement_is_no_absence(error: Exception) -> None:
    assert not is_away(error)
