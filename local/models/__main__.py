"""Starts the model server: `python -m local.models`."""

import logging
import signal
import sys

import uvicorn

from local.models import encoder, generator
from local.models.app import build_app
from local.models.packages import chat_model_file
from local.models.settings import ModelServerSettings
from local.models.shelf import Slot


def main() -> None:
    """Reads the settings, wires the models to the HTTP interface and serves until SIGTERM."""
    # uvicorn drains on SIGTERM, then raises it again for whoever handled it before: us, to end with code 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = ModelServerSettings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    chat = Slot(generator.MODEL, lambda: generator.chat_model(chat_model_file(), settings))
    embeddings = Slot(encoder.MODEL, lambda: encoder.embedding_model(settings))
    uvicorn.run(
        build_app(settings, chat, embeddings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        timeout_graceful_shutdown=settings.drain_seconds,
        log_config=None,
    )


if __name__ == "__main__":
    main()
