"""The connection to Milvus, made the same way by every service that keeps vectors."""

import logging

from pymilvus import AsyncMilvusClient

# The library pings an idle connection every 10 seconds. A gRPC server with the default settings takes that for an
# attack after half a minute and hangs up (ENHANCE_YOUR_CALM, "too_many_pings"), just when the next search is sent.
# Every call here has its own timeout, so a dead connection is found by the call that needs it.
_QUIET = {"grpc.keepalive_time_ms": 60_000, "grpc.keepalive_permit_without_calls": 0}


def connect(uri: str, token: str = "") -> AsyncMilvusClient:
    """Return a client of the server at an address; it connects at its first call."""
    # The client logs each failure with a traceback; the adapters say what matters.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    return AsyncMilvusClient(uri=uri, token=token, grpc_options=dict(_QUIET))
