#!/bin/sh
# Generates include/wasm.h and include/wasm.symbols from src/capi/standard, and include/updraft_wasm.h from
# src/capi/bridge.rs; with --verify, compares them instead. CBINDGEN names the program, as in header.sh.
set -eu
cd "$(dirname "$0")/.."
version=0.29.4
cbindgen=${CBINDGEN:-}
for candidate in target/tools/bin/cbindgen cbindgen; do
    if [ -z "$cbindgen" ] && command -v "$candidate" >/dev/null 2>&1; then cbindgen=$candidate; fi
done
if [ -z "$cbindgen" ] || [ "$("$cbindgen" --version)" != "cbindgen $version" ]; then
    echo "wasm-header.sh: cbindgen $version is needed: cargo install cbindgen --version $version --locked --root target/tools" >&2
    exit 77
fi
tools/wasm-functions.py "$@"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$cbindgen" --quiet --config cbindgen-wasm.toml --output "$out/wasm.h" src/capi/standard/mod.rs
"$cbindgen" --quiet --config cbindgen-bridge.toml --output "$out/updraft_wasm.h" src/capi/bridge.rs
# What is followed by a parenthesis outside of comments is a function.
cat "$out/wasm.h" "$out/updraft_wasm.h" | grep -v '^ *[/ ]\*' | grep -oE '\b(updraft_)?wasm_[a-z0-9_]+\(' | tr -d '(' | LC_ALL=C sort -u >"$out/wasm.symbols"
# What is no declaration is written by hand.
cat src/capi/standard/trailer.h >>"$out/wasm.h"
for file in wasm.h updraft_wasm.h wasm.symbols; do
    if [ "${1:-}" = --verify ]; then
        diff -u "include/$file" "$out/$file" || { echo "wasm-header.sh: include/$file is not up to date" >&2; exit 1; }
    elif ! cmp -s "include/$file" "$out/$file"; then
        cp "$out/$file" "include/$file"
    fi
done
