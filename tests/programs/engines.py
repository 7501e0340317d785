"""The two engines that a recipe runs on: updraft and Node.js, behind one interface.

A recipe (`program_*.py`) talks to a `Host`: it opens library modules and runs WASI commands. A host keeps a
transcript of all that the guest did: every call with its results, every import with its arguments, a digest of
the whole memory, and of commands the output, the exit code and the files. The driver compares transcripts.
"""

import json
import os
import struct
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


class Trap(Exception):
    """The guest trapped, or an import raised."""


class I64(int):
    """An integer that an i64 parameter or result takes; Node.js must be told."""


class Module:
    """A library module: raw calls of exports, reading and writing its memory.

    `imports` maps (module, name) to a function (module object, arguments...) -> None, int, I64 or float.
    An import without one traps.
    """

    def __init__(self, transcript, imports):
        self.transcript = transcript
        self.imports = imports

    def call(self, name, *args):
        """Calls an export; gives None, a number, or a list of numbers."""
        self.transcript.append(["call", name, [repr(a) for a in args]])
        try:
            results = self.raw_call(name, args)
        except Trap:
            self.transcript.append(["trap", name])
            raise
        self.transcript.append(["return", name, [repr(r) for r in results]])
        return None if not results else results[0] if len(results) == 1 else results

    def answer_import(self, module, name, args):
        self.transcript.append(["import", module, name, [repr(a) for a in args]])
        function = self.imports.get((module, name))
        if function is None:
            raise Trap(f"the recipe has no import {module}.{name}")
        result = function(self, *args)
        self.transcript.append(["answer", name, repr(result)])
        return result

    def u32(self, pointer):
        return struct.unpack("<I", self.read(pointer, 4))[0]

    def text(self, pointer):
        """The NUL-terminated string at `pointer`."""
        out = b""
        while b"\0" not in out:
            out += self.read(pointer + len(out), 64)
        return out[:out.index(b"\0")].decode()

    def finish(self):
        self.transcript.append(["memory", *self.digest()])
        self.close()


class NodeModule(Module):
    def __init__(self, node, path, transcript, imports):
        super().__init__(transcript, imports)
        self.process = subprocess.Popen([node, "--no-warnings", os.path.join(HERE, "node_engine.mjs")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask(op="load", path=path)

    @staticmethod
    def encode(value):
        if isinstance(value, I64):
            return ["I", str(int(value))]
        if isinstance(value, float):
            return ["f", struct.pack(">d", value).hex()]
        return ["i", str(int(value))]

    @staticmethod
    def decode(value):
        kind, text = value
        return int(text) if kind == "i" else struct.unpack(">d", bytes.fromhex(text))[0]

    def send(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"Node.js ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, **message):
        self.send(**message)
        while True:
            reply = self.receive()
            if "import" in reply:
                self.reply_to_import(reply)
                continue
            if "error" in reply:
                raise RuntimeError(reply["error"])
            return reply

    def reply_to_import(self, event):
        try:
            result = self.answer_import(*event["import"], [self.decode(a) for a in event["args"]])
        except Trap as trap:
            self.send(op="raise", message=str(trap))
        else:
            self.send(op="return", value=None if result is None else self.encode(result))

    def raw_call(self, name, args):
        reply = self.ask(op="call", name=name, args=[self.encode(a) for a in args])
        if "trap" in reply:
            raise Trap(reply["trap"])
        return [self.decode(r) for r in reply["result"]]

    def read(self, pointer, size):
        return bytes.fromhex(self.ask(op="read", pointer=pointer & 0xFFFFFFFF, size=size)["hex"])

    def write(self, pointer, data):
        self.ask(op="write", pointer=pointer & 0xFFFFFFFF, hex=bytes(data).hex())

    def digest(self):
        reply = self.ask(op="digest")
        return [reply["size"], reply["sha256"]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Host:
    """What a recipe gets. `files` finds a file of the recipe's packages."""

    def __init__(self, files):
        self.file = files
        self.transcript = []

    def command(self, wasm, args, stdin=b"", files=None, env=None, lazy=False):
        """Runs a WASI command with an empty directory, filled with `files`, as `/data`; gives what it did."""
        with tempfile.TemporaryDirectory() as root:
            for name, data in (files or {}).items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(data)
            argv = self.command_line(self.file(wasm), args, env or {}, root, lazy)
            done = subprocess.run(argv, input=stdin, capture_output=True)
            written = {}
            for directory, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(directory, name)
                    with open(path, "rb") as file:
                        written[os.path.relpath(path, root)] = file.read()
        self.transcript.append(["command", args, done.returncode, done.stdout, done.stderr, sorted(written.items())])
        done.files = written
        return done


class NodeHost(Host):
    name = "node"

    def __init__(self, files, node):
        super().__init__(files)
        self.node = node
        self.settings = None

    def module(self, wasm, imports=None):
        return NodeModule(self.node, self.file(wasm), self.transcript, imports or {})

    def command_line(self, path, args, env, root, lazy):
        self.settings = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump({"path": path, "args": [os.path.basename(path), *args], "env": env, "preopens": {"/data": root}},
                  self.settings)
        self.settings.flush()
        return [self.node, "--no-warnings", os.path.join(HERE, "node_wasi.mjs"), self.settings.name]


class UpdraftHost(Host):
    name = "updraft"

    def __init__(self, files, run, library, options=()):
        super().__init__(files)
        self.run = run
        self.library = library
        self.options = list(options)

    def module(self, wasm, imports=None):
        import updraft_ctypes
        return updraft_ctypes.UpdraftModule(self.library, self.file(wasm), self.transcript, imports or {}, self.options)

    def command_line(self, path, args, env, root, lazy):
        variables = [word for key, value in env.items() for word in ("--env", f"{key}={value}")]
        return [self.run, *self.options, *(["--lazy"] if lazy else []), "--dir", f"{root}::/data", *variables, path, *args]
