"""Runs the BFF: `python -m bff`."""

import asyncio
import logging
from contextlib import AsyncExitStack

import uvloop

from bff import upstreams
from bff.app import Application
from bff.auth.postgres_accounts import PostgresAccounts
from bff.auth.postgres_attempts import PostgresAttempts
from bff.server import DrainingServer
from bff.settings import BffSettings
from services.runtime import sql, telemetry
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.serve")

_DATABASE_WAIT_SECONDS = 30.0
_DATABASE_RETRY_SECONDS = 0.5


async def prepared(accounts: PostgresAccounts) -> None:
    """Bring the accounts' schema up to date, waiting for a database that is still starting."""
    deadline = asyncio.get_running_loop().time() + _DATABASE_WAIT_SECONDS
    while True:
        try:
            await accounts.prepare()
            return
        except Unavailable as away:
            if asyncio.get_running_loop().time() > deadline:
                raise SystemExit(f"bff: the database does not answer: {away.__cause__}") from away
            await asyncio.sleep(_DATABASE_RETRY_SECONDS)


async def serve(settings: BffSettings) -> None:
    """Serve until told to stop."""
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.flush)
        url = settings.database_url.get_secret_value()
        database = await stack.enter_async_context(sql.connect(url, service="bff"))
        accounts = PostgresAccounts(database)
        await prepared(accounts)
        services = await stack.enter_async_context(
            upstreams.connect(settings.egress_address, settings.max_message_bytes)
        )
        application = Application(settings, services, accounts, PostgresAttempts(database))
        if settings.demo_accounts:
            await application.sign_in.prepare_demo(settings.demo_password.get_secret_value())
        else:
            await application.sign_in.shut_demo()
        log.info("serving", extra={"data": {"port": settings.listen_port}})
        await DrainingServer(application, settings).serve()
    log.info("stopped")


def main() -> None:
    """Read the settings and serve."""
    settings = BffSettings.load()
    telemetry.setup(
        settings.service,
        settings.log_level,
        settings.otlp_endpoint,
        sampled_percent=settings.trace_sampled_percent,
        metric_seconds=settings.metric_seconds,
    )
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
