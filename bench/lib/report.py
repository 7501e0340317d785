"""Medians, ratios and tables from the samples of a run."""

import math
import statistics

from .engines import BASE, ENGINES
from .sets import ALL

WIDE = 0.15  # of the median: beyond this, the spread is pointed out

# Kernels whose time goes into calls: recursion, small functions, calls through tables.
CALL_HEAVY = ["ackermann", "bintrees", "fib", "queens", "vcall"]

# The engines of a table, as far as they were measured, in this order.
ORDER = list(ENGINES)


class Table:
    """The rows of a result by (set, item, engine, threads, metric)."""

    def __init__(self, result):
        self.samples = {(r["set"], r["item"], r["engine"], r["threads"], r["metric"]): r["samples"] for r in result["rows"]}

    def median(self, *key):
        samples = self.samples.get(key)
        return statistics.median(samples) if samples else None

    def spread(self, *key):
        samples = self.samples[key]
        return (max(samples) - min(samples)) / statistics.median(samples)

    def items(self, name, metric):
        return list(dict.fromkeys(k[1] for k in self.samples if k[0] == name and k[4] == metric))

    def engines(self, name, metric, threads=None):
        found = {k[2] for k in self.samples if k[0] == name and k[4] == metric and threads in (None, k[3])}
        return [engine for engine in ORDER if engine in found]

    def ratio(self, name, item, engine, threads, metric, base=BASE):
        ours, theirs = self.median(name, item, engine, threads, metric), self.median(name, item, base, threads, metric)
        return ours / theirs if ours and theirs else None

    def mean_ratio(self, name, engine, threads, metric, base=BASE, items=None):
        """The geometric mean over the items that both have, and how many these are."""
        ratios = [self.ratio(name, item, engine, threads, metric, base) for item in items or self.items(name, metric)]
        ratios = [ratio for ratio in ratios if ratio]
        return (math.exp(statistics.fmean(map(math.log, ratios))), len(ratios)) if ratios else (None, 0)


def line(rows, group):
    """One line of progress: the fastest sample of each engine."""
    parts = []
    for job in group:
        for metric in ("steady", "whole", "until", "compile", "ready", "first", "instantiate", "tiny", "in_checked", "pss_kib"):
            samples = rows.get((*job.key, metric))
            if samples:
                value = f"{min(samples):.0f} KiB" if metric == "pss_kib" else duration(min(samples))
                name = f"{job.engine}{'' if job.threads == ALL else '/1'}"
                parts.append(f"{job.set} {name} {value}" if job.together else f"{name} {value}")
                break
    return ", ".join(parts)


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def number(value, form="{:.2f}"):
    return form.format(value) if value is not None else "-"


def grid(header, lines):
    """A Markdown table, numbers to the right."""
    marks = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in [header, marks, *lines]) + "\n"


def ratios(table, name, metric, threads, unit_name, unit, base=BASE):
    """Items by engines: the base's own time, and everybody's time relative to it."""
    engines = table.engines(name, metric, threads)
    if not engines:
        return ""
    lines = []
    for item in table.items(name, metric):
        if not any(table.median(name, item, engine, threads, metric) for engine in engines):
            continue
        theirs = table.median(name, item, base, threads, metric)
        wide = [engine for engine in engines if (name, item, engine, threads, metric) in table.samples
                and table.spread(name, item, engine, threads, metric) > WIDE]
        cells = [number(table.ratio(name, item, engine, threads, metric, base)) + ("~" if engine in wide else "") for engine in engines]
        lines.append([item, number(theirs and theirs * unit, "{:.1f}"), *cells])
    mean = [number(table.mean_ratio(name, engine, threads, metric, base)[0], "**{:.2f}**") for engine in engines]
    lines.append(["**geometric mean**", "", *mean])
    return grid(["", f"{base} {unit_name}", *engines], lines)


def throughput(table, result, threads):
    """Modules by engines: megabytes of code section per second."""
    engines = table.engines("compile", "compile", threads)
    lines = []
    for item, module in result["modules"].items():
        cells = []
        for engine in engines:
            seconds = table.median("compile", item, engine, threads, "compile")
            cells.append(number(seconds and module["code_size"] / seconds / 1e6))
        if set(cells) != {"-"}:
            lines.append([f"{item} ({module['producer']})", f"{module['code_size'] / 1e6:.2f}", *cells])
    mean = [number(table.mean_ratio("compile", engine, threads, "compile")[0], "**{:.2f}**") for engine in engines]
    lines.append([f"**time relative to {BASE}**", "", *mean])
    return grid(["module", "code MB", *engines], lines)


