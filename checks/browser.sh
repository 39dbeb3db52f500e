#!/usr/bin/env bash
# Makes sure there is a Chromium for the browser tests: Debian's, installed through apt when we are root.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  step=$(dirname "$0")/../requirements/step.sh
  "$step" "Reading Debian's package lists …" apt-get update -qq
  exec "$step" "Installing Chromium for the browser tests …" apt-get install -y -qq --no-install-recommends chromium
fi
echo "The browser tests need Chromium. On Debian: sudo apt-get install chromium."
exit 1
