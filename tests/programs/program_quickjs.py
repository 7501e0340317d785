"""QuickJS, a JavaScript engine (C, wasi-sdk): a library module that evaluates scripts."""

from common import Wasi

PACKAGES = ["npm:quickjs-wasi@3.6.2"]

SCRIPTS = {
    "numbers": "let s = 0; for (let i = 1; i <= 20000; i++) s += Math.sqrt(i) / i; [s, 0.1 + 0.2, 1e21, -0].join()",
    "strings": "'Grüße, 世界 🌍'.split('').reverse().join('|') + 'abc'.padStart(8, '*').toUpperCase()",
    "bigint": "let a = 1n; for (let i = 1n; i < 200n; i++) a *= i; String(a)",
    "regexp": r"'2026-11-20T05:10'.replace(/(?<y>\d{4})-(?<m>\d\d)-(?<d>\d\d)/u, '$<d>.$<m>.$<y>')",
    "closures": """const memo = new Map();
        const fib = n => n < 2 ? BigInt(n) : memo.get(n) ?? (memo.set(n, fib(n - 1) + fib(n - 2)), memo.get(n));
        class A { #x = 1; get x() { return this.#x } static make() { return new this() } }
        JSON.stringify({ fib: String(fib(300)), x: A.make().x, sorted: [5, 3, 11, 1].sort(), spread: [...'xyz'] })""",
    "errors": "try { null.f() } catch (e) { e.name + ': ' + e.message }",
    "generators": "function* g() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b] } } "
                  "const out = []; for (const v of g()) { if (v > 1e6) break; out.push(v) } out.join()",
    "sort": "let x = 1; const a = Array.from({ length: 5000 }, () => x = (x * 16807) % 2147483647); "
            "a.sort((p, q) => p - q); [a[0], a[2500], a[4999]].join()",
    "recursion": "function f(n) { return n === 0 ? 0 : 1 + f(n - 1) } f(300)",
    "overflow": "function f() { return 1 + f() } try { f() } catch (e) { e.name }",
}


def run(host):
    wasi = Wasi(["fd_write", "fd_close", "fd_fdstat_get", "fd_seek", "clock_time_get", "random_get"])
    imports = dict(wasi.imports)
    imports["env", "host_get_timezone_offset"] = lambda module, high, low: 0
    imports["env", "host_interrupt"] = lambda module, *_: 0
    js = host.module("package/quickjs.wasm", imports)
    js.call("_initialize")
    js.call("qjs_init")
    js.call("qjs_set_max_stack_size", 100_000)

    def place(text):
        pointer = js.call("wasm_malloc", len(text) + 1)
        js.write(pointer, text + b"\0")
        return pointer

    def string_of(value):
        pointer = js.call("qjs_get_string_len", value, size_out)
        text = js.read(pointer, js.u32(size_out)).decode("utf-8", "surrogatepass")
        js.call("qjs_free_cstring", pointer)
        return text

    size_out = js.call("wasm_malloc", 4)
    for name, script in SCRIPTS.items():
        # A block, so that scripts do not see each other's names.
        script = f"{{ {script} }}".encode()
        source, file = place(script), place(name.encode() + b".js")
        value = js.call("qjs_eval", source, len(script), file, 0)
        assert not js.call("qjs_is_exception", value), name
        text = string_of(value)
        js.transcript.append([name, text])
        if name == "recursion":
            assert text == "300"
        if name == "errors":
            assert text == "TypeError: cannot read property 'f' of null", text
        js.call("qjs_free_value", value)
        js.call("wasm_free", source)
        js.call("wasm_free", file)
    js.call("qjs_run_gc")
    js.finish()
