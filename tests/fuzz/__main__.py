"""Fuzz each parser of foreign bytes, guided by coverage: ``python -m tests.fuzz --seconds 20 [NAME …]``.

Every target runs in a process of its own, from its seeds and the inputs that earlier runs kept in
``build/fuzz/NAME``. What breaks a target is kept as ``build/fuzz/NAME-crash-…``, and the exit status is 1.
Exit status 3: atheris, the fuzzer, cannot be had here.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS, refused

KEPT = Path("build/fuzz")


def main() -> int:
    """Run the targets one after the other; the exit status."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(TARGETS)}; else all")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in TARGETS]
    if unknown:
        parser.error(f"no target is called {unknown[0]}: name one of {', '.join(TARGETS)}")
    try:
        importlib.import_module("atheris")
    except ImportError:
        print("atheris cannot be had here (it needs Linux and a Python that it has a wheel for): nothing was fuzzed")
        return 3
    if options.inside:
        return fuzz(options.names[0], options.seconds)
    broken = []
    for name in options.names or TARGETS:
        print(f"{name:20}", end="", flush=True)
        words = [sys.executable, "-m", "tests.fuzz", "--inside", "--seconds", str(options.seconds), name]
        ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=options.seconds + 300)
        log = ran.stdout + ran.stderr
        done = [line for line in log.splitlines() if line.startswith("Done ")]
        print(done[-1] if done and ran.returncode == 0 else f"BROKEN\n{log[-3000:]}", flush=True)
        if ran.returncode:
            broken.append(name)
    held = len(options.names or TARGETS) - len(broken)
    print(f"\n{held} targets held, {len(broken)} broken {' '.join(broken)}".rstrip())
    return 1 if broken else 0


def fuzz(name: str, seconds: int) -> int:
    """One target, in this process, until ``seconds`` are over or it breaks. libFuzzer ends the process itself."""
    import atheris

    chosen = TARGETS[name]
    with atheris.instrument_imports(include=["node", "federation"]):
        importlib.import_module(chosen.module)
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(chosen.seeds):
        (folder / f"seed-{number}").write_bytes(seed)

    def once(data: bytes) -> None:
        refused(chosen.read, data)

    limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={KEPT}/{name}-", str(folder)], once)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
