#!/usr/bin/env bash
# Remove what was made: the cache (virtual environment, lab base) and what Python left behind.
set -euo pipefail
cd "$(dirname "$0")/.."

if grep -q " $PWD/.cache" /proc/self/mounts; then
    echo "Something is still mounted below .cache: end the lab first (.cache/venv/bin/python -m tests.lab down)" >&2
    exit 1
fi
rm -rf .cache build dist
find . -name __pycache__ -prune -exec rm -rf {} +
rm -rf ./*.egg-info
