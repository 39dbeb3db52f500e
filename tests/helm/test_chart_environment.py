"""What Terraform says of an environment is what the chart needs, whole and without a secret."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.__main__ import app
from cli.chart_values import of_environment
from tests.helm.environment import TERRAFORM, environment
from tests.helm.releases import Engine, merged


def test_the_chart_takes_an_environment_as_terraform_says_it(engine: Engine) -> None:
    release = engine.release(of_environment(environment(), "aisle", "http://milvus:19530"))
    images = {container["image"].split(":")[0] for _, container in release.containers()}
    assert {"registry.example/aisle/services", "registry.example/aisle/envoy"} <= images
    (binding,) = release.of("TargetGroupBinding")
    assert binding["spec"]["targetGroupARN"] == environment()["edge"]["targetGroupArn"]
    wanted = {one["remoteRef"]["key"] for found in release.of("ExternalSecret") for one in found["spec"]["data"]}
    there = {*environment()["secrets"]["names"].values(), environment()["database"]["masterSecretArn"]}
    assert wanted <= there
    accounts = {found["metadata"]["name"] for found in release.of("ServiceAccount")}
    assert {"llm", "product", "collector"} <= accounts


def test_pods_reach_what_is_inside_the_vpc_and_the_load_balancer_alone_reaches_the_edge(engine: Engine) -> None:
    release = engine.release(of_environment(environment(), "aisle"))

    def blocks(workload: str, way: str, port: int) -> set[str]:
        rules = release.get("NetworkPolicy", workload)["spec"][way]
        peers = [
            peer
            for rule in rules
            if port in [one["port"] for one in rule["ports"]]
            for peer in rule["from" if way == "ingress" else "to"]
        ]
        return {peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer}

    # Bedrock, S3, X-Ray and CloudWatch answer at endpoints among the pods' addresses.
    for workload in ("llm", "product", "collector"):
        assert "10.42.0.0/19" in blocks(workload, "egress", 443)
    assert blocks("product", "egress", 5432) == {"10.42.96.0/22"}
    assert blocks("edge", "ingress", 8080) == {"10.42.112.0/22"}


def test_the_certificate_of_postgresql_is_verified_by_the_authority_that_the_guide_has_people_make(
    engine: Engine,
) -> None:
    release = engine.release(of_environment(environment(), "aisle", "http://milvus:19530"))
    said = (TERRAFORM / "platform" / "outputs.tf").read_text("utf-8")
    assert re.search(r'tls\s+= "verify-full"', said)
    seen = 0
    for name, pod in release.pods():
        for container in pod["containers"]:
            addresses = [one for one in container.get("env", ()) if one["name"].endswith("_DATABASE_URL")]
            if not addresses:
                continue
            seen += 1
            assert all(one["value"].endswith("?ssl=verify-full") for one in addresses), name
            (root,) = [one["value"] for one in container["env"] if one["name"] == "PGSSLROOTCERT"]
            (mount,) = [one for one in container["volumeMounts"] if root.startswith(one["mountPath"] + "/")]
            (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
            assert volume["configMap"]["name"] == "rds-authority"
    assert seen > 6
    guide = (TERRAFORM.parent / "README.md").read_text("utf-8")
    assert "create configmap rds-authority --from-file=ca.crt=" in guide


def test_every_name_that_is_read_is_an_output_of_terraform() -> None:
    said = (TERRAFORM / "platform" / "outputs.tf").read_text("utf-8")
    named = set(re.findall(r"([A-Za-z]+)\s*=", said.split('output "cluster_name"')[0]))

    def keys(found: Any) -> set[str]:
        return set(found) | {key for one in found.values() if isinstance(one, dict) for key in keys(one)}

    asked = environment()
    # Maps by what Terraform itself counts up, and the options of the collector, are no names of outputs.
    for where, what in (
        ("secrets", "names"),
        ("telemetry", "logGroups"),
        ("telemetry", "collector"),
        ("images", "urls"),
    ):
        asked[where] = {**asked[where], what: {}}
    asked["serviceAccounts"] = {}
    assert keys(asked) - named == set()


def test_milvus_of_the_release_keeps_its_vectors_in_the_environment_s_bucket_without_a_key() -> None:
    milvus = of_environment(environment(), "aisle")["milvus"]
    assert milvus["minio"] == {"enabled": False}
    store = milvus["externalS3"]
    assert (store["bucketName"], store["host"]) == ("aisle-dev-vectors", "s3.eu-central-1.amazonaws.com")
    assert store["useIAM"] and store["useSSL"] and not store["accessKey"] and not store["secretKey"]
    account = milvus["serviceAccount"]
    assert account["annotations"] == {"eks.amazonaws.com/role-arn": environment()["vectors"]["roleArn"]}
    # The account that the role is for.
    said = (TERRAFORM / "identity" / "main.tf").read_text("utf-8")
    assert f'"system:serviceaccount:${{var.namespace}}:{account["name"]}"' in said


def test_a_milvus_of_one_s_own_is_told_nothing_of_the_bucket() -> None:
    assert "milvus" not in of_environment(environment(), "aisle", "http://milvus:19530")


def test_an_environment_without_a_model_has_no_settings_of_one() -> None:
    change = {"bedrock": {"region": ""}}
    assert of_environment(merged(environment(), change), "aisle")["services"]["llm"]["settings"] == {}


def test_the_command_prints_values(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text(json.dumps(environment()))
    answer = CliRunner().invoke(app, ["chart-values", str(path), "--vectors", "http://milvus:19530"])
    assert answer.exit_code == 0
    assert yaml.safe_load(answer.output)["postgres"]["host"] == "database.example"


def test_only_optional_secrets_with_a_value_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text(json.dumps(environment()))
    answer = CliRunner().invoke(app, ["chart-values", str(path), "--secret", "openai"])
    assert yaml.safe_load(answer.output)["secrets"]["external"]["optional"] == ["milvus", "openai"]
    assert CliRunner().invoke(app, ["chart-values", str(path), "--secret", "opnai"]).exit_code == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json"])
def test_what_is_no_environment_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "environment.json"
    path.write_text(text)
    assert CliRunner().invoke(app, ["chart-values", str(path)]).exit_code == 2
