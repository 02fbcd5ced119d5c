"""What a node and an EDC do with one another, case by case; each begins at the catalogue and leaves nothing open.

``hansa`` in a name: the node provides and EDC consumes; ``edc``: the other way round. The node's side is what its
management API does and tells, EDC's side is what EDC's does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.adapters.egress import Egress
from node.bootstrap.remote import RemoteCatalogues
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation
from node.vocab.dsp import PUSH, VERSIONS
from tests.interop.desk import BYTES, Desk, fetched
from tests.interop.edc import Edc, until
from tests.interop.mock import MockIdentity
from tests.nodes import Running, publish

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

    @property
    def dsp(self) -> str:
        """Where the node's paths of this version hang."""
        return self.node.url + VERSIONS[self.version].path

    # ---- what many cases begin with --------------------------------------------------------------------------

    def found(self, slug: str) -> dict[str, Any]:
        """A dataset of the node as EDC reads it."""
        return self.edc.dataset(self.node.did, self.dsp, self.version, f"{self.node.url}/datasets/{slug}")

    def asked(self, slug: str) -> tuple[str, str]:
        """EDC asks for a dataset of the node: EDC's id of the negotiation, and ours."""
        pid = self.edc.negotiate(self.node.did, self.dsp, self.version, self.found(slug))
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

    def wanted(self, name: str) -> str:
        """The node asks for an asset of EDC's: the id of the negotiation."""
        with self.node.client() as client:
            return str(client.negotiate(self.edc.asset(name))["pid"])

    def bought(self, name: str = "counters") -> str:
        """The node and EDC agree about an asset of EDC's: the id of the agreement."""
        return str(self.here("negotiations", self.wanted(name), "FINALIZED")["agreementId"])

    def pushing(self, name: str) -> str:
        """The node asks EDC to push: the id of the transfer."""
        with self.node.client() as client:
            asked = {"agreementId": self.bought(name), "format": PUSH}
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
        found: dict[str, Any] = {}

        def look() -> bool:
            with self.node.client() as client:
                found.update(client.negotiation(pid) if kind == "negotiations" else client.transfer_state(pid))
            return found["state"] in states

        try:
            until("", look)
        except AssertionError:
            raise AssertionError(
                f"the node's process is {found.get('state')}, not {' or '.join(states)}: "
                f"{found.get('code')} {found.get('reason')} {(found.get('reception') or {}).get('error')}"
            ) from None
        return found

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

    def spoken(self, pid: str) -> str | None:
        """The version that a negotiation of the node is held in."""
        stores = self.node.node.parts.stores
        with stores.uow.read() as tx:
            found = stores.negotiations.get(tx, pid)
        return found.version if found is not None else None

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


# ---- the node provides -----------------------------------------------------------------------------------------


def hansa_catalogue(world: World) -> None:
    """EDC reads the node's catalogue in pages of two."""
    pages = [
        [one["@id"] for one in world.edc.catalog(world.node.did, world.dsp, world.version, offset=offset, limit=PAGE)]
        for offset in (0, 2, 4, 6)
    ]
    names = [name.rpartition("/")[2] for page in pages for name in page]
    assert [len(page) for page in pages] == [2, 2, 1, 0], pages
    assert sorted(names) == ["asks", "bridges", "closed", "parking", "traffic"], names


def hansa_dataset(world: World) -> None:
    """EDC asks the node for one dataset by its id."""
    found = world.edc.dataset(world.node.did, world.dsp, world.version, f"{world.node.url}/datasets/traffic")
    assert found["@id"].endswith("/datasets/traffic"), found


def hansa_negotiation(world: World) -> None:
    """EDC asks, and both sides keep the agreement."""
    pid, mine = world.asked("traffic")
    theirs = world.edc.reaches("contractnegotiations", pid, "FINALIZED")
    ours = world.here("negotiations", mine, "FINALIZED")
    assert world.spoken(mine) == world.version
    held = world.edc.call("GET", f"/contractagreements/{theirs['contractAgreementId']}")
    assert (held["assetId"], held["consumerId"]) == (ours["dataset"], world.edc.did)
    assert ours["agreementId"], ours


def hansa_refuses(world: World) -> None:
    """EDC asks for what could be had until 2020."""
    pid, mine = world.asked("closed")
    world.here("negotiations", mine, "TERMINATED")
    world.edc.reaches("contractnegotiations", pid, "TERMINATED")


def edc_withdraws(world: World) -> None:
    """EDC ends a negotiation that waits for a person of the node."""
    pid, mine = world.asked("asks")
    world.edc.reaches("contractnegotiations", pid, "REQUESTED")
    world.edc.end("contractnegotiations", pid)
    world.here("negotiations", mine, "TERMINATED")
    world.edc.reaches("contractnegotiations", pid, "TERMINATED")


