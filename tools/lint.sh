#!/usr/bin/env bash
# lint.sh [PART ...]: ruff, mypy, yamllint, salt-lint, the check that each CLI example can be typed, and the documentation, or some of
# them. All that are asked for run; any may fail it. .pre-commit-config.yaml names each part.
set -uo pipefail
cd "$(dirname "$0")/.."

bin=.cache/venv/bin
all=(ruff mypy yamllint salt-lint cli-examples docs)
parts=("$@")
[ "$#" -gt 0 ] || parts=("${all[@]}")
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

for part in "${parts[@]}"; do
    case $part in
    ruff)
        check ruff "$bin/ruff" check --quiet .
        check "ruff of SLS" "$bin/ruff" check --quiet --extension sls:python "${python[@]}"
        check "ruff format" "$bin/ruff" format --quiet --check . ;;
    mypy)
        check mypy "$bin/mypy" --no-error-summary
        # The stand-ins of each product, as tests/lab/packages.py lays them out: one package, with what all of them share.
        for product in backend frontend; do
            laid=.cache/lint/$product
            rm -rf "$laid"
            mkdir -p "$laid/lab_product"
            ln -s "$PWD"/tests/lab/product/{common,"$product"}/*.py "$laid/lab_product"
            check "mypy of the $product's stand-ins" env MYPYPATH="$laid" "$bin/mypy" --no-error-summary -p lab_product
        done ;;
    yamllint)
        check yamllint "$bin/yamllint" --strict "${yaml[@]}" ;;
    salt-lint)
        [ "${#sls[@]}" -eq 0 ] || check salt-lint "$bin/salt-lint" "${sls[@]}" ;;
    cli-examples)
        check cli-examples "$bin/python" tools/check_cli_examples.py ;;
    docs)
        check docs tools/docs.sh ;;
    *)
        echo "lint.sh: there is no part $part: ${all[*]}" >&2
        exit 2 ;;
    esac
done

if [ "${#failed[@]}" -gt 0 ]; then
    echo "lint: FAILED: ${failed[*]}" >&2
    exit 1
fi
echo "lint: clean (${parts[*]}; ${#yaml[@]} files of YAML, ${#sls[@]} of SLS)"
