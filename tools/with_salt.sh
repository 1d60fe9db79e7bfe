#!/usr/bin/env bash
# with_salt.sh RELEASE COMMAND...: a command with the release of Salt that lies in .cache/salt-RELEASE.
# tests/conftest.py holds that it is that one: a suite that ran with another Salt proves nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

release=$1
shift
[ -e ".cache/salt-$release/salt/version.py" ] || {
    echo "with_salt.sh: no Salt $release in .cache/salt-$release: make venv puts 3006 there, make test-salt the others" >&2
    exit 1
}
export PYTHONPATH=$PWD/.cache/salt-$release SALT_RELEASE=$release
exec "$@"
