"""A region suspends a member's credential and reinstates it: in the terminal, in the browser and by the API."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from node.cli.app import app_for
from tests.nodes import Company, Running, agree, publish, receive
from tests.portal_browser import csrf_of, signed_in


def hansa(node: Running, *words: str) -> Any:
    result = CliRunner().invoke(app_for(), ["--json", *words, "--node", str(node.folder)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_it_was_promised_waits(region_and_cities: Company) -> None:
    region = region_and_cities.region
    provider, consumer = region_and_cities.cities
    agreement = str(agree(consumer, publish(provider, "waiting", conditions="members")["iri"])["agreementId"])

    (suspended,) = hansa(region, "suspend", "--holder", consumer.did, "--reason", "under review")
    assert (suspended["suspendedWhy"], suspended["revokedAt"]) == ("under review", None)
    refused = receive(consumer, agreement)
    assert (refused["state"], "suspended" in str(refused["reason"])) == ("TERMINATED", True), refused
    with consumer.client() as client:
        states = [credential["state"] for credential in client.memberships()["credentials"]]
        assert states == ["suspended"]
    twice = CliRunner().invoke(app_for(), ["suspend", suspended["id"], "--reason", "x", "--node", str(region.folder)])
    assert twice.exit_code != 0

    with signed_in(region) as browser:
        page = browser.get("/issued")
        assert "under review" in page.text
        path = f"/issued/{suspended['id']}/reinstate"
        assert browser.post(path, data={"csrf": csrf_of(page.text)}).headers["location"] == "/issued?done=reinstated"

    assert receive(consumer, agreement)["state"] == "COMPLETED"
    with region.client() as office:
        again = office.suspend(suspended["id"], "once more")
        assert again["suspendedAt"]
    (reinstated,) = hansa(region, "reinstate", suspended["id"])
    assert reinstated["suspendedAt"] is None
