"""A Kubernetes control plane of real servers, for tests: etcd, API server, controllers and scheduler.

Nodes are played by `node.py`; everything else is what a cluster runs. All of it listens on loopback and is gone with
its folder.
"""

import json
import secrets
import ssl
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.kubernetes import build
from tests.mesh.rig import eventually, free_port

ADMIN_GROUP = "system:masters"


class Cluster:
    """The servers, and how to speak with them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.token = secrets.token_hex(16)
        self.ca_file = home / "server.crt"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._write_keys()
        self._write_kubeconfig()
        self.api = httpx2.Client(
            base_url=self.url,
            verify=ssl.create_default_context(cafile=str(self.ca_file)),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            trust_env=False,
        )

    def start(self) -> None:
        """Start everything and wait until the API server is ready."""
        kube = str(build.binary())
        etcd_url, peer_url = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self._run(
            "etcd",
            [
                build.etcd(),
                f"--data-dir={self.home / 'etcd'}",
                "--unsafe-no-fsync",
                f"--listen-client-urls={etcd_url}",
                f"--advertise-client-urls={etcd_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
            ],
        )
        self._run("kube-apiserver", [kube, "kube-apiserver", *self._apiserver_flags(etcd_url)])
        eventually(lambda: self.api.get("/readyz").status_code == 200, within=120)
        config = f"--kubeconfig={self.home / 'kubeconfig'}"
        keys = [f"--service-account-private-key-file={self.home / 'accounts.key'}", f"--root-ca-file={self.ca_file}"]
        # Nobody plays heartbeats of nodes, so nobody may count them either.
        left_out = "--controllers=*,-node-lifecycle-controller"
        self._run(
            "controllers",
            [kube, "kube-controller-manager", config, *keys, left_out, "--leader-elect=false", "--secure-port=0"],
        )
        self._run("scheduler", [kube, "kube-scheduler", config, "--leader-elect=false", "--secure-port=0"])

    def _apiserver_flags(self, etcd_url: str) -> list[str]:
        accounts = self.home / "accounts.key"
        return [
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=10.255.255.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self.ca_file}",
            f"--tls-private-key-file={self.home / 'server.key'}",
            f"--token-auth-file={self.home / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--endpoint-reconciler-type=none",
        ]

    def get(self, path: str) -> Any:
        """Return an object or a list."""
        reply = self.api.get(path)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def create(self, path: str, body: dict[str, Any]) -> Any:
        """Create an object; what is there already stays."""
        reply = self.api.post(path, json=body)
        assert reply.status_code in (200, 201, 409), reply.text
        return reply.json()

    def merge(self, path: str, body: dict[str, Any]) -> Any:
        """Change some fields of an object."""
        headers = {"Content-Type": "application/merge-patch+json"}
        reply = self.api.patch(path, content=json.dumps(body), headers=headers)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def namespace(self, name: str, enforced: str = "restricted") -> None:
        """Make a namespace that takes only pods of a security level, and wait until pods can be made in it."""
        labels = {"pod-security.kubernetes.io/enforce": enforced}
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        accounts = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        eventually(lambda: self.api.get(accounts).status_code == 200, within=30)

    def token_of(self, namespace: str, account: str) -> str:
        """Return a token of a service account, as a pod of it would have."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.create(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])

    def log(self, name: str) -> str:
        """Return what a server said."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop everything, the API server's clients first."""
        self.api.close()
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def _run(self, name: str, command: list[str]) -> None:
        with (self.home / f"{name}.log").open("ab") as sink:
            self._processes[name] = subprocess.Popen(command, cwd=self.home, stdout=sink, stderr=sink)

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        for file, made in (("server.key", key), ("accounts.key", rsa.generate_private_key(65537, 2048))):
            form = serialization.PrivateFormat.TraditionalOpenSSL
            pem = made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
            (self.home / file).write_bytes(pem)
        (self.home / "tokens.csv").write_text(f'{self.token},admin,admin,"{ADMIN_GROUP}"\n')

    def _write_kubeconfig(self) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        (self.home / "kubeconfig").write_text(json.dumps(config))