def streams(table):
    """Modules and sizes of pieces by engines: how long after the last piece a module is ready."""
    engines = table.engines("stream", "ready", ALL)
    lines = []
    for item in table.items("stream", "ready"):
        times = [table.median("stream", item, engine, ALL, "ready") for engine in engines]
        lines.append([item, *[number(time and time * 1e3) for time in times]])
    return grid(["module, pieces", *engines], lines) if engines else ""


def starts(table):
    """The largest modules by engines: from bytes, or an artifact, to the first result, in a process that begins with it."""
    names = {"fresh": "nothing kept", "cached": "cache", "opened": "artifact"}
    columns = [(name, engine) for engine in ORDER for name in names if engine in table.engines(name, "first", ALL)]
    lines = [[item, *[number((time := table.median(name, item, engine, ALL, "first")) and time * 1e3) for name, engine in columns]]
             for item in table.items("fresh", "first")]
    return grid(["module, ms", *[f"{engine}, {names[name]}" for name, engine in columns]], lines) if lines else ""


def peaks(table):
    """Programs by engines: how long until full speed, and what a slice of the work takes then."""
    engines = table.engines("peak", "until", ALL)
    lines = []
    for item in table.items("peak", "until"):
        cells = [[number((time := table.median("peak", item, engine, ALL, metric)) and time * 1e3) for metric in ("until", "slice")] for engine in engines]
        lines.append([item, *[" / ".join(cell) for cell in cells]])
    return grid(["until peak speed / a slice then, ms", *engines], lines) if lines else ""


def code_sizes(table, result):
    lines = []
    engines = table.engines("compile", "code_size", 1)
    for item, module in result["modules"].items():
        sizes = [table.median("compile", item, engine, 1, "code_size") for engine in engines]
        if any(sizes):
            lines.append([item, *[number(size and size / module["code_size"]) for size in sizes]])
    mean = [number(table.mean_ratio("compile", engine, 1, "code_size")[0], "**{:.2f}**") for engine in engines]
    return grid(["machine code bytes per byte of code section", *engines], [*lines, [f"**relative to {BASE}**", *mean]]) if lines else ""


def edges(table, result):
    """Calls, instances and tiny modules: absolute values by engine."""
    engines = [engine for engine in ORDER if any(k[2] == engine for k in table.samples if k[0] in ("calls", "tiny", "alive", "chain"))]
    rows = [
        ("host to wasm, checked, ns", "calls", "calls", 1, "in_checked", 1e9), ("host to wasm, unchecked, ns", "calls", "calls", 1, "in_unchecked", 1e9),
        ("wasm to host, checked, ns", "calls", "calls", 1, "out_checked", 1e9), ("wasm to host, unchecked, ns", "calls", "calls", 1, "out_unchecked", 1e9),
        ("store and empty instance, us", "instantiate", "empty", 1, "instantiate", 1e6),
        ("store and instance with 1 MB of data, us", "instantiate", "1 MB data", 1, "instantiate", 1e6),
        ("memory of an empty instance, KiB", "instances", "empty", ALL, "pss_kib", 1 / 1000),
        ("memory of an instance with 1 MB of data, KiB", "instances", "1 MB data", ALL, "pss_kib", 1 / 100),
        ("tiny module, bytes to release, us", "tiny", "tiny", ALL, "tiny", 1e6),
        ("1000 chained functions, bytes to the result, us", "chain", "chain", ALL, "first", 1e6),
        (f"{1000 if result['quick'] else 10_000} tiny modules alive, PSS MiB", "alive", "tiny", ALL, "pss_kib", 1 / 1024),
        ("the same, mappings", "alive", "tiny", ALL, "mappings", 1), ("the same, address space MiB", "alive", "tiny", ALL, "virtual_kib", 1 / 1024),
    ]
    lines = []
    for label, name, item, threads, metric, unit in rows:
        values = [table.median(name, item, engine, threads, metric) for engine in engines]
        if any(value is not None for value in values):
            ratio = table.ratio(name, item, "updraft", threads, metric)
            lines.append([label, *[number(None if value is None else value * unit) for value in values], number(ratio)])
    return grid(["", *engines, f"updraft / {BASE}"], lines) if lines else ""


