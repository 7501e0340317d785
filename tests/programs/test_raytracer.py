"""The committed ray tracer is what its source says: a native build, a fresh build for WASI and the committed file
draw the same picture, to the last bit.

    test_raytracer.py --run RUN --cc CC --clang CLANG
"""

import argparse
import os
import subprocess
import sys
import tempfile

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "raytracer")
SIZE = ["--size", "200x150", "--samples", "6"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--clang", default="clang")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        def picture(*command):
            path = os.path.join(directory, "picture.ppm")
            subprocess.run([*command], check=True, cwd=directory, stdout=subprocess.DEVNULL)
            with open(path, "rb") as file:
                data = file.read()
            os.remove(path)
            assert len(data) == len(b"P6\n200 150\n255\n") + 200 * 150 * 3
            return data

        native = os.path.join(directory, "native")
        # Fused multiplications would round differently; WebAssembly has none.
        subprocess.run([options.cc, "-O2", "-ffp-contract=off", os.path.join(EXAMPLE, "raytracer.c"), "-o", native, "-lm"],
                       check=True)
        expected = picture(native, *SIZE, "picture.ppm")
        committed = os.path.join(EXAMPLE, "raytracer.wasm")
        assert picture(options.run, "--dir", ".", committed, *SIZE, "picture.ppm") == expected, "the committed file"

        fresh = os.path.join(directory, "fresh.wasm")
        built = subprocess.run(["sh", os.path.join(EXAMPLE, "build.sh"), fresh], capture_output=True, text=True,
                               env={**os.environ, "CLANG": options.clang})
        if built.returncode != 0:
            print(f"SKIPPED: cannot build for WASI here: {built.stderr.strip()[-300:]}")
            return 77
        assert picture(options.run, "--dir", ".", fresh, *SIZE, "picture.ppm") == expected, "a fresh build"
    return 0


sys.exit(main())
