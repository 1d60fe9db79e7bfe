#!/usr/bin/env bash
# ruff, mypy, yamllint, salt-lint, the check that each CLI example can be typed, and the documentation. All run; any may fail it.
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
# An SLS for Salt's renderer of Python is Python.
mapfile -t python < <(grep -lE '^#!py$' -r "${folders[@]}" --include='*.sls' | sort)
mapfile -t sls < <(grep -LE '^#!py$' -r "${folders[@]}" --include='*.sls' | sort)
# SLS that holds Jinja is not YAML before it is rendered (unit tests render it); what is plain YAML is read as that.
mapfile -t yaml < <(
    { find . -path ./.cache -prune -o -path ./.git -prune -o \( -name '*.yml' -o -name '*.yaml' \) -print
      printf '%s\n' .yamllint .salt-lint "${sls[@]}"; } | sort | xargs grep -LE '\{[%{#]' --
)

check ruff "$bin/ruff" check --quiet .
check "ruff of SLS" "$bin/ruff" check --quiet --extension sls:python "${python[@]}"
check "ruff format" "$bin/ruff" format --quiet --check .
check mypy "$bin/mypy" --no-error-summary
# The stand-ins of each product, as tests/lab/packages.py lays them out: one package, with what all of them share.
for product in backend frontend; do
    laid=.cache/lint/$product
    rm -rf "$laid"
    mkdir -p "$laid/lab_product"
    ln -s "$PWD"/tests/lab/product/{common,"$product"}/*.py "$laid/lab_product"
    check "mypy of the $product's stand-ins" env MYPYPATH="$laid" "$bin/mypy" --no-error-summary -p lab_product
done
check yamllint "$bin/yamllint" --strict "${yaml[@]}"
[ "${#sls[@]}" -eq 0 ] || check salt-lint "$bin/salt-lint" "${sls[@]}"
check cli-examples "$bin/python" tools/check_cli_examples.py
check docs tools/docs.sh

if [ "${#failed[@]}" -gt 0 ]; then
    echo "lint: FAILED: ${failed[*]}" >&2
    exit 1
fi
echo "lint: clean (ruff, mypy, yamllint of ${#yaml[@]} files, salt-lint of ${#sls[@]} files, CLI examples, docs)"
