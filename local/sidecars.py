"""A proxy beside each service on one machine, as it is on Kubernetes: mutual TLS between all of them."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from local import authority, envoy
from local.ports import APPLICATIONS, LOCAL_WORKLOADS
from local.process import Probe, Process, both_probes, http_probe, tcp_probe
from local.settings import ROOT, LocalSettings

TRUST_DOMAIN, NAMESPACE = "aisle.local", "aisle"
_CONTROL_PLANE = "control-plane"


def identity(workload: str) -> str:
    """Return the SPIFFE id of a workload."""
    return f"spiffe://{TRUST_DOMAIN}/ns/{NAMESPACE}/sa/{workload}"


def certificates(settings: LocalSettings, workload: str) -> Path:
    """Return the folder of a workload's certificate."""
    return settings.folder("certificates") / workload


def egress_port(workload: str) -> str:
    """Return the name of the port where a workload calls others."""
    return "egress" if workload == "cli" else f"egress-{workload}"


def admin_port(workload: str) -> str:
    """Return the name of the port where a workload's proxy tells how it is."""
    return "envoy-admin" if workload == "edge" else f"admin-{workload}"


def services(ports: Mapping[str, int]) -> dict[str, dict[str, object]]:
    """Return where each service is: its proxies for others, the program itself for its proxy alone."""
    return {
        service: {
            "workload": workload,
            "inbound": _at(ports[f"inbound-{service}"]),
            "application": _at(ports[APPLICATIONS.get(service, service)]),
            "endpoints": [_at(ports[f"inbound-{service}"])],
        }
        for workload, answered in LOCAL_WORKLOADS.items()
        for service in answered
    }


def mesh(settings: LocalSettings) -> dict[str, object]:
    """Return who has a proxy, and by what they know each other."""
    ports = settings.ports()
    return {
        "trust": {
            "domain": TRUST_DOMAIN,
            "namespace": NAMESPACE,
            "certificates": str(settings.folder("certificates") / "{workload}"),
        },
        "workloads": {
            workload: {"egress": _at(ports[egress_port(workload)])} if egress_port(workload) in ports else {}
            for workload in LOCAL_WORKLOADS
        },
    }


def processes(settings: LocalSettings) -> list[Process]:
    """Return the proxies, and the authority that tells them who they are."""
    return [_authority(settings), *(_proxy(settings, workload) for workload in LOCAL_WORKLOADS)]


async def _renew(settings: LocalSettings) -> None:
    signer = authority.Authority.load(settings.folder("certificates").parent / "authority", authority.system_clock())
    folders = [(certificates(settings, workload), identity(workload)) for workload in LOCAL_WORKLOADS]
    await authority.keep_fresh(signer, folders)


def _authority(settings: LocalSettings) -> Process:
    return Process(
        name="authority",
        title="Certificate authority",
        command=[sys.executable, "-m", "local.sidecars"],
        env={"AISLE_HOME": str(settings.home.resolve())},
        ready=_certified(settings),
        port=0,
        cwd=ROOT,
    )


def _certified(settings: LocalSettings) -> Probe:
    async def probe() -> bool:
        return all(
            (certificates(settings, workload) / authority.AUTHORITIES_FILE).exists() for workload in LOCAL_WORKLOADS
        )

    return probe


def _proxy(settings: LocalSettings, workload: str) -> Process:
    ports = settings.ports()
    path = _prepared(settings, workload)
    doors = [f"inbound-{service}" for service in LOCAL_WORKLOADS[workload]] or [
        "edge" if workload == "edge" else "egress"
    ]
    return Process(
        name=f"envoy-{workload}",
        title=f"Proxy of {workload}",
        command=envoy.command(envoy.envoy_binary(settings.servers_venv), path),
        # Its own word, and its door: a listener that could not be opened does not keep Envoy from saying LIVE.
        ready=both_probes(
            http_probe(f"http://127.0.0.1:{ports[admin_port(workload)]}/ready"), tcp_probe(ports[doors[0]])
        ),
        port=ports[doors[0]],
        after=("authority", *_before(workload)),
    )


def _before(workload: str) -> tuple[str, ...]:
    """Return what is to run before a workload's proxy: what configures it, and the limiter it asks before each request.

    A limiter not found well at the first look is not asked for a second: what spends money would be refused meanwhile.
    """
    if workload == _CONTROL_PLANE:
        return (_CONTROL_PLANE,)
    own = f"envoy-{_CONTROL_PLANE}"
    return (own, "limits") if workload == "limits" else (own, "envoy-limits")


def _prepared(settings: LocalSettings, workload: str) -> Path:
    """Write what a proxy starts with, and return the path of its bootstrap."""
    ports = settings.ports()
    folder = settings.folder("run") / "proxies" / workload
    folder.mkdir(parents=True, exist_ok=True)
    known_by = envoy.Identity(str(folder), str(certificates(settings, workload)), identity(_CONTROL_PLANE))
    for name, content in envoy.secret_files(known_by).items():
        (folder / name).write_text(json.dumps(content, indent=2))
    # The proxy beside the control plane reaches it as any program beside it would; all others come through that proxy.
    beside = workload == _CONTROL_PLANE
    bootstrap = envoy.bootstrap(
        f"{workload}-local",
        ports[admin_port(workload)],
        f"127.0.0.1:{ports[_CONTROL_PLANE if beside else 'inbound-mesh']}",
        delta=True,
        workload=workload,
        identity=None if beside else known_by,
    )
    path = folder / "envoy.json"
    path.write_text(json.dumps(bootstrap, indent=2))
    return path


def _at(port: int) -> dict[str, object]:
    return {"address": "127.0.0.1", "port": port}


if __name__ == "__main__":
    asyncio.run(_renew(LocalSettings.load()))
