"""A node and an EDC beside one another: what many cases begin with, and how each side is looked at."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from node.adapters.egress import Egress
from node.adapters.peers.catalogues import RemoteCatalogues
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation
from node.vocab.dsp import PULL, PUSH, VERSIONS
from tests.interop.desk import BYTES, Desk
from tests.interop.edc import Edc, until
from tests.interop.mock import MockIdentity
from tests.interop.victim import Victim, victim
from tests.nodes import Running, publish
from tests.postgres import fresh_schema

ASKS: Final = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
OVER: Final = {
    "permission": [
        {
            "action": "odrl:use",
            "constraint": [
                {"leftOperand": "odrl:dateTime", "operator": "odrl:lt", "rightOperand": "2020-01-01T00:00:00Z"}
            ],
        }
    ]
}
WAITING: Final = "more-1"
"""An asset of EDC's about which the node, as consumer, does not verify the agreement by itself."""

MORE: Final = 60
PAGE: Final = 2


class Patient(negotiation.StandardStrategy):
    """Leaves negotiations about one asset where they are, so that somebody can end them."""

    def next(self, look: negotiation.Look) -> negotiation.Action:
        if look.negotiation.dataset.endswith(f"/{WAITING}") and look.negotiation.state == negotiating.AGREED:
            return negotiation.Hold()
        return super().next(look)


@dataclass
class World:
    """One node and one EDC that speak one version of the protocol."""

    node: Running
    edc: Edc
    desk: Desk
    mock: MockIdentity
    version: str
    settings: dict[str, str]

    @property
    def dsp(self) -> str:
        """Where the node's paths of this version hang."""
        return self.node.url + VERSIONS[self.version].path

    # ---- what many cases begin with --------------------------------------------------------------------------

    def dataset_for_edc(self, slug: str) -> dict[str, Any]:
        """A dataset of the node as EDC reads it."""
        return self.edc.dataset(self.node.did, self.dsp, self.version, f"{self.node.url}/datasets/{slug}")

    def asked(self, slug: str) -> tuple[str, str]:
        """EDC asks for a dataset of the node: EDC's id of the negotiation, and ours."""
        pid = self.edc.negotiate(self.node.did, self.dsp, self.version, self.dataset_for_edc(slug))
        return pid, until("the node knows of it", lambda: self.ours("negotiations", pid))

    def agreed(self, slug: str = "traffic") -> str:
        """EDC and the node agree about a dataset of the node; EDC's id of the agreement."""
        pid, _ = self.asked(slug)
        return str(self.edc.reaches("contractnegotiations", pid, "FINALIZED")["contractAgreementId"])

    def pulling(self) -> tuple[str, str]:
        """EDC pulls: EDC's id of the transfer, and ours; it has started on both sides."""
        pid = self.edc.transfer(
            self.node.did,
            self.dsp,
            self.version,
            self.agreed(),
            kind="HttpData-PULL",
            events=f"{self.desk.url}/events",
        )
        self.edc.reaches("transferprocesses", pid, "STARTED")
        mine = until("the node knows of it", lambda: self.ours("transfers", pid))
        self.here("transfers", mine, "STARTED")
        return pid, mine

    def negotiate(self, name: str) -> str:
        """The node asks for an asset of EDC's: the id of the negotiation."""
        with self.node.client() as client:
            return str(client.negotiate(self.edc.asset(name))["pid"])

    def bought(self, name: str = "counters") -> str:
        """The node and EDC agree about an asset of EDC's: the id of the agreement."""
        return str(self.here("negotiations", self.negotiate(name), "FINALIZED")["agreementId"])

    def pushing(self, name: str) -> str:
        """The node asks EDC to push: the id of the transfer."""
        with self.node.client() as client:
            asked = {"agreementId": self.bought(name), "format": PUSH}
            return str(client.call("POST", "/api/transfers", json=asked)["pid"])

    def fetching(self, name: str) -> str:
        """The node pulls from EDC: the id of the transfer."""
        with self.node.client() as client:
            asked = {"agreementId": self.bought(name), "format": PULL}
            return str(client.call("POST", "/api/transfers", json=asked)["pid"])

    def received(self, pid: str) -> bytes:
        """The bytes that the node has got."""
        with self.node.client() as client:
            return client.raw(f"/api/transfers/{pid}/content")

    # ---- looking -----------------------------------------------------------------------------------------------

    def ours(self, kind: str, peer_pid: str) -> str | None:
        """The id of the process whose id EDC has told us."""
        with self.node.client() as client:
            found = client.negotiations() if kind == "negotiations" else client.transfers()
        return next((str(one["pid"]) for one in found if one["peerPid"] == peer_pid), None)

    def here(self, kind: str, pid: str, *states: str) -> dict[str, Any]:
        """Wait until a process of the node is in one of ``states``; how it is then."""
        process: dict[str, Any] = {}

        def look() -> bool:
            with self.node.client() as client:
                process.update(client.negotiation(pid) if kind == "negotiations" else client.transfer_state(pid))
            return process["state"] in states

        try:
            until("", look)
        except AssertionError:
            raise AssertionError(
                f"the node's process is {process.get('state')}, not {' or '.join(states)}: "
                f"{process.get('code')} {process.get('reason')} {(process.get('reception') or {}).get('error')}"
            ) from None
        return process

    def tell(self, kind: str, pid: str, verb: str, *reasons: str) -> None:
        """What a person of the node does with a process."""
        with self.node.client() as client:
            client.call("POST", f"/api/{kind}/{pid}/{verb}", json={"reason": " ".join(reasons) or "a test"})

    def listed(self) -> list[str]:
        """The ids of all that the node finds in EDC's catalogue."""

        async def read() -> list[str]:
            async with Egress(allow_loopback=True) as egress:
                catalogues = RemoteCatalogues(self.node.node.protocol.correspondence, egress)
                return [str(one["@id"]) async for one in catalogues.datasets(self.edc.did)]

        return asyncio.run(read())

    def version_of(self, pid: str) -> str | None:
        """The version that a negotiation of the node is held in."""
        stores = self.node.node.parts.stores
        with stores.uow.read() as tx:
            found = stores.negotiation.negotiations.get(tx, pid)
        return found.version if found is not None else None

    @contextmanager
    def killable(self) -> Iterator[Victim]:
        """A node beside ours, of the same kind and on a database of the same kind, that can be killed."""
        # A schema of one database is one node's, so the second node gets a schema of its own.
        folder = self.node.folder.parent / f"{self.node.folder.name}-killed"
        shutil.rmtree(folder, ignore_errors=True)
        if "database_url" not in self.settings:
            with victim(folder, self.edc, self.version, {}) as process:
                yield process
            return
        with (
            fresh_schema(self.settings["database_url"]) as url,
            victim(folder, self.edc, self.version, {"database_url": url}) as process,
        ):
            yield process

    def theirs(self, kind: str, pid: str) -> str:
        """EDC's id of a process of ours."""
        found = until("EDC knows of it", lambda: self.edc.by_peer_pid(kind, pid))
        return str(found["@id"])


def settle(node: Running) -> None:
    """What the node offers."""
    for slug in ("traffic", "parking", "bridges"):
        publish(node, slug, data=BYTES)
    publish(node, "asks", data=BYTES, conditions=ASKS)
    publish(node, "closed", data=BYTES, conditions=OVER)
