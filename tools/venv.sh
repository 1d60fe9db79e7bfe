#!/usr/bin/env bash
# venv.sh [ansible|python-3.10]: make .cache/venv, or .cache/ansible or .cache/python-3.10, what its requirement files say; nothing if it already is.
# PYTHON names the interpreter to build it with (default python3; 3.11 or later, with the venv module).
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
name=${1:-venv}
least=3.11
beside=()   # what is installed beside the environment, not into it
case $name in
venv)
    pins=(requirements/dev.txt requirements/constraints.txt)
    beside=(requirements/salt-lts.txt requirements/build.txt)
    # Salt asks for timelib and does without it (dates in free text). It comes as C sources only, and a machine
    # without a compiler must do: it is never installed, pip follows no dependencies, and constraints.txt has to name
    # all others.
    complaints='^salt [^[:space:]]+ requires timelib, which is not installed\.$' ;;
ansible)
    pins=(requirements/ansible.txt)
    complaints='^No broken requirements found\.$' ;;
python-3.10)
    pins=(requirements/python-3.10.txt)
    least=3.10
    complaints='^No broken requirements found\.$' ;;
*)
    echo "venv.sh: there is no environment $name: venv (the default), ansible or python-3.10" >&2
    exit 2 ;;
esac
venv=.cache/$name
mkdir -p .cache
exec 9>"$venv.lock"
flock 9   # two makes at once: the second waits, and finds it done

# The path counts too: scripts in a virtual environment name it, so a moved checkout needs a new one.
key=$({ cat "${pins[@]}" "${beside[@]}" tools/venv.sh; "$python" --version; pwd; } | sha256sum | cut -c1-16)
if [ "$(cat "$venv/.key" 2>/dev/null)" = "$key" ]; then
    exit 0
fi

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < ('"${least/./, }"'))' 2>/dev/null; then
    echo "$python is too old or has no venv module: install Python $least or later (Debian: apt install python3-venv)" >&2
    exit 1
fi
echo "Setting up $venv (about a minute, once)"
rm -rf "$venv"
"$python" -m venv "$venv"
# 9>&-: a process that pip leaves behind must not keep the lock
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" 9>&-; }
pip install -qq --no-deps "${pins[@]/#/-r}"
found=$(pip check || true)
if ! [[ $found =~ $complaints ]]; then
    echo "The pins in ${pins[*]} do not fit together. pip check says, instead of $complaints:" >&2
    echo "$found" >&2
    exit 1
fi
# What cannot live in the same environment gets a folder of its own, for PYTHONPATH, and shares what is installed here.
beside() {
    rm -rf ".cache/$1"
    pip install -qq --no-deps --no-build-isolation --target ".cache/$1" -r "$2"
}
if [ "$name" = venv ]; then
    # Another release of Salt. Its sources are all Python; they are built with the setuptools of this environment.
    beside salt-3006 requirements/salt-lts.txt
    beside build requirements/build.txt
fi
echo "$key" > "$venv/.key"
