"""Prints the OpenAPI document without anything running: `python -m bff.openapi > openapi.json`."""

import json
import sys

from bff.app import create_api, document


def main() -> None:
    """Write the document to standard output."""
    json.dump(document(create_api()), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
