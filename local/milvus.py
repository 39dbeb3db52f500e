"""Milvus Lite over gRPC: the C++ server that the `milvus-lite` package carries (docs/adr/0005-milvus-lite.md)."""

from pathlib import Path

from local.process import Process, tcp_probe


def process(data: Path, port: int, servers_venv: Path) -> Process:
    """Return the Milvus Lite process with its data in `data`."""
    library = binary(servers_venv).parent
    data.mkdir(parents=True, exist_ok=True)
    return Process(
        name="milvus",
        title="Milvus Lite",
        command=[str(library / "milvus"), str(data / "aisle.db"), f"127.0.0.1:{port}", "ERROR"],
        env={"LD_LIBRARY_PATH": str(library)},
        ready=tcp_probe(port),
        port=port,
        cwd=data,
    )


def binary(servers_venv: Path) -> Path:
    """Return the server binary, or raise FileNotFoundError that says how to get it."""
    for found in sorted(servers_venv.glob("lib/python*/site-packages/milvus_lite/lib/milvus")):
        return found.resolve()
    raise FileNotFoundError(f"Milvus Lite is not in {servers_venv}. Run `make setup`.")
