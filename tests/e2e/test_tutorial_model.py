"""The tutorial about models, typed as it stands on the page: files written, commands run, outputs compared.

Ports are others, so that it can run beside anything; ids, hashes, times and sizes may differ, the rest may not.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from demo.nodes import free_ports
from tests.nodes import until

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "a-model-for-a-peer.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("8101", "8102")
SERVE = re.compile(r"hansa serve (\w+) 2> \w+\.log &")
RUN_ID = re.compile(r"\b[0-9a-f]{8}\b")
PATIENT = ("hansa find", "hansa decide", "hansa get", "hansa run check")
"""Commands that a reader types some seconds after the one before, and may type again."""
PATIENCE = 60.0

MASKS = (
    (re.compile(r"urn:uuid:[0-9a-f-]{36}"), "ID"),
    (re.compile(r"\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|\+00:00)?)?"), "DATE"),
    (re.compile(r"\d{2}:\d{2}:\d{2}"), "TIME"),
    (re.compile(r"\b[0-9a-f]{4,64}…"), "HASH…"),
    (re.compile(r"\b[\d.]+ (s|MB|kB)\b"), r"MUCH \1"),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Typed:
    """A command of the page with the lines that it shows."""

    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status that the lines tell of."""
        if any(line.startswith(("✗", "  1  ")) for line in self.shown):
            return 1
        return 4 if any("waiting for a person" in line for line in self.shown) else 0


def steps(text: str) -> Iterator[tuple[str, str] | Typed]:
    """The page in its order: files (name, content) and commands."""
    end = 0
    for fence in FENCE.finditer(text):
        before, end = text[end : fence.start()], fence.end()
        language, block = fence.groups()
        names = re.findall(r"`([\w-]+\.(?:py|yaml|ttl|csv|json|ndjson|avsc|xml))`", before)
        # Data in Turtle stand as text: what stands as Turtle is a description that can be published.
        is_data = language == "text" and bool(names) and names[-1].endswith(".ttl")
        if names and (is_data or language in ("python", "yaml", "turtle", "csv", "json", "xml")):
            yield names[-1], block
        else:
            yield from commands(block)


def commands(block: str) -> Iterator[Typed]:
    typed: Typed | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if typed:
                yield typed
            typed = Typed(line[2:])
        elif typed and line.strip():
            typed.shown.append(line)
    if typed:
        yield typed


def masked(line: str) -> str:
    for pattern, put in MASKS:
        line = pattern.sub(put, line)
    return line.strip()


def missing(shown: list[str], output: str) -> list[str]:
    """The lines of the page that the command did not say. A line may end in … for a rest that is left out."""
    lines = [masked(line) for line in output.splitlines()]
    lost = []
    for line in shown:
        expected = masked(line)
        if expected == "…":
            continue
        whole = not expected.endswith(" …")
        if not any(one == expected if whole else one.startswith(expected[:-2]) for one in lines):
            lost.append(line)
    return lost


class Reader:
    """Somebody who types what the page says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.served: list[subprocess.Popen[bytes]] = []
        tools = home / ".bin"
        tools.mkdir()
        program = tools / "hansa"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m node.cli "$@"\n', "ascii")
        program.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}
        self.environment = {
            **kept,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "COLUMNS": "140",
        }

    def serve(self, name: str, url: str) -> None:
        with (self.home / f"{name}.log").open("wb") as log:
            self.served.append(
                subprocess.Popen(
                    [sys.executable, "-m", "node.cli", "serve", name],
                    cwd=self.home,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

        def ready() -> bool:
            try:
                return httpx2.get(f"{url}/ready", timeout=2).status_code == 200
            except httpx2.HTTPError:
                return False

        until(f"{name} is ready", ready, seconds=60)

    def type(self, command: str) -> tuple[int, str]:
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return ran.returncode, ran.stdout

    def follow(self, step: Typed) -> None:
        """Type it; again, where the other node may need a moment."""
        deadline = time.monotonic() + (PATIENCE if step.command.startswith(PATIENT) else 0)
        while True:
            status, output = self.type(step.command)
            lost = missing(step.shown, output)
            if status == step.status and not lost:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(0.3)
        pytest.fail(f"$ {step.command}\nexit status {status}, not {step.status}; the page also has {lost}\n{output}")

    def newest_run(self) -> str:
        _, said = self.type("hansa --json run list --limit 1 --node bruges")
        found = re.search(r'"pid": "urn:uuid:[0-9a-f-]+([0-9a-f]{8})"', said)
        assert found, said
        return found[1]


def test_the_page_says_what_happens(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    ports = [str(port) for port in free_ports(2)]
    for known, port in zip(PORTS, ports, strict=True):
        text = text.replace(known, port)
    urls = dict(zip(("ghent", "bruges"), (f"http://127.0.0.1:{port}" for port in ports), strict=True))
    reader, runs = Reader(tmp_path), dict[str, str]()
    try:
        for step in steps(text):
            if isinstance(step, tuple):
                (tmp_path / step[0]).write_text(step[1], "utf-8")
            elif serving := SERVE.fullmatch(step.command):
                reader.serve(serving[1], urls[serving[1]])
            else:
                for known in RUN_ID.findall(step.command) if step.command.startswith("hansa run ") else ():
                    runs.setdefault(known, reader.newest_run() if known not in runs else "")
                    step.command = step.command.replace(known, runs[known])
                reader.follow(step)
    finally:
        for process in reader.served:
            process.terminate()
        for process in reader.served:
            process.wait(20)
    assert runs, "the page looks at a run"
