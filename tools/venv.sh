#!/usr/bin/env bash
# Make .cache/venv what the requirement files say; does nothing when it already is.
# PYTHON names the interpreter to build it with (default python3; 3.11 or later, with the venv module).
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=.cache/venv
mkdir -p .cache
exec 9>.cache/venv.lock
flock 9   # two makes at once: the second waits, and finds it done

# The path counts too: scripts in a virtual environment name it, so a moved checkout needs a new one.
key=$({ cat requirements/*.txt tools/venv.sh; "$python" --version; pwd; } | sha256sum | cut -c1-16)
if [ "$(cat "$venv/.key" 2>/dev/null)" = "$key" ]; then
    exit 0
fi

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "$python is too old or has no venv module: install Python 3.11 or later (Debian: apt install python3-venv)" >&2
    exit 1
fi
echo "Setting up $venv (about a minute, once)"
rm -rf "$venv"
"$python" -m venv "$venv"
# 9>&-: a process that pip leaves behind must not keep the lock
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" 9>&-; }
# Salt asks for timelib and does without it (dates in free text). It comes as C sources only, and a machine without a
# compiler must do: it is never installed, pip follows no dependencies, and constraints.txt has to name all others.
pip install -qq --no-deps -r requirements/dev.txt -r requirements/constraints.txt
complaints=$(pip check || true)
only_timelib='^salt [^[:space:]]+ requires timelib, which is not installed\.$'
if ! [[ $complaints =~ $only_timelib ]]; then
    echo "The pins in requirements/ do not fit together. pip check should miss timelib and nothing else, but says:" >&2
    echo "$complaints" >&2
    exit 1
fi
echo "$key" > "$venv/.key"
