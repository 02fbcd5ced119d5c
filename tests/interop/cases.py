"""What a node and an EDC do with one another, case by case; each begins at the catalogue and leaves nothing open.

``hansa`` in a name: the node provides and EDC consumes; ``edc``: the other way round. The node's side is what its
management API does and tells, EDC's side is what EDC's does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from node.client import HansaClient
from node.vocab.dsp import PUSH
from tests.interop.desk import BYTES, fetched
from tests.interop.edc import RECOVERY, until
from tests.interop.world import MORE, PAGE, WAITING, World

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
    assert world.version_of(mine) == world.version
    held = world.edc.agreement(theirs)
    assert (held["assetId"], held["consumerId"]) == (ours["dataset"], world.edc.did)
    same_agreement(world, ours, held)


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


def edc_refuses_counter_offer(world: World) -> None:
    """EDC asks for other terms, the node puts its own on the table again, and EDC's operator does not want them."""
    wished = {"permission": [{"action": "odrl:distribute"}]}
    pid = world.edc.negotiate(world.node.did, world.dsp, world.version, world.dataset_for_edc("traffic"), wished)
    mine = until("the node knows of it", lambda: world.ours("negotiations", pid))
    world.here("negotiations", mine, "OFFERED")
    world.edc.reaches("contractnegotiations", pid, "OFFERED")
    world.edc.end("contractnegotiations", pid)
    world.here("negotiations", mine, "TERMINATED")
    world.edc.reaches("contractnegotiations", pid, "TERMINATED")


def hansa_is_killed(world: World) -> None:
    """A node is killed while EDC asks it and it asks EDC, and comes back: both sides keep both agreements."""
    with world.killable() as node:
        dataset = world.edc.dataset(node.did, node.dsp, world.version, node.dataset)
        with node.client() as client:
            requested = str(client.negotiate(world.edc.asset("counters"))["pid"])
        sold = until("EDC has told its id", lambda: node.negotiation(requested)["peerPid"])
        bought = world.edc.negotiate(node.did, node.dsp, world.version, dataset)
        asked = until("the node knows of it", lambda: node.ours(bought))
        stood = {node.negotiation(pid)["state"] for pid in (asked, requested)}
        assert stood != {"FINALIZED"}, "it was to be killed while they negotiate"
        node.kill()
        node.begin()
        for ours, theirs in ((asked, bought), (requested, sold)):
            same_agreement(world, node.reaches(ours, "FINALIZED"), held_by_edc(world, theirs), node.client)


def held_by_edc(world: World, pid: str) -> Mapping[str, Any]:
    return world.edc.agreement(world.edc.reaches("contractnegotiations", pid, "FINALIZED", seconds=RECOVERY))


def same_agreement(
    world: World,
    ours: Mapping[str, Any],
    edc_agreement: Mapping[str, Any],
    client: Callable[[], HansaClient] | None = None,
) -> None:
    """Both sides keep the agreement of this id, about the same asset and between the same two."""
    with (client or world.node.client)() as asking:
        agreed = asking.agreement(ours["agreementId"])["agreement"]
    node_side = {"id": agreed["@id"], "asset": agreed["target"], "by": agreed["assigner"], "for": agreed["assignee"]}
    edc_side = {
        "id": edc_agreement["agreementId"],
        "asset": edc_agreement["assetId"],
        "by": edc_agreement["providerId"],
        "for": edc_agreement["consumerId"],
    }
    assert node_side == edc_side, (agreed, edc_agreement)


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
    ours = world.here("negotiations", world.negotiate("counters"), "FINALIZED")
    theirs = world.edc.reaches("contractnegotiations", world.theirs("contractnegotiations", ours["pid"]), "FINALIZED")
    assert world.version_of(ours["pid"]) == world.version
    same_agreement(world, ours, world.edc.agreement(theirs))


def edc_refuses(world: World) -> None:
    """The node asks for other terms than EDC offers."""
    node = world.node.node.protocol
    with world.node.client() as client:
        offer = client.conditions(world.edc.asset("counters"))["offer"]
    wished = {**offer, "permission": [{"action": "odrl:distribute"}]}
    asked = node.negotiation.negotiations.request(
        provider=world.edc.did,
        address=world.edc.address(world.version),
        dataset=world.edc.asset("counters"),
        offer=wished,
    )
    world.here("negotiations", asked.pid, "TERMINATED")


def hansa_withdraws(world: World) -> None:
    """The node ends a negotiation about EDC's asset instead of verifying the agreement."""
    pid = world.negotiate(WAITING)
    world.here("negotiations", pid, "AGREED")
    world.tell("negotiations", pid, "terminate")
    world.here("negotiations", pid, "TERMINATED")
    world.edc.reaches("contractnegotiations", world.theirs("contractnegotiations", pid), "TERMINATED")


def edc_declines(world: World) -> None:
    """EDC ends a negotiation about its asset while the node has not verified the agreement."""
    pid = world.negotiate(WAITING)
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

    While its data plane still reads or writes it cannot be stopped safely: its buffers then fail, and the transfer
    with them (``Error writing data``).
    """
    world.desk.arrived.clear()
    world.desk.gate.clear()
    pid = world.pushing("counters")
    world.here("transfers", pid, "STARTED")
    theirs = world.theirs("transferprocesses", pid)
    world.edc.reaches("transferprocesses", theirs, "STARTED")
    until("all bytes are here", world.desk.arrived.is_set)
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


def edc_is_pulled(world: World) -> None:
    """The node pulls from the public API of EDC's data plane, with the address that EDC's start has told."""
    pid = world.fetching("counters")
    world.here("transfers", pid, "COMPLETED")
    world.edc.reaches("transferprocesses", world.theirs("transferprocesses", pid), "COMPLETED", "DEPROVISIONED")
    assert world.received(pid) == BYTES


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
    "EDC refuses Hansa's counter-offer": edc_refuses_counter_offer,
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
    "Hansa is killed while both negotiate, and comes back": hansa_is_killed,
    "EDC pushes to Hansa": edc_pushes,
    "Hansa suspends and resumes EDC's push": hansa_suspends_push,
    "EDC suspends and resumes its push": edc_suspends_push,
    "Hansa terminates EDC's push": hansa_ends_push,
    "EDC terminates its push": edc_ends_push,
}

PUBLIC_CASES: Final[Mapping[str, Case]] = {
    "Hansa pulls from EDC's public API": edc_is_pulled,
}
"""With an EDC of the version that has a public API."""
