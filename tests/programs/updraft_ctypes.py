"""A thin binding of the shared library for the recipes: one module, raw calls, its memory, imports in Python."""

import ctypes
import functools
import hashlib
import math

from engines import Module, Trap

Pointer = ctypes.c_void_p
Handle = ctypes.c_uint64
Size = ctypes.c_size_t

I32, I64, F32, F64 = range(4)
FUNC, MEMORY = 1, 3
TRAP = 10
TOP, BASELINE = 0, 1


class Union(ctypes.Union):
    _fields_ = [("i32", ctypes.c_int32), ("i64", ctypes.c_int64), ("f32", ctypes.c_float), ("f64", ctypes.c_double),
                ("v128", ctypes.c_uint8 * 16), ("handle", Handle)]


class Val(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("of", Union)]


class Extern(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("handle", Handle)]


class Import(ctypes.Structure):
    _fields_ = [("struct_size", Size), ("module", Pointer), ("module_len", Size), ("name", Pointer),
                ("name_len", Size), ("kind", ctypes.c_uint32), ("reserved", ctypes.c_uint32)]


class Export(ctypes.Structure):
    _fields_ = [("struct_size", Size), ("name", Pointer), ("name_len", Size), ("kind", ctypes.c_uint32),
                ("item_index", ctypes.c_uint32)]


Callback = ctypes.CFUNCTYPE(Pointer, Pointer, Pointer, ctypes.POINTER(Val), Size, ctypes.POINTER(Val), Size)


def get(value):
    """The number in a value; integers are signed, as JavaScript gives them."""
    kind = value.kind
    number = (value.of.i32, value.of.i64, value.of.f32, value.of.f64)[kind]
    # JavaScript does not tell 1.0 from 1; a transcript must not either. The zero with a sign is no integer there.
    if kind >= F32 and math.isfinite(number) and number.is_integer() and not (number == 0 and math.copysign(1, number) < 0):
        return int(number)
    return number


def put(value, kind, number):
    value.kind = kind
    if kind == I32:
        value.of.i32 = (int(number) & 0xFFFFFFFF) - ((int(number) & 0x80000000) << 1)
    elif kind == I64:
        value.of.i64 = (int(number) & (1 << 64) - 1) - ((int(number) & (1 << 63)) << 1)
    elif kind == F32:
        value.of.f32 = number
    elif kind == F64:
        value.of.f64 = number
    else:
        raise NotImplementedError(f"a value of kind {kind}")


class Library:
    """The shared library: `library.name(...)` calls `updraft_name` and raises what it fails with."""

    def __init__(self, path):
        self.dll = ctypes.CDLL(path)
        self.dll.updraft_error_message.restype = ctypes.c_char_p
        self.dll.updraft_error_message.argtypes = [Pointer, Pointer]
        self.dll.updraft_error_delete.argtypes = [Pointer]
        self.dll.updraft_error_new.restype = Pointer
        self.dll.updraft_error_new.argtypes = [ctypes.c_char_p, Size, Pointer, Pointer]

    def __getattr__(self, name):
        function = getattr(self.dll, "updraft_" + name)

        def call(*args):
            error = Pointer()
            status = function(*args, ctypes.byref(error))
            if status == 0:
                return
            message = self.dll.updraft_error_message(error, None).decode(errors="replace")
            self.dll.updraft_error_delete(error)
            raise Trap(message) if status == TRAP else RuntimeError(f"updraft_{name}: {message}")
        return call


@functools.cache
def library_at(path):
    return Library(path)


