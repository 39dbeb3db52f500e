"""A reserved port is nobody's but its owner's."""

import socket

import pytest

from local.reservation import reserved


def test_owner_can_listen_on_a_reserved_port_and_again_after_a_restart() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    with reserved([number]):
        for _ in range(2):
            with socket.socket() as owner:
                owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                owner.bind(("127.0.0.1", number))
                owner.listen()
                with socket.create_connection(("127.0.0.1", number), timeout=1) as client:
                    assert client.getpeername()[1] == number


def test_reserved_port_cannot_be_taken_by_a_plain_socket() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    with reserved([number]), socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", number))


def test_taken_port_cannot_be_reserved() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"), reserved([other.getsockname()[1]]):
            pass
