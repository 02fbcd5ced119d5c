"""One node of the sweep, in a process of its own: an ordinary node, but for what it does by itself.

It counters an offer of the dataset ``haggled`` once and then accepts, and does not fetch the file ``held.csv``. All
else is the standard's. A route lets a provider open a negotiation, which no interface of a node does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pluggy
from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import BaseModel

from node.bootstrap import build as building
from node.bootstrap.node import HansaNode
from node.cli.server import run_server
from node.dialogue.process import Role
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation
from node.settings import Settings, load
from node.transfer import machine as transferring
from node.transfer import strategy as transfer
from tests.forks import prepare

HAGGLED: Final = "haggled"
HELD: Final = "held.csv"

hookimpl = pluggy.HookimplMarker("hansa")


class Negotiating:
    """The standard strategy, and one that haggles about one dataset."""

    def __init__(self) -> None:
        self._standard = negotiation.StandardStrategy()

    def next(self, look: negotiation.Look) -> negotiation.Action:
        process = look.negotiation
        if (
            process.role is Role.PROVIDER
            or process.state != negotiating.OFFERED
            or not process.dataset.endswith(f"/{HAGGLED}")
        ):
            return self._standard.next(look)
        if negotiating.REQUEST not in look.messages_so_far():
            terms = {name: value for name, value in process.offer.items() if name not in ("target", "permission")}
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


class WishedOffer(BaseModel):
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

    async def offer(self, wish: WishedOffer) -> dict[str, str]:
        """Make it; the negotiation's pid."""
        begun = await run_sync(
            lambda: self._node.protocol.negotiation.negotiations.offer(
                consumer=wish.consumer, address=wish.address, dataset=wish.dataset
            )
        )
        return {"pid": begun.pid}


def serve(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """The process's whole life; it ends when the process that started it does."""
    prepare(environment, log)
    standard = building.build

    def build(settings: Settings, **options: Any) -> HansaNode:
        made = standard(settings, strategy=Negotiating(), transfer_strategy=Transferring(), **options)
        made.plugins.register(Offering(made), name="tests.sweep")
        return made

    building.build = build
    sys.exit(run_server(load(folder)))
