"""What External Secrets makes of an ExternalSecret, and what pods ask of the Secrets there are."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from tests.helm.releases import Object, Release

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_PLACE = re.compile(r"\{\{\s*\.(\w+)(?:\s*\|\s*(\w+))?\s*\}\}")
_FUNCTIONS: dict[str | None, Callable[[str], str]] = {None: str, "urlquery": quote_plus}
# What cert-manager puts into the Secret of a Certificate.
_CERTIFICATE = ("ca.crt", "tls.crt", "tls.key")


class NotSynced(Exception):
    """Nothing comes of an ExternalSecret: one entry of it cannot be had, and with it none of the others."""


def synced(external: Object, client: "SecretsManagerClient") -> dict[str, str]:
    """Return the data of the Secret. Raises NotSynced as long as one entry has no value."""
    data: dict[str, str] = {}
    for source in external["spec"].get("dataFrom", ()):
        whole = json.loads(_value(client, source["extract"]["key"]))
        data.update({key: str(value) for key, value in whole.items()})
    for entry in external["spec"].get("data", ()):
        remote = entry["remoteRef"]
        value = _value(client, remote["key"])
        data[entry["secretKey"]] = _property(value, remote["property"]) if "property" in remote else value
    template = external["spec"]["target"].get("template")
    if not template:
        return data
    written = {key: _filled(text, data) for key, text in template["data"].items()}
    return {**data, **written} if template.get("mergePolicy") == "Merge" else written


def _value(client: "SecretsManagerClient", name: str) -> str:
    try:
        return client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
    except ClientError as failure:
        raise NotSynced(f"{name}: {failure.response['Error']['Code']}") from None


def _property(value: str, name: str) -> str:
    try:
        return str(json.loads(value)[name])
    except (ValueError, KeyError):
        raise NotSynced(f"There is no property {name}.") from None


def _filled(text: str, data: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: _FUNCTIONS[place[2]](data[place[1]]), text)


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A key of a Secret that a pod mentions."""

    secret: str
    key: str
    optional: bool
    whose: str


def mentioned(release: Release) -> Iterator[Mentioned]:
    """Return every key that a pod of the release reads, as a variable or as a file."""
    for whose, spec in release.pods():
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            if container.get("envFrom"):
                raise AssertionError(f"{whose} takes whole Secrets: say here what it reads of them.")
            for variable in container.get("env", ()):
                found = variable.get("valueFrom", {}).get("secretKeyRef")
                if found:
                    yield Mentioned(found["name"], found["key"], found.get("optional", False), whose)
        for volume in spec.get("volumes", ()):
            found = volume.get("secret")
            if found:
                for key in [item["key"] for item in found.get("items", ())] or _CERTIFICATE:
                    yield Mentioned(found["secretName"], key, found.get("optional", False), whose)


def made(release: Release, client: "SecretsManagerClient") -> dict[str, dict[str, str]]:
    """Return the Secrets that a release brings about, by name. Raises NotSynced."""
    certificates = {one["spec"]["secretName"]: dict.fromkeys(_CERTIFICATE, "") for one in release.of("Certificate")}
    external = {one["spec"]["target"]["name"]: synced(one, client) for one in release.of("ExternalSecret")}
    return {**certificates, **external}


def missing(release: Release, client: "SecretsManagerClient") -> list[Mentioned]:
    """Return what pods wait for and never get. Raises NotSynced."""
    there = made(release, client)
    return [one for one in mentioned(release) if not one.optional and one.key not in there.get(one.secret, {})]
