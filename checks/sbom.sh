#!/usr/bin/env bash
# Lists what two images are made of, as CycloneDX: sbom.sh ENVIRONMENT SERVICES.json FRONTEND.json. ENVIRONMENT is a copy
# of /opt/aisle from the image; its interpreter may be elsewhere here, so a link beside it stands in.
set -euo pipefail
environment=$(realpath "$1") services=$(realpath -m "$2") frontend=$(realpath -m "$3")
cd "$(dirname "$0")/.."
minor=$(basename "$(echo "$environment"/lib/python3.*)")
# The interpreter itself, not a script that chooses one: only a link to it makes the environment its own.
interpreter=$("$minor" -c 'import os, sys; print(os.path.realpath(sys.executable))')
ln -sfn "$interpreter" "$environment/bin/python3"
.venv-lint/bin/cyclonedx-py environment --output-reproducible --output-format JSON --output-file "$services" "$environment/bin/python3"
cd frontend
# With --omit dev npm leaves out react as well, so what only builds is listed too. Optional packages are for other systems.
npm sbom --sbom-format cyclonedx --omit optional --package-lock-only >"$frontend"
