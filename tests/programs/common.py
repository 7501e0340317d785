"""Small helpers of the recipes: deterministic data, the system calls that C libraries expect, Rust's ABI."""

import struct
import zlib


def noise(count, seed=1):
    """Bytes that do not compress, the same everywhere."""
    out = bytearray()
    while len(out) < count:
        seed = (seed * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out += struct.pack(">I", seed >> 32)
    return bytes(out[:count])


def prose(count):
    """Bytes that compress well."""
    words = ("the quick brown fox jumps over a lazy dog while seven wizards box with jade liquor "
             "and every engine compiles what is hot").split()
    picks = noise(count, 7)
    return " ".join(words[b % len(words)] for b in picks).encode()[:count]


def picture(width, height, phase=0):
    """RGBA pixels with gradients, edges and some noise."""
    grain = noise(width * height, 3 + phase)
    out = bytearray()
    for y in range(height):
        for x in range(width):
            inside = (x - width // 2 + phase) ** 2 + (y - height // 2) ** 2 < (height // 3) ** 2
            out += bytes((x * 255 // width, y * 255 // height, 200 if inside else grain[y * width + x] % 16, 255))
    return bytes(out)


def png(width, height, rgba):
    """A PNG file, without filters and barely compressed, so that an optimiser has work."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + rgba[y * width * 4:(y + 1) * width * 4] for y in range(height))
    # Stored blocks: the bytes do not depend on the version of zlib.
    blocks = b"".join(struct.pack("<BHH", i + 65535 >= len(rows), len(rows[i:i + 65535]), ~len(rows[i:i + 65535]) & 0xFFFF)
                      + rows[i:i + 65535] for i in range(0, len(rows), 65535))
    stream = b"\x78\x01" + blocks + struct.pack(">I", zlib.adler32(rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


class Wasi:
    """The few system calls of preview 1 that library modules use: output is kept, time stands still."""

    def __init__(self, names):
        self.output = b""
        self.imports = {("wasi_snapshot_preview1", name): getattr(self, name) for name in names}

    def fd_write(self, module, fd, vectors, count, written):
        total = 0
        for i in range(count):
            pointer, size = struct.unpack("<II", module.read(vectors + 8 * i, 8))
            self.output += module.read(pointer, size)
            total += size
        module.write(written, struct.pack("<I", total))
        return 0

    def fd_close(self, module, fd):
        return 0

    def fd_fdstat_get(self, module, fd, out):
        module.write(out, struct.pack("<BxHxxxxQQ", 2, 1, 0, 0))
        return 0

    def fd_seek(self, module, fd, offset, whence, out):
        return 70  # not seekable

    def clock_time_get(self, module, clock, precision, out):
        module.write(out, struct.pack("<Q", 1_700_000_000_000_000_000))
        return 0

    def random_get(self, module, pointer, size):
        module.write(pointer, noise(size, 11))
        return 0

    def environ_sizes_get(self, module, count, size):
        module.write(count, bytes(4))
        module.write(size, bytes(4))
        return 0

    def environ_get(self, module, pointers, buffer):
        return 0


def rust_bytes(module, export, data, *rest):
    """Calls a wasm-bindgen export that takes and gives a byte vector, by the raw convention."""
    result = module.call("__wbindgen_add_to_stack_pointer", -16)
    pointer = module.call("__wbindgen_malloc", len(data), 1)
    module.write(pointer, data)
    module.call(export, result, pointer, len(data), *rest)
    out, size = module.u32(result), module.u32(result + 4)
    bytes_out = module.read(out, size)
    module.call("__wbindgen_free", out, size, 1)
    module.call("__wbindgen_add_to_stack_pointer", 16)
    return bytes_out


def format_text(module, text):
    """The convention of the TinyGo formatters: 0 = unchanged, 1 = formatted, 2 = an error message."""
    pointer = module.call("alloc", len(text))
    module.write(pointer, text)
    status = module.call("format")
    out = text if status == 0 else module.read(module.call("output_ptr"), module.call("output_len"))
    module.call("dispose")
    return status, out
