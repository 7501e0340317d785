#!/usr/bin/env python3
"""Another language lives with the C interface: ctypes and the shared library, no compiler.

A module is made in the background while a thread of Python's own drains events; WebAssembly calls a function
written in Python; a function is waited for until it has reached the top tier; a trap becomes an exception with a backtrace.
"""
import argparse
import ctypes
import select
import threading
import unittest
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p, sizeof

OK, TIMEOUT, CANCELLED, TRAP = 0, 14, 15, 10
TRAP_DIVIDE_BY_ZERO, TRAP_HOST = 9, 16
TIERS_BOTH, STRATEGY_LAZY, STRATEGY_EAGER_BACKGROUND = 2, 1, 2
BASELINE, TOP = 1, 2
BASELINE_FINISHED, CLOSED, FUNCTION_TIERED = 1, 4, 6
FOREVER = 2**64 - 1

TEXT = b"""(module $demo
  (import "host" "scale" (func $scale (param i32) (result i32)))
  (func (export "area") (param i32 i32) (result i32) (call $scale (i32.mul (local.get 0) (local.get 1))))
  (func $ratio (export "ratio") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop $next
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"""


class Of(ctypes.Union):
    _fields_ = [("i32", c_int32), ("i64", ctypes.c_int64), ("handle", c_uint64), ("v128", ctypes.c_uint8 * 16)]


class Val(ctypes.Structure):
    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("of", Of)]


class Extern(ctypes.Structure):
    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("handle", c_uint64)]


class Event(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("kind", c_uint32), ("seq", c_uint64), ("time_ns", c_uint64), ("module_id", c_uint64),
                ("duration_ns", c_uint64), ("func", c_uint32), ("count", c_uint32), ("code_size", c_uint32), ("status", c_uint32),
                ("from_tier", c_uint16), ("to_tier", c_uint16), ("worker", c_uint32), ("began_ns", c_uint64), ("origin", c_uint32), ("reserved", c_uint32)]


class State(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("func", c_uint32), ("tier", c_uint32), ("target_tier", c_uint32), ("flags", c_uint32),
                ("code_size", c_uint32), ("compile_ns", c_uint64), ("calls", c_uint64), ("top_compilations", c_uint32),
                ("priority", c_uint32)]


class Frame(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("func_index", c_uint32), ("func_offset", c_uint32), ("module_offset", c_uint64),
                ("func_name", c_void_p), ("func_name_len", c_size_t), ("module_name", c_void_p), ("module_name_len", c_size_t),
                ("tier", c_uint32), ("reserved", c_uint32)]


Callback = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, POINTER(Val), c_size_t, POINTER(Val), c_size_t)


class Failed(Exception):
    """A status that is not OK, with what the error object says."""

    def __init__(self, status, message, trap=0, frames=()):
        super().__init__(message)
        self.status, self.trap, self.frames = status, trap, frames


class Library:
    """`library.name(...)` calls `updraft_name`; a status that is not OK becomes an exception."""

    def __init__(self, path):
        # CDLL lets other threads of Python run during each call.
        self.dll = ctypes.CDLL(path)
        for name, result, arguments in [
                ("error_message", c_char_p, [c_void_p, c_void_p]), ("error_delete", None, [c_void_p]),
                ("error_trap_code", c_uint32, [c_void_p]), ("error_frame_count", c_size_t, [c_void_p]),
                ("error_new", c_void_p, [c_char_p, c_size_t, c_void_p, c_void_p])]:
            function = getattr(self.dll, "updraft_" + name)
            function.restype, function.argtypes = result, arguments

    def __getattr__(self, name):
        function = getattr(self.dll, "updraft_" + name)

        def call(*arguments):
            error = c_void_p()
            status = function(*arguments, byref(error))
            if status != OK:
                raise self.failure(status, error)
        return call

    def failure(self, status, error):
        frames = []
        for index in range(self.dll.updraft_error_frame_count(error)):
            frame = Frame(struct_size=sizeof(Frame))
            self.error_frame(error, c_size_t(index), byref(frame))
            name = ctypes.string_at(frame.func_name, frame.func_name_len).decode() if frame.func_name else None
            frames.append((name, frame.func_index, frame.tier))
        message = self.dll.updraft_error_message(error, None).decode()
        trap = self.dll.updraft_error_trap_code(error)
        self.dll.updraft_error_delete(error)
        return Failed(status, message, trap, frames)

    def delete(self, kind, pointer):
        function = getattr(self.dll, f"updraft_{kind}_delete")
        function.restype = None
        function(pointer)


