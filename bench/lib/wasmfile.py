"""Reads what the benchmarks need to know of a WebAssembly file: imports, exports, the size of the code section."""

VALUE_TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}
KINDS = ["func", "table", "memory", "global"]


class Unsupported(Exception):
    """The file uses something that this reader does not know."""


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    def name(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value_type(self):
        byte = self.byte()
        if byte not in VALUE_TYPES:
            raise Unsupported(f"value type {byte:#x}")
        return VALUE_TYPES[byte]

    def limits(self):
        flags = self.byte()
        limits = {"initial": self.number()}
        if flags & 1:
            limits["maximum"] = self.number()
        if flags & 2:
            limits["shared"] = True
        if flags & ~3:
            raise Unsupported(f"limits {flags:#x}")
        return limits

    def function_type(self):
        form = self.byte()
        if form != 0x60:
            raise Unsupported(f"type form {form:#x}")
        params = [self.value_type() for _ in range(self.number())]
        return params, [self.value_type() for _ in range(self.number())]

    def table(self):
        element = self.value_type()
        return {"element": {"funcref": "anyfunc"}.get(element, element), **self.limits()}

    def global_type(self):
        value = self.value_type()
        return {"value": value, "mutable": bool(self.byte())}


class WasmFile:
    """The outline of a module."""

    def __init__(self, data):
        if data[:8] != b"\0asm\1\0\0\0":
            raise Unsupported("no WebAssembly file")
        self.size, self.code_size = len(data), 0
        self.imports, self.exports, self.types = [], {}, []
        self.function_types = []
        reader = Reader(data, 8)
        while reader.at < len(data):
            section, size = reader.byte(), reader.number()
            end = reader.at + size
            if section == 1:
                self.types = [reader.function_type() for _ in range(reader.number())]
            elif section == 2:
                for _ in range(reader.number()):
                    self.imports.append(self.read_import(reader))
            elif section == 3:
                self.function_types += [reader.number() for _ in range(reader.number())]
            elif section == 7:
                for _ in range(reader.number()):
                    name, kind, index = reader.name(), reader.byte(), reader.number()
                    if kind == 0:
                        self.exports[name] = self.types[self.function_types[index]]
            elif section == 10:
                self.code_size = size
            reader.at = end

    def read_import(self, reader):
        item = {"module": reader.name(), "name": reader.name()}
        kind = reader.byte()
        if kind >= len(KINDS):
            raise Unsupported(f"import of kind {kind}")
        item["kind"] = KINDS[kind]
        if kind == 0:
            index = reader.number()
            self.function_types.append(index)
            item["results"] = self.types[index][1]
        else:
            item["type"] = [None, reader.table, reader.limits, reader.global_type][kind]()
        return item


def leb(value):
    out = b""
    while True:
        value, byte = value >> 7, value & 127
        out += bytes([byte | (128 if value else 0)])
        if not value:
            return out


def section(number, payload):
    return bytes([number]) + leb(len(payload)) + payload


def module_with_data(size):
    """A module with `size` bytes of initial data, none of them zero, and a function that reads the last one."""
    pages = (size + 65535) // 65536
    data = bytes((i * 2654435761 >> 24) % 255 + 1 for i in range(size))
    last = bytearray()
    value = size - 1
    while True:  # signed, unlike all others
        byte, value = value & 127, value >> 7
        done = value == 0 and not byte & 64
        last.append(byte if done else byte | 128)
        if done:
            break
    body = b"\0\x41" + bytes(last) + b"\x2d\0\0\x0b"
    return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\1\x7f") + section(3, b"\1\0") + section(5, b"\1\0" + leb(pages))
            + section(7, b"\1\3run\0\0") + section(10, b"\1" + leb(len(body)) + body)
            + section(11, b"\1\0\x41\0\x0b" + leb(size) + data))


def module_with_chain(count):
    """A module of `count` tiny functions, each of which adds one to what the next returns; `run` is the first."""
    bodies = [b"\0\x20\0\x41\1\x6a\x10" + leb(i + 1) + b"\x0b" for i in range(count - 1)] + [b"\0\x20\0\x0b"]
    code = leb(count) + b"".join(leb(len(body)) + body for body in bodies)
    return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\1\x7f\1\x7f") + section(3, leb(count) + b"\0" * count) + section(7, b"\1\3run\0\0")
            + section(10, code))
