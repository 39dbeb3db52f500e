"""Whom `aisle probe` asks when nobody says."""

import pytest

from cli.probing import served


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (b"/opt/aisle/bin/python\0/opt/aisle/bin/aisle\0serve\0product\0", "product"),
        (b"/sbin/docker-init\0--\0aisle\0serve\0control-plane\0", "control-plane"),
        (b"sleep\0infinity\0", ""),
        (b"aisle\0serve", ""),
        (b"", ""),
    ],
)
def test_who_was_started_is_read_from_the_command_line(command: bytes, name: str) -> None:
    assert served(command) == name
