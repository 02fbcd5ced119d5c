"""The main job from end to end: join, publish, find, agree, exchange, prove, and what ends it again.

A region and two cities, whole nodes over HTTP; the first city once on SQLite and once on PostgreSQL. Everything is
done as people and peers do it, through the API; what each side holds is compared in the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.clock import moment
from node.client import Refusal
from tests.nodes import CSV, Company, Running, admit, agree, company, publish, receive, until
from tests.postgres import fresh_schema

MEMBER, PARTNER = "MembershipCredential", "MobilityPartnerCredential"
HIDDEN = "staff-rota"


@dataclass
class Job:
    """The company at work. The provider publishes, the consumer asks."""

    region: Running
    provider: Running
    consumer: Running


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def job(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[Job]:
    """A region and two cities that have not joined yet."""
    settings: dict[str, Any] = {}
    with ExitStack() as stack:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            settings["database_url"] = stack.enter_context(fresh_schema(server))
        found: Company = stack.enter_context(company(tmp_path, sqlite_template, languages=["nl", "en"], **settings))
        yield Job(found.region, *found.cities)


def test_the_main_job(job: Job) -> None:
    join(job)
    datasets = published(job)
    find(job, datasets)
    our_standing_is_what_we_hold(job, datasets)
    approved = agree_after_approval(job, datasets["asks-first"])
    refused_with_reasons(job, datasets["partners-only"])
    sealed, transfer = exchange_sealed(job, datasets["partners-only"])
    prove(job, approved, sealed)
    revocation_bites_on_the_next_read(job, sealed, transfer)
    withdraw(job, datasets["asks-first"], approved)
    for node in (job.region, job.provider, job.consumer):
        with node.client() as client:
            assert client.node()["wrong"] == {}
            until("all messages are delivered", lambda: client.deliveries()["waiting"] == 0)
            assert client.deliveries()["dead"] == []


def join(job: Job) -> None:
    """Each city accepts the rulebook and is admitted by a person; the region follows whom it admits."""
    for city in (job.provider, job.consumer):
        with city.client() as client:
            assert client.memberships()["credentials"] == []
        held = admit(job.region, city)
        assert held["issuer"] == job.region.did
        assert held["claims"]["rulebook"].startswith(f"{job.region.url}/rulebooks/")
    with job.region.client() as office:
        members = until("the region follows both", lambda: _at_least(office.members(), 2))
        assert {one["did"] for one in members} == {job.provider.did, job.consumer.did}
        assert len(office.issued_credentials()) == 2


def published(job: Job) -> dict[str, str]:
    """Datasets under different conditions, one of them for the city's own people only."""
    until_day = f"{datetime.now(UTC) + timedelta(days=300):%Y-%m-%d}"
    conditions: dict[str, Any] = {
        "free": "open",
        "asks-first": "members-ask",
        "partners-only": {"template": "mobility-partners", "until": until_day, "sealed": True},
    }
    iris = {slug: publish(job.provider, slug, conditions=one)["iri"] for slug, one in conditions.items()}
    publish(job.provider, HIDDEN, audience="internal")
    with job.provider.client() as client, pytest.raises(Refusal) as refused:
        client.publish({"fields": {"kind": "dataset", "id": "broken", "title": "Broken"}, "conditions": "open"})
    assert refused.value.http_status == 422
    assert [one for one in refused.value.problem["findings"] if one["severity"] == "violation"]
    with job.provider.client() as client:
        assert client.node()["records"]["dataset"] == 4, "nothing of the broken one was stored"
    return iris


def find(job: Job, datasets: dict[str, str]) -> None:
    """Through the region, by words and by SPARQL; the past stays; what is hidden is nowhere."""
    with job.consumer.client() as client:

        def hits() -> set[str] | None:
            found = {one["iri"] for one in client.search("counts", region=True)["hits"]}
            return found if found >= set(datasets.values()) else None

        found = until("the region has replicated it all", hits)
        assert not [iri for iri in found if HIDDEN in iri]
        query = "SELECT ?d { ?d a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/publisher> ?p }"
        answer = client.sparql(query, region=True, accept="text/csv").decode()
        assert set(datasets.values()) <= set(answer.split())
        assert HIDDEN not in answer
    before = datetime.now(UTC).isoformat()
    publish(job.provider, "free", title="Counts, corrected", conditions="open")
    with job.provider.client() as client:
        now, then = client.record(datasets["free"]), client.record(datasets["free"], as_of=before)
        assert (now["version"], then["version"]) == (2, 1)
        assert [one["version"] for one in client.versions(datasets["free"])] == [2, 1]

    def replicated() -> bool:
        with job.region.http() as http:
            answer = http.get("/api/catalogue/record", params={"iri": datasets["free"]})
            return answer.status_code == 200 and answer.json()["version"] == 2

    until("the region has the second version", replicated)


def our_standing_is_what_we_hold(job: Job, datasets: dict[str, str]) -> None:
    """Looking at another city's assets in its own catalogue, a person is told what the node holds and lacks."""
    with job.consumer.client() as client:
        client.follow(job.provider.url)

        def shown(name: str) -> dict[str, Any] | None:
            try:
                return client.record(datasets[name])
            except Refusal:
                return None

        asks = until("what members may ask for has come", lambda: shown("asks-first"))
        assert asks["access"] == "request"
        partners = until("what is for partners has come", lambda: shown("partners-only"))
        assert partners["access"] == "refused"
        assert PARTNER in str(partners["decision"]["reasons"])


def agree_after_approval(job: Job, iri: str) -> str:
    """The provider's person decides; then both hold the same agreement, signed by both, and the same document."""
    with job.consumer.client() as client, job.provider.client() as office:
        pid = client.negotiate(iri)["pid"]
        waiting = until("a person is asked", office.decisions)
        assert [one["peer"] for one in waiting] == [job.consumer.did]
        assert client.negotiation(pid)["state"] == "REQUESTED"
        office.decide(waiting[0]["id"], approve=True)
        until("it is final", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
        ours = client.agreements()[0]
        theirs = until(
            "the provider has it", lambda: [one for one in office.agreements() if one["id"] == ours["id"]]
        )[0]
        assert ours["sha256"] == theirs["sha256"]
        assert ours["signatures"] == theirs["signatures"]
        assert set(ours["signatures"]) == {job.provider.did, job.consumer.did}
        for language in ("nl", "en"):
            document = client.agreement_document(ours["id"], language)
            assert document == office.agreement_document(ours["id"], language)
            assert iri in document
        assert office.decisions() == []
        return str(ours["id"])


def refused_with_reasons(job: Job, iri: str) -> None:
    """Which rule, which fact, and what would satisfy it; the conditions say so before."""
    with job.consumer.client() as client:
        standing = client.conditions(iri)["decision"]
        assert PARTNER in str(standing)
        negotiation = agree(job.consumer, iri)
        assert negotiation["state"] == "TERMINATED"
        assert negotiation["code"] == "policy-refused"
        (reason,) = negotiation["reason"]
        assert PARTNER in reason["need"]
        assert MEMBER in reason["have"]
        assert PARTNER.removesuffix("Credential") in str(reason["remedy"])
        assert not [one for one in client.agreements() if one["dataset"] == iri]
        begun = client.negotiate(iri.rpartition("/")[0] + "/free", purpose=None)
        until("the other one is agreed", lambda: client.negotiation(begun["pid"], wait=5)["state"] == "FINALIZED")


def exchange_sealed(job: Job, iri: str) -> tuple[str, dict[str, Any]]:
    """With the missing credential it is agreed; the bytes come sealed, and are what was published."""
    admit(job.region, job.consumer, PARTNER)
    negotiation = until("the new credential counts", lambda: _final(agree(job.consumer, iri)))
    transfer = receive(job.consumer, negotiation["agreementId"])
    assert transfer["state"] == "COMPLETED", transfer
    reception = transfer["reception"]
    assert reception["sealed"]
    assert reception["sha256"] == hashlib.sha256(CSV).hexdigest()
    with job.consumer.http(headers=job.consumer.person()) as http:
        base = f"/api/transfers/{transfer['pid']}"
        assert http.get(f"{base}/content").content == CSV
        sealed = http.get(f"{base}/sealed").content
        assert sealed.startswith(b"age-encryption.org/v1\n")
        assert CSV not in sealed
        assert http.get(f"{base}/manifest").text.count(".") == 2
    with job.provider.client() as office:
        until(
            "the provider's ledger tells of the access",
            lambda: (
                {"started", "completed"} <= {one["outcome"] for one in _accesses(office, negotiation["agreementId"])}
            ),
        )
    return str(negotiation["agreementId"]), transfer


def prove(job: Job, *agreements: str) -> None:
    """Both agreements in the other party's ledger, which only grew; each own ledger as it was signed."""
    with job.consumer.client() as client:
        for agreement in agreements:
            report = client.verify(agreement=agreement)
            assert report["sound"], report
            assert len(report["checks"]) >= 6
    for node in (job.region, job.provider, job.consumer):
        with node.client() as client:
            report = client.verify()
            assert report["sound"], report


def revocation_bites_on_the_next_read(job: Job, agreement: str, transfer: dict[str, Any]) -> None:
    """The agreement stands, the credential is gone: the next access is refused, and told since when."""
    before = datetime.now(UTC)
    with job.region.client() as office:
        (issued,) = [
            one for one in office.issued_credentials() if one["holder"] == job.consumer.did and one["type"] == PARTNER
        ]
        office.revoke(issued["id"], "left the programme")
    ended = until("the next access is refused", lambda: _terminated(receive(job.consumer, agreement)))
    (reason,) = [one for one in ended["reason"] if isinstance(one, dict)]
    assert "revoked" in str(reason["have"])
    assert before - timedelta(seconds=2) <= moment(reason["since"]) <= datetime.now(UTC)
    with job.consumer.client() as client:
        assert client.agreement(agreement)["ended"] is None, "it is the access that is refused, not the agreement"
    assert agree(job.consumer, ended["dataset"])["state"] == "TERMINATED"
    with job.provider.client() as office:
        outcomes = [one["outcome"] for one in _accesses(office, agreement)]
    assert "refused" in outcomes or ended["code"] == "policy-refused"
    assert transfer["state"] == "COMPLETED"


def withdraw(job: Job, iri: str, agreement: str) -> None:
    """Gone from the catalogue, here and at the region; the agreement stays, its bytes are not given any more."""
    with job.provider.client() as office:
        office.withdraw(iri)
        assert office.agreement(agreement)["dataset"] == iri
    with job.provider.http() as http, job.region.http() as at_region:

        def gone(there: httpx2.Client) -> bool:
            return there.get("/api/catalogue/record", params={"iri": iri}).status_code == 410

        assert gone(http)
        until("the region knows", lambda: gone(at_region))
    with job.consumer.client() as client, pytest.raises(Refusal) as refused:
        client.conditions(iri)
    assert refused.value.http_status == 404
    assert receive(job.consumer, agreement)["state"] == "TERMINATED"


def _at_least(items: list[Any], count: int) -> list[Any] | None:
    return items if len(items) >= count else None


def _final(negotiation: dict[str, Any]) -> dict[str, Any] | None:
    return negotiation if negotiation["state"] == "FINALIZED" else None


def _terminated(transfer: dict[str, Any]) -> dict[str, Any] | None:
    return transfer if transfer["state"] == "TERMINATED" else None


def _accesses(client: Any, agreement: str) -> list[dict[str, Any]]:
    return list(client.agreement(agreement)["accesses"])
