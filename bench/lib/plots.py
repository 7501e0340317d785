"""Pictures of a run: bars per kernel and module, time lines of whole runs. Plain SVG."""

import html
import math

from .engines import BASE
from .report import Table, duration
from .sets import ALL

COLOURS = ["#1b6ca8", "#63a4d4", "#a9cfea", "#b5442e", "#e08e79", "#e9b44c", "#7d8c4c", "#b7c68b", "#6a4c93", "#8d99ae", "#c5cbd6",
           "#2a9d8f", "#90d5cc"]
FONT = 'font-family="sans-serif" font-size="11"'


def text(x, y, words, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {extra}>{html.escape(words)}</text>'


def rectangle(x, y, width, height, colour, title):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" fill="{colour}"><title>{html.escape(title)}</title></rect>'


def document(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<rect width="{width}" height="{height}" fill="white"/>' + "".join(parts) + "</svg>\n")


def bars(title, groups, engines, form, mark=None):
    """Horizontal bars: groups is {label: {engine: value}}; `mark` draws a line at a value."""
    top, left, bar, gap, width = 40 + 16 * ((len(engines) + 3) // 4), 130, 9, 8, 900
    largest = max((value for values in groups.values() for value in values.values()), default=1)
    scale = (width - left - 80) / largest
    parts = [text(10, 20, title, extra='font-weight="bold"')]
    for i, engine in enumerate(engines):
        x, y = left + (i % 4) * 190, 36 + 16 * (i // 4)
        parts += [rectangle(x, y - 9, 10, 10, COLOURS[i % len(COLOURS)], engine), text(x + 14, y, engine)]
    y = top
    for label, values in groups.items():
        start = y
        for i, engine in enumerate(engines):
            if engine in values:
                value = values[engine]
                parts += [rectangle(left, y, value * scale, bar, COLOURS[i % len(COLOURS)], f"{label} {engine} {form(value)}"),
                          text(left + value * scale + 4, y + bar - 1, form(value), extra='fill="#666" style="font-size:8px"')]
                y += bar + 1
        parts.append(text(left - 6, (start + y) / 2 + 4, label, "end"))
        y += gap
    if mark:
        x = left + mark * scale
        parts.append(f'<line x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{y}" stroke="#000" stroke-dasharray="3,3"/>')
    return document(width, y + 10, parts)


def time_lines(title, groups, engines):
    """Stacked bars on a logarithmic axis: groups is {label: {engine: (compile seconds, whole seconds)}}."""
    top, left, bar, gap, width = 44, 240, 10, 12, 900
    whole = [pair[1] for values in groups.values() for pair in values.values()]
    low, high = math.log10(min(whole)) - 1, math.log10(max(whole)) + 0.1
    place = lambda seconds: left + (math.log10(max(seconds, 10 ** low)) - low) / (high - low) * (width - left - 90)  # noqa: E731
    parts = [text(10, 20, title, extra='font-weight="bold"'), text(left, 36, "dark: until compiled, light: until the result; logarithmic axis")]
    y = top
    for label, values in groups.items():
        for i, engine in enumerate(engines):
            if engine in values:
                compiled, end = values[engine]
                colour = COLOURS[i % len(COLOURS)]
                words = f"{label} {engine}: compiled {duration(compiled)}, done {duration(end)}"
                parts += [f'<g opacity="0.45">{rectangle(left, y, place(end) - left, bar, colour, words)}</g>',
                          rectangle(left, y, place(compiled) - left, bar, colour, words), text(left - 6, y + bar - 1, f"{label}, {engine}", "end"),
                          text(place(end) + 4, y + bar - 1, duration(end), extra='fill="#666"')]
                y += bar + 2
        y += gap
    return document(width, y + 10, parts)


def draw(result, folder):
    """Writes the pictures that the result has data for; returns their paths."""
    table, written = Table(result), []

    def save(name, picture):
        path = folder / f"{name}.svg"
        path.write_text(picture)
        written.append(path)

    def gather(name, metric, threads, value):
        engines = table.engines(name, metric, threads)
        groups = {}
        for item in table.items(name, metric):
            values = {engine: value(item, engine) for engine in engines}
            groups[item] = {engine: number for engine, number in values.items() if number}
        return {label: values for label, values in groups.items() if values}, engines

    for name, metric, title in [("kernels", "steady", "Steady state of kernels"), ("first", "first", "From bytes to the first result of a call")]:
        groups, engines = gather(name, metric, ALL, lambda item, engine: table.ratio(name, item, engine, ALL, metric))
        if groups:
            # An interpreter would press everybody else to the wall.
            engines = [engine for engine in engines if not engine.startswith("wasmi") or name == "first"]
            groups = {label: {engine: value for engine, value in values.items() if engine in engines} for label, values in groups.items()}
            save(name, bars(f"{title}: time relative to {BASE}", groups, engines, "{:.2f}".format, mark=1))
    for threads, word in [(1, "one thread"), (ALL, "all processors")]:
        speed = lambda item, engine: (  # noqa: E731
            result["modules"][item]["code_size"] / 1e6 / seconds if (seconds := table.median("compile", item, engine, threads, "compile")) else None)
        groups, engines = gather("compile", "compile", threads, speed)
        # V8 compiles nothing here, it only validates.
        engines = [engine for engine in engines if engine != "v8"]
        groups = {label: {engine: value for engine, value in values.items() if engine in engines} for label, values in groups.items()}
        if any(groups.values()):
            save(f"compile-{'1' if threads == 1 else 'all'}", bars(f"Compiling, {word}: MB of code section per second", groups, engines, "{:.1f}".format))
    groups, engines = gather("whole", "whole", ALL, lambda item, engine: (
        (table.median("whole", item, engine, ALL, "compile") or 0, whole) if (whole := table.median("whole", item, engine, ALL, "whole")) else None))
    if groups:
        save("whole", time_lines("Whole runs: from bytes to the result", groups, engines))
    return written
