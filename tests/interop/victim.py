"""A node that speaks to an EDC from a process of its own, so that it can be killed.

``python -m tests.interop.victim FOLDER PORT EDC_PORT VERSION``: it says ``ready`` when it is, and runs until it is
killed. The node in FOLDER is made where there is none yet.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.bootstrap.node import HansaNode
from node.client import HansaClient, locate
from node.vocab.dsp import VERSIONS
from tests.interop.desk import BYTES
from tests.interop.edc import RECOVERY, Edc, free_ports, until
from tests.interop.mock import MockIdentity
from tests.nodes import publish, running

SLUG = "crossing"


@dataclass
class Victim:
    """The process, as often as it is begun. ``settings`` are those of its node."""

    folder: Path
    edc: Edc
    version: str
    settings: dict[str, str]
    port: int = field(default_factory=free_ports)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def did(self) -> str:
        return f"did:web:127.0.0.1%3A{self.port}"

    @property
    def dsp(self) -> str:
        return self.url + VERSIONS[self.version].path

    @property
    def dataset(self) -> str:
        return f"{self.url}/datasets/{SLUG}"

    def begin(self) -> None:
        given = [f"{name}={value}" for name, value in self.settings.items()]
        words = [str(self.folder), str(self.port), str(self.edc.port), self.version, *given]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.victim", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", "the node did not begin"

    def kill(self) -> None:
        """As ``kill -9``: nothing is told to anybody, nothing is written any more."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def client(self) -> HansaClient:
        return HansaClient(locate(str(self.folder)))

    def negotiation(self, pid: str) -> dict[str, Any]:
        with self.client() as client:
            return client.negotiation(pid)

    def ours(self, peer_pid: str) -> str | None:
        """The id of the negotiation whose id EDC has told."""
        with self.client() as client:
            return next((str(one["pid"]) for one in client.negotiations() if one["peerPid"] == peer_pid), None)

    def reaches(self, pid: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.negotiation(pid)
            return found if found["state"] == state else None

        try:
            return until("", look, RECOVERY)
        except AssertionError:
            raise AssertionError(f"the node that was killed is not {state}: {self.negotiation(pid)}") from None


@contextmanager
def victim(folder: Path, edc: Edc, version: str, settings: dict[str, str]) -> Iterator[Victim]:
    process = Victim(folder, edc, version, settings)
    try:
        process.begin()
        yield process
    finally:
        process.kill()


def main(folder: str, port: str, edc_port: str, version: str, *options: str) -> None:
    mock = MockIdentity(Edc(int(edc_port)), version)

    def prepare(node: HansaNode) -> None:
        mock.me = node.parts.me

    exists = (Path(folder) / "hansa.toml").exists()
    settings: dict[str, Any] = dict(word.split("=", 1) for word in options)
    with running(Path(folder), port=int(port), options=mock.options(), prepare=prepare, **settings) as node:
        if not exists:
            publish(node, SLUG, data=BYTES)
        print("ready", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
