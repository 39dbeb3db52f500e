#!/usr/bin/env bash
# Builds the front end and puts it in its bucket: first the files whose names change with what is in them, then those that
# lead to them, so that no page asks for a file that is not there yet. Old files stay for whoever has an old page open. Needs
# FRONTEND_BUCKET, DISTRIBUTION and a role for both.
set -euo pipefail
cd "$(dirname "$0")/.."
make frontend
# CloudFront compresses by itself.
plain=(--recursive --exclude '*.br' --exclude '*.gz')
aws s3 cp frontend/dist/assets "s3://$FRONTEND_BUCKET/assets" "${plain[@]}" --cache-control 'public, max-age=31536000, immutable'
aws s3 cp frontend/dist "s3://$FRONTEND_BUCKET" "${plain[@]}" --exclude 'assets/*' --cache-control 'no-cache'
aws cloudfront create-invalidation --distribution-id "$DISTRIBUTION" --paths '/*' >/dev/null
