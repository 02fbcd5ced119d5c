"""One node of the sweep, in a process of its own: an ordinary node, but for what it does by itself.

It counters an offer of the dataset ``haggled`` once and then accepts, and does not fetch the file ``held.csv``. All
else is the standard's. A route lets a provider open a negotiation, which no interface of a node does.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pluggy
from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import BaseModel

import node.bootstrap.application  # noqa: F401 - all of a node: a process forked from this one need not load it
from node.base import crashpoints
from node.base.process import Role
from node.bootstrap import build as building
from node.bootstrap.node import HansaNode
from node.bootstrap.serving import run_server
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation
from node.settings import Settings, load
from node.transfer import machine as transferring
from node.transfer import strategy as transfer

HAGGLED: Final = "haggled"
HELD: Final = "held.csv"

hookimpl = pluggy.HookimplMarker("hansa")


class Negotiating:
    """The standard strategy, and one that haggles about one dataset."""

    def __init__(self) -> None:
        self._standard = negotiation.StandardStrategy()

    def next(self, look: negotiation.Look) -> negotiation.Action:
        one = look.negotiation
        if one.role is Role.PROVIDER or one.state != negotiating.OFFERED or not one.dataset.endswith(f"/{HAGGLED}"):
            return self._standard.next(look)
        if negotiating.REQUEST not in look.said():
            terms = {name: value for name, value in one.offer.items() if name not in ("target", "permission")}
            return negotiation.Counter({**terms, "permission": [{"action": "odrl:read"}]})
        return negotiation.Accept()


class Transferring:
    """The standard strategy, but one file is not fetched."""

    def __init__(self) -> None:
        self._standard = transfer.StandardStrategy()

    def next(self, look: transfer.Look) -> transfer.Action:
        one = look.transfer
        if one.role is Role.CONSUMER and one.state == transferring.STARTED and one.file == HELD:
            return transfer.Hold()
        return self._standard.next(look)


class Wanted(BaseModel):
    """An offer to make: to whom, where it listens, about what."""

    consumer: str
    address: str
    dataset: str


class Offering:
    """A plug-in of one node: the route that opens a negotiation by an offer."""

    def __init__(self, node: HansaNode) -> None:
        self._node = node

    @hookimpl
    def hansa_routes(self, host: Any) -> list[APIRouter]:
        api = APIRouter(prefix="/sweep")
        api.post("/offers")(self.offer)
        return [api]

    async def offer(self, wanted: Wanted) -> dict[str, str]:
        """Make it; the negotiation's pid."""
        begun = await run_sync(
            lambda: self._node.protocol.negotiations.offer(
                consumer=wanted.consumer, address=wanted.address, dataset=wanted.dataset
            )
        )
        return {"pid": begun.pid}


def _end_with_the_sweep() -> None:
    """However the sweep ends: it may be killed itself."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None, "a node of the sweep was started by it"
    sweep.join()
    crashpoints.die()


def serve(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """The process's whole life; it ends when the process that started it does."""
    threading.Thread(target=_end_with_the_sweep, name="sweep", daemon=True).start()
    for descriptor in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), descriptor)
    for name in [name for name in os.environ if name.startswith("HANSA_")]:
        del os.environ[name]
    os.environ.update(environment)
    importlib.reload(crashpoints)  # It reads the environment of its process, which was another when it was loaded.
    standard = building.build

    def build(settings: Settings, **options: Any) -> HansaNode:
        made = standard(settings, strategy=Negotiating(), transfer_strategy=Transferring(), **options)
        made.plugins.register(Offering(made), name="tests.sweep")
        return made

    building.build = build
    sys.exit(run_server(load(folder)))