def bars(table, result):
    """What the project promises, against what was measured."""
    common = [("compile time, one thread, corpus", "compile", None, 1, "compile", 1.0), ("code size, corpus", "compile", None, 1, "code_size", 1.0),
              ("steady state, kernels", "kernels", None, ALL, "steady", 1.0),
              ("host to wasm, checked", "calls", ["calls"], 1, "in_checked", 0.2), ("host to wasm, unchecked", "calls", ["calls"], 1, "in_unchecked", 0.8),
              ("wasm to host, checked", "calls", ["calls"], 1, "out_checked", 0.25), ("wasm to host, unchecked", "calls", ["calls"], 1, "out_unchecked", 0.7),
              ("empty instance", "instantiate", ["empty"], 1, "instantiate", 1.0), ("instance with 1 MB of data", "instantiate", ["1 MB data"], 1, "instantiate", 1.0),
              ("tiny module, bytes to release", "tiny", None, ALL, "tiny", 0.5), ("tiny modules alive, memory", "alive", None, ALL, "pss_kib", 0.5)]
    lines = []
    for label, name, items, threads, metric, bar in common:
        ratio, count = table.mean_ratio(name, "updraft", threads, metric, items=items)
        if ratio:
            lines.append([label, count, f"{ratio:.2f}", f"<= {bar}", "met" if ratio <= bar else "**missed**"])
    ours, theirs = table.median("alive", "tiny", "updraft", ALL, "mappings") or 0, table.median("alive", "tiny", BASE, ALL, "mappings")
    if theirs:
        lines.append(["tiny modules alive, mappings", 1, f"{ours / theirs:.2f}", "<= 0.5", "met" if ours / theirs <= 0.5 else "**missed**"])
    sizes = result["library_bytes"]
    if {"updraft", "wasmtime"} <= set(sizes):
        ratio = sizes["updraft"] / sizes["wasmtime"]
        lines.append(["stripped shared library", 1, f"{ratio:.2f}", "<= 0.33", "met" if ratio <= 1 / 3 else "**missed**"])
    return grid([f"updraft relative to {BASE}", "items", "ratio", "aim", ""], lines) if lines else ""


def tier_bars(table, result):
    """What the tiers promise, each against the engine that does the like."""
    largest = sorted(result["modules"], key=lambda name: result["modules"][name]["code_size"])[-5:]
    rows = [
        ("compiling, baseline, one thread", "compile", "updraft-baseline", 1, "compile", "v8-liftoff", None, 1 / 1.8),
        ("compiling, baseline, all cores", "compile", "updraft-baseline", ALL, "compile", "v8-liftoff", None, 1 / 1.8),
        ("steady state, baseline", "kernels", "updraft-baseline", ALL, "steady", "updraft", None, 1.4),
        ("the same", "kernels", "updraft-baseline", ALL, "steady", "v8-liftoff", None, 1.0),
        ("the same", "kernels", "updraft-baseline", ALL, "steady", "winch", None, 1.0),
        ("first result, five largest modules, lazy", "first", "updraft-tiered-lazy", ALL, "first", "v8", largest, 0.8),
        ("the same, validation deferred", "first", "updraft-deferred", ALL, "first", "v8-deferred", largest, 0.5),
        ("the same, from bytes that the host keeps", "first", "updraft-deferred-held", ALL, "first", "v8-deferred", largest, 0.5),
        ("the same, eager baseline", "first", "updraft-baseline", ALL, "first", "v8-liftoff", largest, 0.6),
        ("1,000 chained functions, first call", "chain", "updraft-tiered-lazy", ALL, "first", "v8", None, 1.0),
        ("the same, lazy against eager", "chain", "updraft-baseline-lazy", ALL, "first", "updraft-baseline", None, 2.0),
        ("steady state after moving up", "kernels", "updraft-tiered", ALL, "steady", "wasmtime-epoch", None, 0.9),
        ("optimising tier, no interrupts", "kernels", "updraft-nopoll", ALL, "steady", BASE, None, 0.9),
        ("calls and recursion, no interrupts", "kernels", "updraft-nopoll", ALL, "steady", BASE, CALL_HEAVY, 0.6),
        ("one long loop, entered once", "kernels", "updraft-tiered", ALL, "whole", "updraft", ["longloop"], 1.05),
    ]
    lines = []
    for label, name, ours, threads, metric, theirs, items, bar in rows:
        ratio, count = table.mean_ratio(name, ours, threads, metric, theirs, items)
        if ratio:
            lines.append([label, f"{ours} / {theirs}", count, f"{ratio:.2f}", f"<= {bar:.2f}", "met" if ratio <= bar else "**missed**"])
    for name in ("kernels", "whole"):
        best = [(ours / min(theirs)) for item in table.items(name, "whole")
                if (ours := table.median(name, item, "updraft-tiered", ALL, "whole"))
                and all(theirs := [table.median(name, item, peer, ALL, "whole") for peer in (BASE, "v8")])]
        if best:
            mean = math.exp(statistics.fmean(map(math.log, best)))
            lines.append([f"bytes to the end, {name}", f"updraft-tiered / best of {BASE} and v8", len(best), f"{mean:.2f}", "<= 1.05",
                          "met" if mean <= 1.05 else "**missed**"])
    for size in ("short", "medium", "long"):
        best = best_of_all(table, size)
        if best:
            mean = math.exp(statistics.fmean(map(math.log, best)))
            lines.append([f"real programs, {size}, {min(best):.2f} to {max(best):.2f}", "updraft-tiered / best of all others", len(best), f"{mean:.2f}",
                          "<= 1.00, none above 1.10", "met" if mean <= 1 and max(best) <= 1.1 else "**missed**"])
    lines += warm_bars(table)
    return grid(["tiers", "", "items", "ratio", "aim", ""], lines) if lines else ""


