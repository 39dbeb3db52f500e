"""Builds the images without a daemon: bases of Debian's packages stand in for the registry's.

Everything is kept below `.state/images`. What this machine needs to reach its package registries is given to single
steps of a build and is in no image; a test looks for it.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local.settings import ROOT

HOME = ROOT / ".state" / "images"
_NEEDED = ("buildah", "debootstrap", "node", "npm", "tar")
_SUITE = "bookworm"
# What the three bases hold that is used: an interpreter, authorities, a server of files. Node.js is this machine's.
_PACKAGES = ("python3", "python3-venv", "ca-certificates", "nginx-light")
_SEEN = (
    *("Dockerfile", ".dockerignore", "LICENSE", "README.md", "pyproject.toml", "requirements", "proto"),
    *("services", "bff", "local", "cli", "frontend"),
)
_AUTHORITIES = Path("/etc/ssl/certs")
_BUNDLE = _AUTHORITIES / "ca-certificates.crt"


class NotBuildableError(Exception):
    """What is needed is not on this machine; the message says what."""


def require() -> None:
    """Raise NotBuildableError unless images can be built here."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        raise NotBuildableError(f"{', '.join(missing)} missing; on Debian: apt-get install buildah debootstrap")
    if os.geteuid() != 0:
        raise NotBuildableError("building without a daemon or user namespaces needs root")
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 20:
        raise NotBuildableError(f"Node.js {version.strip()} is too old: 20 or newer builds the front end")


def build(name: str, dockerfile: Path, target: str = "") -> None:
    """Build an image from its Dockerfile as it stands, with our bases for the registry's; not when nothing changed."""
    base()
    kept, now = HOME / f"{name}.fingerprint", _fingerprint()
    if kept.exists() and kept.read_text() == now and _buildah("images", "--quiet", f"localhost/{name}", check=False):
        return
    where = str(_BUNDLE)
    bases = {"NODE": "localhost/base", "PYTHON": "localhost/base", "NGINX": "localhost/base"}
    trust = {"SSL_CERT_FILE": where, "PIP_CERT": where, "NODE_EXTRA_CA_CERTS": where}
    text = dockerfile.read_text("utf-8")
    arguments = {key: value for key, value in {**bases, **trust}.items() if f"ARG {key}" in text}
    _buildah(
        *("build", "--isolation", "chroot", "--network", "host", "--layers=false", "--volume"),
        f"{_AUTHORITIES}:{_AUTHORITIES}:ro",
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        *(("--target", target) if target else ()),
        *("--tag", f"localhost/{name}", "--file", str(dockerfile), str(ROOT)),
    )
    # Stages and what went before: each is a whole copy, because vfs shares nothing.
    _buildah("rmi", "--prune", check=False)
    kept.write_text(now)


def base() -> None:
    """Make the base of all images unless it is there."""
    if _buildah("images", "--quiet", "localhost/base", check=False).strip():
        return
    root = HOME / "rootfs"
    if not (root / "ready").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        packages = ",".join(_PACKAGES)
        _run(["debootstrap", "--variant=minbase", f"--include={packages}", _SUITE, str(root)])
        _lay_node(root)
        shutil.rmtree(root / "var" / "lib" / "apt" / "lists")
        (root / "ready").touch()
    archive = HOME / "rootfs.tar"
    _run(["tar", "-C", str(root), "-cf", str(archive), "."])
    container = _buildah("from", "scratch").strip()
    _buildah("add", container, str(archive), "/")
    _buildah("commit", "--rm", container, "localhost/base")
    archive.unlink()


def unpacked(name: str) -> Path:
    """Return the root of an image, laid out in a folder: nothing of a build's mounts is in it."""
    root = HOME / "unpacked" / name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    container = _buildah("from", "--pull-never", f"localhost/{name}").strip()
    mounted = _buildah("mount", container).strip()
    _run(["cp", "-a", f"{mounted}/.", str(root)])
    _buildah("rm", container)
    return root


def described(name: str) -> str:
    """Return what an image says of itself, as JSON."""
    return _buildah("inspect", "--type", "image", f"localhost/{name}")


def _fingerprint() -> str:
    """Return what everything a build may see comes to."""
    listed = _run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_SEEN]
    )
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.split("\0"))):
        path = ROOT / name
        if path.is_file():
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _lay_node(root: Path) -> None:
    node = Path(shutil.which("node") or "").resolve()
    npm = Path(shutil.which("npm") or "").resolve().parents[1]
    target = root / "usr" / "local"
    shutil.copy2(node, target / "bin" / "node")
    shutil.copytree(npm, target / "lib" / "node_modules" / "npm", symlinks=True)
    (target / "bin" / "npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")


def _buildah(*arguments: str, check: bool = True) -> str:
    store = ("--root", str(HOME / "store"), "--runroot", str(HOME / "run"), "--storage-driver", "vfs")
    return _run(["buildah", *store, *arguments], check=check)


def _run(command: Sequence[str], *, check: bool = True) -> str:
    done = subprocess.run(["nice", *command], check=False, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command[:8])} … ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout
