"""A contract is not signed that cannot be kept: what no data plane of a node delivers is described, never offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from node.base.errors import HansaError, NotFound
from node.catalogue.deliverability import NOT_DELIVERABLE, OWN, WHY, DeliveryPlanes
from node.catalogue.model import Record
from node.cli.diagnosis import examine
from node.vocab.dsp import PULL
from tests.nodes import Company, Running, ask, described, publish, until

FEATURES = {"url": "https://geo.example.org/wfs?service=WFS", "title": "Features"}


class PromisesAll:
    """A data plane that says it delivers everything: so thought an older Hansa."""

    def formats(self, record: Record) -> Sequence[str]:
        return (PULL,)


def elsewhere(slug: str, **fields: Any) -> dict[str, Any]:
    """The fields of a dataset whose bytes lie at an address of their own."""
    return described(slug, files=[FEATURES], **fields)


def published_before(node: Running, slug: str, **more: Any) -> str:
    """An asset without bytes, published by a node that did not ask whether it can be delivered."""
    check = node.node.catalogue.publication.publish._check
    check._delivery_planes = DeliveryPlanes((PromisesAll(),))
    try:
        return str(publish(node, slug, data=None, **more)["iri"])
    finally:
        check._delivery_planes = OWN


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_delivered_is_not_published_under_conditions(
    region_and_cities: Company, dry_run: bool
) -> None:
    gent, _ = region_and_cities.cities
    submission = {"fields": elsewhere("behind-a-wfs"), "conditions": "members", "dryRun": dry_run}
    with gent.client() as client, pytest.raises(HansaError) as refused:
        client.publish(submission)
    assert refused.value.facts["status"] == 422
    (finding,) = [one for one in refused.value.facts["findings"] if one["severity"] == "violation"]
    assert (finding["field"], finding["rule"]) == ("conditions", "conditions:not-deliverable")
    assert "files" in finding["remedy"]
    assert set(finding["translations"]) == {"nl", "fr", "de", "cs"}


@pytest.mark.parametrize("conditions", [None, "open"])
def test_describing_it_stays_possible(region_and_cities: Company, conditions: str | None) -> None:
    gent, plzen = region_and_cities.cities
    slug = f"described-{conditions}"
    with gent.client() as client:
        submission = {"fields": elsewhere(slug), **({"conditions": conditions} if conditions else {})}
        iri = client.publish(submission)["iri"]
        assert client.record(iri)["iri"] == iri
    with pytest.raises(HansaError), plzen.client() as client:
        client.negotiate(iri)


def test_what_an_older_node_offered_is_not_offered_any_more(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    current = publish(gent, "kept", conditions="members")["iri"]
    iri = published_before(gent, "promised", conditions="members")
    with gent.http() as http:
        catalog = http.post(
            "/dsp/2025-1/catalog/request",
            headers=plzen.as_participant(gent),
            json={
                "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
                "@type": "CatalogRequestMessage",
            },
        ).json()
        listed = {one["@id"] for one in catalog["dataset"]}
        assert current in listed
        assert iri not in listed
        answer = http.get(f"/dsp/2025-1/catalog/datasets/{quote(iri, safe='')}", headers=plzen.as_participant(gent))
        assert answer.status_code == 404
        assert WHY in answer.text
    pid = ask(gent, plzen, iri)
    with plzen.client() as client:
        ended = until("it is refused", lambda: _ended(client.negotiation(pid, wait=2)))
    assert ended["state"] == "TERMINATED"
    assert WHY in str(ended)
    with pytest.raises(NotFound, match="cannot deliver"):
        gent.node.protocol.negotiation.negotiations.offer(consumer=plzen.did, address=plzen.dsp, dataset=iri)


def _ended(state: dict[str, Any]) -> dict[str, Any] | None:
    return state if state["state"] in ("FINALIZED", "TERMINATED") else None


def test_a_negotiation_under_way_ends_with_the_reason(region_and_cities: Company) -> None:
    """A person was asked before the node was updated, and says yes after it."""
    gent, plzen = region_and_cities.cities
    iri = published_before(gent, "asked-about", conditions={"template": "members-ask"})
    negotiations = gent.node.protocol.negotiation.negotiations
    everything = DeliveryPlanes((PromisesAll(),))
    for part in (negotiations._checks, negotiations._reactions):
        part._delivery_planes = everything
    try:
        pid = ask(gent, plzen, iri)
        with gent.client() as client:
            waiting = until(
                "a person is asked", lambda: [one for one in client.decisions() if one["details"]["dataset"] == iri]
            )
    finally:
        for part in (negotiations._checks, negotiations._reactions):
            part._delivery_planes = OWN
    with gent.client() as client:
        client.decide(waiting[0]["id"], approve=True)
    with plzen.client() as client:
        ended = until("it ends", lambda: _ended(client.negotiation(pid, wait=2)))
    assert ended["state"] == "TERMINATED"
    assert (ended["code"], WHY in str(ended["reason"])) == (NOT_DELIVERABLE, True)


def test_hansa_doctor_names_them(region_and_cities: Company) -> None:
    gent, _ = region_and_cities.cities
    iri = published_before(gent, "named", conditions="members")
    free = published_before(gent, "free", conditions="open")
    found = [one for one in examine(gent.folder) if not one.well]
    assert [one.text.partition(" ")[0] for one in found if "described" in one.text or WHY in one.text].count(iri) == 1
    assert not any(free in one.text for one in found)
