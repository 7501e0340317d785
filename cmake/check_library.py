"""Checks the shape of the shared library: size, soname, link flags, what it needs, no symbols left over."""

import argparse
import os
import re
import subprocess
import sys

# The C library and the compiler's unwinder. Anything else would be a new demand on the user's machine.
ALLOWED_NEEDED = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1",
                  "ld-linux-x86-64.so.2"}


def readelf(flag, path):
    return subprocess.run(["readelf", "--wide", flag, path], check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--soname", required=True)
    parser.add_argument("--max-size", type=int, required=True)
    options = parser.parse_args()

    dynamic = readelf("-d", options.library)
    sections = readelf("-S", options.library)
    size = os.path.getsize(options.library)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    sonames = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    problems = []
    if size >= options.max_size:
        problems.append(f"it has {size} bytes, {options.max_size} are the limit")
    if sonames != [options.soname]:
        problems.append(f"its soname is {sonames}, not {options.soname}")
    if "NODELETE" not in dynamic:
        problems.append("it was not linked with -z nodelete")
    if "SYMBOLIC" not in dynamic:
        problems.append("it was not linked with -Bsymbolic")
    if needed - ALLOWED_NEEDED:
        problems.append(f"it needs {sorted(needed - ALLOWED_NEEDED)}")
    if re.search(r"\s\.(symtab|debug_info)\s", sections):
        problems.append("it is not stripped")
    for problem in problems:
        print(f"{options.library}: {problem}", file=sys.stderr)
    print(f"{size} bytes, soname {sonames}, needs {sorted(needed)}")
    return 1 if problems else 0


sys.exit(main())
