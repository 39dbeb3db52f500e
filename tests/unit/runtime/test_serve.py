"""A process that loses a background job leaves, cleanly and at once, so that it can be started again."""

import signal
import subprocess
import sys
import textwrap

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from local.settings import ROOT
from services.runtime.sql import is_away
from tests.conftest import free_port

PROCESS = textwrap.dedent(
    """
    import asyncio, sys
    from services.runtime import serve
    from services.runtime.settings import RuntimeSettings

    async def broken():
        await asyncio.sleep(0.2)
        raise RuntimeError("the job is broken")

    async def deaf():
        for _ in range(2):
            try:
                print("working", flush=True)
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("not heard", flush=True)
        print("worked on", flush=True)

    async def build(stack):
        stack.callback(lambda: print("adapters closed", flush=True))
        jobs = [{"broken": broken, "deaf": deaf}[name] for name in sys.argv[2:]]
        return serve.Service("aisle.test.v1.Nothing", lambda server: None, background=jobs)

    serve.run(RuntimeSettings(listen_port=int(sys.argv[1]), token_key="k", drain_seconds=0), build)
    """
)


def process(*jobs: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROCESS, str(free_port()), *jobs]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("others", [[], ["deaf"]])
def test_failed_background_job_ends_the_process_with_its_adapters_closed(others: list[str]) -> None:
    with process("broken", *others) as failing:
        output, log = failing.communicate(timeout=30)
    assert failing.returncode == 1
    assert "adapters closed" in output
    assert "the job is broken" in log


def test_job_that_does_not_hear_is_told_again_when_the_process_is_to_leave() -> None:
    with process("deaf") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "working\n"
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=30)
    assert running.returncode == 0
    assert output.splitlines() == ["not heard", "working", "not heard", "worked on", "adapters closed"]


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
