"""Conditions that no template covers: written in the editor of a real node without scripts, by API and terminal."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.base.errors import HansaError
from node.identity.model import UserRole
from node.policy.odrl import normal
from tests.integration.catalogue.test_publish_page import ANSWERS, COUNTS, upload
from tests.integration.people.test_accounts import let_in
from tests.nodes import Company, Running, publish
from tests.portal_browser import post, signed_in
from tests.terminal import asked, typed
from tests.unit.portal.page import Page, troubles

VALUE = re.compile(r"<(input|textarea|select)\b([^>]*)>(.*?)(?=<(?:input|textarea|select|button|/form)\b)", re.DOTALL)


def fields_of(page: str) -> dict[str, str]:
    """The fields of the editor as a browser sends them."""
    form = page.partition('id="editor"')[2].partition("</form>")[0]
    fields: dict[str, str] = {}
    for tag, attributes, rest in VALUE.findall(form + "</form"):
        name = re.search(r'name="([^"]*)"', attributes)
        if name is None or ('type="checkbox"' in attributes and " checked" not in attributes):
            continue
        value = re.search(r'value="([^"]*)"', attributes)
        text = value[1] if value else ""
        if tag == "textarea":
            text = rest.partition("</textarea>")[0].removeprefix("\n")
        elif tag == "select":
            options = re.findall(r"<option([^>]*)>([^<]*)", rest)
            chosen = next((each for each in options if " selected" in each[0]), options[0])
            stated = re.search(r'value="([^"]*)"', chosen[0])
            text = stated[1] if stated else chosen[1]
        fields[html.unescape(name[1])] = html.unescape(text)
    return fields


def words_of(page: str) -> str:
    return html.unescape(page.partition('id="words"')[2].partition("</section>")[0])


class Editor:
    """The editor of a draft, in a browser without scripts."""

    def __init__(self, browser: httpx2.Client, address: str) -> None:
        self.browser, self.address = browser, f"{address}/conditions"
        self.page = ""
        self.fields: dict[str, str] = {}

    def open(self, query: str = "") -> None:
        self._read(self.browser.get(self.address + query))

    def press(self, button: str, status: int = 200, **fields: str) -> Any:
        answer = self.browser.post(self.address, data={**self.fields, **fields, "do": button})
        assert answer.status_code == status, answer.text
        if status != 303:
            self._read(answer, status)
        return answer

    def _read(self, answer: Any, status: int = 200) -> None:
        assert answer.status_code == status, answer.text
        assert troubles(Page(answer.text)) == []
        self.page, self.fields = answer.text, fields_of(answer.text)

    @property
    def policy(self) -> Any:
        return json.loads(self.fields["text"])


def test_alternatives_are_written_by_rows_and_published(cities: Company) -> None:
    region, city = cities.region, cities.cities[0]
    with signed_in(city) as browser:
        address = upload(browser, "noise.csv", COUNTS.encode()).headers["location"]
        answers = {**ANSWERS, "title": "Noise", "conditions": "members", "members.until": "2031-12-31"}
        answer = post(browser, address, address, **{**answers, "do": "conditions"})
        assert answer.headers["location"] == f"{address}/conditions"
        editor = Editor(browser, address)
        editor.open()
        assert "Only until 31 December 2031, included." in words_of(editor.page), "the template that was chosen"
        assert editor.fields["r.0.c.1.v.0"] == "2031-12-31"

        editor.press("add.r.0.g")
        assert 'id="r.0.c.2.c.0-error"' in editor.page
        editor.press("use", 422)
        first = {"r.0.c.2.c.0.operand": "odrl:purpose", "r.0.c.2.c.1.operand": "odrl:spatial"}
        editor.press("refresh", **first)
        assert editor.fields["r.0.c.2.c.0.operator"] == "eq", "the first comparison that fits"
        editor.press("refresh", **{"r.0.c.2.c.0.operator": "isAnyOf"})
        # A name in another language counts as well, and a region of the list by its name.
        values = {"r.0.c.2.c.0.v.0": "het verbeteren van openbare diensten", "r.0.c.2.c.1.v.0": "Czechia"}
        editor.press("refresh", **values)
        assert editor.fields["r.0.c.2.c.0.v.0"] == "improving public services"
        assert editor.fields["r.0.c.2.c.0.v.1"] == "", "room for another value"
        assert "at least one of these holds: (1) for improving public services; (2) within CZ" in words_of(
            editor.page
        )
        editor.press("add.obligation")
        editor.press("refresh", **{"r.1.action": "odrl:inform"})
        editor.press("refresh", **{"r.1.party": f"somebody ({region.did})"})
        editor.press("add.r.1.c")
        editor.press("refresh", **{"r.1.c.0.operand": "odrl:elapsedTime"})
        editor.press("refresh", **{"r.1.c.0.v.0": "6", "r.1.c.0.unit": "M"})
        assert "for at most 6 months" in words_of(editor.page)

        editor.press("add.prohibition")
        assert 'id="conflicts"' in editor.page
        assert "prohibits everything" in words_of(editor.page)
        editor.press("remove.r.2")
        assert 'id="conflicts"' not in editor.page

        # Who could get it: the region is no member of itself.
        editor.press("who")
        assert "Who could get this now" in editor.page
        assert region.did in editor.page or "data-label" in editor.page
        rows = editor.policy
        assert rows["permission"][0]["constraint"][2]["or"][1] == {
            "leftOperand": "odrl:spatial",
            "operator": "eq",
            "rightOperand": "http://data.europa.eu/nuts/code/CZ",
        }
        assert rows["obligation"][0]["odrl:informedParty"] == region.did

        answer = editor.press("use", 303)
        assert answer.headers["location"] == f"{address}?done=own-conditions"
        form = browser.get(answer.headers["location"]).text
        assert "Your conditions are in the form." in form
        assert "at least one of these holds" in form
        assert "Conditions of your own" in form.partition('id="conditions-own"')[2]
        policy = html.unescape(re.search(r'name="own.policy" value="([^"]*)"', form)[1])  # type: ignore[index]
        assert json.loads(policy) == rows
        sent = {**answers, "conditions": "own", "own.policy": policy}
        answer = post(browser, address, address, **sent)
        assert answer.headers["location"] == f"{address}/preview", answer.text
        assert "at least one of these holds" in browser.get(f"{address}/preview").text
        answer = post(browser, f"{address}/preview", f"{address}/publish")
        assert answer.headers["location"].startswith("/datasets/noise"), answer.text
    with city.client() as client:
        offer = client.record(f"{city.url}/datasets/noise")["offer"]
        assert normal(offer)["permission"] == normal(rows)["permission"]


def test_the_present_conditions_are_changed_for_the_next_version(cities: Company) -> None:
    city = cities.cities[0]
    odd = {"leftOperand": "https://x.example/mood", "operator": "eq", "rightOperand": "good"}
    offer = {
        "permission": [
            {
                "action": "odrl:use",
                "constraint": [
                    {"leftOperand": "hz:participant", "operator": "isAnyOf", "rightOperand": ["did:web:a.example"]}
                ],
            }
        ],
        "prohibition": [{"action": "odrl:distribute", "odrl:remedy": [{"action": "odrl:delete"}]}],
    }
    iri = str(publish(city, "lamps", conditions=offer)["iri"])
    with signed_in(city) as browser:
        address = post(browser, "/publish", "/record/edit", iri=iri).headers["location"]
        editor = Editor(browser, address)
        editor.open("?from=keep")
        assert editor.fields["r.0.c.0.v.0"] == "did:web:a.example"
        assert "odrl:remedy" in editor.fields["r.1.rest"]
        assert "not in the form" in editor.page

        # Text that was pasted comes back into the form; what no row shows stays as it is.
        pasted = {**editor.policy, "@context": {"x": "https://x.example/"}, "uid": "urn:x"}
        pasted["permission"][0]["constraint"] += [odd, {"@type": "odrl:Constraint", **odd}]
        editor.press("refresh", text=json.dumps(pasted))
        assert editor.policy == pasted
        assert editor.fields["r.0.c.1.operand"] == "https://x.example/mood"
        assert "cannot check this condition" in words_of(editor.page)
        assert "stays exactly as it is" in editor.page
        # Both changed: nothing is lost, and the person chooses.
        editor.press("refresh", **{"r.0.c.0.v.1": "did:web:b.example", "text": "{"})
        assert "Both the form and the text were changed" in editor.page
        assert (editor.fields["text"], editor.fields["r.0.c.0.v.1"]) == ("{", "did:web:b.example")
        editor.press("text", 400)
        assert "not one valid JSON object" in editor.page
        assert editor.fields["r.0.c.0.v.1"] == "did:web:b.example"
        editor.press("rows")
        assert editor.policy["permission"][0]["constraint"][0]["rightOperand"][1] == "did:web:b.example"
        # It can be kept in the draft, but not published.
        assert editor.press("use", 303)
        refused = post(browser, address, f"{address}/publish")
        assert refused.status_code == 422
        assert "does not understand https://x.example/mood" in html.unescape(refused.text)

        editor.open("?from=own")
        editor.press("remove.r.0.c.2")
        editor.press("remove.r.0.c.1")
        editor.press("use", 303)
        assert post(browser, address, f"{address}/publish").status_code == 303
    with city.client() as client:
        record = client.record(iri)
        assert record["version"] == 2
        assert record["offer"]["permission"][0]["constraint"][0]["rightOperand"][1] == "did:web:b.example"
        assert record["offer"]["prohibition"][0]["odrl:remedy"] == [{"action": "odrl:delete"}]


def test_two_people_and_one_draft(city: Running) -> None:
    iri = str(publish(city, "poles", conditions="open")["iri"])
    with signed_in(city) as browser:
        address = post(browser, "/publish", "/record/edit", iri=iri).headers["location"]
        mine, other = Editor(browser, address), Editor(browser, address)
        mine.open("?from=open")
        other.open("?from=open")
        other.press("use", 303, sealed="yes")
        mine.press("add.obligation", **{"r.0.action": "odrl:read"})
        mine.press("refresh", **{"r.1.action": "odrl:attribute"})
        mine.press("use", 409)
        assert "everyone may use; sealed" in html.unescape(mine.page), "what the other wrote, in words"
        mine.press("use", 303)
        history = html.unescape(browser.get(address).text)
        assert "everyone may read; name the source" in history
        assert post(browser, address, f"{address}/remove").status_code == 303


def test_bad_input_and_roles(city: Running) -> None:
    iri = str(publish(city, "signs", conditions="open")["iri"])
    with signed_in(city) as browser:
        address = post(browser, "/publish", "/record/edit", iri=iri).headers["location"]
        editor = Editor(browser, address)
        editor.open("?from=open")
        acting = "</textarea><script>alert(1)</script>"
        label = "Straßenverkehrsordnungswidrigkeitenverfahren" * 5
        editor.press("refresh", **{"r.0.action": acting, "r.0.rest": json.dumps({"dct:title": f"{label}'\"><b>"})})
        assert "<script>alert" not in editor.page
        assert "'\"><b>" not in editor.page
        assert editor.policy["permission"][0]["action"] == acting
        assert "does not know this action" in editor.page
        assert label in editor.page
        for fields, status in (
            ({"r.0.exact": "["}, 400),
            ({"rest": "7"}, 400),
            ({"r.0.c.0.operand": "x" * 5000}, 400),
            ({f"r.0.c.{number}.operand": "odrl:count" for number in range(200)}, 400),
            ({f"x{number}": "" for number in range(4000)}, 400),
            ({"text": "x" * 900_000}, 413),
            ({"csrf": "none"}, 403),
        ):
            answer = browser.post(editor.address, data={**editor.fields, **fields, "do": "refresh"})
            assert answer.status_code == status, (next(iter(fields)), answer.text[:500])
        assert browser.get(f"{editor.address}?from=nothing").status_code == 400
        deep = json.dumps({"permission": [{"action": "odrl:use", "constraint": [{"or": []}]}]}).replace(
            '{"or": []}', '{"or": [' * 13 + '{"leftOperand": "odrl:count"}' + "]}" * 13
        )
        editor.press("text", text=deep)
        assert "nested deeper" in words_of(editor.page)
        for path in ("conditions", "conditions?from=open"):
            with city.http(headers={"Accept": "text/html"}) as http:
                auditor = let_in(city, f"aud{len(path)}", UserRole.AUDITOR)
                assert http.get(f"{address}/{path}", headers=auditor).status_code == 403
                steward = let_in(city, f"stew{len(path)}", UserRole.STEWARD)
                assert http.get(f"{address}/{path}", headers=steward).status_code == 404, "the draft of another"
        assert post(browser, address, f"{address}/remove").status_code == 303


def test_a_policy_for_several_assets(city: Running) -> None:
    iri = str(publish(city, "bins", conditions="open")["iri"])
    policy = json.dumps({"permission": [{"action": "odrl:read"}]})
    with signed_in(city) as browser:
        fields = {"asset.1": f"1 {iri}", "conditions": "own", "own.policy": policy}
        assert "The recipient may read the data" in post(browser, "/changes", "/changes", do="look", **fields).text
        assert (
            "no conditions of your own"
            in post(browser, "/changes", "/changes", do="look", **{**fields, "own.policy": ""}).text
        )
        post(browser, "/changes", "/changes", do="publish", **fields)
    with city.client() as client:
        assert client.record(iri)["offer"]["permission"] == [{"action": "odrl:read"}]


def test_terminal_and_api_check_conditions(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with city.client() as client:
        report = client.check_conditions({"template": "mobility-partners", "until": "2031-12-31"})
        assert report["usable"]
        assert "until 31 December 2031" in report["summary"]["en"]
        assert report["sealed"]
        assert "zapečetěné" in report["summary"]["cs"] or report["sentences"]["cs"]
        assert normal(report["odrl"]) == normal(client.check_conditions(report["odrl"])["odrl"])
        assert client.check_conditions("internal")["odrl"] is None
        with pytest.raises(HansaError, match="exactly one action"):
            client.check_conditions({"permission": [{"action": ["odrl:use", "odrl:read"]}]})
        with city.http() as stranger:
            answer = stranger.post("/api/conditions/check", json={"conditions": "open"})
            assert answer.status_code == 401
            auditor = let_in(city, "aud-check", UserRole.AUDITOR)
            assert (
                stranger.post("/api/conditions/check", json={"conditions": "open"}, headers=auditor).status_code
                == 403
            )

    status, shown = typed(city, capsys, "conditions", "{template: mobility-partners, until: 2031-12-31}")
    assert status == 0
    assert "Only until 31 December 2031, included." in shown
    own = asked(city, capsys, "conditions", "{template: mobility-partners, until: 2031-12-31}", "--odrl")
    del own["obligation"]
    own["prohibition"] = [{"action": "odrl:use"}]
    iri = str(publish(city, "signals", conditions="open")["iri"])
    good = tmp_path / "good.json"
    good.write_text(json.dumps({"permission": [{"action": "odrl:read"}]}), "utf-8")
    status, shown = typed(city, capsys, "change", iri, "--conditions", str(good), "--yes")
    assert status == 0
    assert "The recipient may read the data" in shown
    assert typed(city, capsys, "change", iri, "--conditions", str(good), "--parameter", "a=b", "--check")[0] != 0
    file = tmp_path / "own.json"
    file.write_text(json.dumps(own), "utf-8")
    status, shown = typed(city, capsys, "conditions", str(file))
    assert status == 1
    assert "prohibits everything" in shown
    status, shown = typed(city, capsys, "conditions", "nonsense")
    assert "no conditions called" in shown
