#!/usr/bin/env bash
# The matrix: each release of Salt and each Python that is supported, and each layout of Salt that sites have, one row
# each of a table, .cache/reports/salt.txt. The lab's rows need root. All run, what can side by side; one that fails
# fails the whole.
set -uo pipefail
cd "$(dirname "$0")/.."

python=.cache/venv/bin/python
reports=.cache/reports/salt
rm -rf "$reports"
mkdir -p "$reports"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT   # what this starts, it ends

# A row of its own: its name, and a command. A row with what cannot be tried: its name, the word -, and why.
row() {
    local name=$1 began=$SECONDS outcome=passed
    shift
    if [ "$1" = - ]; then
        outcome="not tried: $2"
    elif ! "$@" >"$reports/${name//[^A-Za-z0-9.]/-}.txt" 2>&1 </dev/null; then
        outcome="FAILED: see $reports/${name//[^A-Za-z0-9.]/-}.txt"
    fi
    printf '%s\t%s\t%s\n' "$name" "$outcome" "$((SECONDS - began))" >>"$reports/rows.tsv"
}

pip() { "$python" -m pip --disable-pip-version-check "$@"; }
if ! cmp -s requirements/salt-3007.txt .cache/salt-3007/requirements.txt; then
    rm -rf .cache/salt-3007
    pip install -qq --no-deps --no-build-isolation --target .cache/salt-3007 -r requirements/salt-3007.txt &&
        cp requirements/salt-3007.txt .cache/salt-3007/requirements.txt
fi

# An interpreter of a version: on PATH, or one that pyenv has made. No registry has one that it does not load from elsewhere.
interpreter() {
    local each
    for each in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
        if "$each" -c '' 2>/dev/null; then
            echo "$each"
            return
        fi
    done
}
missing="there is no such interpreter here, and no registry holds one (npm's portable-python loads it from elsewhere)"

quiet=(-m pytest -q -m "not campaign and not layout")
release() {
    row "Salt $1, unit" tools/with_salt.sh "$1" "$python" "${quiet[@]}" tests/unit
    row "Salt $1, functional" tools/with_salt.sh "$1" "$python" "${quiet[@]}" tests/functional
}
release 3006 &
release 3007 &
wait
row "Salt 3008, unit" "$python" "${quiet[@]}" tests/unit
row "Salt 3008, functional" "$python" "${quiet[@]}" tests/functional &

tests=(tests/unit tests/functional/loading/test_doors.py tests/functional/loading/test_grains.py)
for old in $(grep -rl '^import tomllib' tests/unit); do  # the project's own files, read by what Python 3.11 brings
    tests+=("--ignore=$old")
done
found=$(interpreter 3.10)
if [ -n "$found" ] && ! PYTHON=$found tools/venv.sh python-3.10; then
    row "Python 3.10, Salt 3006, unit and doors" false
elif [ -n "$found" ]; then
    row "Python 3.10, Salt 3006, unit and doors" \
        tools/with_salt.sh 3006 .cache/python-3.10/bin/python "${quiet[@]}" "${tests[@]}"
else
    row "Python 3.10, Salt 3006, unit and doors" - "$missing"
fi
found=$(interpreter 3.9)
if [ -n "$found" ]; then
    row "Python 3.9, refused in words" env PYTHONPATH=_utils "$found" tools/too_old.py
else
    row "Python 3.9, refused in words" - "$missing"
fi

wait

# The layouts, in two laboratories: each takes the next one that the other has not taken.
mkdir -p "$reports/taken"
world() {
    row "whole upgrades in the lab, $1" "$python" -m tests.lab run --beside -- "$python" -m pytest -q -m layout \
        tests/integration -p tests.sharing --share "$reports/taken" --junit-xml="$reports/layouts-$1.xml"
}
if [ "$(id -u)" -eq 0 ]; then
    "$python" -m tests.lab base
    world 1 &
    world 2 &
    wait
else
    row "whole upgrades in the lab" - "the lab needs root"
fi
"$python" tools/salt_table.py "$reports" | tee .cache/reports/salt.txt
exit "${PIPESTATUS[0]}"
