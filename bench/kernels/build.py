#!/usr/bin/env python3
"""Compiles the kernels to WebAssembly, and checks their results.

    build.py             compile all, check the results with gcc's native code and with Node
    build.py --record    the same, and write what both agree on to manifest.json

Needs clang and wasm-ld, gcc, node. The compiled files are committed, so that a benchmark needs none of these.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MANIFEST = HERE / "manifest.json"
CLANG = ["clang", "--target=wasm32", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-fno-builtin",
         "-fno-math-errno", "-ffp-contract=off", "-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals"]
# Linked by hand: clang would run wasm-opt where it finds one, and the files would depend on the machine.
LINK = ["wasm-ld", "--no-entry", "--strip-all", "-z", "stack-size=262144"]
GCC = ["gcc", "-std=gnu11", "-O2", "-fwrapv", "-fno-strict-aliasing", "-fno-math-errno", "-ffp-contract=off"]
NATIVE_MAIN = """
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
uint64_t run(uint32_t n);
int main(int argc, char **argv) {
  (void)argc;
  printf("%" PRIu64 "\\n", run((uint32_t)strtoul(argv[1], NULL, 10)));
  return 0;
}
"""
NODE_MAIN = """
const {readFileSync} = require('fs');
const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(process.argv[1])));
console.log(BigInt.asUintN(64, instance.exports.run(Number(process.argv[2]))).toString());
"""


def output(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(name, kernel, scratch):
    """Compiles one kernel; by n, returns what the native code and Node compute, and how long Node took."""
    source, wasm = HERE / f"{name}.c", HERE / f"{name}.wasm"
    simd = ["-msimd128"] if kernel.get("simd") else []
    linkable = scratch / f"{name}.o"
    subprocess.run([*CLANG, *simd, "-c", str(source), "-o", str(linkable)], check=True)
    subprocess.run([*LINK, str(linkable), "-o", str(wasm)], check=True)
    native = scratch / name
    subprocess.run([*GCC, str(source), str(scratch / "main.c"), "-o", str(native)], check=True)
    results = {}
    for n in numbers(kernel):
        begin = time.monotonic()
        by_node = output([os.environ.get("NODE", "node"), "-e", NODE_MAIN, str(wasm), str(n)])
        results[n] = output([str(native), str(n)]), by_node, time.monotonic() - begin
    return results


def numbers(kernel):
    return [kernel["n"], *(n for n, _ in kernel.get("sizes", {}).values())]


def expected(kernel, n):
    return {kernel["n"]: kernel.get("expected"), **dict(kernel.get("sizes", {}).values())}[n]


def record(kernel, results):
    kernel["expected"] = results[kernel["n"]][0]
    for size, (n, _) in kernel.get("sizes", {}).items():
        kernel["sizes"][size] = [n, results[n][0]]


def main():
    kernels = json.loads(MANIFEST.read_text())
    sources = {path.stem for path in HERE.glob("*.c")}
    if sources != set(kernels):
        sys.exit(f"build.py: manifest.json and the sources differ: {sorted(sources ^ set(kernels))}")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        (scratch / "main.c").write_text(NATIVE_MAIN)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = {name: pool.submit(build, name, kernel, scratch) for name, kernel in kernels.items()}
            for name, job in jobs.items():
                kernel, results = kernels[name], job.result()
                if "--record" in sys.argv and all(native == by_node for native, by_node, _ in results.values()):
                    record(kernel, results)
                for n, (native, by_node, seconds) in results.items():
                    agree = native == by_node == expected(kernel, n)
                    if not agree:
                        failed.append(name)
                    print(f"{name:14} n={n:<8} {'ok' if agree else 'DIFFERS'} native={native} node={by_node} {seconds:.2f} s", flush=True)
    if "--record" in sys.argv and not failed:
        lines = [f"  {json.dumps(name)}: {json.dumps(kernel)}" for name, kernel in sorted(kernels.items())]
        MANIFEST.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    if failed:
        sys.exit(f"build.py: wrong results: {failed}")


if __name__ == "__main__":
    main()
