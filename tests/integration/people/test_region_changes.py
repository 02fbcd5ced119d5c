"""Joining and leaving a region while something else happens: other processes, late credentials, another region."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.base.errors import HansaError
from node.catalogue.accession import Allegiance
from node.cli.app import app_for
from node.identity.credentials.trust import TrustList
from node.identity.messages import VC20, credential_message
from node.identity.model import ALL_ROLES, Caller
from tests.nodes import admit, rulebook, running
from tests.portal_browser import csrf_of, signed_in
from tests.postgres import fresh_schema
from tests.waits import until

MEMBER = "MembershipCredential"


@pytest.mark.postgres
def test_a_running_process_learns_that_another_one_has_left(tmp_path: Path, postgres_server: str) -> None:
    with fresh_schema(postgres_server) as url, running(tmp_path / "city", database_url=url) as city:
        parts, people = city.node.parts, city.node.people
        other = Allegiance(uow=parts.stores.uow, notes=parts.stores.meta, trust=TrustList(), settings={}, region="")
        other.settle("did:web:region.example", (MEMBER,), None)
        until("it trusts the region", lambda: people.trust.issuers(MEMBER) == {"did:web:region.example"})
        with parts.stores.uow.begin() as tx:
            other.end(tx)
        until("it trusts nobody", lambda: people.trust.issuers(MEMBER) == frozenset())
        until("it belongs to no region", lambda: people.allegiance.region == "")


def test_a_credential_that_is_sent_again_after_leaving_is_not_taken(tmp_path: Path, sqlite_template: Path) -> None:
    with ExitStack() as stack:
        region = stack.enter_context(running(tmp_path / "region", template=sqlite_template, issuer=True))
        city = stack.enter_context(running(tmp_path / "city", template=sqlite_template))
        admit(region, city)
        stores = city.node.parts.stores
        with stores.uow.read() as tx:
            (credential,) = stores.identity.credentials(tx)
            (request,) = stores.identity.requests(tx)
        message = credential_message(
            issuer_pid=request["issuer_pid"],
            holder_pid=request["holder_pid"],
            credentials=[(MEMBER, credential.jwt, VC20)],
        )
        with city.http(headers=region.as_participant(city)) as http:
            assert http.post("/dcp/credentials", json=message).status_code == 200
        with city.client() as client:
            client.leave("a test")
            assert [one["state"] for one in client.memberships()["requests"]] == ["WITHDRAWN"]
        with city.http(headers=region.as_participant(city)) as http:
            answer = http.post("/dcp/credentials", json=message)
        assert answer.status_code == 409
        with city.client() as client:
            assert client.memberships()["credentials"] == []


def test_a_join_under_way_does_not_undo_a_leave(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        region = stack.enter_context(running(tmp_path / "region", template=sqlite_template, issuer=True))
        city = stack.enter_context(running(tmp_path / "city", template=sqlite_template))
        requests = city.node.people.requests
        apply = requests.request
        person = Caller(did=city.did, account="anna", roles=ALL_ROLES)

        async def apply_and_leave(*arguments: Any) -> str:
            holder_pid = await apply(*arguments)
            await city.node.operation.region.leave.leave(region.did, "changed our mind", person)
            return holder_pid

        with city.client() as client:
            monkeypatch.setattr(requests, "request", apply_and_leave)
            with pytest.raises(HansaError, match="the application is withdrawn"):
                client.join(region.url, MEMBER)
            monkeypatch.undo()
            assert client.node()["region"] is None
            assert city.node.people.trust.issuers(MEMBER) == frozenset()
            client.join(region.url, MEMBER)
            assert client.node()["region"] == region.did


def test_another_region_is_joined_after_leaving_the_first(tmp_path: Path, sqlite_template: Path) -> None:
    with ExitStack() as stack:
        region, second = (
            stack.enter_context(running(tmp_path / name, template=sqlite_template, issuer=True))
            for name in ("flanders", "bohemia")
        )
        with region.client() as office:
            office.publish({"fields": rulebook(region.did)})
        city = stack.enter_context(running(tmp_path / "city", template=sqlite_template))
        admit(region, city)
        with city.client() as client:
            with pytest.raises(HansaError, match="one region at a time") as refusal:
                client.join(second.url, MEMBER)
            assert f"hansa leave --issuer {region.did}" in refusal.value.remedy
            assert {one["issuer"] for one in client.memberships()["requests"]} == {region.did}
        with signed_in(city) as browser:
            page = browser.get("/region")
            assert "To join another region, leave the present one first." in page.text
            form = {"csrf": csrf_of(page.text), "region": second.url, "rulebook": "", "credential": MEMBER}
            answer = browser.post("/region/join", data={**form, "accept": "yes"})
        assert answer.status_code == 422
        assert "Leave that region first" in answer.text
        typed = CliRunner().invoke(app_for(), ["join", second.url, "--yes", "--node", str(city.folder)])
        assert typed.exit_code != 0
        assert "one region at a time" in str(typed.exception)
        assert city.node.people.allegiance.region == region.did
        assert city.node.people.trust.issuers(MEMBER) == {region.did}
        with city.client() as client:
            client.leave("to another region")
        admit(second, city)
        assert city.node.people.allegiance.rulebook is None
        assert city.node.people.trust.issuers(MEMBER) == {second.did}
