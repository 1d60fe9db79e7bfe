#!/usr/bin/env bash
# ruff, yamllint, salt-lint, and the check that each public function shows how it is called. All run; any may fail it.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=.cache/venv/bin
failed=()
check() {
    local name=$1
    shift
    "$@" || failed+=("$name")
}

folders=()
for folder in orch pillar reactor; do
    [ -d "$folder" ] && folders+=("$folder")
done
mapfile -t sls < <(find "${folders[@]}" -name '*.sls' | sort)
# SLS that holds Jinja is not YAML before it is rendered (unit tests render it); what is plain YAML is read as that.
mapfile -t yaml < <(
    { find . -path ./.cache -prune -o -path ./.git -prune -o \( -name '*.yml' -o -name '*.yaml' \) -print
      printf '%s\n' .yamllint .salt-lint "${sls[@]}"; } | sort | xargs grep -LE '\{[%{#]' --
)

check ruff "$bin/ruff" check --quiet .
check yamllint "$bin/yamllint" --strict "${yaml[@]}"
[ "${#sls[@]}" -eq 0 ] || check salt-lint "$bin/salt-lint" "${sls[@]}"
check cli-examples "$bin/python" tools/check_cli_examples.py _modules _runners

if [ "${#failed[@]}" -gt 0 ]; then
    echo "lint: FAILED: ${failed[*]}" >&2
    exit 1
fi
echo "lint: clean (ruff, yamllint of ${#yaml[@]} files, salt-lint of ${#sls[@]} files, CLI examples)"
