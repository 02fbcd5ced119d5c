"""Before a part of a table is offered: what a partner would get, and refusals of columns that the table lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from node.catalogue.publication.trial_files import ForgetTrialFiles
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from tests.fakes.clock import FixedClock
from tests.integration.datasources.test_table_queries import PART, TABLE, share
from tests.nodes import Running, described, running
from tests.portal_browser import post, signed_in
from tests.unit.portal.page import Page, troubles

DESCRIPTION = """kind: dataset
id: {id}
title: Berths
description: Berths of the harbour, with the vehicles that passed.
contact: {{name: Mobility department, email: mobility@ghent.example}}
theme: TRAN
license: CC-BY-4.0
files:
  - path: berths.csv
conditions:
  template: open
  part: {part}
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("parts") / "city", template=sqlite_template) as node:
        yield node


def submission(city: Running, slug: str, part: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A submission of the table, whose bytes are on the node."""
    path = city.folder / "berths.csv"
    path.write_bytes(TABLE)
    with city.client() as client:
        client.upload(path)
    file = {"name": "berths.csv", "mediaType": "text/csv", "size": len(TABLE)}
    files = [{**file, "sha256": hashlib.sha256(TABLE).hexdigest()}]
    return {"fields": described(slug), "files": files, "conditions": {"template": "open", "part": part}, **more}


def test_a_dry_run_shows_what_a_partner_gets(city: Running) -> None:
    with city.client() as client:
        answer = client.publish(submission(city, "dry", PART, dryRun=True))
        (table,) = answer["part"]["tables"]
        assert [column["name"] for column in table["columns"]] == ["number", "passed"]
        assert table["rows"] == [[str(n), str(n * 7)] for n in (1, 3, 5, 7, 9)]
        assert table["rowCount"] == 50
        assert "Only the columns “number” and “passed”." in answer["part"]["sentences"]["en"]
        assert set(answer["part"]["sentences"]) == {"en", "nl", "fr", "de", "cs"}
        assert "part" not in client.publish(submission(city, "dry", PART))
        whole = submission(city, "all", PART, dryRun=True)
        assert "part" not in client.publish({**whole, "conditions": "open"})


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ({"columns": ["nmber"]}, "nmber"),
        ({"columns": ["number", "psased"]}, "psased"),
        ({"rows": [{"column": "kint", "value": "berth"}]}, "kint"),
        ({"period": {"column": "day", "from": "2026-01-01"}}, "day"),
    ],
)
def test_a_column_that_the_table_lacks_is_refused_before_anything_is_offered(
    city: Running, part: dict[str, Any], missing: str
) -> None:
    for more in ({"dryRun": True}, {}):
        with city.client() as client, pytest.raises(Refusal) as refusal:
            client.publish(submission(city, "lacking", part, **more))
        (finding,) = [one for one in refusal.value.facts["findings"] if one["severity"] == "violation"]
        assert missing in finding["message"]
        assert "number, kind, guard, passed" in finding["remedy"]
        assert missing in finding["translations"]["cs"]["message"]
    with city.client() as client, pytest.raises(Refusal):
        client.record(f"{city.url}/datasets/lacking")


def test_a_batch_refuses_it_too(city: Running) -> None:
    orders = [submission(city, "batch-a", {"columns": ["nmber"]}), submission(city, "batch-b", PART)]
    with city.client() as client:
        first, second = client.publish_all(orders)["results"]
    assert "nmber" in json.dumps(first["problem"])
    assert second["published"]["version"] == 1


def test_parquet_is_checked_and_shown(city: Running, tmp_path: Path) -> None:
    path = tmp_path / "counts.parquet"
    duckdb.execute(f"COPY (SELECT i AS n, 'k' || i % 3 AS kind FROM range(9) t(i)) TO '{path}' (FORMAT parquet)")
    body = path.read_bytes()
    file = {"name": path.name, "mediaType": "application/vnd.apache.parquet", "size": len(body)}
    files = [{**file, "sha256": hashlib.sha256(body).hexdigest()}]
    fields = described("parquet-part")
    with city.client() as client:
        client.upload(path)
        conditions = {"template": "open", "part": {"rows": [{"column": "kind", "value": "k0"}]}}
        order = {"fields": fields, "files": files, "conditions": conditions, "dryRun": True}
        (table,) = client.publish(order)["part"]["tables"]
        assert (table["rowCount"], table["rows"][0]) == (3, ["0", "k0"])
        conditions["part"] = {"columns": ["N2"]}
        with pytest.raises(Refusal):
            client.publish(order)


def test_the_terminal_shows_it_with_check(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "berths.csv").write_bytes(TABLE)
    path = tmp_path / "berths.yaml"
    path.write_text(DESCRIPTION.format(id="typed", part=json.dumps(PART)))
    assert run(["publish", str(path), "--check", "--as-found", "--node", str(city.folder)]) == DONE
    output = capsys.readouterr()
    shown = " ".join((output.out + output.err).split())
    assert "Only rows for which “kind = berth”." in shown
    assert "50 rows, such as" in shown
    assert "number passed 1 7 3 21" in shown
    path.write_text(DESCRIPTION.format(id="typed", part='{"columns": ["nmber"]}'))
    assert run(["publish", str(path), "--check", "--as-found", "--node", str(city.folder)]) == REFUSED
    output = capsys.readouterr()
    assert "nmber" in output.out + output.err
    nothing = '{"rows": [{"column": "kind", "value": "nothing"}]}'
    path.write_text(DESCRIPTION.format(id="typed", part=nothing))
    assert run(["publish", str(path), "--check", "--as-found", "--node", str(city.folder)]) == DONE
    output = capsys.readouterr()
    assert "partners would get nothing" in " ".join((output.out + output.err).split())


def test_a_file_that_was_only_checked_is_deleted_after_a_day(city: Running, tmp_path: Path) -> None:
    assets = city.node.parts.assets
    stores = city.node.parts.stores

    def forget(days: float) -> int:
        clock = FixedClock(city.node.parts.clock.now() + timedelta(days=days))
        return ForgetTrialFiles(stores.uow, records=stores.catalogue.records, assets=assets, clock=clock)()

    checked, published = (TABLE + b"%d,berth,guard,1\n" % number for number in (101, 102))
    path = tmp_path / "berths.yaml"
    submission(city, "sent-for-good", PART)
    for slug, data in (("checked", checked), ("published", published), ("sent-for-good", TABLE)):
        (tmp_path / "berths.csv").write_bytes(data)
        path.write_text(DESCRIPTION.format(id=slug, part=json.dumps(PART)))
        assert run(["publish", str(path), "--check", "--as-found", "--node", str(city.folder)]) == DONE
    # A program may publish what it sent for a trial.
    with city.client() as client:
        file = {"name": "berths.csv", "mediaType": "text/csv", "size": len(published)}
        files = [{**file, "sha256": hashlib.sha256(published).hexdigest()}]
        client.publish({"fields": described("published"), "files": files, "conditions": "open"})
    forget(0.5)
    assert assets.has(hashlib.sha256(checked).hexdigest())
    assert forget(2) >= 1
    assert not assets.has(hashlib.sha256(checked).hexdigest())
    assert assets.has(hashlib.sha256(published).hexdigest())
    assert assets.has(hashlib.sha256(TABLE).hexdigest()), "it was sent for good"
    assert forget(3) == 0


def test_publishers_see_it_on_the_page_of_the_asset_and_before_a_new_version(city: Running) -> None:
    iri = share(city, "seen", {"template": "open", "part": PART})
    with signed_in(city) as browser:
        page = browser.get(iri.removeprefix(city.url)).text
        assert "partner=show" in page
        shown = browser.get(f"{iri.removeprefix(city.url)}?partner=show").text
        assert_part(shown)
        place = post(browser, "/account", "/record/edit", iri=iri).headers["location"]
        form = {
            element["name"]: element.get("value") or element.text.strip()
            for element in Page(browser.get(place).text).elements
            if element.tag in ("input", "textarea")
            and element.get("name") not in ("", "csrf", "conditions", "q")
            and element.get("type") not in ("checkbox", "radio", "submit")
        }
        form |= {"title": "Berths, again", "conditions": "keep", "do": "preview"}
        answer = post(browser, place, place, **form)
        assert answer.status_code == 303, answer.text
        assert_part(browser.get(answer.headers["location"]).text)
    with city.http(headers={"Accept": "text/html"}) as stranger:
        assert "partner=show" not in stranger.get(iri.removeprefix(city.url)).text
        assert 'id="partner"' not in stranger.get(f"{iri.removeprefix(city.url)}?partner=show").text


def assert_part(text: str) -> None:
    page = Page(text)
    assert troubles(page) == []
    section = page.element("section", aria_labelledby="partner")
    assert "Only rows for which “kind = berth”." in section.text
    assert [cell.text for cell in section.inside if cell.tag == "td"][:4] == ["1", "7", "3", "21"]
    assert "50 rows of" in section.text
