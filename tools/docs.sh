#!/usr/bin/env bash
# Build the documentation as pages in .cache/docs/html, its reference from the docstrings of the doors. Whatever Sphinx warns
# of is an error: also a link to a page, a heading or a file that is not there. Anew each time: what it has read before
# it would not warn of again.
set -euo pipefail
cd "$(dirname "$0")/.."

.cache/venv/bin/sphinx-build --fresh-env --write-all --fail-on-warning --keep-going --quiet --builder html \
    --doctree-dir .cache/docs/doctrees docs .cache/docs/html
