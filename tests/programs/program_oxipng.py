"""OxiPNG, an optimiser of PNG pictures (Rust, wasm-bindgen)."""

from common import picture, png, rust_bytes

PACKAGES = ["npm:@jsquash/oxipng@2.3.0"]


def run(host):
    codec = host.module("package/codec/pkg/squoosh_oxipng_bg.wasm", {})
    for width, height, level, interlace in ((64, 48, 2, 0), (120, 90, 3, 1), (33, 7, 1, 0)):
        before = png(width, height, picture(width, height))
        after = rust_bytes(codec, "optimise", before, level, interlace, 0)
        assert after.startswith(b"\x89PNG") and len(after) < len(before)
        codec.transcript.append(["optimised", after])
    codec.finish()
