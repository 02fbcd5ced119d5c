"""Nodes as processes of their own, each with its data folder, talking HTTP on loopback."""

from __future__ import annotations

import json as jsons
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.client import HansaClient, PeerUnreachable, locate

FILES = Path(__file__).parent / "files"
READY_SECONDS = 30.0
HANSA = (sys.executable, "-m", "node.cli")
"""The ``hansa`` command of this installation, whichever comes first in PATH."""


@dataclass
class Member:
    """A node of the demonstration. ``serve`` starts its process, ``kill`` ends it as a power cut would."""

    key: str
    name: str
    home: Path
    port: int
    options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    login: str = ""
    password: str = ""

    @property
    def folder(self) -> Path:
        return self.home / self.key

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def did(self) -> str:
        return f"did:web:127.0.0.1%3A{self.port}"

    def hansa(self, *arguments: str, json: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line for this node, as a person would."""
        command = [*HANSA, *(("--json",) if json else ()), *arguments]
        return subprocess.run(  # noqa: S603 - our own program with our own arguments
            command, capture_output=True, text=True, cwd=self.home, env=self.environment(), check=False, timeout=180
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of this node's commands: its own settings, and none from our environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}
        own = {f"HANSA_{name.upper()}": value for name, value in self.settings.items()}
        return {**kept, **own, "HANSA_NODE": str(self.folder), "NO_COLOR": "1"}

    def init(self) -> None:
        """``hansa init``."""
        result = self.hansa(
            "init",
            str(self.folder),
            "--name",
            self.name,
            "--url",
            self.url,
            "--port",
            str(self.port),
            "--loopback",
            "--language",
            "en",
            *self.options,
        )
        if result.returncode != 0:
            raise RuntimeError(f"hansa init failed for {self.name}: {result.stderr.strip() or result.stdout.strip()}")
        told = jsons.loads(result.stdout)
        self.login, self.password = str(told["login"]), str(told["password"])

    def serve(self) -> None:
        """Start ``hansa serve``; call ``wait_ready`` before using it."""
        log = (self.home / f"{self.key}.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [*HANSA, "serve", str(self.folder)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=self.home,
            env=self.environment(),
        )
        log.close()

    def wait_ready(self) -> float:
        """Wait until the node answers that it is ready; return how many seconds this took."""
        began, reason = time.monotonic(), "it ended"
        with self.client() as client:
            while time.monotonic() - began < READY_SECONDS:
                if self.process is not None and self.process.poll() is not None:
                    break
                reason = client.hindrance()
                if not reason:
                    return time.monotonic() - began
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not come up: {reason}\n{self.log_tail()}")

    def client(self) -> HansaClient:
        """A client with this node's own token."""
        return HansaClient(locate(str(self.folder)))

    def kill(self) -> None:
        """Send SIGKILL: nothing is flushed, and peers are not informed."""
        assert self.process is not None, "only a started process can be killed"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if the process does not end."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of the node's log."""
        path = self.home / f"{self.key}.log"
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:]) if path.exists() else ""


class DemoNodes:
    """All members of the demonstration; a context manager that leaves no process behind."""

    def __init__(self, home: Path, *, send_rate: int) -> None:
        self.home = home
        # The demonstration reads status lists every second and feeds at once; in operation: every few minutes.
        brisk = {"status_max_age": "1", "follow_seconds": "0.5", "log_level": "warning"}
        ports = free_ports(4)
        self.vlaanderen = Member(
            "vlaanderen", "Vlaanderen", home, ports[0], ("--issuer", "--language", "nl", "--language", "en"), brisk
        )
        self.gent = Member(
            "gent",
            "Stad Gent",
            home,
            ports[1],
            ("--contact", "mobiliteit@gent.example", "--language", "nl"),
            {**brisk, "send_bytes_per_second": str(send_rate)},
        )
        self.plzen = Member(
            "plzen",
            "Město Plzeň",
            home,
            ports[2],
            ("--contact", "prostredi@plzen.example", "--language", "cs"),
            brisk,
        )
        self.brugge = Member(
            "brugge",
            "Stad Brugge",
            home,
            ports[3],
            ("--contact", "mobiliteit@brugge.example", "--language", "nl"),
            brisk,
        )
        self.all = (self.vlaanderen, self.gent, self.plzen, self.brugge)
        self.cities = (self.gent, self.plzen, self.brugge)

    def __enter__(self) -> DemoNodes:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.all:
            member.stop()

    def write_files(self) -> None:
        """Write the descriptions into the cities' folders, with the addresses of the nodes of this run."""
        for source in FILES.rglob("*"):
            # The models are Python: an installation has them compiled, in separate folders.
            if source.is_file() and source.suffix != ".pyc":
                target = self.home / "files" / source.relative_to(FILES)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = source.read_text("utf-8")
                for member in self.all:
                    text = text.replace("{" + member.key + "}", member.url)
                    text = text.replace("{" + member.key + ".did}", member.did)
                target.write_text(text, "utf-8")

    def name_of(self, did: str) -> str:
        """Return the name of the member with this DID."""
        return next((member.name for member in self.all if member.did == did), did)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for socket_ in sockets:
            socket_.bind(("127.0.0.1", 0))
        return [socket_.getsockname()[1] for socket_ in sockets]
    finally:
        for socket_ in sockets:
            socket_.close()


def until(what: str, check: Any, *, seconds: float = 30.0) -> Any:
    """Call ``check`` until it returns a true value; raises if that takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = check()
        except PeerUnreachable:
            result = None
        if result:
            return result
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.05)


def remove(folder: Path) -> None:
    """Remove the demonstration's own folder."""
    shutil.rmtree(folder, ignore_errors=True)
