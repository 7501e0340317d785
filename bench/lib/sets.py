"""What is measured: each set makes jobs; a job runs one process and yields samples by metric."""

import dataclasses
import shutil

from .common import BENCH, CACHE, Missing, fetch, load, say
from .engines import ENGINES
from .wasmfile import WasmFile, module_with_chain, module_with_data

SECONDS_PER_NANOSECOND = 1e-9
ALL = 0  # threads

KERNEL_ENGINES = ["updraft", "updraft-nopoll", "updraft-tiered", "updraft-baseline", "wasmtime", "wasmtime-epoch", "winch", "wasmer", "wasmer-singlepass", "wasmi",
                  "v8", "v8-liftoff", "v8-turbofan"]
COMPILE_ENGINES = ["updraft", "updraft-nopoll", "updraft-baseline", "wasmtime", "winch", "wasmer", "wasmer-singlepass", "wasmi", "v8", "v8-liftoff",
                   "v8-turbofan"]
FIRST_ENGINES = ["updraft", "updraft-lazy", "updraft-tiered", "updraft-tiered-lazy", "updraft-deferred", "updraft-deferred-held", "updraft-baseline",
                 "wasmtime", "winch", "wasmi", "wasmi-lazy", "v8", "v8-deferred", "v8-liftoff"]
STREAM_ENGINES = ["updraft-tiered", "updraft-tiered-lazy", "updraft-baseline", "updraft-baseline-lazy", "v8", "v8-liftoff"]
SMALL_ENGINES = ["updraft", "updraft-tiered", "updraft-wasm.h", "wasmtime", "wasmtime-wasm.h", "winch", "wasmer", "wasmi", "v8"]
CHAIN_ENGINES = ["updraft-tiered", "updraft-tiered-lazy", "updraft-baseline", "updraft-baseline-lazy", "wasmtime", "winch", "wasmi-lazy", "v8", "v8-liftoff"]
KEPT_ENGINES = ["updraft-tiered", "updraft-tiered-lazy", "wasmtime"]
PEAK_ENGINES = ["updraft-tiered", "updraft-profile", "wasmtime", "v8"]
MEMORY_ENGINES = ["updraft", "updraft-tiered", "wasmtime", "wasmer", "wasmi", "v8"]

# Those that are tried first where a program runs for half a minute.
LONG_ENGINES = ["updraft-tiered", "wasmtime", "v8", "v8-turbofan"]

# Peers by the beginnings of their names that take long where there is much to do: interpreters, and Wasmer.
SLOW = ("wasmi", "wasmer")

QUICK_KERNELS = ["ackermann", "bulk", "fib", "json", "lz", "matmul", "sha256", "vcall"]
QUICK_MODULES = ["as-sha256", "oxipng", "shfmt", "sql.js"]


@dataclasses.dataclass
class Job:
    """One process to run: `samples` picks from its output what is kept, as metric -> seconds or plain numbers."""

    set: str
    item: str
    engine: str
    threads: int
    args: list
    times: dict  # series of the output -> metric
    numbers: dict = dataclasses.field(default_factory=dict)  # path in the output -> metric
    expected: str | None = None
    imports: list | None = None
    rounds: int | None = None  # fewer than asked for, where a run is long
    slow: bool = False  # the first to be left out where time is short
    together: str = ""  # what it is measured together with, where that is of several sets
    before: list | None = None  # a job that is run once, before the first of these: it leaves something behind for them

    @property
    def key(self):
        return self.set, self.item, self.engine, self.threads

    def samples(self, output, clock):
        for series, metric in self.times.items():
            for value in output.get(series, {}).get(clock, []):
                yield metric, value * SECONDS_PER_NANOSECOND
        for path, metric in self.numbers.items():
            value = output
            for step in path.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None and (value or metric != "code_size"):  # a size of 0 means that the engine does not tell
                yield metric, value


@dataclasses.dataclass
class Module:
    """A real module, fetched."""

    name: str
    path: str
    producer: str
    call: list
    expected: str
    outline: WasmFile


def corpus(only, quick, log):
    modules = []
    for name, entry in load("corpus.json").items():
        if (quick and name not in QUICK_MODULES) or (only and name not in only):
            continue
        try:
            path = fetch(entry["package"], entry["sha256"]) / entry["file"]
        except Missing as reason:
            log(f"LEFT OUT {name}: {reason}")
            continue
        modules.append(Module(name, str(path), entry["producer"], entry["call"], entry["expected"], WasmFile(path.read_bytes())))
    return sorted(modules, key=lambda module: module.outline.code_size)


