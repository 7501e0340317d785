"""Oniguruma, a regular-expression engine (C, Emscripten)."""

import struct

PACKAGES = ["npm:vscode-oniguruma@2.0.1"]

SCANNERS = [
    [rb"\b(let|const|var)\b\s+(\w+)", rb"\"(?:[^\"\\]|\\.)*\"", rb"//.*$", rb"\d+(?:\.\d+)?"],
    [rb"(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)", rb"(?<=@)[a-z.]+(?=>)"],
    [rb"(?i:STRASSE|gr\xc3\xbc\xc3\x9fe)", rb"\p{Greek}+", rb"[[:upper:]]{2,}"],
    [rb"\((?:[^()]|\g<0>)*\)", rb"(a+)+b", rb"(\w)\1"],
]

TEXTS = [
    b"let answer = 42; // the \"answer\"\nconst pi = 3.14159, s = \"a \\\"quoted\\\" word\";\n",
    b"On 2026-11-20 <someone@example.org> wrote: see 1999-12-31.",
    "Grüße aus der STRASSE, ΑΒΓΔ αβγδ und UNIX".encode(),
    b"f(g(1, (2)), h()) aaaaaaaaaaaaaaaaaaaaaaac book keeper",
]


def run(host):
    imports = {("env", "emscripten_get_now"): lambda module: 1.5}

    def copy(module, target, source, size):
        module.write(target, module.read(source, size))
    imports["env", "emscripten_memcpy_big"] = copy
    constants = {}

    def constant(module, name, kind, value):
        constants[module.text(name)] = int(value)
    imports["env", "_embind_register_constant"] = constant
    for name in ("void", "bool", "integer", "float", "std_string", "std_wstring", "emval", "memory_view",
                 "bigint"):
        imports["env", f"_embind_register_{name}"] = lambda module, *_: None
    onig = host.module("package/release/onig.wasm", imports)
    onig.call("__wasm_call_ctors")
    onig.call("_embind_initialize_bindings")
    settings = constants["ONIG_OPTION_CAPTURE_GROUP"], constants["ONIG_SYNTAX_RUBY"]

    def place(data):
        pointer = onig.call("omalloc", len(data))
        onig.write(pointer, data)
        return pointer

    found = 0
    for patterns in SCANNERS:
        pointers = place(struct.pack(f"<{len(patterns)}I", *[place(p) & 0xFFFFFFFF for p in patterns]))
        sizes = place(struct.pack(f"<{len(patterns)}I", *map(len, patterns)))
        scanner = onig.call("createOnigScanner", pointers, sizes, len(patterns), *settings)
        assert scanner != 0, onig.text(onig.call("getLastOnigError"))
        for number, text in enumerate(TEXTS):
            string, position = place(text), 0
            while position <= len(text):
                result = onig.call("findNextOnigScannerMatch", scanner, number + 1, string, len(text), position, 0)
                if result == 0:
                    break
                which, count = onig.u32(result), onig.u32(result + 4)
                spans = struct.unpack(f"<{2 * count}i", onig.read(result + 8, 8 * count))
                onig.transcript.append(["match", which, spans, text[spans[0]:spans[1]]])
                found += 1
                position = max(spans[1], position + 1)
            onig.call("ofree", string)
        onig.call("freeOnigScanner", scanner)
    assert found >= 25, found
    bad = place(b"(unclosed")
    pointers, sizes = place(struct.pack("<I", bad & 0xFFFFFFFF)), place(struct.pack("<I", 9))
    assert onig.call("createOnigScanner", pointers, sizes, 1, *settings) == 0
    assert "parenthesis" in onig.text(onig.call("getLastOnigError"))
    onig.finish()

