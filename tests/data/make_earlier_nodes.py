"""Makes ``earlier_nodes.tar.xz``: two small nodes as an earlier commit wrote them, with what happened to them.

Run it with the Python of a checkout of that commit, after installing it there:

    git worktree add ../earlier COMMIT && cd ../earlier && make setup
    .venv/bin/python ../main/tests/data/make_earlier_nodes.py ../main/tests/data/earlier_nodes.tar.xz

Those that are kept were made by 8cafde0. Ghent publishes three assets, one of them twice. Plzen lets in a steward,
changes its keys, agrees to the terms of one asset, receives its file, changes its keys again, and exports the
agreement as evidence. ``seen.json`` in the archive keeps what both nodes then told, and
``tests/e2e/test_earlier_nodes.py`` opens them with the code of today.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node.client import HansaClient, locate

HANSA = str(Path(sys.executable).with_name("hansa"))
PORTS = {"ghent": 18471, "plzen": 18472}
STEWARD = ("jana", "the steward of 2026 in Plzen")
ASSETS = """kind: dataset
id: {id}
title: {{en: "{title}", nl: "{title}"}}
description: {{en: Made up for a test., nl: Verzonnen voor een test.}}
contact: {{name: Mobility department, email: mobility@example.org}}
theme: [TRAN]
license: CC-BY-4.0
access: public
files:
  - path: counts.csv
    format: CSV
    license: CC-BY-4.0
conditions: open
"""


def main(target: Path) -> None:
    """Make the nodes and pack them."""
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        passwords = {name: _init(home, name) for name in PORTS}
        with _serving(home, "ghent"), _serving(home, "plzen"):
            seen = _live(home)
        seen["passwords"] = {name: [login, password] for name, (login, password) in passwords.items()}
        seen["passwords"]["steward"] = list(STEWARD)
        (home / "seen.json").write_text(json.dumps(seen, indent=1), "utf-8")
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for path in sorted(home.iterdir()):
                if path.suffix != ".yaml":
                    archive.add(path, path.name)
    print(f"{target}: {target.stat().st_size} bytes")


def _live(home: Path) -> dict[str, Any]:
    (home / "counts.csv").write_text("hour,count\n2026-01-01T00,12\n2026-01-01T01,7\n", "utf-8")
    for name, title in (("bridge", "Counts on the bridge"), ("quay", "Counts on the quay"), ("ring", "Ring road")):
        (home / f"{name}.yaml").write_text(ASSETS.format(id=name, title=title), "utf-8")
        _hansa(home, "ghent", "publish", str(home / f"{name}.yaml"))
    (home / "bridge.yaml").write_text(ASSETS.format(id="bridge", title="Counts on the new bridge"), "utf-8")
    _hansa(home, "ghent", "publish", str(home / "bridge.yaml"))
    with _client(home, "plzen") as client:
        client.add_account(STEWARD[0], "Jana Nováková", ["steward"], STEWARD[1])
    _hansa(home, "plzen", "keys", "rotate")
    iri = f"http://127.0.0.1:{PORTS['ghent']}/datasets/bridge"
    _hansa(home, "plzen", "get", iri, "--yes", "--output", str(home / "received.csv"))
    _hansa(home, "plzen", "keys", "rotate")
    with _client(home, "ghent") as ghent, _client(home, "plzen") as plzen:
        (agreement,) = plzen.agreements()
        _hansa(home, "plzen", "agreement", "export", agreement["id"], "--output", str(home / "agreement.zip"))
        time.sleep(2)  # what happened is numbered and signed
        return {
            "records": [ghent.record(f"{iri.rpartition('/')[0]}/{name}") for name in ("bridge", "quay", "ring")],
            "agreement": agreement,
            "document": plzen.agreement_document(agreement["id"], "nl"),
            "keys": plzen.keys(),
            "accounts": plzen.accounts(),
            "nodes": {"ghent": ghent.node(), "plzen": plzen.node()},
        }


def _init(home: Path, name: str) -> tuple[str, str]:
    address = f"http://127.0.0.1:{PORTS[name]}"
    words = ("--url", address, "--port", str(PORTS[name]), "--loopback", "--language", "nl", "--language", "en")
    made = json.loads(_run(home, "init", str(home / name), "--name", name.capitalize(), *words))
    return made["login"], made["password"]


@contextmanager
def _serving(home: Path, name: str) -> Iterator[None]:
    command = [HANSA, "serve", str(home / name)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            with _client(home, name) as client:
                while client.hindrance():
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def _client(home: Path, name: str) -> HansaClient:
    return HansaClient(locate(str(home / name)))


def _hansa(home: Path, name: str, *words: str) -> str:
    return _run(home, *words, "--node", str(home / name))


def _run(home: Path, *words: str) -> str:
    command = [HANSA, "--json", *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=home, check=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
