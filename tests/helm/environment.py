"""An environment as Terraform says it: names and declarations are read from its modules, answers of AWS are made up."""

import json
import re
from typing import Any

from local.settings import ROOT

TERRAFORM = ROOT / "terraform" / "modules"
# The repositories that Terraform makes, as it names them.
IMAGES: list[str] = json.loads(
    re.findall(r"default\s*= (\[.*\])", (TERRAFORM / "registry" / "variables.tf").read_text("utf-8"))[0]
)
COLLECTOR = TERRAFORM / "observability" / "generated" / "collector.json"
NAME = "aisle-dev"


def block(module: str, beginning: str) -> str:
    """Return what stands between a beginning and its closing bracket in a module's main.tf."""
    said = (TERRAFORM / module / "main.tf").read_text("utf-8").split(beginning, 1)[1]
    return said[: re.search(r"^ {0,2}[}\]]|[}\]]$", said, re.MULTILINE).start()]  # type: ignore[union-attr]


def owners() -> list[str]:
    """Return the roles of the database, as Terraform lists them."""
    return re.findall(r'"([a-z-]+)"', block("platform", "database_owners = ["))


def secret_names() -> dict[str, str]:
    """Return the name of each secret that Terraform makes a place for, by what it is."""
    whole = (TERRAFORM / "secrets" / "main.tf").read_text("utf-8")
    # The two lines that say how names are made: who changes them has to look at this as well.
    assert 'name                    = "${var.name}/${each.key}"' in whole
    assert 'for owner in var.database_owners : "database/${owner}"' in whole
    shared = re.findall(r'^ +"([a-z-]+)" += "', block("secrets", "shared = {\n"), re.MULTILINE)
    return {what: f"{NAME}/{what}" for what in (*shared, *(f"database/{owner}" for owner in owners()))}


def log_group_names() -> dict[str, str]:
    """Return the log group of each process, and of the audit log, as Terraform names them."""
    whole = (TERRAFORM / "observability" / "main.tf").read_text("utf-8")
    assert '"/aisle/${var.name}/services/${each.key}"' in whole
    assert '"/aisle/${var.name}/audit"' in whole
    others = re.findall(r'"([a-z-]+)"', block("platform", "processes = concat(local.database_owners, ["))
    services = {process: f"/aisle/{NAME}/services/{process}" for process in (*owners(), *others)}
    return {**services, "audit": f"/aisle/{NAME}/audit"}


def environment() -> dict[str, Any]:
    """Return an environment in the shape of the output `helm_values`, with Terraform's own names and declarations."""
    redis = {"host": "redis.example", "port": 6379, "tls": True, "passwordSecret": f"{NAME}/redis-main"}
    arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/aisle-dev-edge/0123456789abcdef"
    return {
        "environment": "dev",
        "region": "eu-central-1",
        "domain": "dev.shop.example",
        "namespace": "aisle",
        "images": {
            "registry": "111122223333.example",
            "urls": {name: f"registry.example/aisle/{name}" for name in IMAGES},
        },
        "serviceAccounts": {who: who for who in ("collector", "importer", "llm", "migrate", "milvus", "product")},
        "database": {
            "host": "database.example",
            "port": 5432,
            "name": "aisle",
            "tls": "verify-full",
            "masterSecretArn": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds-db",
        },
        "redis": {"main": redis, "limits": redis},
        "media": {"bucket": "aisle-dev-media", "region": "eu-central-1", "origin": "https://media.example"},
        "vectors": {"bucket": "aisle-dev-vectors", "roleArn": "arn:aws:iam::111122223333:role/aisle-dev-milvus"},
        "bedrock": {
            "region": "eu-central-1",
            "batchFolder": "s3://batches/llm",
            "batchRoleArn": "arn:aws:iam::1:role/b",
        },
        "edge": {"targetGroupArn": arn, "trustedHops": 2, "trustedProxies": ["10.42.112.0/22"]},
        "network": {"private": ["10.42.0.0/19"], "data": ["10.42.96.0/22"]},
        "secrets": {"names": secret_names()},
        "telemetry": {
            "namespace": "Aisle",
            "logGroups": log_group_names(),
            "collector": json.loads(COLLECTOR.read_text("utf-8")),
        },
    }