def warm_bars(table):
    """What one process leaves to the next, each against what it is to be measured by."""
    lines = []

    def add(label, who, ratios, bar, met=None):
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            verdict = "met" if (mean <= bar if met is None else met) else "**missed**"
            lines.append([f"{label}, {min(ratios):.2f} to {max(ratios):.2f}", who, len(ratios), f"{mean:.2f}", f"<= {bar:.2f}", verdict])

    def pairs(ours, theirs):
        """Times of (set, engine, metric) against those of another, by items that have both."""
        of = lambda item, key: table.median(key[0], item, key[1], ALL, key[2])  # noqa: E731
        return [(a, b) for item in table.items(ours[0], ours[2]) if (a := of(item, ours)) and (b := of(item, theirs))]

    for engine in ("updraft-tiered", "updraft-tiered-lazy"):
        found = pairs(("cached", engine, "first"), ("fresh", engine, "first"))
        add("first result of a second process", f"{engine}, cached / fresh", [a / b for a, b in found], 0.3)
    found = pairs(("opened", "updraft-tiered", "first"), ("opened", BASE, "first"))
    # A millisecond, if authentication makes it slower than what authenticates nothing.
    add(f"the same from an artifact, at most {duration(max(a for a, _ in found))}" if found else "", f"updraft-tiered / {BASE}, opened", [a / b for a, b in found], 1.0,
        all(a <= b or a <= 1e-3 for a, b in found))
    found = pairs(("peak", "updraft-profile", "until"), ("peak", "updraft-tiered", "until"))
    add("until peak speed with a profile alone", "updraft-profile / updraft-tiered", [a / b for a, b in found], 0.5, all(a <= b / 2 for a, b in found))
    return lines


def best_of_all(table, size):
    """Real programs of a size: our time against that of the fastest peer."""
    peers = [engine for engine in ORDER if not engine.startswith("updraft")]
    found = []
    for item in table.items("programs", "whole"):
        theirs = [time for peer in peers if (time := table.median("programs", item, peer, ALL, "whole"))]
        ours = table.median("programs", item, "updraft-tiered", ALL, "whole")
        if item.endswith(size) and ours and theirs:
            found.append(ours / min(theirs))
    return found


def background(table):
    """Compilation beside running code, as `background.c` measures it."""
    items = table.items("background", "price")
    if not items:
        return ""
    value = lambda metric: table.median("background", items[0], "updraft", ALL, metric)  # noqa: E731
    rows = [
        (f"compile throughput of {value('workers'):.0f} workers against one", "scaling", "{:.2f}x", ">= 1.85x of two on two processors"),
        ("publication of one function, beyond its compilation", "publish_ns", "{:.0f} ns", "< 2000 ns"),
        ("running code while another process compiles, against alone", "beside_process", "{:.3f}", ""),
        ("running code while its engine compiles, against alone", "beside_engine", "{:.3f}", ""),
        ("the second against the first: what publication costs it", "price", "{:.3f}", "<= 1.03 with a free processor"),
        ("the same, 99.9th percentile", "price_tail", "{:.3f}", "does not grow"),
    ]
    return grid([f"compiling {items[0]} in the background", "", "aim"], [[label, number(value(key), form), aim] for label, key, form, aim in rows])


