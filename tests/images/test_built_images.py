"""The images as they are built: run by an unprivileged number with a root it cannot write, and asked how they are."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import yaml

from checks import compose
from local.ports import table
from local.settings import ROOT
from tests.conftest import free_port
from tests.images import builder
from tests.images.conftest import settings
from tests.images.running import NUMBER, Contained, Running

pytestmark = pytest.mark.servers

_WAIT_SECONDS = 90.0
_FORBIDDEN = ("gcc", "cc", "g++", "make", "git", "node", "npm", "uv", "pip")


def test_every_service_starts_by_its_name_and_says_what_it_is_not_told(services_image: Contained) -> None:
    for name in ("product", "llm", "chat", "recommendation", "analytics", "bff"):
        said = services_image.ask("aisle", "serve", name)
        assert said.returncode == 2, said.stderr
        assert f"AISLE_{name.upper()}_TOKEN_KEY" in said.stderr


def test_the_root_cannot_be_written_and_nobody_has_a_capability(services_image: Contained) -> None:
    look = (
        "import os, pathlib\n"
        "print(os.getuid(), os.getgid(), os.getgroups())\n"
        "print([line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd', 'NoNewPrivs'))])\n"
        "pathlib.Path('/tmp/x').write_text('x')\n"
        "pathlib.Path('/var/lib/aisle/spool/x').write_text('x')\n"
        "for place in ('/x', '/opt/aisle/x', '/etc/x', '/usr/share/aisle/pages/x'):\n"
        "    try:\n"
        "        pathlib.Path(place).write_text('x')\n"
        "    except OSError as refused:\n"
        "        print(place, refused.errno)\n"
    )
    said = services_image.ask("python", "-c", look)
    assert said.returncode == 0, said.stderr
    first, caps, *refused = said.stdout.splitlines()
    assert first == f"{NUMBER} {NUMBER} []"
    assert caps.count("0000000000000000") == 2 and "NoNewPrivs:\\t1" in caps
    # EACCES or EROFS: neither the number nor the mount lets it.
    assert [line.split()[0] for line in refused] == ["/x", "/opt/aisle/x", "/etc/x", "/usr/share/aisle/pages/x"]
    assert all(line.split()[1] in ("13", "30") for line in refused)


def test_the_control_plane_answers_its_health_check_and_leaves_when_told(services_image: Contained, log: Path) -> None:
    port = free_port()
    # What the Compose file gives it, as Compose would after its variables.
    written = yaml.safe_load(compose.FILE.read_text("utf-8"))["configs"]["registry"]["content"].replace("$$", "$")
    told = {
        "AISLE_CONTROL_PLANE_LISTEN_PORT": str(port),
        "AISLE_CONTROL_PLANE_REGISTRY": "/tmp/registry.yaml",
        "REGISTRY": written,
    }
    start = ("sh", "-c", 'printf %s "$REGISTRY" >/tmp/registry.yaml; exec aisle serve control-plane')
    with services_image.told(told).running(*start, log=log) as running:
        _healthy(services_image, "control-plane", port, running)
        assert running.inner.uids().real == NUMBER
        assert running.stop(signal.SIGTERM) == 0, running.said()


def test_the_limiter_answers_its_health_check(services_image: Contained, redis_url: str, log: Path) -> None:
    port = free_port()
    told = {
        "AISLE_LIMITS_LISTEN_PORT": str(port),
        "AISLE_LIMITS_PROXY_PORT": str(free_port()),
        "AISLE_LIMITS_REDIS_URL": redis_url,
        "AISLE_LIMITS_DRAIN_SECONDS": "0",
    }
    with services_image.told(told).running("aisle", "serve", "limits", log=log) as running:
        _healthy(services_image, "limits", port, running)
        assert running.stop(signal.SIGTERM) == 0, running.said()


@pytest.mark.parametrize("name", ["product", "llm", "chat", "recommendation", "analytics"])
async def test_a_service_migrates_starts_and_answers_its_health_check(
    name: str,
    services_image: Contained,
    database_url: Callable[[str], Awaitable[str]],
    redis_url: str,
    milvus_uri: str,
    log: Path,
) -> None:
    port = free_port()
    prefix = f"AISLE_{name.upper()}"
    url = await database_url(name)
    told = {
        "AISLE_TOKEN_KEY": "k" * 32,
        "AISLE_REDIS_URL": redis_url,
        "AISLE_MILVUS_URI": milvus_uri,
        "AISLE_MEDIA_DIR": "/var/lib/aisle/media",
        "AISLE_MEDIA_SIGNING_KEY": "m" * 32,
        "AISLE_LLM_HTTP_PORT": str(free_port()),
        "AISLE_LLM_SPOOL_DIR": "/var/lib/aisle/spool",
        "AISLE_DRAIN_SECONDS": "0",
        f"{prefix}_LISTEN_PORT": str(port),
        f"{prefix}_DATABASE_URL": url,
    }
    program = services_image.told(told)
    migrated = await asyncio.to_thread(program.ask, "aisle", "migrate")
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    with program.running("aisle", "serve", name, log=log) as running:
        await asyncio.to_thread(_healthy, services_image, name, port, running)
        assert await asyncio.to_thread(running.stop, signal.SIGTERM) == 0, running.said()


async def test_the_bff_serves_the_pages_that_the_image_holds(
    services_image: Contained, database_url: Callable[[str], Awaitable[str]], log: Path
) -> None:
    port = free_port()
    keys = "/var/lib/aisle/keys/signing-keys.json"
    told = {
        "AISLE_TOKEN_KEY": "k" * 32,
        "AISLE_DRAIN_SECONDS": "0",
        "AISLE_BFF_LISTEN_PORT": str(port),
        "AISLE_BFF_DATABASE_URL": await database_url("bff"),
        "AISLE_BFF_SIGNING_KEYS": keys,
    }
    start = ("sh", "-c", f"aisle signing-keys prepare --file {keys} && exec aisle serve bff")
    with services_image.told(told).running(*start, log=log) as running:
        await asyncio.to_thread(_healthy, services_image, "bff", port, running)
        status, headers, body = await asyncio.to_thread(_get, f"http://127.0.0.1:{port}/")
        assert status == 200 and '<div id="root"' in body
        assert "default-src 'self'" in headers["content-security-policy"]
        assert await asyncio.to_thread(running.stop, signal.SIGTERM) == 0, running.said()


def test_the_front_end_is_served_as_files(frontend_image: Contained, log: Path) -> None:
    with frontend_image.running(
        *("nginx", "-c", "/etc/aisle/nginx.conf", "-g", "daemon off;"), log=log, stop=signal.SIGQUIT
    ) as running:
        _until(lambda: _get("http://127.0.0.1:8080/healthz")[0] == 200, running)
        status, headers, page = _get("http://127.0.0.1:8080/products/anything")
        assert status == 200 and '<div id="root"' in page
        assert headers["cache-control"] == "no-cache" and "frame-ancestors 'none'" in headers["content-security-policy"]
        script = re.search(r"/assets/[\w-]+\.js", page)
        assert script
        status, headers, _ = _get(f"http://127.0.0.1:8080{script[0]}")
        assert status == 200 and "immutable" in headers["cache-control"]
        assert headers["content-type"].startswith("text/javascript")
        assert headers["x-content-type-options"] == "nosniff"
        for gone in ("/assets/gone.js", "/api/v1/products", "/v1/models"):
            assert _get(f"http://127.0.0.1:8080{gone}")[0] == 404
        assert running.inner.uids().real == NUMBER
        assert running.stop(signal.SIGQUIT) == 0, running.said()


@pytest.mark.parametrize("name", ["aisle", "frontend"])
def test_an_image_says_how_it_is_run(name: str, services_image: Contained, frontend_image: Contained) -> None:
    said = settings(name)
    labels = said["Labels"]
    assert said["User"] == f"{NUMBER}:{NUMBER}"
    assert isinstance(labels, dict) and {"org.opencontainers.image.title", "org.opencontainers.image.version"} <= set(
        labels
    )
    assert said["StopSignal"] == ("SIGTERM" if name == "aisle" else "SIGQUIT")


def test_no_image_holds_what_only_a_build_needs(services_image: Contained, frontend_image: Contained) -> None:
    ours = services_image.root / "opt" / "aisle" / "bin"
    assert not [name for name in _FORBIDDEN if (ours / name).exists()]
    assert not list((services_image.root / "src").glob("*")) if (services_image.root / "src").exists() else True
    assert not [name for name in ("uv", "build") if (services_image.root / "opt" / name).exists()]
    assert {path.name for path in (frontend_image.root / "usr" / "share" / "aisle").iterdir()} == {"pages"}


def test_nothing_of_this_machine_is_in_an_image(services_image: Contained, frontend_image: Contained) -> None:
    """What reaches the registries from here, and where this tree is, stays here."""
    hosts = _hosts_of_registries()
    words = [word.encode() for word in (*hosts, str(ROOT))]
    for name, image in (("aisle", services_image), ("frontend", frontend_image)):
        history = builder.described(name).encode()
        assert not [word for word in words if word in history]
        for place in ("etc/pip.conf", "root", "opt", "usr/share/aisle", "etc/aisle"):
            for path in _files(image.root / place):
                assert not [word for word in words if word in path.read_bytes()], path


@pytest.mark.parametrize("secret", ["secrets.json", "signing-keys.json", ".env", "id_rsa", "credentials"])
def test_no_secret_is_in_an_image(secret: str, services_image: Contained, frontend_image: Contained) -> None:
    for image in (services_image, frontend_image):
        for place in ("opt", "var/lib/aisle", "usr/share/aisle", "tmp", "root", "src"):
            assert not [path for path in _files(image.root / place) if path.name == secret]


def test_each_image_has_a_bill_of_materials(services_image: Contained, tmp_path: Path) -> None:
    services, frontend = tmp_path / "services.json", tmp_path / "frontend.json"
    copy = tmp_path / "environment"
    subprocess.run(["cp", "-a", services_image.root / "opt" / "aisle", copy], check=True)
    subprocess.run([ROOT / "checks" / "sbom.sh", copy, services, frontend], check=True, capture_output=True)
    python, pages = (json.loads(path.read_text()) for path in (services, frontend))
    assert python["bomFormat"] == pages["bomFormat"] == "CycloneDX"
    known = {part["name"].lower().replace("_", "-"): part["version"] for part in python["components"]}
    locked = dict(
        re.findall(r"^([a-z0-9.-]+)==([^\s;]+) \\$", (ROOT / "requirements" / "runtime.lock").read_text(), re.M)
    )
    assert {name: version for name, version in known.items() if name in locked} == {
        name: version for name, version in locked.items() if name in known
    }
    assert {"aisle", "grpcio", "fastapi", "sqlalchemy"} <= set(known)
    assert {"react", "axios"} <= {part["name"] for part in pages["components"]}


def _healthy(image: Contained, name: str, port: int, running: Running) -> None:
    """Wait until the image's own health check says so, from inside."""
    assert name in table()
    _until(lambda: image.ask("aisle", "probe", name, "--port", str(port)).returncode == 0, running)


def _until(so: Callable[[], bool], running: Running) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not so():
        assert not running.ended(), running.said()
        assert time.monotonic() < deadline, running.said()
        time.sleep(0.2)


def _get(url: str) -> tuple[int, Mapping[str, str], str]:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            headers = {key.lower(): value for key, value in answer.headers.items()}
            return answer.status, headers, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as refused:
        return refused.code, {}, ""
    except OSError:
        return 0, {}, ""


def _files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()] if place.exists() else []


def _hosts_of_registries() -> set[str]:
    """Return the hosts this machine has been told to fetch from, where it has been told."""
    told = [value for key, value in os.environ.items() if key.endswith(("INDEX_URL", "_PROXY", "_proxy", "_REGISTRY"))]
    return {found[1] for value in told for found in re.finditer(r"//(?:[^@/]*@)?([\w.-]+)", value)}
