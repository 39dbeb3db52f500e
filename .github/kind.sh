#!/usr/bin/env bash
# Installs the chart of the release before with the image built here on a kind cluster, upgrades it to the chart of this
# commit, and rolls it back; the shop is asked after each. Needs docker, kind, kubectl and helm, and the image aisle:local
# (docker build --target models --tag aisle:local .).
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=aisle namespace=aisle release=shop
work=$(mktemp -d)
values=(--values tests/helm/values/development.yaml --values .github/kind.values.yaml)

told() {
  kubectl --namespace "$namespace" get pods --output wide
  kubectl --namespace "$namespace" get events --sort-by=.lastTimestamp | tail -40
  kubectl --namespace "$namespace" logs --selector app.kubernetes.io/instance="$release" --all-containers --prefix --tail 20
}
trap 'rm -rf "$work"' EXIT
trap 'told || true' ERR

before() {
  local tag
  tag=$(git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null || true)
  if [ -n "$tag" ]; then
    git archive "$tag" helm/aisle | tar --extract --directory "$work"
  else
    # There is no release yet: the same chart by an older name, so that every pod is replaced.
    mkdir -p "$work/helm" && cp -r helm/aisle "$work/helm/aisle"
    sed -i 's/^version: .*/version: 0.0.1/' "$work/helm/aisle/Chart.yaml"
  fi
  helm dependency build "$work/helm/aisle"
}

# Values are made here, for as long as the cluster is there.
secrets() {
  local key arguments=()
  for key in token-key media-signing-key redis-main redis-limits database-superuser \
    database-{analytics,bff,chat,llm,product,recommendation}; do
    arguments+=("--from-literal=$key=$(openssl rand -hex 24)")
  done
  docker run --rm --entrypoint sh aisle:local -c \
    'aisle signing-keys prepare --file /tmp/keys.json >/dev/null && cat /tmp/keys.json' >"$work/signing-keys"
  kubectl --namespace "$namespace" create secret generic shop-secrets "${arguments[@]}" --from-file="signing-keys=$work/signing-keys"
}

well() {
  kubectl --namespace "$namespace" wait deployment --all --for=condition=Available --timeout=600s
  helm test "$release" --namespace "$namespace" --timeout 5m
}

kind create cluster --name "$cluster" --wait 180s
kind load docker-image aisle:local --name "$cluster"
helm install cert-manager oci://quay.io/jetstack/charts/cert-manager --version v1.19.1 --namespace cert-manager \
  --create-namespace --set crds.enabled=true --wait --timeout 5m
kubectl create namespace "$namespace"
kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted
secrets
before
helm dependency build helm/aisle

# Not --wait: roles are made by a job after PostgreSQL of the release is there, and services wait for their roles.
helm install "$release" "$work/helm/aisle" --namespace "$namespace" "${values[@]}" --timeout 10m
well
helm upgrade "$release" helm/aisle --namespace "$namespace" "${values[@]}" --wait --timeout 15m
well
helm rollback "$release" 1 --namespace "$namespace" --wait --timeout 15m
well
kind delete cluster --name "$cluster"