def interruptible(table):
    """Both engines with loops that can be interrupted, and both without."""
    lines = []
    for label, ours, theirs in [("neither interrupts loops", "updraft-nopoll", "wasmtime"), ("both do", "updraft", "wasmtime-epoch"),
                                ("both do, ours in two tiers", "updraft-tiered", "wasmtime-epoch")]:
        ratio, count = table.mean_ratio("kernels", ours, ALL, "steady", theirs)
        if ratio:
            lines.append([label, f"{ours} / {theirs}", count, f"{ratio:.3f}"])
    return grid(["steady state of the kernels", "", "items", "ratio"], lines) if lines else ""


def rounds(result):
    """How often everything was measured."""
    if minutes := result.get("budget_minutes"):
        return f"as many of {result['rounds']} interleaved rounds as {minutes:.0f} minutes hold, one at least but for what is left out at the end"
    return f"{result['rounds']} interleaved rounds"


def markdown(result):
    """All tables of a run, as BENCHMARKS.md."""
    table = Table(result)
    machine, clock = result["machine"], {"wall": "wall time", "cpu": "processor time"}[result["clock"]]
    parts = [
        "# Benchmarks\n",
        f"Updraft beside other engines, measured {result['date']} by `bench/run`{' --quick' if result['quick'] else ''}: {rounds(result)}"
        f", medians of {clock}. Tables of ratios show time, or size, relative to {BASE}; lower is better; `~` marks a spread (maximum - minimum)"
        f" above {WIDE:.0%} of the median. Every result was checked.\n",
        *(f"- {part['date']}, updraft {part['updraft']}: {', '.join(part['sets'])}\n" for part in result.get("parts", []) if part["sets"]),
        f"Machine: {machine['cpu']}, {machine['processors']} processors, {machine['memory_gib']} GiB, Linux {machine['kernel']},"
        f" load {machine['load']:.1f} at the end.\n",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in result["versions"].items()) + ".\n",
        grid(["engine", "what it is"], [[name, ENGINES[name][3]] for name in ORDER if any(r["engine"] == name for r in result["rows"])]),
    ]
    sections = [
        ("Against the aims", bars(table, result)), ("Tiers, against the aims", tier_bars(table, result)), ("Interrupts", interruptible(table)),
        ("Kernels: steady state", ratios(table, "kernels", "steady", ALL, "ms", 1e3)),
        ("Kernels: from bytes to the first result", ratios(table, "kernels", "whole", ALL, "ms", 1e3)),
        ("Kernels: memory of the process afterwards (PSS)", ratios(table, "kernels", "pss_kib", ALL, "MiB", 1 / 1024)),
        ("Whole runs: from bytes to the result", ratios(table, "whole", "whole", ALL, "ms", 1e3)),
        ("Real programs: from bytes to the end", ratios(table, "programs", "whole", ALL, "ms", 1e3)),
        ("Compile throughput, one thread (MB of code section per second)", throughput(table, result, 1) if table.items("compile", "compile") else ""),
        ("Compile throughput, all processors", throughput(table, result, ALL) if table.engines("compile", "compile", ALL) else ""),
        ("Streams of 10 MB/s: from the last piece to the module, ms", streams(table)),
        ("Code size", code_sizes(table, result)),
        ("Memory added by compiling (PSS), one thread", ratios(table, "compile", "pss_kib", 1, "MiB", 1 / 1024)),
        ("From bytes to the first result of a call, relative to V8", ratios(table, "first", "first", ALL, "ms", 1e3, "v8")),
        ("Starts of processes that find something kept", starts(table)), ("Until peak speed", peaks(table)),
        ("Calls, instances, tiny modules", edges(table, result)),
        ("Compilation in the background", background(table)),
        ("Stripped library", grid(["library", "MB"], [[name, f"{size / 1e6:.2f}"] for name, size in result["library_bytes"].items()])),
    ]
    for title, body in sections:
        if body:
            parts += [f"## {title}\n", body]
    if result["failed"] or result["notes"]:
        parts += ["## Left out\n", "\n".join(f"- {short(failure)}" for failure in collapse(result)) + "\n"]
    return "\n".join(parts)


def collapse(result):
    """Failures by engine and reason: a refused feature concerns many modules."""
    groups = {}
    for failure in result["failed"]:
        groups.setdefault((failure["set"], failure["engine"], failure["error"][:120]), []).append(failure["item"])
    left_out = [note for note in result["notes"] if note.startswith("LEFT OUT")]
    return [*left_out, *(f"{name}, {engine}, {', '.join(dict.fromkeys(items))}: {error}" for (name, engine, error), items in groups.items())]


def short(text):
    return " ".join(text.split())[:300]
