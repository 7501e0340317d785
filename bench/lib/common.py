"""Paths, fetching, and running commands."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
RESULTS = BENCH / "results"
# What is fetched and built stays here between runs.
CACHE = pathlib.Path(os.environ.get("UPDRAFT_BENCH_CACHE", ROOT / "target" / "bench"))


class Missing(Exception):
    """Something cannot be had on this machine; what needs it is reported and left out."""


def say(text):
    print(text, flush=True)


def load(name):
    return json.loads((BENCH / name).read_text())


def fetch(package, sha256):
    """The folder of an unpacked npm or PyPI package, `npm:name@version` or `pypi:name@version`."""
    target = CACHE / "packages" / package.replace("/", "-").replace(":", "-")
    if (target / "complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    (target / "download").mkdir(parents=True)
    say(f"fetching {package}")
    archive = download(package, target / "download")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != sha256:
        raise Missing(f"{package}: the checksum is {digest}, not {sha256}")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(archive) as tar:
            # Older Pythons have no filters; the checksum says that this is the archive that was looked at.
            tar.extractall(target, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    shutil.rmtree(target / "download")
    (target / "complete").touch()
    return target


def download(package, folder):
    kind, name = package.split(":", 1)
    if kind == "npm":
        command = ["npm", "pack", name, "--silent", "--pack-destination", str(folder)]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--disable-pip-version-check", "--dest", str(folder), name.replace("@", "==")]
    if not shutil.which(command[0]):
        raise Missing(f"{package}: no {command[0]}")
    for attempt in range(3):
        time.sleep(2 * attempt)
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = [path for path in folder.iterdir() if path.suffix in (".tgz", ".whl")]
        if done.returncode == 0 and found:
            return found[0]
    raise Missing(f"{package} cannot be fetched: {done.stderr.strip()[-300:]}")


def build(command, what):
    """Runs a command that builds something."""
    say(f"building {what}")
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise Missing(f"{what}: {error}") from None
    if done.returncode != 0:
        raise Missing(f"{what} cannot be built: {done.stderr.strip()[-1500:]}")
