#!/usr/bin/env bash
# Type-check the package as it is installed. `hw` and `datasets` stand outside `neurospike/`, so a
# tree of links shows mypy the whole; run from elsewhere mypy would check a part and report success.
set -eu
cd "$(dirname "$0")/.."
tree=build/typecheck
rm -rf "$tree"
mkdir -p "$tree/neurospike"
for entry in neurospike/*; do
    [ "$(basename "$entry")" = __pycache__ ] || ln -s "$PWD/$entry" "$tree/neurospike/"
done
ln -s "$PWD/hw" "$tree/neurospike/hw"
ln -s "$PWD/datasets" "$tree/neurospike/datasets"
config=$PWD/pyproject.toml
mypy=$PWD/${VENV:-.venv}/bin/mypy
expected=$(find neurospike hw datasets -name '*.py' | wc -l)
cd "$tree"
"$mypy" --config-file "$config" --cache-dir ../../.mypy_cache -p neurospike "$@" | tee ../typecheck.log
checked=$(sed -nE 's/.*(in|checked) ([0-9]+) source files.*/\2/p' ../typecheck.log)
if [ "${checked:-0}" -lt "$expected" ]; then
    echo "typecheck: mypy saw $checked files of $expected" >&2
    exit 1
fi
