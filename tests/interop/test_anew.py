"""What EDC does on PostgreSQL, by hand: it forgets the agreement that it has sent, and sends another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from node.base.clock import stamp
from node.base.ids import new_urn
from node.base.jsons import read_object
from node.identity.jose import read_jws
from node.negotiation import agreement, machine
from node.negotiation.messages import SIGNATURE
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.restatement import MOST_ANEW
from tests.interop.edc import Edc
from tests.interop.mock import MockIdentity
from tests.nodes import Running, running

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"
RULES = {"permission": [{"action": "use"}]}
MESSAGES = 6


@dataclass
class Forgetful:
    """Speaks to a node as an EDC does at which nobody answers, so that what the node says stays on its way."""

    node: Running
    edc: Edc
    negotiation: Negotiation

    def says(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        pids = {"providerPid": "urn:uuid:theirs", "consumerPid": self.negotiation.pid}
        message = {"@context": [CONTEXT], "@id": new_urn(), **pids, **body}
        sent = json.dumps({"clientId": self.edc.did, "region": "eu", "audience": self.node.did})
        with self.node.http(headers={"Authorization": sent}) as http:
            answer = http.post(f"/dsp/2025-1/negotiations/{self.negotiation.pid}/{path}", json=message)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def agrees(self, status: int = 200, after: float = 0.0, **changes: Any) -> str:
        """Sends an agreement of its own making; its id."""
        draft = {
            "@id": new_urn(),
            "@type": "Agreement",
            "target": self.negotiation.dataset,
            "assigner": self.edc.did,
            "assignee": self.node.did,
            "timestamp": stamp(datetime.now(UTC) + timedelta(seconds=after)),
            **RULES,
            **changes,
        }
        self.says("agreement", {"@type": "ContractAgreementMessage", "agreement": draft}, status)
        return str(draft["@id"])

    def finalizes(self) -> None:
        self.says("events", {"@type": "ContractNegotiationEventMessage", "eventType": "FINALIZED"})

    @property
    def here(self) -> Negotiation:
        stores = self.node.node.parts.stores
        with stores.uow.read() as tx:
            found = stores.negotiation.negotiations.get(tx, self.negotiation.pid)
        assert found is not None
        return found

    def stored_agreement(self, agreement_id: str) -> Agreement:
        stores = self.node.node.parts.stores
        with stores.uow.read() as tx:
            found = stores.negotiation.agreements.get(tx, agreement_id)
        assert found is not None
        return found

    def waiting(self) -> dict[str, Any]:
        """The verification that the node has not got rid of."""
        pending = self.here.pending
        assert pending is not None
        assert pending.message == machine.VERIFICATION
        stores = self.node.node.parts.stores
        with stores.uow.read() as tx:
            due = stores.outbox.due(tx, now=datetime.now(UTC) + timedelta(days=1), limit=50, busy=())
        [body] = [json.loads(task.body) for task in due if task.headers["message"] == machine.VERIFICATION]
        assert body["@id"] == pending.message_id
        found: dict[str, Any] = body
        return found


@pytest.fixture
def edc(tmp_path: Path, sqlite_template: Path) -> Iterator[Forgetful]:
    nobody = Edc(1)
    mock = MockIdentity(nobody)
    with running(
        tmp_path / "node", template=sqlite_template, options=mock.options(), messages_per_negotiation=MESSAGES
    ) as node:
        mock.me = node.did
        begun = node.node.protocol.negotiation.negotiations.request(
            provider=nobody.did,
            address=nobody.address("2025-1"),
            dataset=nobody.asset("counters"),
            offer={"@id": "an-offer", "@type": "Offer", **RULES},
        )
        yield Forgetful(node, nobody, begun)


def test_the_last_agreement_counts(edc: Forgetful) -> None:
    first = edc.agrees()
    verified = edc.waiting()
    second = edc.agrees(after=1.0)
    anew = edc.waiting()
    assert anew["@id"] != verified["@id"]
    assert (edc.here.state, (edc.here.agreement or {})["@id"]) == (machine.AGREED, second)
    assert list(edc.here.signatures) == [edc.node.did]
    assert anew[SIGNATURE] == edc.here.signatures[edc.node.did] != verified[SIGNATURE]
    edc.finalizes()
    assert edc.here.state == machine.FINALIZED
    assert edc.stored_agreement(second).in_force
    assert not edc.stored_agreement(first).in_force
    assert second in (edc.stored_agreement(first).ended_why or "")
    messages = [one.message for one in edc.node.exchanges(edc.negotiation.pid) if not one.outgoing]
    assert messages == [machine.AGREEMENT, machine.AGREEMENT, machine.FINALIZED_EVENT]


@pytest.mark.parametrize(
    "changes",
    [
        {"permission": [{"action": "distribute"}]},
        {"https://else.example/fee": 7},
        {"prohibition": [{"action": "sell"}]},
    ],
    ids=["other terms", "a member more", "a rule more"],
)
def test_other_words_do_not_replace_an_agreement(edc: Forgetful, changes: dict[str, Any]) -> None:
    first = edc.agrees()
    verified = edc.waiting()
    edc.agrees(status=400, **changes)
    assert (edc.here.agreement or {})["@id"] == first
    assert edc.waiting() == verified


def test_what_is_final_stays(edc: Forgetful) -> None:
    first = edc.agrees()
    edc.finalizes()
    edc.agrees(status=400)
    assert (edc.here.state, (edc.here.agreement or {})["@id"]) == (machine.FINALIZED, first)
    assert edc.stored_agreement(first).in_force
    assert agreement.envelope(edc.stored_agreement(first).body)["agreement"] == first


def test_an_agreement_is_not_written_anew_for_ever(edc: Forgetful) -> None:
    agreements = [edc.agrees() for _ in range(1 + MOST_ANEW)]
    edc.agrees(status=400)
    assert (edc.here.agreement or {})["@id"] == agreements[-1]
    edc.finalizes()
    assert [one for one in agreements if edc.stored_agreement(one).in_force] == agreements[-1:]


def test_each_signature_names_the_drafts_before_it(edc: Forgetful) -> None:
    """A provider that keeps each of our signatures has one agreement all the same, and the ledger says which."""
    agreements, signed = [], []
    for _ in range(1 + MOST_ANEW):
        agreements.append(edc.agrees())
        signed.append(read_object(read_jws(edc.waiting()[SIGNATURE]).payload))
    assert [one["agreement"] for one in signed] == agreements
    assert [one.get("instead", []) for one in signed] == [agreements[:number] for number in range(len(signed))]
    body = edc.here.agreement or {}
    assert signed[-1] == agreement.envelope(body, instead=agreements[:-1])
    with edc.node.node.parts.stores.uow.read() as tx:
        ledger = edc.node.node.parts.stores.ledger
        entries = [read_object(one.body) for id_ in agreements for one in ledger.history(tx, id_)]
    assert [(one["agreement"]["@id"], one["supersededBy"]) for one in entries] == list(pairwise(agreements))