class UpdraftModule(Module):
    def __init__(self, library, path, transcript, imports, options):
        super().__init__(transcript, imports)
        self.library = library_at(library)
        self.callbacks = []
        self.raised = None
        config, self.engine, self.module, self.store, self.linker = (Pointer() for _ in range(5))
        self.library.config_new(ctypes.byref(config))
        if "--signals=off" in options:
            self.library.config_set_signals(config, ctypes.c_uint32(0))
        for name, tiers in (("top", TOP), ("baseline", BASELINE)):
            if f"--compilers={name}" in options:
                self.library.config_set_tiers(config, ctypes.c_uint32(tiers))
        self.library.engine_new(config, ctypes.byref(self.engine))
        self.library.dll.updraft_config_delete(config)
        with open(path, "rb") as file:
            data = file.read()
        self.library.module_new(self.engine, data, Size(len(data)), ctypes.byref(self.module))
        self.library.store_new(self.engine, ctypes.byref(self.store))
        self.library.linker_new(self.engine, ctypes.byref(self.linker))
        self.define_imports()
        self.instance = Handle()
        self.library.linker_instantiate(self.linker, self.store, self.module, ctypes.byref(self.instance))
        self.memory = self.find_memory()
        self.functions = {}

    def kinds(self, functype):
        """The kinds of the parameters and of the results."""
        found = []
        for part in (self.library.functype_params, self.library.functype_results):
            kinds, count = ctypes.POINTER(ctypes.c_uint32)(), Size()
            part(functype, ctypes.byref(kinds), ctypes.byref(count))
            found.append([kinds[i] for i in range(count.value)])
        return found

    def define_imports(self):
        count = Size()
        self.library.module_import_count(self.module, ctypes.byref(count))
        seen = set()
        for index in range(count.value):
            item = Import(struct_size=ctypes.sizeof(Import))
            self.library.module_import(self.module, Size(index), ctypes.byref(item))
            module = ctypes.string_at(item.module, item.module_len)
            name = ctypes.string_at(item.name, item.name_len)
            if item.kind != FUNC:
                raise NotImplementedError(f"import {module}.{name} of kind {item.kind}")
            if (module, name) in seen:
                continue
            seen.add((module, name))
            functype = Pointer()
            self.library.module_import_functype(self.module, Size(index), ctypes.byref(functype))
            callback = self.callback(module.decode(), name.decode(), self.kinds(functype)[1])
            self.callbacks.append(callback)
            self.library.linker_define_func(self.linker, module, Size(len(module)), name, Size(len(name)), functype,
                                            callback, None, None)
            self.library.dll.updraft_functype_delete(functype)

    def callback(self, module, name, result_kinds):
        def answer(env, caller, args, arg_count, results, result_count):
            try:
                result = self.answer_import(module, name, [get(args[i]) for i in range(arg_count)])
                if result_kinds:
                    put(results[0], result_kinds[0], 0 if result is None else result)
            except BaseException as error:
                # Python must not unwind through WebAssembly: the call that entered it raises this again.
                self.raised = error
                message = str(error).encode()
                return self.library.dll.updraft_error_new(message, len(message), None, None)
            return None
        return Callback(answer)

    def find_memory(self):
        count = Size()
        self.library.module_export_count(self.module, ctypes.byref(count))
        for index in range(count.value):
            item = Export(struct_size=ctypes.sizeof(Export))
            self.library.module_export(self.module, Size(index), ctypes.byref(item))
            if item.kind == MEMORY:
                found = Extern()
                self.library.instance_export(self.store, self.instance, ctypes.c_char_p(
                    ctypes.string_at(item.name, item.name_len)), Size(item.name_len), ctypes.byref(found))
                return Handle(found.handle)
        return None

    def function(self, name):
        if name not in self.functions:
            found, functype = Extern(), Pointer()
            self.library.instance_export(self.store, self.instance, name.encode(), Size(len(name.encode())),
                                         ctypes.byref(found))
            if found.kind != FUNC:
                raise Trap(f"{name} is not a function")
            self.library.func_type(self.store, Handle(found.handle), ctypes.byref(functype))
            self.functions[name] = (Handle(found.handle), *self.kinds(functype))
            self.library.dll.updraft_functype_delete(functype)
        return self.functions[name]

    def raw_call(self, name, args):
        function, params, kinds = self.function(name)
        values, results = (Val * max(1, len(params)))(), (Val * max(1, len(kinds)))()
        for value, kind, number in zip(values, params, [*args, *[0] * (len(params) - len(args))]):
            put(value, kind, number)
        try:
            self.library.func_call(self.store, function, values, Size(len(params)), results, Size(len(kinds)))
        except Trap:
            if self.raised is not None and not isinstance(self.raised, Trap):
                raise self.raised
            raise
        finally:
            self.raised = None
        return [get(results[i]) for i in range(len(kinds))]

    def read(self, pointer, size):
        buffer = ctypes.create_string_buffer(size)
        self.library.memory_read(self.store, self.memory, ctypes.c_uint64(pointer & 0xFFFFFFFF), buffer, Size(size))
        return buffer.raw

    def write(self, pointer, data):
        data = bytes(data)
        self.library.memory_write(self.store, self.memory, ctypes.c_uint64(pointer & 0xFFFFFFFF), data, Size(len(data)))

    def digest(self):
        data, size = Pointer(), Size()
        self.library.memory_data(self.store, self.memory, ctypes.byref(data), ctypes.byref(size))
        view = (ctypes.c_uint8 * size.value).from_address(data.value)
        return [size.value, hashlib.sha256(view).hexdigest()]

    def close(self):
        self.library.dll.updraft_linker_delete(self.linker)
        self.library.store_delete(self.store)
        self.library.dll.updraft_module_delete(self.module)
        self.library.dll.updraft_engine_delete(self.engine)
