#!/bin/sh
# Compares the symbols that a shared library exports with the allow-list include/updraft.symbols.
set -eu
[ $# -eq 1 ] || { echo "usage: symbols.sh LIBRARY" >&2; exit 2; }
list=$(dirname "$0")/../include/updraft.symbols
found=$(mktemp)
trap 'rm -f "$found"' EXIT
# Symbol versions ("name@@VERSION") are not part of the name.
nm -D --defined-only "$1" | sed 's/^.* //; s/@.*//' | LC_ALL=C sort -u >"$found"
diff -u "$list" "$found" || { echo "symbols.sh: $1 does not export what include/updraft.symbols says" >&2; exit 1; }
