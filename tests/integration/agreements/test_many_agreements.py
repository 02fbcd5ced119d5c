"""Of many agreements and transfers, none falls out of sight: duties to delete, ends, and what was received."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.clock import Clock
from node.dialogue.process import Role
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.operation.agreements import EndingAgreements
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.receipts import Receipts
from tests.contract.stores.test_agreements import agreement
from tests.contract.stores.test_grants import reception
from tests.contract.stores.test_processes import transfer
from tests.fakes.clock import FixedClock
from tests.integration.agreements.test_deletion import DELETED
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
PROVIDER, ME = "did:web:ghent.example", "did:web:plzen.example"
MANY = 1010


def our_agreement(number: int) -> Agreement:
    """An agreement of ours; the first is the oldest, and ends in a week."""
    at = NOW - timedelta(days=100) + timedelta(minutes=number)
    body: dict[str, Any] = {"@type": "Agreement", "@id": f"urn:{number}", **DELETED}
    if number == 0:
        end = {"leftOperand": "odrl:dateTime", "operator": "odrl:lteq", "rightOperand": "2026-11-27T09:30:00Z"}
        body["permission"] = [{"action": "odrl:use", "constraint": [end]}]
    return agreement(f"urn:{number}", consumer=ME, provider=PROVIDER, at=at, finalized=at, body=body)


@pytest.fixture
def duties(stores: Stores) -> DeletionDuties:
    """The duties under the oldest of many agreements, and under the newest, which all later transfers are under."""
    with stores.uow.begin() as tx:
        for number in range(MANY):
            stores.agreements.add(tx, our_agreement(number))
        for number in range(MANY):
            created = NOW - timedelta(days=90) + timedelta(minutes=number)
            of = "urn:0" if number == 0 else f"urn:{MANY - 1}"
            running = transfer(f"urn:t{number}", agreement=of, role=Role.CONSUMER, peer=PROVIDER, created=created)
            stores.transfers.add(tx, running)
            stores.receptions.put(tx, reception(running.pid, "done", at=created))
    return DeletionDuties(
        uow=stores.uow,
        store=stores.deletions,
        agreements=stores.agreements,
        receipts=Receipts(stores.receptions),
        ledger=stores.ledger,
        clock=FixedClock(NOW),
        me=ME,
    )


def test_the_oldest_of_many_deletions_is_the_first_that_is_shown(duties: DeletionDuties) -> None:
    known = duties.all()
    assert len(known) == MANY
    assert [(duty.agreement, duty.overdue, duty.received) for duty in known[:2]] == [
        ("urn:0", True, NOW - timedelta(days=90)),
        (f"urn:{MANY - 1}", True, NOW - timedelta(days=90) + timedelta(minutes=1)),
    ]
    assert not any(duty.due for duty in known[2:])


async def test_the_oldest_of_many_agreements_is_known_to_end(stores: Stores, duties: DeletionDuties) -> None:
    clock: Clock = FixedClock(NOW)
    part = await EndingAgreements(stores.uow, stores.agreements, clock)(Caller(did=ME, account="els"))
    assert [item.facts["agreement"] for item in part.items] == ["urn:0"]
