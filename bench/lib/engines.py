"""The engines that are compared: where they come from, and the command that runs a job on one of them."""

import json
import os
import pathlib
import shutil
import subprocess

from .common import BENCH, CACHE, ROOT, Missing, build, fetch, load

JOB_SECONDS = 900

# Name -> (family, driver backend or node flags, mode, what it is).
ENGINES = {
    "updraft": ("updraft", "updraft", "eager", "Updraft's optimising tier alone, interruptible loops"),
    "updraft-nopoll": ("updraft", "updraft", "eager-nopoll", "the same without interrupts, as wasmtime's default is"),
    "updraft-lazy": ("updraft", "updraft", "lazy", "the same, functions compiled when first called"),
    "updraft-tiered": ("updraft", "updraft", "tiered-eager", "Updraft, default settings: baseline at once, what is hot optimised in the background"),
    "updraft-tiered-lazy": ("updraft", "updraft", "tiered-lazy", "the same, functions compiled when first called"),
    "updraft-profile": ("updraft", "updraft", "tiered-eager", "default settings, with the profile of an earlier run"),
    "updraft-deferred": ("updraft", "updraft", "tiered-lazy-deferred", "the same, bodies validated when first called, too"),
    "updraft-deferred-held": ("updraft", "updraft", "tiered-lazy-deferred-held", "the same, the host keeps the bytes, which are not copied"),
    "updraft-baseline": ("updraft", "updraft", "baseline-eager", "Updraft's baseline tier alone"),
    "updraft-baseline-lazy": ("updraft", "updraft", "baseline-lazy", "the same, functions compiled when first called"),
    "updraft-wasm.h": ("updraft", "wasm_h", "default", "Updraft through the standard interface"),
    "wasmtime": ("wasmtime", "wasmtime", "cranelift", "wasmtime, default settings: Cranelift"),
    "wasmtime-epoch": ("wasmtime", "wasmtime", "cranelift-epoch", "wasmtime with interruptible loops (epochs)"),
    "wasmtime-wasm.h": ("wasmtime", "wasm_h", "default", "wasmtime through the standard interface"),
    "winch": ("wasmtime", "wasmtime", "winch", "wasmtime's baseline compiler"),
    "wasmer": ("wasmer", "wasm_h", "cranelift", "Wasmer, Cranelift"),
    "wasmer-singlepass": ("wasmer", "wasm_h", "singlepass", "Wasmer's baseline compiler"),
    "wasmi": ("wasmi", "wasm_h", "eager", "wasmi, an interpreter, translated eagerly"),
    "wasmi-lazy": ("wasmi", "wasm_h", "lazy-translation", "wasmi, validated eagerly, translated when first called"),
    "v8": ("v8", [], None, "V8 as it comes: lazy Liftoff, then TurboFan"),
    "v8-deferred": ("v8", ["--wasm-lazy-validation"], None, "the same, bodies validated when first called"),
    "v8-liftoff": ("v8", ["--liftoff-only", "--no-wasm-lazy-compilation"], None, "V8's baseline compiler, eager"),
    "v8-turbofan": ("v8", ["--no-liftoff", "--no-wasm-lazy-compilation"], None, "V8's optimising compiler, eager"),
}
FAMILIES = ["updraft", "wasmtime", "wasmer", "wasmi", "v8"]
BASE = "wasmtime"  # what ratios are relative to


class Bench:
    """The engines that are here, and how to run jobs on them."""

    def __init__(self, families, library, log):
        self.paths, self.missing, self.built = {}, {}, set()
        self.driver = CACHE / "driver"
        sources = sorted((BENCH / "driver").glob("*.[ch]"))
        if not self.driver.exists() or any(source.stat().st_mtime > self.driver.stat().st_mtime for source in sources):
            CACHE.mkdir(parents=True, exist_ok=True)
            build([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-I", ROOT / "include",
                   *[source for source in sources if source.suffix == ".c"], "-ldl", "-o", self.driver], "the driver")
        for family in families:
            try:
                self.paths[family] = library if family == "updraft" else self.find(family)
            except Missing as reason:
                self.missing[family] = str(reason)
                log(f"LEFT OUT {family}: {reason}")

    def find(self, family):
        peer = load("peers.json")[family]
        if "package" in peer:
            path = fetch(peer["package"], peer["sha256"]) / peer["file"]
        else:
            # The folder's name holds the version: another one is another build. Wasmer insists on `target`.
            target = CACHE / f"{family}-{peer['version']}" / "target"
            path = target / "release" / peer["file"]
            if not path.exists():
                build(["cargo", "build", "--release", "--locked", "--manifest-path", BENCH / peer["crate"] / "Cargo.toml",
                       "--target-dir", target, *peer.get("flags", [])], f"{family} {peer['version']} (minutes)")
        if not path.exists():
            raise Missing(f"no {path.name} in what was fetched")
        return path

    def has(self, engine):
        return ENGINES[engine][0] in self.paths

    def run(self, engine, threads, job, *args, imports=None):
        """Runs one job and returns what it printed, or {"error": ...}."""
        family, how, mode, _ = ENGINES[engine]
        args = [job, *map(str, args)]
        environment = dict(os.environ)
        if job == "background":
            command = [self.background(), *args[1:], "json"]
        elif family == "v8":
            flags = ["--single-threaded"] if threads == 1 else []
            command = [self.paths[family], "--no-wasm-native-module-cache", *how, *flags, BENCH / "driver" / "node.mjs", *args]
            environment["BENCH_IMPORTS"] = json.dumps(imports or [])
        else:
            command = [self.driver, self.paths[family], how, mode, threads, *args]
        begin = one_processor if threads == 1 else None
        try:
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment,
                                  stdin=subprocess.DEVNULL, timeout=JOB_SECONDS, preexec_fn=begin)
        except subprocess.TimeoutExpired:
            return {"error": f"no result within {JOB_SECONDS} s"}
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return {"error": f"status {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}"}

    def background(self):
        """The program that measures compilation in the background, linked with Updraft."""
        source, program, library = BENCH / "background.c", CACHE / "background", self.paths["updraft"].resolve()
        if program not in self.built:
            build([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-I", ROOT / "include", source, library,
                   "-lpthread", f"-Wl,-rpath,{library.parent}", "-o", program], "the program that compiles in the background")
            self.built.add(program)
        return program

    def stripped_size(self, family):
        """Bytes of the engine's library without symbols."""
        copy = CACHE / "stripped"
        shutil.copyfile(self.paths[family], copy)
        subprocess.run(["strip", "--strip-all", str(copy)], check=False, capture_output=True)
        size = copy.stat().st_size
        copy.unlink()
        return size


def one_processor():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def updraft_library():
    """Builds the shared library as it is shipped."""
    build(["cargo", "rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib", "--manifest-path", ROOT / "Cargo.toml"], "Updraft")
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "libupdraft.so"
