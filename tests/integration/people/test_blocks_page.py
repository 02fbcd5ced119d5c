"""Block and unblock a participant on pages: what this stops is shown first."""

from __future__ import annotations

from urllib.parse import quote

from tests.nodes import Pair, agree, publish, receive
from tests.portal_browser import csrf_of, post, signed_in
from tests.unit.portal.page import Page, troubles


def test_a_participant_is_blocked_and_admitted_again(pair: Pair) -> None:
    agreement = agree(pair.consumer, publish(pair.provider, "blocked-soon")["iri"])["agreementId"]
    path = f"/members/block?did={quote(pair.consumer.did, safe='')}"
    with signed_in(pair.provider) as browser:
        page = browser.get(path)
        assert troubles(Page(page.text)) == []
        assert "Blocked soon" in page.text
        assert "Agreements in force with it" in page.text
        form = {"csrf": csrf_of(page.text), "did": pair.consumer.did}
        wrong = browser.post("/members/block", data={**form, "reason": " "})
        assert wrong.status_code == 422
        assert "Please fill in this field." in wrong.text
        blocked = browser.post("/members/block", data={**form, "reason": "a <test>"})
        assert blocked.headers["location"] == "/members?done=participant-blocked"
        page = browser.get("/members")
        assert "a &lt;test&gt;" in page.text
        with pair.provider.http() as visitor:
            # Only people of the node read why it blocked somebody.
            assert "a &lt;test&gt;" not in visitor.get("/members").text
        assert troubles(Page(page.text)) == []
        assert "Blocked by" in browser.get(path).text
        again = browser.post("/members/block", data={**form, "reason": "again"})
        assert again.headers["location"].startswith("/members/block?did=")
        with pair.provider.client() as client:
            status = client.participant_status(pair.consumer.did)
        assert status["block"]["reason"] == "a <test>"
        assert [known["id"] for known in status["agreements"]] == [agreement]

        admitted = post(browser, path, "/members/unblock", did=pair.consumer.did)
        assert admitted.headers["location"] == "/members?done=participant-unblocked"
        assert post(browser, path, "/members/unblock", did=pair.consumer.did).headers["location"] == "/members"
        assert browser.get("/members/block?did=nonsense").status_code == 404
        assert browser.get(f"/members/block?did={quote(pair.provider.did, safe='')}").status_code == 404
    assert receive(pair.consumer, agreement)["state"] == "COMPLETED"
