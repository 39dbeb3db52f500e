#!/usr/bin/env bash
# Builds both images, pushes them beside the Envoy that the chart names, waits for the registry's scan of exactly these digests, and signs them with their bills
# of materials. Needs REGISTRY (aisle's part of ECR, HOST/NAME), a role for it, and cosign. What was made is listed in release/.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${GITHUB_REF_NAME#v}
mkdir -p release
aws ecr get-login-password | docker login --username AWS --password-stdin "${REGISTRY%%/*}"
make .state/lint
# The builder that comes with docker says nothing of where an image is from.
docker buildx create --use >/dev/null

# The cluster pulls from one registry, whose tags are given once.
mirror() {
  local tag
  tag=$(sed -n 's/^    tag: \(distroless-v[0-9.]*\)$/\1/p' helm/aisle/values.yaml)
  aws ecr describe-images --repository-name "${REGISTRY#*/}/envoy" --image-ids "imageTag=$tag" >/dev/null 2>&1 ||
    docker buildx imagetools create --tag "$REGISTRY/envoy:$tag" "docker.io/envoyproxy/envoy:$tag"
}

# The registry looks into images, not into the index that holds one and where it is from.
judged() {
  docker buildx imagetools inspect --raw "$1" | python3 -c '
import json, sys
images = [one["digest"] for one in json.load(sys.stdin).get("manifests", []) if one["platform"]["os"] != "unknown"]
print(images[0] if images else sys.argv[1])' "${1#*@}"
}

push() {
  local name=$1 dockerfile=$2 image="$REGISTRY/$1" digest
  docker buildx build --file "$dockerfile" --tag "$image:$version" --provenance=mode=max --push \
    --build-arg "VERSION=$version" --build-arg "REVISION=$GITHUB_SHA" --metadata-file "release/$name.json" .
  digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "release/$name.json")
  printf '%s@%s\n' "$image" "$digest" >"release/$name.digest"
}

scanned() {
  local name=$1 digest found critical high
  digest=$(judged "$(cat "release/$name.digest")")
  aws ecr wait image-scan-complete --repository-name "${REGISTRY#*/}/$name" --image-id "imageDigest=$digest"
  found=$(aws ecr describe-image-scan-findings --repository-name "${REGISTRY#*/}/$name" --image-id "imageDigest=$digest" \
    --query 'imageScanFindings.findingSeverityCounts.[CRITICAL,HIGH]' --output text)
  # A severity that was not found has no number.
  read -r critical high <<<"${found//None/0}"
  if [ "$critical" != 0 ] || [ "$high" != 0 ]; then
    echo "$name has critical or high findings: $critical and $high" >&2
    return 1
  fi
}

mirror
push services Dockerfile
push frontend frontend/Dockerfile

# What is in the image, not what was meant to be.
container=$(docker create "$(cat release/services.digest)")
docker cp "$container:/opt/aisle" release/environment
docker rm "$container" >/dev/null
checks/sbom.sh release/environment release/services.cdx.json release/frontend.cdx.json
rm -rf release/environment

for name in services frontend; do
  scanned "$name"
  cosign sign --yes "$(cat "release/$name.digest")"
  cosign attest --yes --type cyclonedx --predicate "release/$name.cdx.json" "$(cat "release/$name.digest")"
done