def compile_jobs(modules, quick):
    for module in modules:
        large = quick or module.outline.code_size > 3_000_000
        for engine in COMPILE_ENGINES:
            for threads in [1] if quick else [1, ALL]:
                if threads == ALL and engine in ("wasmi", "updraft-nopoll"):
                    continue  # one thread only, or no more to learn
                yield Job("compile", module.name, engine, threads, ["compile", module.path, 1 if large else 3],
                          {"compile": "compile"}, {"code_size": "code_size", "peak_kib": "peak_kib", "memory.pss_kib": "pss_kib"},
                          rounds=3 if module.outline.code_size > 3_000_000 else None,
                          slow=module.outline.code_size > 3_000_000 and engine.startswith(SLOW))


# Bytes of a piece, and in a second: a network of 10 MB/s.
PIECES = [1024, 65536]
STREAM_RATE = 10_000_000


def stream_jobs(modules, quick):
    for module in modules[-3:] if quick else modules:
        for piece in PIECES:
            for engine in STREAM_ENGINES:
                yield Job("stream", f"{module.name}, {piece >> 10} KiB", engine, ALL, ["stream", module.path, 1 if quick else 3, piece, STREAM_RATE],
                          {"ready": "ready"})


def first_jobs(modules, quick):
    for module in modules:
        large = module.outline.code_size > 3_000_000
        for engine in FIRST_ENGINES:
            if (large or quick) and engine in ("updraft", "wasmtime"):
                continue  # the compile set tells
            yield Job("first", module.name, engine, ALL, ["first", module.path, 1 if large else 3, *module.call], {"first": "first"},
                      expected=module.expected, imports=module.outline.imports)


def warm_jobs(modules, programs, quick):
    """What a process leaves to later ones: the first process, a second one with a cache, artifacts, profiles."""
    folder = CACHE / "warm"
    shutil.rmtree(folder, ignore_errors=True)  # what other versions left
    for module in modules[-2:] if quick else modules[-5:]:
        for engine in KEPT_ENGINES + ["v8"]:
            call = [module.path, 1, *module.call]
            yield Job("fresh", module.name, engine, ALL, ["first", *call], {"first": "first"}, expected=module.expected, imports=module.outline.imports,
                      together="warm", rounds=1 if engine == "wasmtime" else None)  # which compiles all of it
        for engine in KEPT_ENGINES:
            # What is kept does not depend on the strategy.
            place = folder / ENGINES[engine][0] / module.name
            place.mkdir(parents=True, exist_ok=True)
            call = [module.path, place, *module.call]
            for name, job in [("cached", "second"), ("opened", "open")]:
                yield Job(name, module.name, engine, ALL, [job, *call], {"first": "first"}, expected=module.expected, together="warm",
                          before=["keep", *call])
    for program in programs:
        script = [program.path, program.script, *program.slices[:1]]
        profile = folder / f"{program.name}.profile"
        for engine in PEAK_ENGINES:
            given = engine == "updraft-profile"
            yield Job("peak", program.name, engine, ALL, ["peak", *script, *([profile] if given else [])], {"until": "until", "slice": "slice", "compile": "compile"},
                      expected=program.slices[1], imports=program.imports, before=["learn", *script, profile] if given else None)


def kernel_jobs(only, quick):
    for name, kernel in load("kernels/manifest.json").items():
        if (quick and name not in QUICK_KERNELS) or (only and name not in only):
            continue
        wasm = BENCH / "kernels" / f"{name}.wasm"
        for engine in KERNEL_ENGINES:
            # An interpreter takes ten times as long: one run tells enough.
            slow = engine == "wasmi"
            yield Job("kernels", name, engine, ALL, ["run", wasm, 1 if slow else 3, kernel["n"]],
                      {"steady": "steady", "whole": "whole"}, {"pss_kib": "pss_kib"}, expected=kernel["expected"],
                      rounds=1 if slow else None)


def whole_jobs(only, quick):
    engines = [*KERNEL_ENGINES, "updraft-lazy", "updraft-tiered-lazy", "wasmi-lazy"]
    for name, kernel in load("kernels/manifest.json").items():
        if only and name not in only:
            continue
        for size, (n, expected) in kernel.get("sizes", {}).items():
            if quick and (size == "long" or name not in QUICK_KERNELS):
                continue
            for engine in engines:
                slow = size == "long" and engine.startswith(SLOW)
                yield Job("whole", f"{name} {size}", engine, ALL, ["run", BENCH / "kernels" / f"{name}.wasm", 0, n],
                          {"whole": "whole", "compile": "compile"}, expected=expected,
                          rounds=1 if slow else None, slow=slow)


