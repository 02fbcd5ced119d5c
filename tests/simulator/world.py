"""The world: a company of nodes and all that can happen to it. What happens is an *action*, a tuple of names and
numbers; a list of actions is a schedule.

The same schedule in the same company gives the same world, and a schedule from which actions were removed still
means something: what an action names is found by what it is (the second request of the agreement message of
negotiation n3), and an action whose object does not exist does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.base.errors import HansaError
from node.dialogue.process import Role
from node.transfer import machine as transferring
from tests.fakes.people import person
from tests.simulator.company import open_decisions
from tests.simulator.database import Crash
from tests.simulator.machines import TICK
from tests.simulator.network import Network
from tests.simulator.nodes import OTHER_TERMS, SimNode

Action = tuple[Any, ...]


class World(Network):
    """All actions; here those of people."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._doing: dict[str, Callable[..., bool]] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }

    def apply(self, action: Action) -> bool:
        """Let it happen; whether there was anything that could."""
        self.counts["steps"] += 1
        self._pass(TICK)
        done = self._doing[action[0]](*action[1:])
        self.counts[action[0]] += done
        return done

    def do_ask(self, label: str, consumer: str, provider: str, kind: str, terms: str) -> bool:
        """A consumer asks for a dataset, under its offer or under other terms."""
        ours, theirs = self.by_name[consumer], self.by_name[provider]
        iri = theirs.plan.datasets()[kind]
        offer = {**self._offer(theirs, iri), **(OTHER_TERMS if terms == "other" else {})}
        return self._people(
            ours,
            label,
            lambda: ours.negotiations.request(provider=theirs.did, address=theirs.address, dataset=iri, offer=offer),
        )

    def do_offer(self, label: str, provider: str, consumer: str, kind: str) -> bool:
        """A provider offers a dataset to somebody who has not asked."""
        ours, theirs = self.by_name[provider], self.by_name[consumer]
        iri = ours.plan.datasets()[kind]
        return self._people(
            ours, label, lambda: ours.negotiations.offer(consumer=theirs.did, address=theirs.address, dataset=iri)
        )

    def do_use(self, label: str, negotiation: str) -> bool:
        """The consumer asks for the bytes under an agreement."""
        place = self.find(negotiation, Role.CONSUMER)
        if place is None or place[1].state != "FINALIZED" or (label, Role.CONSUMER) in self.places:
            return False
        node, process = place
        agreement: Any = process
        return self._people(node, label, lambda: node.transfer_requests.request(agreement.agreement["@id"], person()))

    def do_decide(self, label: str, approve: bool) -> bool:
        """A person of the provider decides about a use, or one of the consumer about an offer."""
        sides = [found for role in Role if (found := self.find(label, role)) is not None]
        waiting = [(node, one) for node, side in sides for one in open_decisions(node) if one.subject == side.pid]
        if not waiting:
            return False
        node, question = waiting[0]
        return self._people(node, "", lambda: node.decide(question.id, approve=approve))

    def do_accept(self, label: str) -> bool:
        """A person of the consumer accepts an offer."""
        found = self.find(label, Role.CONSUMER)
        return found is not None and self._people(
            found[0], "", lambda: found[0].negotiations.accept(found[1].pid, by=person())
        )

    def do_end(self, label: str, role: str) -> bool:
        """A person of one side ends a negotiation."""
        place = self.find(label, role)
        if place is None:
            return False
        node, process = place
        return self._people(
            node, label, lambda: node.negotiations.terminate(process.pid, "person", ["enough"], by=person()), True
        )

    def do_steer(self, label: str, role: str, message: str) -> bool:
        """A person of one side suspends, resumes, completes or ends a transfer."""
        place = self.find(label, role)
        if place is None:
            return False
        node, process = place
        interferes = message in (transferring.TERMINATION, transferring.COMPLETION)
        return self._people(
            node, label, lambda: node.transfers.command(process.pid, message, person(), code="x"), interferes
        )

    def do_withdraw(self, provider: str, kind: str) -> bool:
        """A dataset is offered no longer."""
        node = self.by_name[provider]
        return self._people(node, "", lambda: node.withdraw(node.plan.datasets()[kind]))

    def do_revive(self, node: str) -> bool:
        """A person tries all dead letters of a node again."""
        ours = self.by_name[node]
        with ours.uow.read() as tx:
            dead = list(ours.outbox.dead(tx))
        for task in dead:
            with ours.uow.begin() as tx:
                ours.outbox.revive(tx, task.id, due=ours.clock.now())
        return bool(dead)

    def _people(self, node: SimNode, label: str, work: Callable[[], object], willed: bool = False) -> bool:
        if not node.up:
            return False
        self.naming = label
        try:
            work()
        except HansaError:
            # The command came too late, and the person is told so.
            return False
        except Crash:
            self.do_crash(node.name)
        finally:
            self.naming = ""
        if willed:
            self.willed.add(label)
        return True

    def _offer(self, node: SimNode, iri: str) -> dict[str, Any]:
        record = next(one for one in node.uow.peek("records")[iri] if one.offer is not None)
        return dict(record.offer)