def hansa_declines(world: World) -> None:
    """A person of the node ends a negotiation that waits for it."""
    pid, mine = world.asked("asks")
    world.edc.reaches("contractnegotiations", pid, "REQUESTED")
    world.tell("negotiations", mine, "terminate")
    world.edc.reaches("contractnegotiations", pid, "TERMINATED")
    world.here("negotiations", mine, "TERMINATED")


def hansa_is_pulled(world: World) -> None:
    """EDC pulls with the data address that it was given; the node says that all is done."""
    pid, mine = world.pulling()
    status, body = fetched(*address(world, pid))
    assert (status, body) == (200, BYTES), (status, body[:200])
    world.tell("transfers", mine, "complete")
    world.edc.reaches("transferprocesses", pid, "COMPLETED", "DEPROVISIONED")
    world.here("transfers", mine, "COMPLETED")


def hansa_suspends(world: World) -> None:
    """The node suspends what EDC pulls and lets it go on: the old address is dead, the new one is alive."""
    pid, mine = world.pulling()
    before = address(world, pid)
    world.tell("transfers", mine, "suspend")
    world.edc.reaches("transferprocesses", pid, "SUSPENDED")
    assert fetched(*before)[0] in (401, 403, 404)
    world.tell("transfers", mine, "resume")
    world.edc.reaches("transferprocesses", pid, "STARTED")
    after = until("a new address", lambda: found if (found := address(world, pid)) != before else None)
    assert fetched(*after) == (200, BYTES)
    world.tell("transfers", mine, "complete")
    world.edc.reaches("transferprocesses", pid, "COMPLETED", "DEPROVISIONED")


def edc_suspends(world: World) -> None:
    """EDC suspends what it pulls, and goes on."""
    pid, mine = world.pulling()
    world.edc.suspend(pid)
    world.here("transfers", mine, "SUSPENDED")
    world.edc.reaches("transferprocesses", pid, "SUSPENDED")
    world.edc.call("POST", f"/transferprocesses/{pid}/resume")
    world.here("transfers", mine, "STARTED")
    world.edc.reaches("transferprocesses", pid, "STARTED")
    assert until("bytes", lambda: fetched(*address(world, pid)) == (200, BYTES))
    world.edc.end("transferprocesses", pid)
    world.here("transfers", mine, "TERMINATED")


def hansa_ends_transfer(world: World) -> None:
    """The node terminates what EDC pulls."""
    pid, mine = world.pulling()
    before = address(world, pid)
    world.tell("transfers", mine, "terminate")
    world.edc.reaches("transferprocesses", pid, "TERMINATED", "DEPROVISIONED")
    assert fetched(*before)[0] in (401, 403, 404)


def hansa_pushes(world: World) -> None:
    """EDC names an address, and the node pushes there."""
    name = f"/sink/{world.version.replace('/', '-')}"
    world.desk.pushed.pop(name, None)
    pid = world.edc.transfer(
        world.node.did,
        world.dsp,
        world.version,
        world.agreed(),
        kind=PUSH,
        events=f"{world.desk.url}/events",
        sink=world.desk.url + name,
    )
    mine = until("the node knows of it", lambda: world.ours("transfers", pid))
    world.here("transfers", mine, "COMPLETED")
    world.edc.reaches("transferprocesses", pid, "COMPLETED", "DEPROVISIONED")
    assert world.desk.pushed[name] == BYTES


# ---- EDC provides ------------------------------------------------------------------------------------------------


def edc_catalogue(world: World) -> None:
    """The node reads EDC's catalogue, which has more than one page."""
    names = world.listed()
    assert len(names) == len(set(names)) == MORE + 1, len(names)


def edc_negotiation(world: World) -> None:
    """The node asks, and both sides keep the agreement."""
    ours = world.here("negotiations", world.wanted("counters"), "FINALIZED")
    theirs = world.edc.reaches("contractnegotiations", world.theirs("contractnegotiations", ours["pid"]), "FINALIZED")
    assert world.spoken(ours["pid"]) == world.version
    assert ours["agreementId"], ours
    assert theirs["contractAgreementId"], theirs


def edc_refuses(world: World) -> None:
    """The node asks for other terms than EDC offers."""
    node = world.node.node.protocol
    with world.node.client() as client:
        offer = client.conditions(world.edc.asset("counters"))["offer"]
    wished = {**offer, "permission": [{"action": "odrl:distribute"}]}
    asked = node.negotiations.request(
        provider=world.edc.did,
        address=world.edc.address(world.version),
        dataset=world.edc.asset("counters"),
        offer=wished,
    )
    world.here("negotiations", asked.pid, "TERMINATED")


def hansa_withdraws(world: World) -> None:
    """The node ends a negotiation about EDC's asset instead of verifying the agreement."""
    pid = world.wanted(WAITING)
    world.here("negotiations", pid, "AGREED")
    world.tell("negotiations", pid, "terminate")
    world.here("negotiations", pid, "TERMINATED")
    world.edc.reaches("contractnegotiations", world.theirs("contractnegotiations", pid), "TERMINATED")


