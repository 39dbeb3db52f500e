"""Secrets from Terraform's places through Secrets Manager and External Secrets into every pod that asks for one."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from bff.settings import BffSettings
from cli.chart_values import of_environment
from local.settings import ROOT
from tests.helm.environment import environment, owners, secret_names
from tests.helm.releases import CHART, Engine, Release, merged, values_of
from tests.integration.aws.cloud import Cloud
from tests.integration.aws.external_secrets import Mentioned, NotSynced, made, mentioned, missing

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# RDS makes its own password, of whatever may stand in one.
MASTER = {"username": "postgres", "password": "a:b/c?d#e%f&g+h"}
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
OPTIONAL: list[str] = SCHEMA["properties"]["secrets"]["properties"]["external"]["properties"]["optional"]["items"][
    "enum"
]
YOURS = [name for name in OPTIONAL if name != "milvus"]


@pytest.fixture
def client(cloud: Cloud) -> "SecretsManagerClient":
    made: SecretsManagerClient = boto3.client("secretsmanager")
    return made


def make_places(client: "SecretsManagerClient", names: Mapping[str, str]) -> str:
    """Make the places as Terraform does, which puts nothing into them. Returns what RDS calls its own secret."""
    for name in names.values():
        client.create_secret(Name=name)
    return client.create_secret(Name="rds!db-0a1b2c3d", SecretString=json.dumps(MASTER))["ARN"]


def bootstrap(folder: Path) -> str:
    """Run the script that fills places, and return what it said."""
    command = folder / "aws"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -ES {Path(__file__).with_name("aws_command.py")} "$@"\n')
    command.chmod(0o755)
    return subprocess.run(
        [str(ROOT / "terraform" / "bootstrap" / "secrets.sh"), "dev"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def fill(client: "SecretsManagerClient", *names: str) -> None:
    """Put values where the script does not: into all required places, and into those of these names."""
    given = {"token-key", "media-signing-key", "signing-keys", "redis-main", "redis-limits", "milvus", *names}
    for name in (*given, *(f"database/{owner}" for owner in owners())):
        client.put_secret_value(SecretId=secret_names()[name], SecretString=f"value of {name}")


def release_of(engine: Engine, master: str, *filled: str) -> Release:
    """Return the release of an environment as `aisle chart-values` has the chart make it."""
    said = merged(environment(), {"database": {"masterSecretArn": master}})
    return engine.release(of_environment(said, "aisle", "http://milvus:19530", filled))


def test_what_the_bootstrap_fills_and_people_add_is_all_that_pods_wait_for(
    client: "SecretsManagerClient", engine: Engine, tmp_path: Path
) -> None:
    master = make_places(client, secret_names())
    bootstrap(tmp_path)
    client.put_secret_value(SecretId=secret_names()["signing-keys"], SecretString="{}")
    release = release_of(engine, master)
    assert missing(release, client) == []
    left = {one.key for one in mentioned(release) if one.key not in made(release, client)[one.secret]}
    assert left == set(YOURS)
    values = made(release, client)["shop-aisle-secrets"]
    # They become parts of addresses: an end of line would, too. Milvus' token is a name and a password.
    assert {key for key, value in values.items() if not value.removeprefix("root:").isalnum()} == {"signing-keys"}


def test_the_bootstrap_leaves_what_is_there(client: "SecretsManagerClient", tmp_path: Path) -> None:
    make_places(client, secret_names())
    fill(client, *YOURS)
    assert "made" not in bootstrap(tmp_path).split("Yours to put in")[0]
    assert client.get_secret_value(SecretId=secret_names()["token-key"])["SecretString"] == "value of token-key"


def test_with_every_optional_secret_pods_get_all_they_mention(client: "SecretsManagerClient", engine: Engine) -> None:
    master = make_places(client, secret_names())
    fill(client, *YOURS)
    release = release_of(engine, master, *YOURS)
    there = made(release, client)
    assert [one for one in mentioned(release) if one.key not in there[one.secret]] == []
    assert there["shop-aisle-secrets"]["oidc-client-secret"] == "value of oidc-client-secret"
    assert there["shop-aisle-secrets"]["database-product"] == "value of database/product"


def test_whoever_makes_roles_gets_a_password_that_fits_into_an_address(
    client: "SecretsManagerClient", engine: Engine
) -> None:
    master = make_places(client, secret_names())
    fill(client)
    there = made(release_of(engine, master), client)["shop-aisle-migrate"]
    assert there["database-admin"] == "postgres:a%3Ab%2Fc%3Fd%23e%25f%26g%2Bh"


def test_production_reads_nothing_that_has_no_place(client: "SecretsManagerClient", engine: Engine) -> None:
    release = engine.release(values_of("production"))
    names = {what: f"aisle-production/{what}" for what in secret_names()}
    for name in names.values():
        client.create_secret(Name=name, SecretString="a value")
    client.create_secret(Name="rds!db-aisle-production", SecretString=json.dumps(MASTER))
    assert missing(release, client) == []


def test_every_secret_that_the_chart_can_be_told_of_has_a_place() -> None:
    assert set(OPTIONAL) <= set(secret_names())


@pytest.mark.parametrize("name", ["token-key", "redis-main", "database/llm"])
def test_a_place_that_terraform_names_otherwise_is_found_out(
    client: "SecretsManagerClient", engine: Engine, name: str
) -> None:
    master = make_places(client, secret_names())
    fill(client)
    client.delete_secret(SecretId=secret_names()[name], ForceDeleteWithoutRecovery=True)
    client.create_secret(Name=f"{secret_names()[name]}-renamed", SecretString="a value")
    with pytest.raises(NotSynced, match=name):
        missing(release_of(engine, master), client)


def test_a_key_that_the_chart_names_otherwise_is_found_out(client: "SecretsManagerClient", engine: Engine) -> None:
    master = make_places(client, secret_names())
    fill(client)
    release = release_of(engine, master)
    external = next(one for one in release.of("ExternalSecret") if one["metadata"]["name"].endswith("-secrets"))
    renamed: dict[str, Any] = next(one for one in external["spec"]["data"] if one["secretKey"] == "signing-keys")
    renamed["secretKey"] = "signing-key"
    assert missing(release, client) == [
        Mentioned("shop-aisle-secrets", "signing-keys", optional=False, whose="Deployment shop-aisle-bff")
    ]


def test_an_optional_secret_that_is_named_and_empty_keeps_all_others_away(
    client: "SecretsManagerClient", engine: Engine
) -> None:
    master = make_places(client, secret_names())
    fill(client)
    with pytest.raises(NotSynced, match="openai: ResourceNotFoundException"):
        missing(release_of(engine, master, "openai"), client)


def test_a_service_takes_the_client_secret_under_the_name_the_chart_gives_it(engine: Engine) -> None:
    release = engine.release(values_of("production"))
    said = release.environment("bff")["AISLE_BFF_OIDC_CLIENT_SECRET"]["valueFrom"]["secretKeyRef"]
    assert (said["key"], said["optional"]) == ("oidc-client-secret", True)
    assert "oidc_client_secret" in BffSettings.model_fields