@dataclasses.dataclass
class Program:
    """A real program, fetched, and the script that says what is done with it."""

    name: str
    path: str
    script: str
    imports: list
    sizes: dict  # name -> rounds, result
    slices: list  # rounds, result: as many as tell how it comes to full speed


def programs(only, log):
    found = []
    for name, entry in load("programs/manifest.json").items():
        if only and name not in only:
            continue
        try:
            path = fetch(entry["package"], entry["sha256"]) / entry["file"]
        except Missing as reason:
            log(f"LEFT OUT {name}: {reason}")
            continue
        script = BENCH / "programs" / f"{name}.txt"
        found.append(Program(name, str(path), str(script), WasmFile(path.read_bytes()).imports, entry["sizes"], entry["slices"]))
    return found


def program_jobs(all_programs, quick):
    engines = [engine for engine in KERNEL_ENGINES if engine != "updraft-nopoll"] + ["updraft-tiered-lazy"]
    for program in all_programs:
        for size, (n, expected) in program.sizes.items():
            if quick and size == "long":
                continue
            for engine in engines:
                slow = size == "long" and engine not in LONG_ENGINES
                yield Job("programs", f"{program.name} {size}", engine, ALL, ["script", program.path, program.script, n],
                          {"whole": "whole", "compile": "compile"}, {"pss_kib": "pss_kib"}, expected=expected, imports=program.imports,
                          rounds=1 if size == "long" else None, slow=slow)


def edge_jobs(quick):
    """Calls, instances, tiny modules."""
    modules = BENCH / "modules"
    data = CACHE / "data.wasm"
    data.write_bytes(module_with_data(1 << 20))
    for engine in SMALL_ENGINES:
        yield Job("calls", "calls", engine, 1, ["calls", modules / "calls.wasm", 5, 1_000_000],
                  {series: series for series in ("in_checked", "in_unchecked", "out_checked", "out_unchecked", "loop")},
                  imports=[{"module": "env", "name": "host", "kind": "func", "results": ["i32"]}])
        for item, path, count in [("empty", modules / "empty.wasm", 1000), ("1 MB data", data, 100)]:
            yield Job("instantiate", item, engine, 1, ["instantiate", path, 5, count], {"instantiate": "instantiate"})
        yield Job("tiny", "tiny", engine, ALL, ["tiny", modules / "tiny.wasm", 3, 100 if quick else 300], {"tiny": "tiny"})
    chain = CACHE / "chain.wasm"
    chain.write_bytes(module_with_chain(1000))
    for engine in CHAIN_ENGINES:
        yield Job("chain", "chain", engine, ALL, ["first", chain, 20, "run", 1, "i32:1"], {"first": "first"}, expected="1000")
    for engine in MEMORY_ENGINES:
        for item, path, count in [("empty", modules / "empty.wasm", 1000), ("1 MB data", data, 100)]:
            yield Job("instances", item, engine, ALL, ["instances", path, count], {}, memory_numbers(), rounds=1)
        yield Job("alive", "tiny", engine, ALL, ["alive", modules / "tiny.wasm", 1000 if quick else 10_000], {}, memory_numbers(), rounds=1)


def background_jobs(modules, quick):
    """Our own queue: one module with some hundreds of functions tells all."""
    for module in modules:
        if module.name == "oxipng":
            yield Job("background", module.name, "updraft", ALL, ["background", module.path, 1 if quick else 5], {},
                      {key: key for key in BACKGROUND}, rounds=1)


# What `background.c` prints.
BACKGROUND = ["workers", "scaling", "publish_ns", "beside_process", "beside_engine", "price", "price_tail"]


def memory_numbers():
    return {f"memory.{key}": key for key in ("pss_kib", "virtual_kib", "mappings")}


SETS = ["kernels", "whole", "programs", "compile", "stream", "first", "warm", "edges", "background"]


def make_jobs(bench, sets, only, quick, log):
    modules = corpus(only, quick, log) if {"compile", "stream", "first", "warm", "background"} & set(sets) else []
    real = programs(only, log) if {"programs", "warm"} & set(sets) else []
    jobs = []
    for name in sets:
        match name:
            case "kernels": jobs += kernel_jobs(only, quick)
            case "whole": jobs += whole_jobs(only, quick)
            case "programs": jobs += program_jobs(real, quick)
            case "compile": jobs += compile_jobs(modules, quick)
            case "stream": jobs += stream_jobs(modules, quick)
            case "first": jobs += first_jobs(modules, quick)
            case "warm": jobs += warm_jobs(modules, real, quick)
            case "edges": jobs += edge_jobs(quick) if not only else []
            case "background": jobs += background_jobs(modules, quick)
    say(f"{len(modules)} modules of the corpus")
    return [job for job in jobs if bench.has(job.engine)], modules
