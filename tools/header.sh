#!/bin/sh
# Generates include/updraft.h and include/updraft.symbols from src/capi; with --verify, compares them instead.
# CBINDGEN names the program; the version is pinned, since another one may format the header in another way.
set -eu
cd "$(dirname "$0")/.."
version=0.29.4
cbindgen=${CBINDGEN:-}
for candidate in target/tools/bin/cbindgen cbindgen; do
    if [ -z "$cbindgen" ] && command -v "$candidate" >/dev/null 2>&1; then cbindgen=$candidate; fi
done
if [ -z "$cbindgen" ] || [ "$("$cbindgen" --version)" != "cbindgen $version" ]; then
    echo "header.sh: cbindgen $version is needed: cargo install cbindgen --version $version --locked --root target/tools" >&2
    exit 77
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$cbindgen" --quiet --config cbindgen.toml --output "$out/updraft.h" src/capi/mod.rs
# Declarations of functions are the only lines where a name is followed by a parenthesis and nothing was commented.
sed -n '/^ \*/!s/^[^ /#].*[ *]\(updraft_[a-z0-9_]*\)(.*/\1/p' "$out/updraft.h" | LC_ALL=C sort -u >"$out/updraft.symbols"
for file in updraft.h updraft.symbols; do
    if [ "${1:-}" = --verify ]; then
        diff -u "include/$file" "$out/$file" || { echo "header.sh: include/$file is not up to date" >&2; exit 1; }
    elif ! cmp -s "include/$file" "$out/$file"; then
        cp "$out/$file" "include/$file"
    fi
done
