"""``odrl:count`` through the doors: transfers, ranges, many at once, and what both sides show."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.errors import NotAllowed
from node.base.ids import new_urn
from node.cli.main import run
from node.dialogue.process import Role
from node.negotiation.model import Agreement
from node.transfer.model import Transfer
from tests.integration.scenarios.test_models_under_contract import call, model_at, publish_model
from tests.nodes import CSV, Company, Running, agree, publish, receive

AT_MOST = {"@value": "2", "@type": "http://www.w3.org/2001/XMLSchema#integer"}
TWICE = {
    "permission": [
        {
            "action": "odrl:use",
            "constraint": [{"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": AT_MOST}],
        }
    ]
}


def used(node: Running, agreement_id: str) -> Any:
    with node.client() as client:
        return client.agreement(agreement_id)["uses"]


def counted(gent: Running, plzen: Running, slug: str) -> str:
    iri = publish(gent, slug, conditions=TWICE)["iri"]
    ended = agree(plzen, iri)
    assert ended["state"] == "FINALIZED", ended
    return str(ended["agreementId"])


def test_what_is_agreed_may_be_used_as_often_as_agreed(region_and_cities: Company, capsys: Any) -> None:
    gent, plzen = region_and_cities.cities
    agreement = counted(gent, plzen, "twice")
    assert used(gent, agreement) == used(plzen, agreement) == {"used": 0, "most": 2, "left": 2}
    for number in (1, 2):
        assert receive(plzen, agreement)["state"] == "COMPLETED"
        expected = {"used": number, "most": 2, "left": 2 - number}
        assert used(gent, agreement) == used(plzen, agreement) == expected
    refused = receive(plzen, agreement)
    assert (refused["state"], refused["code"]) == ("TERMINATED", "policy-refused")
    (reason,) = [one for one in refused["reason"] if one["operand"].endswith("count")]
    assert reason["have"] == "3"
    assert "new agreement" in reason["remedy"]["en"]
    assert used(gent, agreement)["left"] == 0
    for city in (gent, plzen):
        with city.http(headers=city.person()) as http:
            page = http.get(f"/agreements/{agreement}", headers={"Accept": "text/html", "Accept-Language": "en"})
            assert "2 of 2. Remaining: 0." in page.text, page.text[:2000]
        run(["agreement", "show", agreement, "--node", str(city.folder)])
        assert "2 of at most 2; 0 left" in capsys.readouterr().out
    with gent.client() as client:
        numbers = [one.get("use") for one in client.agreement(agreement)["accesses"] if one.get("use")]
    assert sorted(numbers) == [1, 2]


def test_ranges_resumptions_and_new_tokens_are_one_use(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    agreement = counted(gent, plzen, "in-parts")
    pid, url, token = opened(gent, plzen, agreement)
    headers = {"Authorization": f"Bearer {token}"}
    with gent.http(headers=headers) as http:
        assert http.head(url).status_code == 200
        assert http.get(f"{url}/manifest").status_code == 200
        assert used(gent, agreement)["used"] == 0, "nothing was delivered yet"
        for start in (0, 5, 9):
            assert http.get(url, headers={"Range": f"bytes={start}-"}).status_code == 206
        assert http.get(url).content == CSV
    assert used(gent, agreement)["used"] == 1
    _, url, token = opened(gent, plzen, agreement, pid=pid)
    with gent.http(headers={"Authorization": f"Bearer {token}"}) as http:
        assert http.get(url).content == CSV, "a start after a suspension gives a new token"
    assert used(gent, agreement)["used"] == 1


def test_of_many_reads_at_once_only_as_many_as_agreed_begin(region_and_cities: Company) -> None:
    """Each transfer was admitted while there was a use left; the first byte decides."""
    gent, plzen = region_and_cities.cities
    agreement = counted(gent, plzen, "at-once")
    lines = [opened(gent, plzen, agreement) for _ in range(6)]

    def read(line: tuple[str, str, str]) -> int:
        _, url, token = line
        with gent.http(headers={"Authorization": f"Bearer {token}"}) as http:
            return int(http.get(url).status_code)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(read, lines * 2))
    assert answers.count(200) == 4, "two transfers, each read twice"
    assert answers.count(403) == 8
    assert used(gent, agreement) == {"used": 2, "most": 2, "left": 0}


def test_each_call_of_a_model_is_a_use(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    publish_model(gent, conditions=TWICE)
    agreement = str(agree(plzen, f"{gent.url}/models/walking")["agreementId"])
    model = model_at(gent)
    for number in (1, 2):
        call(plzen, model, key=f"call-{number}")
        assert used(gent, agreement) == used(plzen, agreement) == {"used": number, "most": 2, "left": 2 - number}
    call(plzen, model, key="call-2")
    assert used(gent, agreement)["used"] == 2, "the same call again is the same job"
    with pytest.raises(NotAllowed) as refused:
        call(plzen, model, key="call-3")
    assert "count" in str(refused.value.facts["reasons"])
    assert used(gent, agreement) == used(plzen, agreement) == {"used": 2, "most": 2, "left": 0}
    with gent.client() as client:
        outcomes = [(one["outcome"], one.get("use")) for one in client.agreement(agreement)["accesses"]]
    assert outcomes == [("started", None), ("used", 1), ("used", 2), ("refused", None)]


def opened(gent: Running, plzen: Running, agreement_id: str, *, pid: str = "") -> tuple[str, str, str]:
    """A transfer that the provider has started, or started again: its pid there, URL and token."""
    stores = gent.node.parts.stores
    with stores.uow.read() as tx:
        agreement = stores.negotiation.agreements.get(tx, agreement_id)
    assert isinstance(agreement, Agreement)
    now = SystemClock().now()
    transfer = Transfer(
        pid=pid or new_urn(), role=Role.PROVIDER, peer=plzen.did, peer_pid=new_urn(), peer_address=plzen.dsp,
        version="2025-1", state="STARTED", created=now, updated=now, agreement=agreement_id,
        dataset=agreement.dataset, format="HttpData-PULL",
    )  # fmt: skip
    with stores.uow.begin() as tx:
        if not pid:
            stores.transfer.transfers.add(tx, transfer)
        record = stores.catalogue.records.get(tx, agreement.dataset)
        assert record is not None
        reactions = gent.node.protocol.transfer.transfers._reactions
        address = reactions._open(tx, transfer, agreement)
    token = next(one["value"] for one in address["endpointProperties"] if one["name"] == "authorization")
    return transfer.pid, address["endpoint"], token