class Drainer(threading.Thread):
    """Collects the events of an engine until it is closed, asleep in `poll` meanwhile."""

    def __init__(self, library, engine):
        super().__init__(daemon=True)
        self.library, self.events = library, []
        self.subscription, self.fd = c_void_p(), c_int32()
        self.seen = threading.Condition()
        library.subscription_new(engine, c_uint64(0), c_uint32(0xffffffff), c_size_t(4), byref(self.subscription))
        library.subscription_fd(self.subscription, byref(self.fd))

    def run(self):
        poll = select.poll()
        poll.register(self.fd.value, select.POLLIN)
        page, count = (Event * 3)(), c_size_t()
        while True:
            poll.poll()
            try:
                self.library.subscription_wait(self.subscription, c_uint64(0))
            except Failed as failed:
                assert failed.status == CANCELLED, failed
                return
            self.library.subscription_drain(self.subscription, page, c_size_t(len(page)), c_size_t(sizeof(Event)), byref(count))
            with self.seen:
                self.events += [Event.from_buffer_copy(event) for event in page[:count.value]]
                self.seen.notify_all()

    def wait_for(self, wanted):
        with self.seen:
            if not self.seen.wait_for(lambda: any(map(wanted, self.events)), timeout=120):
                raise AssertionError(f"no such event among {[(e.kind, e.func) for e in self.events]}")

    def stop(self):
        if self.subscription:
            self.library.subscription_close(self.subscription)
            self.join()
            self.library.delete("subscription", self.subscription)
            self.subscription = c_void_p()


