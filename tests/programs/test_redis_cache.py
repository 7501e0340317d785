"""The cache in Redis: a second process begins with the code of the first; without its secret, with damaged entries, or
without Redis, a process does what it would do without a cache.

    test_redis_cache.py --example REDIS_CACHE --server redis-server
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile

# (module (func $fib (export "fib") (param i32) (result i32) ...)), the usual recursion.
FIB = bytes.fromhex(
    "0061736d0100000001060160017f017f030201000707010366696200000a1e011c00200041024904"
    "7f2000052000410" "16b1000200041026b10006a0b0b")
ARGUMENT, RESULT = "27", "result 196418"


class Redis:
    """A connection to the server, for what only a test does."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else word.encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if int(rest) < 0 else self.file.read(int(rest) + 2)[:-2]
        assert kind != b"-", line
        return rest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--example", required=True)
    parser.add_argument("--server", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        def write(name, data):
            path = os.path.join(directory, name)
            with open(path, "wb") as file:
                file.write(data)
            return path

        wasm, key, other = write("fib.wasm", FIB), write("key", b"k" * 32), write("other", b"o" * 32)
        port, path = free_port(), os.path.join(directory, "socket")
        server = subprocess.Popen(
            [options.server, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path, "--save", "",
             "--appendonly", "no", "--dir", directory], stdout=subprocess.PIPE, text=True)

        def run(key, port=port):
            done = subprocess.run([options.example, f"127.0.0.1:{port}", key, wasm, "fib", ARGUMENT],
                                  stdout=subprocess.PIPE, text=True, timeout=300)
            assert done.returncode == 0, done
            result, numbers = done.stdout.splitlines()
            assert result == RESULT, done.stdout
            return {name.strip(): int(count) for name, count in re.findall(r"([a-z ]+) (\d+)", numbers)}

        def expect(numbers, **expected):
            expected = {name.replace("_", " "): count for name, count in expected.items()}
            assert numbers == dict.fromkeys(numbers, 0) | expected, (numbers, expected)

        try:
            # The server says when it listens.
            assert any("eady to accept connections" in line for line in server.stdout), "redis-server does not start"
            redis = Redis(path)
            expect(run(key), absent=1, written=1)
            (name,) = redis.ask("KEYS", "*")
            assert re.fullmatch(b"updraft:[0-9a-f]{64}", name), name
            entry = redis.ask("GET", name)
            expect(run(key), hits=1)
            assert redis.ask("GET", name) == entry, "nothing new, and written all the same"

            # Somebody who has not the secret can neither use nor forge an entry, and replaces it by his own.
            expect(run(other), not_authentic=1, written=1)
            expect(run(key), not_authentic=1, written=1)
            expect(run(key), hits=1)

            for damaged in [b"", b"\0", entry[:-1], bytes([entry[0] ^ 1]) + entry[1:], entry[:140] + bytes([entry[140] ^ 1]) + entry[141:]]:
                redis.ask("SET", name, damaged)
                expect(run(key), not_authentic=1, written=1)
            redis.ask("DEL", name)
            redis.ask("LPUSH", name, "what is no string")
            expect(run(key), unreadable=1, written=1)
            redis.ask("CONFIG", "SET", "maxmemory", "1mb")
            redis.ask("DEL", name)
            expect(run(key), absent=1, failed=1)
        finally:
            server.terminate()
            server.wait()
        expect(run(key), unreadable=1, failed=1)
    return 0


sys.exit(main())
