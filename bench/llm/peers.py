"""The other gateways: each installed once, into a folder of its own, and started on the gateways' core.

What cannot be installed is missing from the tables, and the reason stands beside them.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.process import Process, http_probe
from local.settings import ROOT

LITELLM_VERSION, PORTKEY_VERSION = "1.106.2", "1.15.2"
BIFROST = "github.com/maximhq/bifrost/transports/bifrost-http@latest"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
MODELS = ("mock", "mock-8k", "mock-paced", "mock-31")
_STATE = ROOT / ".state"
_FOLDERS = {name: _STATE / f"bench-{name}" for name in ("litellm", "portkey", "bifrost")}


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway that is there: its process, and the headers it wants on every request."""

    title: str
    process: Process
    headers: str


def present(upstream: int, ports: tuple[int, int], run: Path) -> tuple[list[Peer], list[str]]:
    """Return the peers that could be installed, and a sentence for each that could not."""
    peers, missing = [], []
    if problem := _install_litellm():
        missing.append(f"LiteLLM {LITELLM_VERSION} is absent: {problem}")
    else:
        peers.append(_litellm(upstream, ports[0], run))
    if problem := _install_portkey():
        missing.append(f"Portkey {PORTKEY_VERSION} is absent: {problem}")
    else:
        peers.append(_portkey(upstream, ports[1]))
    if problem := _build_bifrost():
        missing.append(f"Bifrost is absent: {problem}")
    else:
        missing.append("Bifrost was built, but no run of it is written here yet.")
    return peers, missing


def _install_litellm() -> str:
    folder = _FOLDERS["litellm"]
    if (folder / "bin" / "litellm").exists():
        return ""
    print(f"Installing LiteLLM {LITELLM_VERSION} …", file=sys.stderr, flush=True)
    uv = str(Path(sys.executable).with_name("uv"))
    lock = str(Path(__file__).with_name("litellm.lock"))
    python = str(folder / "bin" / "python")
    return _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)]) or _run(
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock]
    )


def _install_portkey() -> str:
    folder = _FOLDERS["portkey"]
    if _portkey_program().exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is not on this machine"
    print(f"Installing Portkey {PORTKEY_VERSION} …", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    # No scripts of packages are run: the gateway needs none.
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    return _run(["npm", "install", *options, f"@portkey-ai/gateway@{PORTKEY_VERSION}"])


def _build_bifrost() -> str:
    """Build it with Go, once; the answer is remembered, because asking takes a while."""
    folder, remembered = _FOLDERS["bifrost"], _FOLDERS["bifrost"] / "problem.txt"
    if (folder / "bifrost-http").exists():
        return ""
    if remembered.exists():
        return remembered.read_text()
    if shutil.which("go") is None:
        return "Go is not on this machine"
    folder.mkdir(parents=True, exist_ok=True)
    print("Building Bifrost …", file=sys.stderr, flush=True)
    if problem := _run(["go", "install", BIFROST], {"GOBIN": str(folder)}):
        remembered.write_text(problem)
    return problem


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run to the end; return what went wrong in a line, empty when nothing did."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=900, check=False, env={**os.environ, **(environment or {})}
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return f"{Path(command[0]).name} {type(problem).__name__}"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
    # The module's word, without the address of whoever was asked.
    return f"{Path(command[0]).name} says: {said[-1].rpartition('server response: ')[2]}"


def _litellm(upstream: int, port: int, run: Path) -> Peer:
    target = {"api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    listed = [{"model_name": name, "litellm_params": {"model": f"openai/{name}", **target}} for name in MODELS]
    config = run / "litellm.json"
    config.write_text(json.dumps({"model_list": listed, "general_settings": {"master_key": KEY}}))
    command = [str(_FOLDERS["litellm"] / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    process = Process(
        name="litellm",
        title="LiteLLM",
        command=[*command, "--port", str(port), "--num_workers", "1"],
        ready=http_probe(f"http://127.0.0.1:{port}/health/liveliness"),
        port=port,
        env={"LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
        ready_within=180.0,
        cwd=run,
    )
    return Peer(f"LiteLLM {LITELLM_VERSION}", process, f"authorization: Bearer {KEY}\r\n")


def _portkey_program() -> Path:
    return _FOLDERS["portkey"] / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def _portkey(upstream: int, port: int) -> Peer:
    process = Process(
        name="portkey",
        title="Portkey",
        command=["node", str(_portkey_program()), "--headless", f"--port={port}"],
        ready=http_probe(f"http://127.0.0.1:{port}/"),
        port=port,
        env={"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"},
        cwd=_FOLDERS["portkey"],
    )
    target = f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{upstream}/v1\r\n"
    return Peer(f"Portkey {PORTKEY_VERSION}", process, f"authorization: Bearer none\r\n{target}")
