"""Builds the servers of a Kubernetes control plane from the Go module proxy, once for each version.

`k8s.io/kubernetes` cannot be installed by `go install`, because its go.mod replaces its staging modules by folders. The
module in `server/` replaces them by their published versions and joins the three servers in one binary.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).parent / "server"


class NotBuildableError(Exception):
    """What is needed is not on this machine; the message says what."""


def binary(home: Path | None = None) -> Path:
    """Return the binary, built when it is missing. Ten minutes of a CPU the first time. Raises NotBuildableError."""
    kept = home or ROOT / ".state" / "kubernetes"
    said = b"".join((SERVER / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    version = re.search(rb"k8s\.io/kubernetes (v[0-9.]+)", said)
    assert version is not None
    # Clients ask the server how old it is, and its own build would not tell it.
    named = f"-X k8s.io/component-base/version.gitVersion={version[1].decode()}"
    digest = hashlib.sha256(said + named.encode())
    built = kept / f"kube-{digest.hexdigest()[:16]}"
    if built.exists():
        return built
    go = shutil.which("go")
    if go is None:
        raise NotBuildableError("Go is not installed; or set KUBECONFIG to a cluster that may be written to")
    kept.mkdir(parents=True, exist_ok=True)
    fresh = built.with_suffix(".new")
    command = [go, "build", "-trimpath", "-ldflags", f"-s -w {named}", "-o", str(fresh), "."]
    made = subprocess.run(
        command,
        cwd=SERVER,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise NotBuildableError(f"the Kubernetes servers do not build:\n{made.stderr[-2000:]}")
    fresh.replace(built)
    return built


def etcd() -> str:
    """Return where etcd is. Raises NotBuildableError."""
    found = shutil.which("etcd")
    if found is None:
        raise NotBuildableError("etcd is not installed: apt-get install etcd-server")
    return found


if __name__ == "__main__":
    print(binary())
