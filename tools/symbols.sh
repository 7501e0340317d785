#!/bin/sh
# Compares the symbols that a shared library exports with the allow-lists include/updraft.symbols and wasm.symbols.
set -eu
[ $# -eq 1 ] || { echo "usage: symbols.sh LIBRARY" >&2; exit 2; }
include=$(dirname "$0")/../include
found=$(mktemp)
list=$(mktemp)
trap 'rm -f "$found" "$list"' EXIT
LC_ALL=C sort "$include/updraft.symbols" "$include/wasm.symbols" >"$list"
# Symbol versions ("name@@VERSION") are not part of the name.
nm -D --defined-only "$1" | sed 's/^.* //; s/@.*//' | LC_ALL=C sort -u >"$found"
diff -u "$list" "$found" || { echo "symbols.sh: $1 does not export what the lists in include say" >&2; exit 1; }
