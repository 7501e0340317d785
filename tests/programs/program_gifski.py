"""gifski, an encoder of animated GIF pictures (Rust, wasm-bindgen): floating point and vectors of pixels."""

from common import picture

PACKAGES = ["npm:gifski-wasm@2.2.0"]


def run(host):
    codec = host.module("package/pkg/gifski_wasm_bg.wasm", {})
    width, height, frame_count = 80, 60, 5
    frames = b"".join(picture(width, height, 4 * i) for i in range(frame_count))
    result = codec.call("__wbindgen_add_to_stack_pointer", -16)
    pointer = codec.call("__wbindgen_malloc", len(frames), 1)
    codec.write(pointer, frames)
    # frames, their count, width, height, rate, no durations, quality, repeat for ever, no resizing
    codec.call("encode", result, pointer, len(frames), frame_count, width, height, 10, 0, 0, 80, 1, 0, 0, 0, 0, 0)
    out, size = codec.u32(result), codec.u32(result + 4)
    picture_bytes = codec.read(out, size)
    codec.transcript.append(["gif", picture_bytes])
    assert picture_bytes.startswith(b"GIF89a") and len(picture_bytes) > 2000
    codec.call("__wbindgen_free", out, size, 1)
    codec.call("__wbindgen_add_to_stack_pointer", 16)
    codec.finish()
