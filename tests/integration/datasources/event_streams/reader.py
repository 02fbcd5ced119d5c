"""npm's ``ldes-client``, kept outside of the repository, and what it reads of a stream."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.datasources.live_data import Opened

VERSION = "0.3.0"
_SECONDS = 300
_SCRIPT = Path(__file__).resolve().parents[3] / "data" / "event-stream-reader.mjs"


@dataclass
class Reading:
    """The members that the client has emitted in one run, and the pages that it has read."""

    members: list[dict[str, Any]]
    pages: list[str]

    @property
    def ids(self) -> list[str]:
        return [member["id"] for member in self.members]

    @property
    def numbers(self) -> list[int]:
        """The simple results of the members."""
        return [
            int(value)
            for member in self.members
            for name, value in member["statements"]
            if name.endswith(("/properties/bikes", "#hasSimpleResult", "/hasSimpleResult"))
        ]


class LdesClient:
    """Runs the client in a folder with its state, so that a second run reads on."""

    def __init__(self, engine: str, script: Path, state: Path) -> None:
        self._engine = engine
        self._script = script
        self._state = state

    def read(self, stream: Opened, *options: str) -> Reading:
        """Read the event stream until there is nothing more, and return what is new."""
        run = self.run(stream, *options)
        assert run.returncode == 0, (run.stdout[-2000:], run.stderr[-4000:])
        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        assert lines, run.stderr[-4000:]
        assert "pages" in lines[-1], (len(lines), run.stdout[-2000:], run.stderr[-4000:])
        return Reading(lines[:-1], lines[-1]["pages"])

    def type(self, program: str, stream: Opened) -> str:
        """Run a program of a reader, and return what it prints."""
        script = self._script.with_name(f"program-{os.getpid()}.mjs")
        script.write_text(program, "utf-8")
        folder = self._state.with_name("own")
        folder.mkdir(exist_ok=True)
        variables = {"ADDRESS": f"{stream.endpoint}/ldes", "AUTHORIZATION": stream.authorization}
        try:
            run = subprocess.run(
                [self._engine, str(script)],
                cwd=folder,
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        finally:
            script.unlink()
        assert run.returncode == 0, run.stderr[-4000:]
        return run.stdout

    def run(self, stream: Opened, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the client to its end, whatever that is."""
        arguments = [f"{stream.endpoint}/ldes", stream.authorization, str(self._state), *options]
        command = [self._engine, str(self._script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)


@pytest.fixture
def ldes_client(tmp_path: Path) -> LdesClient:
    """The client, with a state of this test's own; skips with the reason where it cannot be had."""
    npm, engine = shutil.which("npm"), shutil.which("node")
    if npm is None or engine is None:
        pytest.skip("no npm here: ldes-client cannot be installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "hansa-tests" / f"ldes-client-{VERSION}"
    if not (folder / "node_modules" / "ldes-client").exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
        install = [npm, "install", *options, f"ldes-client@{VERSION}"]
        if subprocess.run(install, capture_output=True, check=False, timeout=_SECONDS).returncode != 0:
            pytest.skip("npm cannot install ldes-client here")
    script = folder / _SCRIPT.name
    shutil.copy(_SCRIPT, script)
    return LdesClient(engine, script, tmp_path / "state")
