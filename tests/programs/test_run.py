"""What examples/run promises on its command line: options, exit codes, the trap report, the sandbox.

    test_run.py --run RUN
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
RAYTRACER = os.path.join(EXAMPLES, "raytracer", "raytracer.wasm")
# The picture is the same on every machine; a native build of raytracer.c gives it, too.
SMALL = ["--size", "160x100", "--samples", "4"]
SMALL_CHECKSUM = "a52e993b7266a056"
MODES = [[], ["--lazy"], ["--signals=off"], ["--explicit-bounds"], ["--lazy", "--signals", "off"]]

TRAPS = """(module $traps
  (memory (export "memory") 1 100)
  (table 1 funcref)
  (func $inner (param i32) (result i32)
    (i32.load (i32.mul (local.get 0) (i32.const 65536))))
  (func $outer (param i32) (result i32) (i32.add (i32.const 1) (call $inner (local.get 0))))
  (func (export "load") (param i32) (result i32) (call $outer (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $again (export "overflow") (param i64) (result i64) (i64.add (i64.const 1) (call $again (local.get 0))))
  (func (export "indirect") (call_indirect (i32.const 0)))
  (func $stop (export "unreachable") (unreachable))
  (func (export "spin") (loop $l (br $l)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
"""

VALUES = """(module
  (func (export "i32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "i64") (param i64) (result i64) (i64.mul (local.get 0) (i64.const -3)))
  (func (export "f32") (param f32) (result f32) (f32.div (local.get 0) (f32.const 3)))
  (func (export "f64") (param f64) (result f64) (f64.sqrt (local.get 0)))
  (func (export "many") (result i32 i64 f64 v128 funcref)
    (i32.const 1) (i64.const 2) (f64.const 0.5) (v128.const i32x4 1 2 3 4) (ref.null func))
  (global (export "number") i32 (i32.const 1)))
"""

ECHO = """(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $print (param $size i32)
    (i32.store (i32.const 16) (i32.const 4096))
    (i32.store (i32.const 20) (local.get $size))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func (export "_start")
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 1024) (i32.const 4096)))
    (call $print (i32.load (i32.const 4)))
    (drop (call $env_sizes (i32.const 8) (i32.const 12)))
    (drop (call $env (i32.const 1024) (i32.const 4096)))
    (call $print (i32.load (i32.const 12)))
    (call $exit (i32.load (i32.const 0)))))
"""

MISSING = """(module (import "env" "first" (func)) (import "other" "second" (func (param i32))) (func (export "_start")))"""


class Runner:
    def __init__(self, run, directory):
        self.run = run
        self.directory = directory

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def __call__(self, *args, code=0, env=None):
        done = subprocess.run([self.run, *args], capture_output=True, cwd=self.directory, stdin=subprocess.DEVNULL,
                              env=env, timeout=300)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, (args, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done


def command_line_is_explained_and_checked(run):
    assert run("--help").stdout.startswith("usage: run [options] FILE.wasm")
    assert re.match(r"run \(updraft \d+\.\d+\.\d+, interface \d+, x86_64", run("--version").stdout)
    assert "no file" in run(code=2).stderr
    for wrong in (["--nonsense", "x"], ["--dir"], ["--timeout", "soon", "x"], ["--max-memory", "12Q", "x"],
                  ["--signals=maybe", "x"], ["--env", "=x", "x"], ["--dir", "::guest", "x"], ["--timeout=-1", "x"]):
        assert run(*wrong, code=2).stderr.startswith("run: "), wrong
    assert "No such file" in run("missing.wasm", code=1).stderr
    assert "cannot load" in run(run.file("junk.wasm", "\0asm junk"), code=1).stderr
    library = run.file("values.wat", VALUES)
    assert "--invoke" in run(library, code=1).stderr


def all_missing_imports_are_named(run):
    stderr = run(run.file("missing.wat", MISSING), code=1).stderr
    assert "first" in stderr and "second" in stderr, stderr


def picture_is_the_same_in_every_mode(run):
    for mode in MODES:
        done = run(*mode, "--dir", ".::/out", RAYTRACER, *SMALL, "/out/small.ppm")
        assert SMALL_CHECKSUM in done.stdout, (mode, done.stdout[-300:])
        with open(os.path.join(run.directory, "small.ppm"), "rb") as file:
            picture = file.read()
        assert picture.startswith(b"P6\n160 100\n255\n") and len(picture) == 15 + 160 * 100 * 3
        os.remove(os.path.join(run.directory, "small.ppm"))
    assert run(RAYTRACER, "--size", "nonsense", code=2).stderr.startswith("usage: raytracer")


def files_outside_are_out_of_reach(run):
    os.mkdir(os.path.join(run.directory, "inside"))
    run("--ro-dir", "inside::/out", RAYTRACER, *SMALL, "/out/x.ppm", code=1)
    run("--dir", "inside::/out", RAYTRACER, *SMALL, "/out/../x.ppm", code=1)
    run(RAYTRACER, *SMALL, "x.ppm", code=1)
    os.symlink("..", os.path.join(run.directory, "inside", "up"))
    run("--dir", "inside::/out", RAYTRACER, *SMALL, "/out/up/x.ppm", code=1)
    assert not os.path.exists(os.path.join(run.directory, "x.ppm"))
    assert "missing-dir" not in os.listdir(run.directory)
    run("--dir", "missing-dir", RAYTRACER, code=1)


def traps_are_reported_with_names_and_offsets(run):
    traps = run.file("traps.wat", TRAPS)
    cases = [(["load", "1"], "out of bounds memory access", r"0: traps!inner .*\n.*1: traps!outer "),
             (["divide", "1", "0"], "integer divide by zero", r"0: traps!"),
             (["divide", "0x80000000", "-1"], "integer overflow", r"0: traps!"),
             (["overflow", "1"], "call stack exhausted", r"0: traps!again"),
             (["indirect"], "uninitialized element", r"0: traps!"),
             (["unreachable"], "unreachable", r"0: traps!stop  function \d+, at 0x[0-9a-f]+\n")]
    for mode in MODES:
        for call, message, frames in cases:
            stderr = run(*mode, "--invoke", call[0], traps, *call[1:], code=134).stderr
            assert message in stderr and re.search(frames, stderr), (mode, call, stderr)


def time_and_memory_are_limited(run):
    traps = run.file("traps.wat", TRAPS)
    for mode in MODES:
        start = time.monotonic()
        stderr = run(*mode, "--timeout", "0.3", "--invoke=spin", traps, code=124).stderr
        assert "deadline" in stderr, stderr
        assert 0.25 < time.monotonic() - start < 60
        assert run(*mode, "--max-memory", "2M", "--invoke", "grow", traps, "31").stdout == "i32 1\n"
        assert run(*mode, "--max-memory", "2M", "--invoke", "grow", traps, "32").stdout == "i32 -1\n"
    assert "call stack exhausted" in run("--max-stack=64K", "--invoke", "overflow", traps, "1", code=134).stderr


def results_are_typed(run):
    values = run.file("values.wat", VALUES)
    assert run("--invoke", "i32", values, "0xffffffff", "43").stdout == "i32 42\n"
    assert run("--invoke", "i64", values, "9223372036854775807").stdout == "i64 -9223372036854775805\n"
    assert run("--invoke", "f32", values, "1").stdout == "f32 0.333333343\n"
    assert run("--invoke", "f64", values, "2").stdout == "f64 1.4142135623730951\n"
    assert run("--invoke", "many", values).stdout == (
        "i32 1\ni64 2\nf64 0.5\nv128 0x00000004000000030000000200000001\nfuncref null\n")
    assert "takes 2 arguments, not 1" in run("--invoke", "i32", values, "1", code=2).stderr
    assert "not a value" in run("--invoke", "i32", values, "1", "4294967296", code=2).stderr
    assert "not a function" in run("--invoke", "number", values, code=1).stderr
    run("--invoke", "absent", values, code=1)


def arguments_environment_and_status_pass_through(run):
    echo = run.file("echo.wat", ECHO)
    # The status is the number of arguments, the program's name included.
    done = run("--env", "A=1", "--env", "FROM_HOST", "--env", "UNSET", echo, "--dir", "two words", code=3,
               env={"FROM_HOST": "yes", "HIDDEN": "secret"})
    assert done.stdout == "echo.wat\0--dir\0two words\0A=1\0FROM_HOST=yes\0", done.stdout
    assert run(echo, code=1).stdout == "echo.wat\0"


def statistics_go_to_standard_error(run):
    stderr = run("-v", "--invoke", "i32", run.file("values.wat", VALUES), "1", "2").stderr
    assert re.search(r"5 functions, 5 of them compiled", stderr), stderr
    stderr = run("-v", "--lazy", "--invoke", "i32", run.file("values.wat", VALUES), "1", "2").stderr
    assert re.search(r"5 functions, 1 of them compiled", stderr), stderr


STRATEGIES = [["--strategy", "eager"], ["--strategy", "lazy"], ["--strategy", "background"],
              ["--strategy", "eager", "--compilers=top"], ["--strategy", "lazy", "--compilers=top"],
              ["--strategy=eager", "--compilers", "baseline"], ["--strategy=background", "--compilers=baseline"],
              ["--strategy", "eager", "--compilers", "both"], ["--strategy=lazy-top", "--compilers=both"]]


def in_background(mode):
    """Whether the program may end while something is being published: with both compilers, what is hot moves up."""
    alone = mode[-1] in ("baseline", "--compilers=baseline", "--compilers=top")
    return not alone or any("background" in option for option in mode)


def tiers_are_shown_function_by_function(run):
    for mode in STRATEGIES:
        done = run("--tiers", *mode, "--dir", ".", RAYTRACER, *SMALL, "x.ppm")
        assert SMALL_CHECKSUM in done.stdout, mode
        assert "\r" not in done.stderr, "no progress bar without a terminal"
        rows = re.findall(r"^ +(\d+)  (\S+) +(\S+) +(\d+) +(\d+\.\d)  (.+)$", done.stderr, re.M)
        ran = [row for row in rows if row[1] != "-"]
        summary = dict(re.findall(r"^run: (\w+(?: code)?) +(\d+) functions", done.stderr, re.M))
        assert set(summary) == {"top", "baseline", "no code"}, done.stderr
        assert len(ran) == int(summary["top"]) + int(summary["baseline"]) > 20, mode
        # A function that is being published has its tier already, and its numbers a moment later.
        known = [row for row in ran if int(row[3]) > 0 and float(row[4]) > 0]
        assert len(known) > 20 and (len(known) == len(ran) or in_background(mode)), (mode, done.stderr)
        if mode[-1].endswith("baseline"):
            assert {row[1] for row in ran} == {"baseline"}, mode
        elif mode[-1].endswith("top") and "lazy" not in mode[-1]:
            assert {row[1] for row in ran} == {"top"}, mode
        if "eager" in mode[0] + mode[1]:
            assert summary["no code"] == "0", mode
    for wrong in (["--strategy", "fast"], ["--compilers=all"]):
        assert run(*wrong, "x", code=2).stderr.startswith("run: "), wrong


LOOP = """(module (func (export "spin") (param i32) (result i32) (local i32 i32)
  (loop $outer (local.set 1 (i32.const 0))
    (loop $inner (local.set 2 (i32.add (i32.rotl (local.get 2) (i32.const 5)) (local.get 1)))
      (br_if $inner (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 1000))))
    (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
  (local.get 2)))"""


def what_leaves_the_baseline_tier_is_shown(run):
    file = run.file("loop.wat", LOOP)
    both = ["--compilers", "both", "--strategy", "lazy"]
    expected = run("--invoke", "spin", file, "20000").stdout
    done = run("--tiers", "--trace", "trace.json", *both, "--tiering", "aggressive", "--invoke", "spin", file, "20000")
    assert done.stdout == expected
    # One call, which goes on in the top tier while it runs.
    rows = re.findall(r"^ +(\d+\.\d{3}) +(\d+\.\d) +(\d+) +(\d+) +(\d+\.\d)%  (.+)$", done.stderr, re.M)
    loops = [row for row in rows if re.search(r", loop at 0x[0-9a-f]+$", row[5])]
    assert loops and all(float(row[1]) > 0 and int(row[2]) > 0 and int(row[3]) > 0 for row in loops), done.stderr
    functions, loop_count, refused = map(int, re.search(
        r"^run: (\d+) functions and (\d+) loops left the baseline tier, (\d+) could not", done.stderr, re.M).groups())
    assert (functions + loop_count, loop_count, refused) == (len(rows), len(loops), 0), done.stderr
    with open(os.path.join(run.directory, "trace.json")) as file_:
        events = json.load(file_)["traceEvents"]
    traced = [event for event in events if event.get("cat") == "loop"]
    assert len(traced) == len(loops) and all(", loop at 0x" in event["name"] for event in traced)
    # Without tiering nothing moves.
    done = run("--tiers", *both, "--tiering", "off", "--invoke", "spin", file, "2000")
    assert "run: 0 functions and 0 loops left the baseline tier" in done.stderr, done.stderr


def profiles_are_kept_and_brought_back(run):
    mode = ["--compilers", "both", "--strategy", "lazy", "--tiering", "aggressive"]
    program = ["--dir", ".", RAYTRACER, *SMALL, "x.ppm"]
    assert SMALL_CHECKSUM in run("--save-profile", "ray.profile", *mode, *program).stdout
    done = run("--load-profile", "ray.profile", "--save-profile", "ray.profile", *mode, *program)
    assert SMALL_CHECKSUM in done.stdout and done.stderr == ""
    with open(os.path.join(run.directory, "ray.profile"), "r+b") as file:
        assert file.read(7) == b"updprof"
        file.truncate(30)
    # One that does not fit is said to, and is no reason not to run.
    done = run("--load-profile", "ray.profile", *mode, *program)
    assert SMALL_CHECKSUM in done.stdout and "invalid profile: it ends too early" in done.stderr
    # The same as hints, in the program itself.
    run("--save-hints", "hinted.wasm", *mode, *program)
    with open(os.path.join(run.directory, "hinted.wasm"), "rb") as file:
        assert b"metadata.code.compilation_priority" in file.read()
    hinted = ["hinted.wasm" if word == RAYTRACER else word for word in program]
    assert SMALL_CHECKSUM in run(*mode, *hinted).stdout


def a_cache_is_filled_and_used(run):
    # One compiler, which compiles everything: what is kept does not depend on time.
    program = ["--compilers", "top", "--cache", "cache", "--stats", "--dir", ".", RAYTRACER, *SMALL, "x.ppm"]
    said = []
    for number in range(4):
        done = run(*program)
        assert SMALL_CHECKSUM in done.stdout, done
        said += re.findall(r"run: the cache (.*)", done.stderr)
        (entry,) = [name for name in os.listdir(os.path.join(run.directory, "cache")) if len(name) == 64]
        if number == 2:
            os.truncate(os.path.join(run.directory, "cache", entry), 100)
    assert said == ["had no entry", "had an entry", "had an entry", "is of no use"], said


def traces_hold_every_compilation(run):
    for mode in STRATEGIES:
        run("--trace", "trace.json", *mode, "--dir", ".", RAYTRACER, *SMALL, "x.ppm")
        with open(os.path.join(run.directory, "trace.json")) as file:
            trace = json.load(file)
        assert trace["otherData"]["lost events"] == 0
        events = trace["traceEvents"]
        phases = {event["name"]: event for event in events if event.get("cat") == "run"}
        assert list(phases) == ["load", "instantiate", "run"]
        compiled = [event for event in events if event.get("cat") in ("baseline", "top")]
        # Each function once per tier, begun and ended within the run, and published after that.
        assert len(compiled) == len({(event["args"]["function"], event["cat"]) for event in compiled}) > 20, mode
        for event in compiled:
            end = event["ts"] + event["dur"]
            assert 0 <= event["ts"] <= end <= event["args"]["published"] + 0.01, (mode, event)
        # A thread is in one function at a time.
        for thread in {event["tid"] for event in compiled}:
            slices = sorted((event["ts"], event["ts"] + event["dur"]) for event in compiled if event["tid"] == thread)
            assert all(end <= begin + 0.01 for (_, end), (begin, _) in zip(slices, slices[1:])), (mode, thread)
        last = [event for event in events if event["ph"] == "C"][-1]["args"]
        assert last["baseline"] + last["top"] == len({event["args"]["function"] for event in compiled}), mode
        published = sum(event["args"]["functions"] for event in events if event["name"] == "published")
        assert published == len(compiled) or in_background(mode), mode
    done = run("--trace", "missing/trace.json", "--invoke", "i32", run.file("values.wat", VALUES), "1", "2", code=1)
    assert "No such file" in done.stderr and done.stdout == "i32 3\n"


def progress_is_drawn_on_a_terminal(run):
    master, slave = os.openpty()
    child = subprocess.Popen([run.run, "--tiers", "--dir", ".", RAYTRACER, *SMALL, "x.ppm"], cwd=run.directory,
                             stdout=subprocess.DEVNULL, stderr=slave, stdin=subprocess.DEVNULL)
    os.close(slave)
    output = b""
    try:
        while chunk := os.read(master, 1 << 16):
            output += chunk
    except OSError:
        pass  # The child has closed the other side.
    os.close(master)
    assert child.wait(300) == 0
    output = output.decode()
    # Whether compiling takes long enough for a bar, the machine decides; the line is clean afterwards in any case.
    for done, total in re.findall(r"\rcompiling \[[#.]{40}\] (\d+) of (\d+) functions", output):
        assert int(done) <= int(total) == 54
    assert "\r\x1b[K" in output and output.rindex("\r\x1b[K") < output.index("function  tier")


TESTS = [command_line_is_explained_and_checked, all_missing_imports_are_named, picture_is_the_same_in_every_mode,
         files_outside_are_out_of_reach, traps_are_reported_with_names_and_offsets, time_and_memory_are_limited,
         results_are_typed, arguments_environment_and_status_pass_through, statistics_go_to_standard_error,
         tiers_are_shown_function_by_function, what_leaves_the_baseline_tier_is_shown, profiles_are_kept_and_brought_back,
         a_cache_is_filled_and_used, traces_hold_every_compilation, progress_is_drawn_on_a_terminal]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    options = parser.parse_args()
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory() as directory:
            try:
                test(Runner(os.path.abspath(options.run), directory))
                print(f"ok      {test.__name__}")
            except Exception as error:
                failed += 1
                print(f"FAILED  {test.__name__}: {type(error).__name__}: {error}")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
