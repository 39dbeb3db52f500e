"""What is in the way is named, with what to do."""

import socket
from pathlib import Path
from threading import Timer

from local.doctor import problems
from local.settings import LocalSettings


def settings(tmp_path: Path, **changes: object) -> LocalSettings:
    (tmp_path / "dist").mkdir(exist_ok=True)
    (tmp_path / "dist" / "index.html").touch()
    values: dict[str, object] = {"home": tmp_path / "home", "static_dir": tmp_path / "dist", "port_offset": 4500}
    return LocalSettings(**{**values, **changes})  # type: ignore[arg-type]


def test_nothing_is_in_the_way_of_a_whole_installation(tmp_path: Path) -> None:
    assert problems(settings(tmp_path)) == []


def test_taken_port_is_named_with_its_owner(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        number = holder.getsockname()[1]
        found = [line for line in problems(settings(tmp_path, edge_port=number)) if str(number) in line]
    assert len(found) == 1
    assert f"Port {number} (edge) is taken by" in found[0]
    assert "AISLE_EDGE_PORT" in found[0]


def test_connection_that_passes_over_a_port_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somewhere, socket.socket() as passing:
        passing.bind(("127.0.0.1", 0))
        number = passing.getsockname()[1]
        passing.connect(somewhere.getsockname())
        accepted, _ = somewhere.accept()
        # As a connection ends whose other side hangs up first: nothing of it stays on our port.

        def end() -> None:
            accepted.close()
            passing.close()

        ending = Timer(0.5, end)
        ending.start()
        assert problems(settings(tmp_path, edge_port=number)) == []
        ending.join()
        assert passing.fileno() == -1


def test_port_wanted_twice_by_the_stack_itself_is_named(tmp_path: Path) -> None:
    found = problems(settings(tmp_path, edge_port=settings(tmp_path).ports()["bff"]))
    assert [line for line in found if "wanted twice" in line]


def test_missing_pieces_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    found = problems(settings(tmp_path, servers_venv=tmp_path / "none", static_dir=tmp_path / "nothing"))
    assert any("make frontend" in line for line in found)
    assert any("Milvus Lite" in line and "make setup" in line for line in found)
    assert any("Envoy" in line for line in found)
