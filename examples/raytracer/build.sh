#!/bin/sh
# Builds raytracer.wasm with Debian's clang, lld and wasi-libc (packages clang, lld, wasi-libc, libclang-rt-dev-wasm32).
# The committed file came from clang 14.0.6 and wasi-libc 0.0~git20220510: other versions give other bytes, the same picture.
set -eu
cd "$(dirname "$0")"
"${CLANG:-clang}" --target=wasm32-wasi --sysroot=/usr -std=gnu11 -O2 -Wall -Wextra -Werror \
    -Wl,--strip-debug -o "${1:-raytracer.wasm}" raytracer.c