class TiersTest(unittest.TestCase):
    def setUp(self):
        self.library = Library(ARGUMENTS.library)
        self.engine = c_void_p()
        config = c_void_p()
        self.library.config_new(byref(config))
        self.library.config_set_tiers(config, c_uint32(TIERS_BOTH))
        self.library.config_set_strategy(config, c_uint32(STRATEGY_EAGER_BACKGROUND))
        self.library.engine_new(config, byref(self.engine))
        self.library.delete("config", config)

    def tearDown(self):
        self.library.engine_shutdown(self.engine, c_uint64(FOREVER))
        self.library.delete("engine", self.engine)

    def start(self, text):
        job = c_void_p()
        self.library.module_new_async(self.engine, text, c_size_t(len(text)), None, None, None, byref(job))
        return job

    def finish(self, job):
        module = c_void_p()
        self.library.job_wait(job, c_uint64(FOREVER))
        self.library.job_module(job, byref(module))
        self.library.delete("job", job)
        return module

    def instantiate(self, module, scale):
        """The store, and a function that calls exports."""
        library = self.library
        store, linker, functype, instance = c_void_p(), c_void_p(), c_void_p(), c_uint64()
        library.store_new(self.engine, byref(store))
        library.linker_new(self.engine, byref(linker))
        one = (c_uint32 * 1)(0)
        library.functype_new(one, c_size_t(1), one, c_size_t(1), byref(functype))
        callback = Callback(scale)
        library.linker_define_func(linker, b"host", c_size_t(4), b"scale", c_size_t(5), functype, callback, None, None)
        library.linker_instantiate(linker, store, module, byref(instance))
        library.delete("functype", functype)
        library.delete("linker", linker)

        def call(name, *numbers, keep=callback):
            item = Extern()
            library.instance_export(store, instance, name.encode(), c_size_t(len(name)), byref(item))
            arguments, result = (Val * len(numbers))(), Val()
            for argument, number in zip(arguments, numbers):
                argument.of.i32 = number
            library.func_call(store, c_uint64(item.handle), arguments, c_size_t(len(numbers)), byref(result), c_size_t(1))
            return result.of.i32
        return store, call

    def states(self, module):
        states, count = (State * 8)(), c_size_t()
        self.library.module_func_states(module, c_uint32(0), states, c_size_t(8), c_size_t(sizeof(State)), byref(count))
        return [State.from_buffer_copy(state) for state in states[:count.value]]

    def test_a_module_from_start_to_end(self):
        library, me = self.library, threading.get_ident()
        drainer = Drainer(library, self.engine)
        drainer.start()
        self.addCleanup(drainer.stop)
        threads = []

        def scale(env, caller, arguments, argument_count, results, result_count):
            threads.append(threading.get_ident())
            if arguments[0].of.i32 < 0:
                return library.dll.updraft_error_new(b"no negative areas", 17, None, None)
            results[0].kind, results[0].of.i32 = 0, 10 * arguments[0].of.i32
            return None

        module = self.finish(self.start(TEXT))
        store, call = self.instantiate(module, scale)
        drainer.wait_for(lambda event: event.kind == BASELINE_FINISHED)
        self.assertEqual(call("area", 6, 7), 420)
        self.assertEqual(call("sum", 100), 5050)
        self.assertEqual(threads, [me], "the engine calls back on no thread but the caller's")

        # A tier, waited for by this thread while the other one sees it come.
        func = (c_uint32 * 1)(3)
        library.module_wait_tier(module, func, c_size_t(1), c_uint32(TOP), c_uint64(FOREVER))
        drainer.wait_for(lambda event: event.kind == FUNCTION_TIERED and event.func == 3 and event.to_tier == TOP)
        states = self.states(module)
        self.assertEqual([state.tier for state in states], [0, BASELINE, BASELINE, TOP])
        self.assertTrue(all(state.code_size > 0 and state.compile_ns > 0 for state in states[1:]))
        self.assertEqual(call("sum", 100), 5050)

        with self.assertRaises(Failed) as caught:
            call("ratio", 1, 0)
        self.assertEqual((caught.exception.status, caught.exception.trap), (TRAP, TRAP_DIVIDE_BY_ZERO))
        self.assertEqual(caught.exception.frames, [("ratio", 2, BASELINE)])
        with self.assertRaises(Failed) as caught:
            call("area", 1, -1)
        self.assertEqual(caught.exception.trap, TRAP_HOST)
        self.assertIn("no negative areas", str(caught.exception))
        self.assertEqual(call("ratio", 42, 6), 7)

        library.delete("module", module)
        library.store_delete(store)
        drainer.wait_for(lambda event: event.kind == CLOSED)
        drainer.stop()
        numbers = [event.seq for event in drainer.events]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual({event.size for event in drainer.events}, {sizeof(Event)})

    def test_what_is_wrong_comes_as_a_status(self):
        job = self.start(b"(module (func (result i32)))")
        with self.assertRaises(Failed) as caught:
            self.library.job_wait(job, c_uint64(FOREVER))
        self.assertIn("invalid module", str(caught.exception))
        self.library.delete("job", job)
        drainer = Drainer(self.library, self.engine)
        with self.assertRaises(Failed) as caught:
            self.library.subscription_wait(drainer.subscription, c_uint64(1000))
        self.assertEqual(caught.exception.status, TIMEOUT)
        self.library.delete("subscription", drainer.subscription)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--library", required=True, help="the shared library")
    ARGUMENTS, REST = PARSER.parse_known_args()
    unittest.main(argv=["test_tiers.py", *REST])
