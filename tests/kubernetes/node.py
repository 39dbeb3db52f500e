"""A node without containers: it takes pods that are scheduled to it, and says they run.

What a pod would run may be played by a real program that listens at the pod's address: the addresses are local ones,
given to the loopback interface for the time of the test.
"""

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2

from tests.kubernetes.cluster import Cluster

# Not loopback addresses, which the API server takes for no endpoint's.
NETWORK = "10.244.77"
ZONES = ("zone-a", "zone-b", "zone-c")

# Plays what a pod runs, given its object and address; returns how to end it.
Play = Callable[[dict[str, Any], str], Callable[[], None]]


def nothing(pod: dict[str, Any], address: str) -> Callable[[], None]:
    """Play nothing: the pod is said to run, that is all."""
    return lambda: None


class Nodes:
    """The nodes of a cluster, one for each zone."""

    def __init__(self, cluster: Cluster, play: Play = nothing) -> None:
        self._cluster, self._play = cluster, play
        self._running: dict[str, tuple[str, Callable[[], None]]] = {}
        self._free = [f"{NETWORK}.{number}" for number in range(250, 0, -1)]
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Register the nodes and begin to take pods."""
        subprocess.run(["ip", "route", "replace", "local", f"{NETWORK}.0/24", "dev", "lo"], check=True)
        for zone in ZONES:
            self._register(f"node-{zone}", zone)
        self._thread.start()

    def stop(self) -> None:
        """End what is played."""
        self._leaving.set()
        self._thread.join(10)
        for _, end in self._running.values():
            end()
        subprocess.run(["ip", "route", "del", "local", f"{NETWORK}.0/24", "dev", "lo"], check=False)

    def _register(self, name: str, zone: str) -> None:
        labels = {"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        self._cluster.create("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
        # New nodes are tainted until they are ready; the taint is of the controller that is left out.
        self._cluster.merge(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})
        room = {"cpu": "64", "memory": "256Gi", "pods": "200", "ephemeral-storage": "100Gi"}
        ready = {"type": "Ready", "status": "True", "reason": "Played", "message": "played by a test"}
        self._cluster.merge(
            f"/api/v1/nodes/{name}/status",
            {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}},
        )

    def _watch(self) -> None:
        # Four looks a second at a handful of pods: less code than a watch, and a test's node need not be better.
        while not self._leaving.wait(0.25):
            with suppress(httpx2.HTTPError, AssertionError):
                pods = self._cluster.get("/api/v1/pods")["items"]
                self._look_at(pods)

    def _look_at(self, pods: list[dict[str, Any]]) -> None:
        for pod in pods:
            uid, scheduled = pod["metadata"]["uid"], pod["spec"].get("nodeName")
            if pod["metadata"].get("deletionTimestamp"):
                self._let_go(pod)
            elif scheduled and uid not in self._running:
                self._take(pod)
        gone = self._running.keys() - {pod["metadata"]["uid"] for pod in pods}
        for uid in gone:
            self._end(uid)

    def _take(self, pod: dict[str, Any]) -> None:
        address = self._free.pop()
        self._running[pod["metadata"]["uid"]] = (address, self._play(pod, address))
        self._say(pod, address, ready=True)

    def _let_go(self, pod: dict[str, Any]) -> None:
        """Say not ready first, so that callers leave; then end it, as a kubelet does after the grace."""
        uid = pod["metadata"]["uid"]
        if uid in self._running:
            self._say(pod, self._running[uid][0], ready=False)
            threading.Timer(1.0, self._end, [uid]).start()
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        threading.Timer(1.2, lambda: self._cluster.api.request("DELETE", path, json={"gracePeriodSeconds": 0})).start()

    def _end(self, uid: str) -> None:
        found = self._running.pop(uid, None)
        if found is not None:
            self._free.insert(0, found[0])
            found[1]()

    def _say(self, pod: dict[str, Any], address: str, *, ready: bool) -> None:
        finished = pod["spec"].get("restartPolicy") in ("Never", "OnFailure")
        phase = "Succeeded" if finished else "Running"
        of = "True" if ready and not finished else "False"
        containers = [
            {
                "name": one["name"],
                "image": one["image"],
                "imageID": one["image"],
                "ready": ready and not finished,
                "started": True,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": 0}} if finished else {"running": {}},
            }
            for one in pod["spec"]["containers"]
        ]
        conditions = [{"type": kind, "status": of} for kind in ("Ready", "ContainersReady")]
        conditions += [{"type": kind, "status": "True"} for kind in ("Initialized", "PodScheduled")]
        status = {
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": conditions,
            "containerStatuses": containers,
        }
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
        self._cluster.merge(path, {"status": status})
