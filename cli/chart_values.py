"""`aisle chart-values`: what Terraform built, as values of the chart."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

_FILLED = "Optional secret that has a value (openai, api-keys, oidc-client-secret); may be given several times."

# Made beside the namespace, from what RDS publishes (terraform/README.md).
_AUTHORITY = "rds-authority"


def chart_values(
    environment: Annotated[Path, typer.Argument(help="What `terraform output -json helm_values` printed; - reads it.")],
    store: Annotated[str, typer.Option(help="SecretStore of External Secrets that reads Secrets Manager.")] = "aisle",
    vectors: Annotated[str, typer.Option(help="Address of Milvus, where the release does not install it.")] = "",
    secret: Annotated[list[str] | None, typer.Option(help=_FILLED)] = None,
) -> None:
    """Print the values that the chart has to be given for an environment of Terraform. There is no secret in them."""
    text = sys.stdin.read() if str(environment) == "-" else environment.read_text("utf-8")
    try:
        values = of_environment(json.loads(text), store, vectors, secret or ())
    except (ValueError, KeyError, TypeError) as broken:
        raise typer.BadParameter(f"not what Terraform says of an environment: {broken!r}") from None
    sys.stdout.write(yaml.safe_dump(values, sort_keys=False))


def of_environment(
    said: Mapping[str, Any], store: str, vectors: str = "", filled: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the chart's values for what Terraform says of an environment. Raises KeyError when it says too little.

    `filled` names the optional secrets that somebody put a value into.
    """
    accounts, names = said["serviceAccounts"], said["secrets"]["names"]
    # Names are PREFIX/database/ROLE: what stands before is the same for all.
    prefix = names["token-key"].removesuffix("/token-key")
    return {
        # Which of them runs, by tag or digest, is a release's to say.
        "image": {"repository": said["images"]["urls"]["services"]},
        "envoy": {"image": {"repository": said["images"]["urls"]["envoy"]}},
        "secrets": {
            "external": {
                "store": {"name": store, "kind": "SecretStore"},
                "prefix": prefix,
                "optional": _optional(names, filled),
                "admin": said["database"]["masterSecretArn"],
            }
        },
        "postgres": {
            "host": said["database"]["host"],
            "port": said["database"]["port"],
            "database": said["database"]["name"],
            "ssl": said["database"]["tls"],
            "authorityConfigMap": _AUTHORITY,
        },
        "redis": _redis(said["redis"]["main"]),
        "limitsRedis": _redis(said["redis"]["limits"]),
        **({"vectors": {"uri": vectors}} if vectors else {"milvus": _milvus(said)}),
        "media": {
            "bucket": said["media"]["bucket"],
            "region": said["media"]["region"],
            "origins": said["media"]["origin"],
        },
        "services": {
            "product": {"serviceAccountName": accounts["product"]},
            "llm": {"serviceAccountName": accounts["llm"], "settings": _bedrock(said["bedrock"])},
            "bff": {"settings": {"public_origins": f"https://{said['domain']}"}},
        },
        "edge": {
            "trustedHops": said["edge"]["trustedHops"],
            "targetGroup": {"arn": said["edge"]["targetGroupArn"], "apiVersion": "eks.amazonaws.com/v1"},
        },
        "networkPolicy": {
            # The load balancer alone calls the edge.
            "edgeFrom": said["edge"]["trustedProxies"],
            # A Milvus of one's own is among the pods.
            "datastores": [*said["network"]["data"], *(said["network"]["private"] if vectors else ())],
            # Bedrock, X-Ray and others have addresses inside the VPC, which are left out of `outside`.
            "privateEndpoints": said["network"]["private"],
        },
        "collector": _collector(said),
    }


def _collector(said: Mapping[str, Any]) -> dict[str, Any]:
    told = said["telemetry"]
    return {
        "enabled": True,
        "region": said["region"],
        "namespace": told["namespace"],
        "logGroup": told["logGroups"]["collector"],
        "serviceAccountName": said["serviceAccounts"]["collector"],
        "metricDeclarations": told["collector"]["metric_declarations"],
    }


def _optional(places: Mapping[str, str], filled: Sequence[str]) -> list[str]:
    """Return the optional secrets that have a value; one that has none would keep all others from the cluster."""
    for name in filled:
        if name not in places:
            raise ValueError(f"there is no place for a secret {name}")
    # terraform/bootstrap/secrets.sh always makes Milvus' token.
    return sorted({"milvus", *filled})


def _milvus(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of Milvus' own chart: vectors are in the environment's bucket, reached without a key."""
    account, vectors = said["serviceAccounts"]["milvus"], said["vectors"]
    return {
        "enabled": True,
        "minio": {"enabled": False},
        "serviceAccount": {
            "create": True,
            "name": account,
            "annotations": {"eks.amazonaws.com/role-arn": vectors["roleArn"]},
        },
        "externalS3": {
            "enabled": True,
            "host": f"s3.{said['region']}.amazonaws.com",
            "port": "443",
            "useSSL": True,
            "bucketName": vectors["bucket"],
            "rootPath": "milvus",
            "useIAM": True,
            "cloudProvider": "aws",
            "iamEndpoint": "",
            "region": said["region"],
            "accessKey": "",
            "secretKey": "",
        },
    }


def _redis(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"host": said["host"], "port": said["port"], "tls": said["tls"]}


def _bedrock(said: Mapping[str, Any]) -> dict[str, str]:
    """Return the llm service's settings; an environment where no model may be asked has none."""
    if not said["region"]:
        return {}
    return {
        "bedrock_region": said["region"],
        "bedrock_batch_folder": said["batchFolder"],
        "bedrock_batch_role_arn": said["batchRoleArn"],
    }
