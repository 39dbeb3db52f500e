"""As much of the AWS CLI as terraform/bootstrap calls, on the standard library: its scripts run on moto as they are."""

import argparse
import json
import os
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

# moto reads the region and the service out of the signature, and does not verify it.
_SCOPE = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/secretsmanager/aws4_request"


def main() -> int:
    """Do what is asked. Returns an exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("service", choices=["secretsmanager"])
    parser.add_argument("action", choices=["get-secret-value", "put-secret-value"])
    parser.add_argument("--secret-id", required=True)
    parser.add_argument("--secret-string")
    parser.add_argument("--query", choices=["VersionId", "SecretString"])
    parser.add_argument("--output", choices=["text"])
    asked = parser.parse_args()
    try:
        if asked.action == "put-secret-value":
            # As the CLI reads a file: to its last byte.
            text = Path(asked.secret_string.removeprefix("file://")).read_text("utf-8")
            call("PutSecretValue", SecretId=asked.secret_id, SecretString=text)
        else:
            sys.stdout.write(call("GetSecretValue", SecretId=asked.secret_id)[asked.query] + "\n")
    except HTTPError as failure:
        sys.stderr.write(f"{failure.read().decode()}\n")
        return 254
    return 0


def call(action: str, **arguments: str) -> dict[str, str]:
    """Ask Secrets Manager on its own wire; a client of the SDK takes a second to make."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"secretsmanager.{action}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={_SCOPE}, SignedHeaders=host, Signature=0",
    }
    request = Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(arguments).encode(), headers)
    with urlopen(request, timeout=10) as answer:
        found: dict[str, str] = json.load(answer)
    return found


if __name__ == "__main__":
    sys.exit(main())
