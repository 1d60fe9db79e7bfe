#!/usr/bin/env bash
# lint, unit, simulation, functional; unit and functional with the LTS release of Salt as well; as root also the report in
# a browser, and the integration tests inside the lab. What can is done side by side. With the word `faults`: the faults
# of an upgrade that there is no time for in that, alone.
# What ran is left as JUnit files in .cache/reports; .ci/run counts in them.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.cache/venv/bin/python
reports=.cache/reports
rm -rf "$reports"
mkdir -p "$reports"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT   # what this starts, it ends

# A suite of tests: its folder, the number of those who share it (or ""), and what runs pytest.
suite() {
    local folder=$1 share=$2 report=$prefix$1${2:+-$2} taken=$reports/taken-$prefix$1
    shift 2
    mkdir -p "$taken"
    # the lab's own tests take many minutes: `make test-lab`; so does every fault there is a test of: `make test-faults`
    "$@" -m pytest -q "tests/$folder" -m "$which" --ignore-glob='tests/integration/test_lab_*.py' \
        ${share:+-p tests.sharing --share "$taken"} --junit-xml="$reports/$report.xml"
}

# The same with the LTS release of Salt.
with_lts() {
    local prefix=salt-3006-
    suite "$1" "$2" tools/with_salt.sh 3006 "$python"
}

which="not campaign and not layout"
prefix=""
names=() pids=()
# Run something beside what else is run so; what it prints is shown when all have ended.
beside() {
    names+=("$1")
    "${@:2}" >"$reports/$1.txt" 2>&1 </dev/null &
    pids+=($!)
}

# Wait for all that run side by side; one that failed fails the whole.
together() {
    local each failed=()
    for each in "${!names[@]}"; do
        wait "${pids[each]}" || failed+=("${names[each]}")
        printf '== %s\n' "${names[each]}"
        cat "$reports/${names[each]}.txt"
    done
    if [ "${#failed[@]}" -gt 0 ]; then
        echo "FAILED: ${failed[*]}" >&2
        exit 1
    fi
    names=() pids=()
}

# Not in the lab: the browser's layer is built when first used, and a world has no network.
quick() {
    tools/lint.sh
    suite unit "" "$python"
    [ "$(id -u)" -eq 0 ] || return 0
    suite browser "" "$python"
    "$python" -m tests.lab base
}

# Much of an upgrade is waiting, so that two laboratories fit.
in_two_worlds() {
    beside integration-1 suite integration 1 "$python" -m tests.lab run --beside -- "$python"
    beside integration-2 suite integration 2 "$python" -m tests.lab run --beside -- "$python"
    together
}

if [ "${1:-}" = faults ]; then
    which=campaign
    "$python" -m tests.lab base
    in_two_worlds
    exit
fi
beside lint-unit-browser quick
beside simulation suite simulation "" "$python"
beside functional-1 suite functional 1 "$python"
beside functional-2 suite functional 2 "$python"
together
beside unit-3006 with_lts unit ""
beside functional-3006-1 with_lts functional 1
beside functional-3006-2 with_lts functional 2
together
if [ "$(id -u)" -eq 0 ]; then
    in_two_worlds
    echo "All suites passed: lint, unit, simulation, functional, unit and functional with Salt 3006, browser, integration"
else
    echo "Passed: lint, unit, simulation, functional, unit and functional with Salt 3006. The browser and integration tests were NOT run: they need root (namespaces, mounts)"
fi
