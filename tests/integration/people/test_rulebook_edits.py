"""The rulebook of a region changed in the browser, by API and in the terminal, at real nodes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from node.cli.app import app_for
from node.client.api import Refusal
from tests.nodes import Running, admit, rulebook, running
from tests.portal_browser import csrf_of, post, signed_in
from tests.unit.portal.page import Page, troubles
from tests.waits import until

TEXT = "Members keep to what they agree.\nThey answer within a week.\nThey pay nothing."


@pytest.fixture
def region(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    """A region with a rulebook of three lines."""
    with running(tmp_path / "flanders", template=sqlite_template, issuer=True) as node:
        with node.client() as office:
            texts = {
                "title": {"en": "Rules of the region", "nl": "Regels van de regio"},
                "text": {"en": TEXT, "nl": "Leden houden zich eraan."},
            }
            office.publish({"fields": {**rulebook(node.did), **texts}})
        yield node


def answers_of(page: str) -> dict[str, str]:
    """The answers that a browser would send back for the form of a rulebook."""
    inputs = re.findall(
        r'<input id="[^"]+" name="([^"]+)"(?! type="(?:radio|checkbox|hidden)")[^>]*? value="([^"]*)"', page
    )
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', page)
    options = re.findall(r'<select id="([^"]+)".*?<option value="([^"]*)"[^>]* selected>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in (*inputs, *areas, *options)} | {"conditions": "keep"}


def edit(browser: httpx2.Client, iri: str) -> str:
    return str(post(browser, "/rulebook", "/record/edit", iri=iri).headers["location"])


def iri_of(region: Running) -> str:
    return f"{region.url}/rulebooks/common-rules"


def test_the_text_is_changed_in_the_browser(region: Running, tmp_path: Path, sqlite_template: Path) -> None:
    with ExitStack() as stack:
        city = stack.enter_context(running(tmp_path / "ghent", template=sqlite_template))
        admit(region, city)
        browser = stack.enter_context(signed_in(region))
        page = browser.get("/rulebook").text
        assert "Change the rulebook" in page
        draft = edit(browser, iri_of(region))
        form = browser.get(draft).text
        assert troubles(Page(form)) == []
        answers = answers_of(form)
        assert (answers["text"], answers["valid_from"], answers["notice"]) == (TEXT, "2026-01-01", "P1M")
        assert 'id="valid_from" name="valid_from" type="date"' in form

        # Refused in words, with what was typed.
        new = TEXT.replace("a week", "a day")
        wrong = {**answers, "text": new, "valid_from": "2027-13-01", "notice": "soon", "do": "preview"}
        refused = post(browser, draft, draft, **wrong)
        assert refused.status_code == 422
        assert troubles(Page(refused.text)) == []
        for name, words in {
            "changes": "Write what this version changes.",
            "valid_from": "This is not a date.",
            "notice": "This is not a duration.",
        }.items():
            error = re.search(rf'id="{name}-error">.*?<bdi>(.*?)</bdi>', refused.text)
            assert error is not None, name
            assert error[1].startswith(words), name
        assert answers_of(browser.get(draft).text)["text"] == new

        good = {
            **answers,
            "text": new,
            "valid_from": "2027-01-01",
            "changes": "Answers come within a day.",
            "version": "2.0",
        }
        assert post(browser, draft, draft, **good, do="preview").status_code == 303
        preview = browser.get(f"{draft}/preview").text
        assert troubles(Page(preview)) == []
        assert '<del class="lines"><bdi>They answer within a week.</bdi></del>' in preview
        assert '<ins class="lines"><bdi>They answer within a day.</bdi></ins>' in preview
        assert '<span class="soft"><bdi>They pay nothing.</bdi></span>' in preview, "the line after it"
        assert "This version is valid from 2027-01-01." in preview
        members = preview.partition("Members that must accept this version")[2]
        assert "accepted version 1" in members
        with region.client() as office:
            assert office.rulebook()["version"] == 1, "looking publishes nothing"
        assert post(browser, f"{draft}/preview", f"{draft}/publish").status_code == 303
        with region.client() as office:
            text = office.rulebook()
            assert (text["version"], text["fields"]["text"], text["fields"]["version"]) == (2, new, "2.0")
            assert office.rulebook("nl")["fields"]["text"] == "Leden houden zich eraan.", "other languages stay"
            missing = until("the region sees it", lambda: office.rulebook_acceptances()["missing"])
        assert missing == 1
        page = browser.get("/rulebook").text
        assert "Must accept again" in page
        record = browser.get(iri_of(region)).text
        assert "MobilityPartnerCredential" in record, "definitions stay"


def test_the_second_of_two_editors_is_told(region: Running) -> None:
    with signed_in(region) as first, region.client() as office:
        draft = edit(first, iri_of(region))
        mine = answers_of(first.get(draft).text) | {"court": "Courts of Ghent", "changes": "Another court."}
        office.change_rulebook({"law": "Flemish law", "changes": "Another law."}, follows=1)
        refused = post(first, draft, draft, **mine, do="preview")
        assert refused.status_code == 422
        form = first.get(draft).text
        assert "version 2" in form.lower()
        assert answers_of(form)["court"] == "Courts of Ghent", "what was typed is kept"
        assert post(first, draft, f"{draft}/publish").status_code == 422
        assert office.rulebook()["fields"]["law"] == "Flemish law"
        # The changes are put into the newer version, and keep what the other person published.
        assert post(first, draft, f"{draft}/renew").status_code == 303
        assert post(first, f"{draft}/preview", f"{draft}/publish").status_code == 303
        fields = office.rulebook()["fields"]
        assert (fields["law"], fields["court"], fields["changes"]) == (
            "Flemish law",
            "Courts of Ghent",
            "Another court.",
        )


def test_of_many_who_change_a_version_one_succeeds(region: Running) -> None:
    def change(number: int) -> int:
        with region.client() as office:
            try:
                office.change_rulebook({"law": f"Law {number}", "changes": f"Law {number} applies."}, follows=1)
            except Refusal as error:
                return error.http_status
        return 200

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(change, range(64)))
    assert outcomes.count(200) == 1
    assert set(outcomes) <= {200, 409, 503}
    with region.client() as office:
        assert office.rulebook()["version"] == 2


REFUSALS: tuple[tuple[dict[str, str], int, int, str], ...] = (
    ({"text": "New.", "changes": "All."}, 2, 409, "has version 1"),
    ({"text": TEXT}, 1, 409, "nothing was changed"),
    ({"text": "New."}, 1, 400, "does not say what this version changes"),
    ({"notice": "soon", "changes": "Notice."}, 1, 400, "this is not a duration"),
    ({"colour": "blue"}, 1, 400, "has no field colour"),
    ({"title": ""}, 1, 400, "the title is empty"),
    ({"valid_from": "", "changes": "No date."}, 1, 422, "1 error"),
)


def test_changes_that_cannot_be_used_are_refused_in_words(region: Running) -> None:
    with region.client() as office:
        for fields, follows, status, words in REFUSALS:
            with pytest.raises(Refusal) as refusal:
                office.change_rulebook(fields, follows=follows)
            assert refusal.value.http_status == status, fields
            assert words in refusal.value.detail
        assert office.rulebook()["version"] == 1


def run(region: Running, *arguments: str) -> Any:
    return CliRunner().invoke(
        app_for(), ["rulebook", *arguments, "--node", str(region.folder)], catch_exceptions=False
    )


def test_the_rulebook_is_changed_in_the_terminal(region: Running, tmp_path: Path) -> None:
    shown = run(region, "show")
    assert shown.exit_code == 0
    assert "They answer within a week." in shown.stdout
    assert "Belgian law" in shown.stdout
    file = tmp_path / "text.txt"
    file.write_text(run(region, "show", "--text").stdout.strip().replace("a week", "a day"))
    arguments = (
        "change",
        "--text",
        str(file),
        "--set",
        "changes=Answers come sooner.",
        "--set",
        "valid_from=2027-01-01",
    )
    foreseen = run(region, *arguments, "--dry-run")
    assert "-They answer within a week." in foreseen.stdout
    assert "+They answer within a day." in foreseen.stdout
    assert "0 members" in foreseen.stdout
    with region.client() as office:
        assert office.rulebook()["version"] == 1
    published = run(region, *arguments, "--yes", "--follows", "1")
    assert published.exit_code == 0, published.output
    with region.client() as office:
        assert office.rulebook()["version"] == 2
        assert "within a day" in office.rulebook()["fields"]["text"]


def test_a_node_that_is_no_region_has_no_rulebook_to_change(city: Running) -> None:
    with city.client() as client:
        for call in (client.rulebook, lambda: client.change_rulebook({"text": "x"}, follows=1)):
            with pytest.raises(Refusal) as refusal:
                call()
            assert refusal.value.http_status == 404
    with signed_in(city) as browser:
        assert browser.get("/rulebook").status_code == 404
        assert csrf_of(browser.get("/").text)
