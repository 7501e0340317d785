"""Zstandard, a compression library (C, Emscripten; the exports have one-letter names)."""

import struct

from common import noise, prose

PACKAGES = ["npm:@bokuweb/zstd-wasm@0.0.27"]
INIT, IS_ERROR, BOUND, COMPRESS, CONTENT_SIZE, DECOMPRESS, MALLOC, FREE = "g", "h", "i", "m", "p", "r", "s", "t"


def run(host):
    zstd = host.module("package/dist/common/zstd.wasm", {})
    zstd.call(INIT)
    for data in (b"", b"x", prose(200_000), noise(40_000), bytes(300_000), prose(5_000) + noise(1_000) + prose(5_000)):
        for level in (1, 3, 9, 19):
            bound = zstd.call(BOUND, len(data))
            source, packed = zstd.call(MALLOC, len(data) or 1), zstd.call(MALLOC, bound)
            zstd.write(source, data)
            size = zstd.call(COMPRESS, packed, bound, source, len(data), level)
            assert zstd.call(IS_ERROR, size) == 0
            zstd.transcript.append(["packed", len(data), level, zstd.read(packed, size)])
            assert len(data) < 100_000 or size < len(data) / 2
            out = zstd.call(MALLOC, len(data) or 1)
            assert zstd.call(DECOMPRESS, out, len(data), packed, size) == len(data)
            assert zstd.read(out, len(data)) == data
            # A damaged frame is refused, never a crash.
            zstd.write(packed, b"\0")
            assert zstd.call(IS_ERROR, zstd.call(DECOMPRESS, out, len(data), packed, size)) == 1
            for pointer in (source, packed, out):
                zstd.call(FREE, pointer)
    zstd.finish()
