"""Runs one real program on updraft and on Node.js and compares all that it did, byte for byte.

    driver.py NAME --run RUN --library LIBUPDRAFT.SO --node NODE --npm NPM --cache DIR

The packages come from npm or PyPI through the ordinary clients, at pinned versions; a package whose checksum
differs from `packages.json` is an error, one that cannot be fetched is a reported skip.
"""

import argparse
import fcntl
import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile

import engines

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77


def fetch(package, pinned, cache, npm):
    """The directory of an unpacked package, or None if it cannot be had."""
    target = os.path.join(cache, package.replace("/", "-").replace(":", "-"))
    os.makedirs(cache, exist_ok=True)
    with open(target + ".lock", "w") as lock:
        # Two tests may want the same package at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(target, "complete")):
            shutil.rmtree(target, ignore_errors=True)
            os.makedirs(os.path.join(target, "download"))
            archive = download(package, os.path.join(target, "download"), npm)
            if archive is None:
                return None
            with open(archive, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            if digest != pinned:
                sys.exit(f"{package}: the checksum is {digest}, not {pinned}")
            if archive.endswith(".whl"):
                with zipfile.ZipFile(archive) as wheel:
                    wheel.extractall(os.path.join(target, "files"))
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(os.path.join(target, "files"))
            shutil.rmtree(os.path.join(target, "download"))
            open(os.path.join(target, "complete"), "w").close()
    return os.path.join(target, "files")


def download(package, directory, npm):
    kind, name = package.split(":", 1)
    if kind == "npm":
        command = [npm, "pack", name, "--loglevel=error", "--pack-destination", directory]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--disable-pip-version-check", "--dest", directory, name.replace("@", "==")]
    for attempt in range(3):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = [name for name in os.listdir(directory) if name.endswith((".tgz", ".whl"))]
        if done.returncode == 0 and found:
            return os.path.join(directory, found[0])
        time.sleep(2 * attempt)
    print(f"SKIPPED: {package} cannot be fetched: {done.stderr.strip()[-500:]}")
    return None


def first_difference(ours, theirs):
    for index, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"step {index}:\n  updraft: {str(a)[:2000]}\n  node:    {str(b)[:2000]}"
    return f"updraft made {len(ours)} steps, node {len(theirs)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--run", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--npm", required=True)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--only", choices=["node", "updraft"], help="run one side and show its transcript")
    options = parser.parse_args()
    sys.path.insert(0, HERE)

    recipe = importlib.import_module(f"program_{options.name}")
    with open(os.path.join(HERE, "packages.json")) as file:
        pinned = json.load(file)
    roots = []
    for package in recipe.PACKAGES:
        root = fetch(package, pinned[package], options.cache, options.npm)
        if root is None:
            return SKIP
        roots.append(root)

    def find(name):
        for root in roots:
            path = os.path.join(root, name)
            if os.path.exists(path):
                return path
        sys.exit(f"{recipe.PACKAGES} hold no {name}")

    def play(host):
        start = time.monotonic()
        recipe.run(host)
        print(f"{host.name:14} {time.monotonic() - start:6.2f} s, {len(host.transcript)} steps")
        return host.transcript

    if options.only:
        host = (engines.NodeHost(find, options.node) if options.only == "node"
                else engines.UpdraftHost(find, options.run, options.library))
        for step in play(host):
            print(str(step)[:1000])
        return 0
    theirs = play(engines.NodeHost(find, options.node))
    # With guard pages and with signals off: other machine code for every memory access. In two tiers, and in each alone.
    for switches in ([], ["--compilers=top"], ["--compilers=top", "--signals=off"], ["--compilers=baseline"], ["--compilers=baseline", "--signals=off"]):
        ours = play(engines.UpdraftHost(find, options.run, options.library, switches))
        if ours != theirs:
            print(f"{options.name} differs {switches}: {first_difference(ours, theirs)}", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