def edc_declines(world: World) -> None:
    """EDC ends a negotiation about its asset while the node has not verified the agreement."""
    pid = world.wanted(WAITING)
    world.here("negotiations", pid, "AGREED")
    theirs = world.theirs("contractnegotiations", pid)
    world.edc.reaches("contractnegotiations", theirs, "AGREED")
    world.edc.end("contractnegotiations", theirs)
    world.here("negotiations", pid, "TERMINATED")
    world.edc.reaches("contractnegotiations", theirs, "TERMINATED")


def edc_pushes(world: World) -> None:
    """The node names an address of its own, and EDC pushes there."""
    pid = world.pushing("counters")
    world.here("transfers", pid, "COMPLETED")
    world.edc.reaches("transferprocesses", world.theirs("transferprocesses", pid), "COMPLETED", "DEPROVISIONED")
    assert world.received(pid) == BYTES


def waiting(world: World) -> tuple[str, str]:
    """EDC has pushed, and waits for the answer: our id of the transfer, and EDC's.

    While its data plane still reads from the source it cannot be stopped safely: its buffers then fail.
    """
    world.desk.gate.clear()
    pid = world.pushing("counters")
    world.here("transfers", pid, "STARTED")
    theirs = world.theirs("transferprocesses", pid)
    world.edc.reaches("transferprocesses", theirs, "STARTED")
    return pid, theirs


def hansa_suspends_push(world: World) -> None:
    """The node suspends what EDC pushes, and lets it go on."""
    pid, theirs = waiting(world)
    world.tell("transfers", pid, "suspend")
    world.here("transfers", pid, "SUSPENDED")
    world.edc.reaches("transferprocesses", theirs, "SUSPENDED")
    world.desk.gate.set()
    world.tell("transfers", pid, "resume")
    world.here("transfers", pid, "COMPLETED")
    assert world.received(pid) == BYTES


def edc_suspends_push(world: World) -> None:
    """EDC suspends what it pushes, and lets it go on."""
    pid, theirs = waiting(world)
    world.edc.suspend(theirs)
    world.here("transfers", pid, "SUSPENDED")
    world.edc.reaches("transferprocesses", theirs, "SUSPENDED")
    world.desk.gate.set()
    world.edc.call("POST", f"/transferprocesses/{theirs}/resume")
    world.here("transfers", pid, "COMPLETED")
    assert world.received(pid) == BYTES


def hansa_ends_push(world: World) -> None:
    """The node terminates what EDC pushes."""
    pid, theirs = waiting(world)
    world.tell("transfers", pid, "terminate")
    world.here("transfers", pid, "TERMINATED")
    world.edc.reaches("transferprocesses", theirs, "TERMINATED", "DEPROVISIONED")


def edc_ends_push(world: World) -> None:
    """EDC terminates what it pushes."""
    pid, theirs = waiting(world)
    world.edc.end("transferprocesses", theirs)
    world.here("transfers", pid, "TERMINATED")
    world.edc.reaches("transferprocesses", theirs, "TERMINATED", "DEPROVISIONED")


def address(world: World, pid: str) -> tuple[str, str | None]:
    """End point and header of the data address that EDC was given last."""
    told = until("EDC tells the data address", lambda: world.desk.started(pid))["properties"]
    named = {name.rpartition("/")[2]: value for name, value in told.items()}
    return named["endpoint"], f"Bearer {named['authorization']}"


Case = Callable[[World], None]

CASES: Final[Mapping[str, Case]] = {
    "EDC reads Hansa's catalogue, paged": hansa_catalogue,
    "EDC reads one dataset of Hansa's": hansa_dataset,
    "EDC negotiates with Hansa, FINALIZED": hansa_negotiation,
    "Hansa refuses EDC": hansa_refuses,
    "EDC terminates its negotiation with Hansa": edc_withdraws,
    "Hansa terminates EDC's negotiation": hansa_declines,
    "EDC pulls from Hansa": hansa_is_pulled,
    "Hansa suspends and resumes EDC's pull": hansa_suspends,
    "EDC suspends and resumes its pull": edc_suspends,
    "Hansa terminates EDC's pull": hansa_ends_transfer,
    "Hansa pushes to EDC's address": hansa_pushes,
    "Hansa reads EDC's catalogue, paged": edc_catalogue,
    "Hansa negotiates with EDC, FINALIZED": edc_negotiation,
    "EDC refuses Hansa": edc_refuses,
    "Hansa terminates its negotiation with EDC": hansa_withdraws,
    "EDC terminates Hansa's negotiation": edc_declines,
    "EDC pushes to Hansa": edc_pushes,
    "Hansa suspends and resumes EDC's push": hansa_suspends_push,
    "EDC suspends and resumes its push": edc_suspends_push,
    "Hansa terminates EDC's push": hansa_ends_push,
    "EDC terminates its push": edc_ends_push,
}
