"""The pages of scenarios: what they say, what they refuse, what their forms do."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from node.base.clock import stamp
from node.base.errors import NotAllowed
from node.portal.languages import Speaker
from node.portal.runs.results import with_sign
from node.portal.runs.verdicts import verdict
from node.scenarios.findings import Finding
from node.scenarios.model import Indicator, Operation, OperationType
from node.scenarios.run_model import Caveat, IndicatorValue, State
from node.scenarios.runs.request import binding_request
from tests.fakes.portal.node import AGREEMENT, BASE, NOW, FakeNode
from tests.fakes.portal.scenarios import (
    BRIDGE,
    BRIDGE_LAYER,
    DONE,
    FAILED,
    HOURS,
    LIVE_TRIPS,
    NETWORK,
    PLAIN,
    RUNNING,
    SLOWER,
    SPEED_LAYER,
    TEMPLATE,
    TEN_MINUTES,
    WITH_STREAM,
)
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles

RUN = f"/runs/{quote(DONE, safe='')}"
NIGHT = f"{RUN}?show=hourly.hourly:light&part.partOfDay=night"
BIND = f"/scenario/bind?template={quote(TEMPLATE, safe='')}"
NEW_LAYER = f"/layers/new?target={quote(NETWORK, safe='')}"

Look = Callable[[str], Page]


@pytest.fixture
def look(els: TestClient) -> Look:
    """A page as Els reads it, whole and sound."""

    def read(path: str) -> Page:
        answer = els.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        page = Page(answer.text)
        assert troubles(page) == []
        return page

    return read


@pytest.fixture
def jan(node: FakeNode) -> TestClient:
    """An auditor: looks at everything, changes nothing."""
    client = browser(node)
    client.cookies.set("hansa_session", "jan-session")
    return client


def send(client: TestClient, page: str, action: str, **fields: str) -> tuple[int, str]:
    """Send a form of a page; (status, where to go or what is said)."""
    names = {name.replace("__", "."): value for name, value in fields.items()}
    answer = client.post(action, data={**names, "csrf": token(client, page)})
    return answer.status_code, answer.headers.get("location", answer.text)


# a run -------------------------------------------------------------------------------------------------------


def test_a_result_says_better_and_worse_in_words_and_shows_its_caveats(look: Look) -> None:
    text = look(RUN).text
    assert "412 h → After 455 h +43 worse" in text.replace("\u00a0", " ")
    assert "−60 better target 300: not reached" in text.replace("\u00a0", " ")
    assert "outside the range of validity" in text


def test_the_map_has_a_title_for_each_feature_and_a_legend(look: Look) -> None:
    page = look(NIGHT)
    titles = [title.text for title in page.all("title") if "svg" in title.path]
    assert f"{BRIDGE}: 144 → 0 vehicles/h (−144)" in [title.replace("\u00a0", " ") for title in titles]
    legend = next(one for one in page.all("div", class_="legend"))
    assert "no change (less than" in legend.text
    assert "no data" in legend.text
    assert "Change of Light vehicles, vehicles/h" in legend.text


def test_without_changes_the_map_shows_values(look: Look) -> None:
    page = look(f"/runs/{quote(PLAIN, safe='')}?show=hourly.hourly:light")
    assert "Map of differences" not in page.text
    assert "and more" in page.text


def test_the_table_is_sorted_by_links(look: Look) -> None:
    def first(path: str) -> str:
        rows = [row for row in look(path).all("tr") if any("row=" in e.get("href") for e in row.inside)]
        return next(e.text for e in rows[0].inside if e.tag == "a")

    assert first(NIGHT) == BRIDGE
    assert first(f"{NIGHT}&sort=-by") != BRIDGE
    assert first(f"{NIGHT}&sort=by") == BRIDGE
    assert first(f"{NIGHT}&sort=id") == "gent-seg-001"
    assert first(f"{NIGHT}&sort=nonsense") == BRIDGE


def test_why_leads_back_to_rows_layers_and_agreements(look: Look) -> None:
    page = look(f"{RUN}?row=gent-rec-009")
    knots = next(one for one in page.all("ol", class_="knots first"))
    for said in ("Road noise", "at Plzeň", "Quarter-hours to hours", "Traffic assignment", "Road network", BRIDGE):
        assert said in knots.text, said
    assert "1 row of 20" in knots.text
    assert "Calculated from all 10 rows" in knots.text
    assert "Changed by the change layer" in knots.text
    assert "Other changes in this data" not in knots.text
    assert f"/agreements/{quote(AGREEMENT, safe='')}" in [e["href"] for e in knots.inside if e.tag == "a"]
    assert "This result has no row nobody" in look(f"{RUN}?row=nobody").text


def test_why_names_layers_that_change_other_rows_of_the_data(node: FakeNode, look: Look) -> None:
    layer = node.scenarios.layers_by_id[BRIDGE_LAYER]
    elsewhere = tuple(replace(one, id="gent-seg-999") for one in layer.operations)
    node.scenarios.layers_by_id[BRIDGE_LAYER] = replace(layer, operations=elsewhere)
    knots = next(one for one in look(f"{RUN}?row=gent-rec-009").all("ol", class_="knots first"))
    assert f"Other changes in this data: {layer.title}" in knots.text
    assert f"/layers/{quote(BRIDGE_LAYER, safe='')}" in [e["href"] for e in knots.inside if e.tag == "a"]


def test_data_that_stay_with_their_owner_are_not_shown(node: FakeNode, look: Look) -> None:
    node.scenarios.in_place = {"receptors"}
    page = look(f"{RUN}?row=gent-rec-009")
    assert "This figure has no map" in page.text
    assert "The data for receptors stays with its owner." in page.text
    assert "These rows stay with their owner" in page.text


def test_who_may_not_see_outputs_sees_how_the_run_stands(node: FakeNode, look: Look) -> None:
    node.scenarios.in_place = {"noise.levels"}
    page = look(RUN)
    assert "The result is not available to you." in page.text
    assert "Vehicle hours" in page.text


def test_a_running_run_looks_again_by_itself_unless_told_not_to(look: Look) -> None:
    path = f"/runs/{quote(RUNNING, safe='')}"
    page = look(path)
    refresh = page.element("meta", http_equiv="refresh")
    assert refresh.path[-1] == "noscript"
    assert page.element("section", id="live")["data-events"] == f"/api/runs/{quote(RUNNING, safe='')}/events"
    assert "40 %" in page.text
    assert look(f"{path}?hold=1").all("meta", http_equiv="refresh") == []
    assert look(RUN).all("meta", http_equiv="refresh") == []


def test_what_has_ended_does_not_run(look: Look) -> None:
    assert "The run has started." in look(f"/runs/{quote(RUNNING, safe='')}?done=started").text
    assert "The run has started." not in look(f"{RUN}?done=started").text


def test_a_refused_run_says_which_rule_and_what_helps(look: Look) -> None:
    text = look(f"/runs/{quote(FAILED, safe='')}").text
    for said in ("Plzeň refuses the run", "revoked at 09:12 UTC", "What you can do:", "hansa join vlaanderen"):
        assert said in text, said


def test_cancel_again_and_publish(node: FakeNode, els: TestClient) -> None:
    running = f"/runs/{quote(RUNNING, safe='')}"
    assert send(els, running, f"{running}/cancel") == (303, f"{running}?done=cancelled")
    assert node.scenarios.all[RUNNING].state is State.DISMISSED
    assert send(els, RUN, f"{RUN}/again") == (303, f"{running}?done=started")
    status, _ = send(els, RUN, f"{RUN}/publish", title="Bridge closed", conditions="members")
    assert status == 303
    assert send(els, RUN, f"{RUN}/publish", title="Bridge closed", conditions="")[0] == 303
    assert node.scenarios.published == [
        (DONE, {"en": "Bridge closed"}, {"template": "members"}),
        (DONE, {"en": "Bridge closed"}, {}),
    ]
    assert send(els, RUN, f"{RUN}/cancel")[0] == 409


def test_a_refusal_to_publish_stands_beside_the_form(node: FakeNode, els: TestClient) -> None:
    node.scenarios.refusal = NotAllowed("open is wider than Road noise allows", remedy="choose members")
    status, said = send(els, RUN, f"{RUN}/publish", title="Mine", conditions="open")
    page = Page(said)
    assert status == 403
    assert troubles(page) == []
    assert "open is wider than Road noise allows" in page.element("div", id="publish-error").text
    assert page.element("input", id="title")["value"] == "Mine"
    assert page.element("select", id="conditions").get("aria-invalid") == "true"
    assert send(els, RUN, f"{RUN}/publish", title=" ", conditions="open")[0] == 400


def test_forms_are_for_those_whom_they_serve(jan: TestClient, visitor: TestClient) -> None:
    page = Page(jan.get(RUN).text)
    assert [form["action"] for form in page.all("form", method="post")] == ["/sign-out"]
    for path in ("/runs", RUN, BIND, "/layers", NEW_LAYER):
        assert visitor.get(path).status_code == 303, path
    assert visitor.post(f"{RUN}/cancel", data={}).status_code in (303, 403)


def test_no_form_is_taken_without_its_token(els: TestClient, node: FakeNode) -> None:
    for path in (f"{RUN}/again", f"{RUN}/publish", "/scenario/start", "/layers/new", f"/layers/{BRIDGE_LAYER}"):
        assert els.post(path, data={"do": "set"}).status_code == 403, path
    assert node.scenarios.published == []


def test_what_is_taken_away(els: TestClient) -> None:
    table = list(csv.reader(io.StringIO(els.get(f"{NIGHT.replace('?', '/table.csv?', 1)}").text)))
    assert table[0] == ["segmentId", "before", "after", "change", "unit"]
    assert [BRIDGE, "144.0", "0.0", "-144.0", "{vehicles}/h"] in table
    answer = els.get(NIGHT.replace("?", "/map.geojson?", 1))
    assert answer.headers["content-type"] == "application/geo+json"
    features = json.loads(answer.text)["features"]
    assert len(features) == 40
    assert {"type", "id", "geometry", "properties"} == set(features[0])
    crate = els.get(f"{RUN}/crate.zip")
    assert crate.headers["content-disposition"].startswith('attachment; filename="contributiebrug-')
    assert zipfile.ZipFile(io.BytesIO(crate.content)).namelist() == ["ro-crate-metadata.json"]


@pytest.mark.parametrize("path", [f"{RUN}?show=noise.levels:nothing", "/runs/compare?left=x", BIND.partition("?")[0]])
def test_addresses_that_say_too_little_are_refused(path: str, els: TestClient) -> None:
    answer = els.get(path)
    assert answer.status_code == 400
    assert troubles(Page(answer.text)) == []


def test_runs_that_do_not_exist_are_not_there(els: TestClient) -> None:
    for path in ("/runs/nobody", "/runs/nobody/crate.zip", "/layers/nobody", f"/runs/compare?left=x&right={DONE}"):
        assert els.get(path).status_code == 404, path


@pytest.mark.parametrize(
    ("better", "before", "after", "words"),
    [
        ("lower", 10.0, 9.0, "better"),
        ("lower", 10.0, 11.0, "worse"),
        ("higher", 10.0, 11.0, "better"),
        ("higher", 10.0, 9.0, "worse"),
        ("lower", 10.0, 10.04, "same"),
        ("", 10.0, 9.0, ""),
        ("lower", None, 9.0, ""),
    ],
)
def test_verdicts(better: str, before: float | None, after: float, words: str) -> None:
    indicator = Indicator(name="x", titles={}, better=better, decimals=1)
    assert verdict(indicator, IndicatorValue(name="x", before=before, after=after)) == words


def test_changes_carry_their_sign() -> None:
    speaker = Speaker("nl", NOW.tzinfo, NOW)  # type: ignore[arg-type]
    assert [with_sign(speaker, value, 1) for value in (1.26, -1.26, 0.04, -0.04)] == ["+1,3", "−1,3", "±0,0", "±0,0"]


# comparing ---------------------------------------------------------------------------------------------------


def test_two_runs_share_their_breaks_and_tell_what_differs(look: Look) -> None:
    page = look(f"/runs/compare?left={quote(DONE)}&right={quote(SLOWER)}")
    plates = page.all("svg", class_="plate")
    assert [str(plate.get("aria-label")).partition(":")[0] for plate in plates] == ["A", "B", "B minus A"]
    assert len(page.all("div", class_="legend")) == 2
    table = page.all("div", aria_labelledby="differ")[0]
    assert [e.text for e in table.inside if e.tag in ("th", "td")][3:] == [
        *("Parameter greenFactor", "1", "1.5"),
        *("Change layers", "Contributiebrug closed", "Contributiebrug closed + Ring at 30 km/h"),
    ]
    assert "use exactly the same inputs" in look(f"/runs/compare?left={quote(DONE)}&right={quote(DONE)}").text


def test_several_runs_stand_side_by_side(look: Look) -> None:
    page = look(f"/runs/compare?run={quote(DONE)}&run={quote(SLOWER)}&run={quote(PLAIN)}")
    table = page.all("div", aria_labelledby="indicators")[0]
    assert [e.text for e in table.inside if e.tag == "th"][2:5] == ["A", "B", "C"]
    assert len(page.all("svg", class_="bar")) >= 3
    assert "B minus A" not in page.text


def test_two_ticked_runs_are_compared(els: TestClient) -> None:
    answer = els.get(f"/runs?run={quote(DONE)}&run={quote(SLOWER)}")
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {"run": [DONE, SLOWER]}
    many = "&".join(f"run={quote(pid)}" for pid in (DONE, SLOWER, DONE, PLAIN))
    assert parse_qs(urlsplit(els.get(f"/runs?{many}").headers["location"]).query) == {"run": [DONE, SLOWER, PLAIN]}
    assert "Select two to six runs" in els.get(f"/runs?run={quote(DONE)}").text


# binding -----------------------------------------------------------------------------------------------------


def test_the_form_offers_what_lies_nearest_and_checks_nothing_yet(node: FakeNode, look: Look) -> None:
    page = look(BIND)
    assert [one.get("value") for one in page.all("option") if "selected" in one.attributes][:3] == [
        f"{NETWORK} 1 here road-network.geojson",
        f"{NETWORK} 1 here origin-destination.csv",
        f"{BASE}/datasets/noise-receptors 2 here receptors.geojson",
    ]
    assert node.scenarios.requests == []
    assert page.all("form", action="/scenario/start") == []


def test_findings_stand_beside_their_fields_with_what_mends_them(node: FakeNode, look: Look) -> None:
    node.scenarios.findings = (
        Finding(
            place="step noise.flows",
            code="step",
            sentence="flows come by quarters of an hour, the model wants hours",
            remedy="put quarter-to-hour between them",
            transformations=(HOURS,),
        ),
        Finding(
            place="step noise.flows",
            code="unit-factor",
            sentence="flows come in another unit",
            draft={"flow": {"rename": "flow", "unit": "{vehicles}/h"}},
        ),
        Finding(place="input network", code="extent", sentence="2 % lie outside", severity="warning"),
    )
    page = look(f"{BIND}&input.network={quote(f'{NETWORK} 1 here road-network.geojson')}&param.greenFactor=7,5")
    assert "5 errors, shown next to their fields." in page.text
    network = page.element("div", id="input-1-found")
    assert "Warning: 2 % lie outside" in " ".join(network.text.split())
    assert page.element("select", id="input-1").get("aria-invalid") == ""
    assert page.element("select", id="input-2").get("aria-invalid") == "true"
    assert page.element("input", id="param-2").get("aria-invalid") == "true"
    assert "greenFactor is 7.5" in page.element("div", id="param-2-hint").text
    mending = next(link for link in page.all("a") if "Quarter-hours to hours" in link.text)
    assert mending["href"] == "/transformations/quarter-to-hour"
    draft = next(link for link in page.all("a") if "Correct and publish it" in link.text)
    assert draft["href"].startswith("/transformation/draft?definition=%7B%0A")
    assert page.all("form", action="/scenario/start") == []


def test_what_is_found_is_said_in_the_readers_language(node: FakeNode, look: Look) -> None:
    node.scenarios.findings = (
        Finding(
            place="step noise.flows",
            code="time-step",
            sentence="flows has a row for each quarter of an hour",
            remedy="put quarter-to-hour between them",
            transformations=(HOURS,),
            facts={"source": "flows", "target": "flows", "case": "finer", "haveStep": "PT15M", "needStep": "PT1H"},
        ),
        Finding(place="step noise.flows", code="odd", sentence="something else", remedy="do something"),
    )
    page = look(f"{BIND}&input.network={quote(f'{NETWORK} 1 here road-network.geojson')}&lang=cs")
    assert "časový krok flows je 15 minut, ale pro vstup flows má být 1 hodina" in page.text
    assert "vložte mezi ně quarter-to-hour" in page.text
    assert {"something else", "do something"} <= {one.text for one in page.all("bdi", lang="en")}
    assert "flows has a row" not in page.text


def test_caveats_and_failures_are_said_in_the_readers_language(node: FakeNode, look: Look) -> None:
    run = node.scenarios.all[DONE]
    facts = {"role": "flows", "variable": "speed", "count": 3, "of": 120, "minimum": 30, "maximum": None,
             "lowest": 27.4, "highest": 27.9, "unit": "km/h", "examples": []}  # fmt: skip
    caveat = Caveat(code="outside-validity", sentence="3 of 120 rows", facts=facts)
    error = {"code": "overloaded", "detail": "walk was stopped", "remedy": "a smaller area",
             "facts": {"limit": "time", "model": "walk", "seconds": 30}}  # fmt: skip
    steps = tuple(replace(step, caveats=(caveat,)) for step in run.steps)
    node.scenarios.all[DONE] = replace(run, steps=steps, state=State.FAILED, error=error)
    page = look(f"{RUN}?lang=nl").text.replace("\u00a0", " ")
    assert "3 van 120 rijen van flows hebben waarden van speed buiten ≥ 30 km/h: van 27,4 km/h tot 27,9 km/h" in page
    assert "walk is na 30 seconden gestopt" in page
    assert "gebruik een kleiner gebied" in page


def test_what_fits_is_pinned_and_can_be_run(node: FakeNode, els: TestClient, look: Look) -> None:
    inputs = "&".join(
        f"input.{role}={quote(value)}"
        for role, value in (
            ("network", f"{NETWORK} 1 here road-network.geojson"),
            ("trips", f"{NETWORK} 1 here origin destination.csv"),
            ("receptors", "http://127.0.0.1:8102/datasets/receptors 1 place receptors.geojson"),
        )
    )
    path = f"{BIND}&{inputs}&param.greenFactor=1.5&param.season=winter&layer={SPEED_LAYER}&layer={BRIDGE_LAYER}"
    path += f"&order.{SPEED_LAYER}=2&order.{BRIDGE_LAYER}=1"
    page = look(path)
    assert "No errors. You can start the run." in page.text
    pinned = json.loads(page.element("input", name="binding")["value"])
    assert pinned == {
        "scenario": TEMPLATE,
        "version": 1,
        "inputs": {
            "network": {"dataset": NETWORK, "version": 1, "file": "road-network.geojson", "inPlace": False},
            "trips": {"dataset": NETWORK, "version": 1, "file": "origin destination.csv", "inPlace": False},
            "receptors": {
                "dataset": "http://127.0.0.1:8102/datasets/receptors",
                "version": 1,
                "file": "receptors.geojson",
                "inPlace": True,
            },
        },
        "parameters": {"greenFactor": 1.5, "season": "winter"},
        "layers": [BRIDGE_LAYER, SPEED_LAYER],
    }
    status, where = send(els, path, "/scenario/start", binding=json.dumps(pinned))
    assert (status, unquote(where)) == (303, f"/runs/{RUNNING}?done=started")
    assert send(els, path, "/scenario/start", binding="{")[0] == 400


@pytest.mark.parametrize(
    ("typed", "window"),
    [
        ("last.trips=10m", {"last": "10m"}),
        (
            "from.trips=2026-11-22T08:00&to.trips=2026-11-22T08:10:30",
            {"from": "2026-11-22T08:00Z", "to": "2026-11-22T08:10:30Z"},
        ),
    ],
)
def test_a_window_of_a_stream_is_typed_and_what_runs_is_what_was_checked(
    node: FakeNode, els: TestClient, typed: str, window: dict[str, str]
) -> None:
    page = Page(els.get(f"{BIND}&{WITH_STREAM}&{typed}", follow_redirects=True).text)
    assert node.scenarios.requests[-1]["inputs"]["trips"]["dataset"] == LIVE_TRIPS.iri
    bound = json.loads(page.element("input", name="binding")["value"])["inputs"]["trips"]["window"]
    assert bound == {"from": stamp(TEN_MINUTES.start), "to": stamp(TEN_MINUTES.end), "position": "7"}
    assert "41 observations:" in page.text
    inputs = {"trips": {"dataset": LIVE_TRIPS.iri, "window": window}}
    assert binding_request({"scenario": TEMPLATE, "inputs": inputs}, BASE).inputs["trips"].window is not None


def test_the_address_of_a_check_keeps_the_window_that_it_read(node: FakeNode, els: TestClient) -> None:
    answer = els.get(f"{BIND}&{WITH_STREAM}&last.trips=10m", follow_redirects=False)
    assert answer.status_code == 303
    values = {name: texts[0] for name, texts in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert "last.trips" not in values
    assert values["from.trips"] == stamp(TEN_MINUTES.start)[:19]
    page = Page(els.get(answer.headers["location"], follow_redirects=False).text)
    window = {"from": stamp(TEN_MINUTES.start), "to": stamp(TEN_MINUTES.end), "position": "7"}
    assert node.scenarios.requests[-1]["inputs"]["trips"]["window"] == window
    assert page.element("input", name="pin.trips")["value"] == values["pin.trips"]
    # A browser leaves out seconds that are zero.
    shown = {name: value.removesuffix(":00") for name, value in values.items()}
    els.get(f"/scenario/bind?{urlencode(shown)}", follow_redirects=False)
    assert node.scenarios.requests[-1]["inputs"]["trips"]["window"] == window
    # Another time is another window, and is read when it is sent.
    field = urlencode({"to.trips": values["to.trips"]})
    els.get(answer.headers["location"].replace(field, "to.trips=2026-11-22T08:00:00"), follow_redirects=False)
    assert "position" not in node.scenarios.requests[-1]["inputs"]["trips"]["window"]


def test_only_inputs_with_streams_ask_for_a_window_and_files_get_none(node: FakeNode, look: Look) -> None:
    page = look(f"{BIND}&{WITH_STREAM}")
    assert [one["name"] for one in page.all("input", type="datetime-local")] == ["from.trips", "to.trips"]
    assert "window" not in node.scenarios.requests[-1]["inputs"]["trips"]
    file = WITH_STREAM.replace(
        quote(f"{LIVE_TRIPS.iri} 1 here trips"), quote(f"{NETWORK} 1 here origin-destination.csv")
    )
    look(f"{BIND}&{file}&last.trips=10m")
    assert "window" not in node.scenarios.requests[-1]["inputs"]["trips"]


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de", "cs"])
def test_what_is_wrong_with_a_window_is_said_in_the_readers_language(
    node: FakeNode, look: Look, language: str
) -> None:
    cases = (
        ("invalid-input", "needs-window", {"name": "trips"}),
        ("invalid-input", "no-stream", {"name": "trips"}),
        ("invalid-input", "window-empty", {"from": "eight", "to": "nine"}),
        ("invalid-input", "window-future", {"to": "nine"}),
        ("too-large", "window-large", {}),
        ("gone", "window-not-kept", {"until": "nine"}),
        ("not-found", "window-not-kept", {"until": "nine"}),
        ("not-found", "window-partly-kept", {}),
    )
    node.scenarios.findings = tuple(
        Finding(place="input trips", code=code, sentence="SAID", remedy="MENDED", facts={"case": case, **facts})
        for code, case, facts in cases
    )
    page = look(f"{BIND}&{WITH_STREAM}&lang={language}")
    assert "SAID" not in page.text
    assert "MENDED" not in page.text


# layers ------------------------------------------------------------------------------------------------------


def test_a_layer_is_drawn_and_listed_with_what_it_clashes_with(look: Look) -> None:
    page = look(f"/layers/{SPEED_LAYER}")
    labels = [link["aria-label"] for link in page.all("a") if "aria-label" in link.attributes]
    assert {"gent-seg-001: changed", "gent-seg-039: removed", "new-001: added", "gent-seg-030"} <= set(labels)
    table = page.all("div", aria_labelledby="clashes")[0]
    assert [e.text for e in table.inside if e.tag in ("th", "td")][5:] == [
        "gent-seg-020",
        "capacity_vph",
        "1900",
        "1800",
        "× 0.5",
    ]


def test_a_layer_written_without_old_values_shows_those_of_the_data(node: FakeNode, look: Look) -> None:
    layer = node.scenarios.layers_by_id[BRIDGE_LAYER]
    bare = tuple(replace(one, before={}) for one in layer.operations)
    node.scenarios.layers_by_id[BRIDGE_LAYER] = replace(layer, operations=bare)
    page = look(f"/layers/{BRIDGE_LAYER}")
    assert [e.text for e in page.element("table", class_="list operations").inside if e.tag in ("del", "ins")] == [
        "1800",
        "0",
    ]


def test_a_layer_is_offered_only_for_data_that_the_reader_can_change(
    node: FakeNode, els: TestClient, jan: TestClient, visitor: TestClient
) -> None:
    path = urlsplit(NETWORK).path
    assert "on a map" in Page(els.get(path).text).element("section", aria_labelledby="whatif").text
    for client in (jan, visitor):
        assert Page(client.get(path).text).all("section", aria_labelledby="whatif") == []
    record = node.records[NETWORK][0]
    elsewhere = replace(
        record, origin="did:web:elsewhere.example", files=tuple(replace(f, open=False) for f in record.files)
    )
    node.records[NETWORK] = [elsewhere]
    assert Page(els.get(path).text).all("section", aria_labelledby="whatif") == []
    table = tuple(replace(one, media_type="text/csv") for one in record.files)
    node.records[NETWORK] = [replace(record, files=table)]
    assert "Change rows" in Page(els.get(path).text).element("section", aria_labelledby="whatif").text


def test_a_click_opens_the_form_and_the_change_is_kept_with_what_was_seen(node: FakeNode, els: TestClient) -> None:
    path = f"/layers/{BRIDGE_LAYER}"
    page = Page(els.get(f"{path}?feature=gent-seg-018").text)
    assert page.element("input", id="set-4")["name"] == "set.capacity_vph"
    before = node.scenarios.layers_by_id[BRIDGE_LAYER]
    status, where = send(
        els,
        path,
        path,
        do="set",
        feature="gent-seg-018",
        after=before.sha256,
        set__capacity_vph="1800",
        factor__freeflow_kmh="0,6",
        set__isBridge="false",
    )
    assert (status, where) == (303, f"{path}?feature=gent-seg-018&done=kept")
    layer = node.scenarios.layers_by_id[BRIDGE_LAYER]
    assert layer.operations[0] == before.operations[0]
    assert layer.operations[1] == Operation(
        op=OperationType.UPDATE,
        id="gent-seg-018",
        before={"freeflow_kmh": 50, "isBridge": True},
        set={"freeflow_kmh": {"factor": 0.6}, "isBridge": False},
    )
    assert layer.author == "els"


def test_features_are_added_removed_and_taken_back(node: FakeNode, els: TestClient) -> None:
    path = f"/layers/{BRIDGE_LAYER}"

    def change(**fields: str) -> int:
        return send(els, path, path, after=node.scenarios.layers_by_id[BRIDGE_LAYER].sha256, **fields)[0]

    geometry = "3.71 51.05\n3.72 51.06"
    assert change(do="add", feature="new-7", geometry=geometry, set__capacity_vph="900") == 303
    assert change(do="remove", feature="gent-seg-005") == 303
    assert change(do="undo", feature=BRIDGE) == 303
    added, removed = node.scenarios.layers_by_id[BRIDGE_LAYER].operations
    assert added == Operation(
        op=OperationType.ADD,
        id="new-7",
        set={"capacity_vph": 900},
        geometry={"type": "LineString", "coordinates": [[3.71, 51.05], [3.72, 51.06]]},
    )
    assert (removed.op, removed.id, removed.before["capacity_vph"]) == (OperationType.REMOVE, "gent-seg-005", 1800)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"do": "set", "feature": BRIDGE, "set__capacity_vph": "many"}, "is not a number"),
        ({"do": "set", "feature": BRIDGE, "set__capacity_vph": "1e999"}, "is not a number"),
        ({"do": "set", "feature": BRIDGE}, "you did not change any value"),
        ({"do": "set", "feature": "nobody", "set__capacity_vph": "1"}, "the data does not contain segmentId nobody"),
        ({"do": "add", "feature": "gent-seg-001", "geometry": "3 51"}, "a new feature needs its own segmentId"),
        ({"do": "add", "feature": "new", "geometry": "here"}, "is not a valid position"),
        ({"do": "add", "feature": "new", "geometry": "200 51"}, "is not a valid position"),
        ({"do": "add", "feature": "new"}, "needs coordinates"),
        ({"do": "undo", "feature": BRIDGE}, "changes nothing"),
        ({"do": "title", "title": " "}, "enter a title and a reason"),
        ({"do": "dance"}, "no action was chosen"),
        ({"do": "remove", "feature": "gent-seg-001", "after": "older"}, "somebody else changed the layer"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_form(
    fields: dict[str, str], message: str, node: FakeNode, els: TestClient
) -> None:
    before = node.scenarios.layers_by_id[BRIDGE_LAYER]
    path = f"/layers/{BRIDGE_LAYER}"
    status, answer = send(els, path, path, **{"after": before.sha256, **fields})
    assert status in (400, 409)
    page = Page(answer)
    assert troubles(page) == []
    assert message in page.text
    assert node.scenarios.layers_by_id[BRIDGE_LAYER] == before


def test_the_first_change_keeps_a_new_layer(node: FakeNode, els: TestClient) -> None:
    path = f"{NEW_LAYER}&feature={BRIDGE}"
    fields = {"target": NETWORK, "do": "set", "feature": BRIDGE, "set__capacity_vph": "0"}
    status, answer = send(els, path, "/layers/new", **fields)
    assert status == 400
    page = Page(answer)
    assert "enter a title and a reason" in page.text
    assert page.element("input", id="set-4")["value"] == "0", "what was typed is still there"
    status, where = send(els, path, "/layers/new", **fields, title="Closed", reason="What if?")
    assert status == 303
    kept = node.scenarios.layers_by_id[urlsplit(where).path.rsplit("/", 1)[-1]]
    assert (kept.title, kept.reason, kept.operations[0].before) == ("Closed", "What if?", {"capacity_vph": 1800})


def test_who_may_not_edit_looks(jan: TestClient) -> None:
    page = Page(jan.get(f"/layers/{BRIDGE_LAYER}?feature={BRIDGE}").text)
    assert page.all("form", action=f"/layers/{BRIDGE_LAYER}", method="post") == []
    assert "0" in page.text


# assets ------------------------------------------------------------------------------------------------------


def test_a_scenario_shows_its_chain_and_its_runs(look: Look, read: Look) -> None:
    page = look("/scenarios/contributiebrug")
    assert page.element("svg", class_="chain")["aria-label"].startswith("Steps of")
    assert "Road noise at Plzeň" in page.text
    assert "Inputs: flows from hourly.hourly, receptors" in page.text
    assert BIND in page.links()
    assert "Runs of this scenario" in page.text
    stranger = read("/scenarios/contributiebrug")
    assert "Runs of this scenario" not in stranger.text
    assert len(stranger.all("svg", class_="chain")) == 1


def test_a_model_card_speaks_to_citizens_first_and_tells_how_to_call_it(look: Look) -> None:
    page = look(f"/record?iri={quote('http://127.0.0.1:8102/models/road-noise', safe='')}")
    assert page.text.index("Summary") < page.text.index("Comparing plans") < page.text.index("Technical details")
    assert (
        page.text.index("Area and period of validity")
        < page.text.index("Risks")
        < page.text.index("Technical details")
    )
    assert '"$PROCESS/execution"' in page.text
    assert "Runs with this model" in page.text
    own = look("/models/traffic-assignment")
    assert f"{BASE}/ogc/processes/traffic-assignment/execution" in own.text


def test_a_result_names_the_run_and_all_that_went_in(node: FakeNode, look: Look, read: Look) -> None:
    prov, elsewhere = "http://www.w3.org/ns/prov#", "https://data.nowhere.example/models/unknown"
    layer, label = "urn:uuid:1", "<http://www.w3.org/2000/01/rdf-schema#label>"
    statements = [
        f"<{NETWORK}> <{prov}wasGeneratedBy> <{DONE}> .",
        f'<{DONE}> {label} "Run of the bridge"@en .',
        f"<{DONE}> <{prov}used> <{BASE}/models/traffic-assignment#v1> .",
        f"<{DONE}> <{prov}used> <{elsewhere}#v3> .",
        f"<{DONE}> <{prov}used> <{layer}#00> .",
        f'<{layer}#00> {label} "Bridge shut" .',
    ]
    newest = node.records[NETWORK][0]
    node.records[NETWORK][0] = replace(newest, nquads=newest.nquads + "\n".join([*statements, ""]).encode())
    path = urlsplit(NETWORK).path
    page = look(path)
    assert RUN in page.links()
    assert f"{elsewhere}?version=3" in page.links()
    assert f"/layers/{quote(layer, safe='')}" in page.links()
    for told in ("Produced with", ", version 3 · Model", "Bridge shut · Change layer"):
        assert told in page.text, told
    assert "New change layer" not in page.text
    stranger = read(path)
    assert "Bridge shut" in stranger.text
    assert RUN not in stranger.links()


def test_a_node_without_scenarios_has_none_of_it(node: FakeNode) -> None:
    node.scenarios = None  # type: ignore[assignment]
    client = browser(node)
    client.cookies.set("hansa_session", "els-session")
    for path in ("/runs", RUN, BIND, "/layers"):
        assert client.get(path).status_code == 404, path
    page = Page(client.get("/scenarios/contributiebrug").text)
    assert page.all("svg", class_="chain") == []
    assert "/runs" not in page.links()
    assert "Runs with this model" not in client.get("/models/traffic-assignment").text


def test_what_strangers_wrote_stays_text(node: FakeNode, look: Look) -> None:
    nasty = '"><script>window.__xss=1</script>'
    run = node.scenarios.all[DONE]
    caveats = (Caveat(code="x", sentence=nasty, step=nasty),)
    template = replace(run.template, titles={"en": nasty}, goal={"en": nasty})
    steps = tuple(replace(step, caveats=caveats) for step in run.steps)
    node.scenarios.all[DONE] = replace(run, template=template, steps=steps, log=(nasty,), by=nasty)
    layer = node.scenarios.layers_by_id[BRIDGE_LAYER]
    changed = Operation(
        op=OperationType.ADD, id=nasty, set={nasty: nasty}, geometry={"type": "Point", "coordinates": [3.7, 51]}
    )
    node.scenarios.layers_by_id[BRIDGE_LAYER] = replace(layer, title=nasty, reason=nasty, operations=(changed,))
    for path in (
        RUN,
        "/runs",
        f"/layers/{BRIDGE_LAYER}?feature={quote(nasty)}",
        "/layers",
        f"{RUN}?row={quote(nasty)}",
    ):
        assert all("src" in script.attributes for script in look(path).all("script")), path


@pytest.mark.parametrize(
    ("language", "words"), [("nl", "is geen getal"), ("de", "ist keine Zahl"), ("cs", "není číslo")]
)
def test_a_wrong_entry_is_told_in_the_readers_language(els: TestClient, language: str, words: str) -> None:
    path = f"/layers/{BRIDGE_LAYER}?lang={language}"
    _, answer = send(els, path, path, do="set", feature=BRIDGE, set__capacity_vph="many")
    page = Page(answer)
    assert f"many“ {words}" in page.text or f"many” {words}" in page.text
    assert not [one for one in page.all("bdi", lang="en") if "number" in one.text]
