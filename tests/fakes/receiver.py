"""A consumer whose state is in a folder: to be killed at named places and run again.

``python -m tests.fakes.receiver FOLDER PROVIDER_FOLDER`` reads lines from its input. For each it forks a child that
receives the transfer whose data address is in ``FOLDER/address.json`` and dies at the crash point that the line
names (``D2:3``; ``-`` for none); it answers with the child's exit code and what the child found.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from node.adapters.egress.client import Egress
from node.adapters.keys.files import FileKeyRing
from node.adapters.planes.http import HttpPlane
from node.adapters.sql.engine import connect
from node.adapters.sql.migrate import migrate
from node.adapters.sql.records import SqlRecordStore
from node.adapters.sql.transfer import SqlReceptionStore, SqlTransferStore
from node.adapters.sql.work import SqlUnitOfWork
from node.base import crashpoints
from node.base.clock import SystemClock
from node.identity.ports import KeyRing
from node.transfer.model import Reception
from node.transfer.receiving.data_checks import ReceptionChecks
from node.transfer.receiving.patience import Habits
from node.transfer.receiving.reception import ReceiveBytes
from node.transfer.receiving.version_checks import CheckVersion
from tests.fakes.keys import public_jwk
from tests.fakes.provider import CONSUMER, PROVIDER, consumer_transfer


def receiver_at(folder: Path, plane: HttpPlane, keyring: KeyRing, provider_key: dict[str, Any]) -> ReceiveBytes:
    """Receives into ``folder``, which also keeps the receptions (SQLite)."""
    folder.mkdir(exist_ok=True)
    engine = connect(f"sqlite:///{folder / 'hansa.sqlite'}")
    migrate(engine)

    async def key_of(did: str, kid: str) -> dict[str, Any]:
        assert (did, kid) == (PROVIDER, f"{PROVIDER}#key-1")
        return provider_key

    async def token_for(did: str) -> str:
        assert did == PROVIDER
        return f"Bearer {CONSUMER}"

    return ReceiveBytes(
        SqlUnitOfWork(engine),
        transfers=SqlTransferStore(),
        receptions=SqlReceptionStore(),
        plane=plane,
        keyring=keyring,
        clock=SystemClock(),
        folder=folder / "received",
        key_of=key_of,
        token_for=token_for,
        checks=ReceptionChecks(version=CheckVersion(SqlUnitOfWork(engine), SqlRecordStore())),
        habits=Habits(sync_bytes=4 << 20, first_pause=0.1, longest_pause=0.5, patience=20),
    )


async def receive(folder: Path, provider_folder: Path) -> Reception:
    keyring = FileKeyRing.open(provider_folder / "keys of consumer", CONSUMER)
    provider_key = public_jwk(FileKeyRing.open(provider_folder / "keys of provider", PROVIDER))
    address = json.loads((folder / "address.json").read_text())
    async with Egress(allow_loopback=True) as egress:
        receiver = receiver_at(folder, HttpPlane(egress), keyring, provider_key)
        return await receiver.run(consumer_transfer(address))


def run_to(point: str, folder: Path, provider_folder: Path) -> None:
    """Receive one transfer in this process, which dies at ``point``."""
    name, _, count = point.partition(":")
    crashpoints._point = "" if name == "-" else f"delivery.{name}"
    crashpoints._remaining = int(count or 1)
    received = asyncio.run(receive(folder, provider_folder))
    (folder / "outcome").write_text(f"{received.state} {received.error}")


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_to(line.strip(), Path(sys.argv[1]), Path(sys.argv[2]))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
