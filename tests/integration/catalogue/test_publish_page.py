"""A dataset published by the forms of a real node, as a browser without scripts sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from node.semantics.profiles.description import description_of
from node.semantics.profiles.fields import place_of, tables_of, theme_of, title_of
from node.semantics.profiles.model import ColumnProfile, Profile, TableProfile
from tests.integration.catalogue.formats.test_grids import air
from tests.nodes import Running
from tests.portal_browser import csrf_of, post, signed_in

COUNTS = "time,counter,bicycles\n" + "".join(
    f"2026-11-{day:02}T{hour:02}:00:00,{counter},{hour * 3}\n"
    for day in range(1, 8)
    for hour in range(24)
    for counter in ("Coupure", "Visserij")
)


@pytest.fixture
def browser(city: Running) -> Iterator[httpx2.Client]:
    """The browser of the administrator, signed in."""
    with signed_in(city) as client:
        yield client


def upload(client: httpx2.Client, name: str, body: bytes) -> Any:
    csrf = csrf_of(client.get("/publish").text)
    return client.post("/publish/file", files={"csrf": (None, csrf), "file": (name, body, "text/csv")})


def drafts(city: Running) -> list[str]:
    folder = city.folder / "drafts"
    return sorted(path.suffix for path in folder.iterdir()) if folder.is_dir() else []


ANSWERS = {
    "title": "Bicycle counters",
    "description": "Bicycles that pass two counters, every hour.",
    "license": "CC-BY-4.0",
    "conditions": "open",
    "direct": "yes",
    "theme": "TRAN",
    "keywords": "bicycle, counting",
    "contact.name": "Mobility",
    "contact.email": "mobility@example.org",
    "spatial": "3.6, 51, 3.8, 51.1",
    "from": "2026-11-01",
    "until": "2026-11-07",
    "column.0.2": "Bicycles in the hour",
    "do": "preview",
}


def test_from_a_csv_to_a_dataset(city: Running, browser: httpx2.Client) -> None:
    address = upload(browser, "bicycle-counters.csv", COUNTS.encode()).headers["location"]
    form = browser.get(address).text
    assert "336 rows" in form
    assert 'value="Bicycle counters"' in form
    assert 'value="2026-11-01T00:00:00"' in form
    assert re.search(r'<option value="[^"]*/data-theme/TRAN"[^>]* selected>', form)
    assert drafts(city) == [".data", ".json"]
    answer = post(browser, address, address, **ANSWERS)
    assert answer.headers["location"] == f"{address}/preview", answer.text
    preview = browser.get(f"{address}/preview").text
    assert "Bicycles in the hour" in preview
    assert ">Transport</span>" in preview
    assert "<bdi>counting</bdi>" in preview
    for reader in ("Visitor without an account", "Another organisation"):
        assert re.search(rf"{reader}</th><td>yes</td><td>Direct download</td>", preview), reader
    assert "Member of your region" not in preview, "this node has no region"
    with city.http() as stranger:
        assert stranger.get("/datasets/bicycle-counters").status_code == 404, "a preview publishes nothing"
        answer = post(browser, f"{address}/preview", f"{address}/publish")
        assert answer.headers["location"] == "/datasets/bicycle-counters?done=dataset-published", answer.text
        assert "The dataset was published." in browser.get(answer.headers["location"]).text
        record = stranger.get("/datasets/bicycle-counters", headers={"Accept": "application/json"}).json()
        assert (record["titles"], record["version"]) == ({"en": "Bicycle counters"}, 1)
        assert stranger.get("/datasets/bicycle-counters/files/bicycle-counters.csv").text == COUNTS
    assert drafts(city) == [".last"]
    assert browser.get(address).status_code == 404

    # The same title again: the address belongs to the first dataset.
    address = upload(browser, "again.csv", COUNTS.encode()).headers["location"]
    assert 'value="mobility@example.org"' in browser.get(address).text, "the contact of the last dataset"
    answer = post(browser, address, address, **ANSWERS)
    assert answer.status_code == 422
    assert "this web address belongs to another asset" in answer.text
    assert post(browser, address, f"{address}/publish").status_code == 422
    assert post(browser, address, f"{address}/remove").status_code == 303
    assert drafts(city) == [".last"]


def test_a_grid_fills_in_the_form_with_its_own_words(browser: httpx2.Client, tmp_path: Path) -> None:
    air(tmp_path / "air.nc")
    address = upload(browser, "air.nc", (tmp_path / "air.nc").read_bytes()).headers["location"]
    form = browser.get(address).text
    assert 'value="Air quality: Ghent"' in form
    assert "Hourly nitrogen dioxide by the city&#39;s model # version 2" in form
    assert 'value="mass concentration of nitrogen dioxide in air"' in form
    assert 'value="2026-11-02T23:00:00"' in form
    # The last variable is the kind of surface; a browser sends its field as it stands.
    meaning = re.search(r'name="column\.1\.2"[^>]*value="([^"]*)"', form)
    assert meaning
    facts = {"title": "Air", "description": "Nitrogen dioxide.", "column.1.2": meaning[1]}
    answer = post(browser, address, address, **{**ANSWERS, **facts})
    assert answer.headers["location"] == f"{address}/preview", answer.text
    assert "time × lat × lon" in browser.get(f"{address}/preview").text
    assert post(browser, f"{address}/preview", f"{address}/publish").status_code == 303
    page = browser.get("/datasets/air").text
    assert "kind of surface (0 = water, 1 = built land)" in page
    assert "µg/m³" in page or "ug/m3" in page


def test_what_has_errors_is_not_published(city: Running, browser: httpx2.Client) -> None:
    body = b"name,e-mail\nAn,an@example.org\nBo,bo@example.org\n"
    address = upload(browser, "people.csv", body).headers["location"]
    assert 'value="internal" required checked' in browser.get(address).text
    wrong = {**ANSWERS, "title": "People", "contact.email": "nobody", "from": "soon", "until": "", "license": "mine"}
    answer = post(browser, address, address, **wrong)
    assert answer.status_code == 422
    for name in ("personal_data", "contact.email", "from", "license"):
        assert f'id="{name}-error"' in answer.text, name
    assert post(browser, address, f"{address}/publish").status_code == 422
    with city.http() as stranger:
        assert stranger.get("/datasets/people").status_code == 404
    offered = {**ANSWERS, "title": "People", "personal_data": "yes"}
    answer = post(browser, address, address, **offered)
    assert answer.status_code == 422
    for name in ("personal_basis", "personal_purpose"):
        assert f'id="{name}-error"' in answer.text, name
    grounds = {"personal_basis": "public-interest", "personal_purpose": "To invite people."}
    answer = post(browser, address, address, **offered, **grounds)
    assert answer.headers["location"] == f"{address}/preview", answer.text
    assert post(browser, f"{address}/preview", f"{address}/publish").status_code == 303
    with city.http() as stranger:
        assert "To invite people." in stranger.get("/datasets/people", headers={"Accept": "text/html"}).text


def test_answers_are_checked_while_they_are_typed(city: Running, browser: httpx2.Client) -> None:
    address = upload(browser, "typed.csv", COUNTS.encode()).headers["location"]

    def check(**answers: str) -> Any:
        outcome = browser.post(f"{address}/check", data={"csrf": csrf_of(browser.get(address).text), **answers})
        assert outcome.status_code == 200, outcome.text
        return outcome.json()

    wrong = check(**{**ANSWERS, "title": "", "contact.email": "nobody", "from": "soon", "license": "CC-BY-5"})
    assert {error["field"] for error in wrong["errors"]} >= {"title", "contact.email", "from", "license"}
    assert wrong["state"] == f"{len(wrong['errors'])} errors"
    right = check(**{**ANSWERS, "title": "Typed"})
    assert (right["errors"], right["state"]) == ([], "All required answers are there.")
    assert right["conditions"]["sentences"]
    # The conditions in words change with their values, and say at once that they contradict themselves.
    partners = {**ANSWERS, "title": "Typed", "conditions": "mobility-partners"}
    dated = check(**partners, **{"mobility-partners.until": "2031-12-31"})["conditions"]
    assert "31 December 2031" in " ".join(dated["sentences"])
    assert dated["conflicts"] == []
    past = check(**partners, **{"mobility-partners.until": "2001-12-31"})["conditions"]
    assert past["conflicts"], past
    assert browser.post(f"{address}/check", data=ANSWERS).status_code == 403, "a form of another site"
    assert 'value="Typed"' in browser.get(address).text, "the name of the file"
    assert "bicycle, counting" not in browser.get(address).text, "nothing is saved"
    assert post(browser, address, f"{address}/remove").status_code == 303


def test_conditions_that_lack_a_value_say_which(browser: httpx2.Client) -> None:
    address = upload(browser, "partners.csv", COUNTS.encode()).headers["location"]
    answer = post(browser, address, address, **{**ANSWERS, "title": "P", "conditions": "mobility-partners"})
    assert answer.status_code == 422
    assert "Last day of use: Please fill in this field." in answer.text
    dated = {**ANSWERS, "title": "P", "conditions": "mobility-partners", "mobility-partners.until": "2027-12-31"}
    dated |= {"spatial": "", "keywords": ""}
    assert post(browser, address, address, **dated).status_code == 303
    preview = browser.get(f"{address}/preview").text
    assert "31 December 2027" in preview
    better = preview.partition("What would raise its quality most")[2].partition("</ul>")[0]
    assert sorted(re.findall(rf'<a href="{address}#(\w+)">', better)) == ["keywords", "spatial"]
    assert re.search(r"Another organisation</th><td>yes</td><td>None: conditions are not met</td>", preview), preview
    assert post(browser, address, f"{address}/remove").status_code == 303


def test_form_and_terminal_draft_the_same() -> None:
    columns = (
        ColumnProfile(
            name="time", type="datetime", rows=3, minimum="2026-01-01T00:00:00", maximum="2026-01-02T00:00:00"
        ),
        ColumnProfile(
            name="speed", type="number", rows=3, empty=1, minimum="1.5", maximum="2.5", unit="km/h", distinct=2
        ),
        ColumnProfile(name="n", type="integer", rows=3, minimum="1", maximum="2"),
        ColumnProfile(name="mail", type="text", rows=3, distinct=3, personal="e-mail"),
        ColumnProfile(name="kind", type="text", rows=3, distinct=2, values=("a", "b: c"), complete=True),
    )
    profile = Profile(format="CSV", tables=(TableProfile(rows=3, columns=columns),), bbox=(3.6, 51.0, 3.8, 51.1))
    name = "fiets-tellingen_2026.csv"
    draft = yaml.safe_load(description_of(profile, name, command="x"))
    for column in draft["files"][0]["tables"][0]["columns"]:
        del column["description"]
    assert draft["files"][0]["tables"] == tables_of(profile, name)
    assert (draft["title"], draft["spatial"]) == (
        title_of(name),
        [float(one) for one in place_of(profile).split(",")],
    )
    assert theme_of(profile, "fiets-tellingen_2026.csv") == "TRAN"
    assert theme_of(None, "fiets-en-afval.csv") == ""
