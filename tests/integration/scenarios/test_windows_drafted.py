"""The check of a scenario that needs hours and gets quarters drafts what is missing: written, published, and run."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.cli.main import run as hansa
from tests.nodes import Running, described
from tests.portal_browser import signed_in
from tests.runs import run

QUARTERS = "segmentId,time,flow,speed\n" + "".join(
    f"{segment},2026-11-02T{hour:02}:{minute:02}:00+01:00,{flow + hour},{30 + minute // 15}\n"
    for segment, flow in (("a", 100), ("b", 10))
    for hour in (7, 8)
    for minute in (0, 15, 30, 45)
)
COLUMNS = [
    {"name": "segmentId"},
    {"name": "time"},
    {"name": "flow", "unit": "{vehicles}/(15.min)"},
    {"name": "speed", "unit": "km/h"},
]
NEEDS = {
    "step": "PT1H",
    "units": {"flow": "{vehicles}/h", "speed": "km/h"},
    "keep": ["segmentId", "time"],
    "cars": {"rename": "flow", "unit": "{vehicles}/h"},
    "pace": {"rename": "speed", "unit": "m/s", "decimals": 2},
}

ENDS = {"from": "schema/quarters", "to": "schema/hours"}
MORE = {**ENDS, "license": "CC-BY-4.0", "contact": {"name": "M", "email": "m@example.org"}, "conditions": "open"}


def words(en: str) -> dict[str, str]:
    return {"en": en}


def scenario(name: str, *steps: tuple[str, str, str]) -> dict[str, Any]:
    figure = {"definition": {"of": f"{steps[-1][0]}.counts", "sum": "cars"}, "better": "lower"}
    return {
        **described(name),
        "kind": "scenario",
        "version": "1",
        "goal": words("Fewer cars."),
        "inputs": [
            {
                "role": "counts",
                "title": words("Counts"),
                "description": words("Counts."),
                "variables": [{"name": "segmentId", "description": words("Segment.")}],
            }
        ],
        "indicators": [{"name": "cars", "title": words("Cars"), "unit": "{vehicles}/h", **figure}],
        "chain": [
            {"name": step, "uses": uses, "inputs": {"counts": source}, "position": place}
            for place, (step, uses, source) in enumerate(steps, 1)
        ],
    }


@pytest.fixture(scope="module")
def ready(city: Running) -> Running:
    path = city.folder / "quarters.csv"
    path.write_text(QUARTERS)
    with city.client() as client:
        file = client.upload(path, media_type="text/csv")
        fields = described("quarters", resolution={"time": "PT15M"})
        fields["files"] = [{"name": "quarters.csv", "tables": [{"columns": COLUMNS}]}]
        client.publish({"kind": "dataset", "fields": fields, "files": [file], "conditions": "open"})
        needs = described("hourly-model", language="column mapping", definition=NEEDS, version="1")
        client.publish({"fields": {**needs, **ENDS, "kind": "transformation"}, "conditions": "open"})
        direct = scenario("direct", ("model", "transformation/hourly-model", "counts"))
        client.publish({"fields": direct, "conditions": "open"})
    return city


def test_from_the_report_to_a_run(ready: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    city = ready
    node = ["--node", str(city.folder)]
    check = ["run", "check", "scenario/direct", "--input", "counts=dataset/quarters", *node]
    drafts = tmp_path / "drafts"
    assert hansa([*check, "--drafts", str(drafts)]) != 0
    report = " ".join("".join(capsys.readouterr()).split())
    assert "counts has a row for each quarter of an hour (PT15M)" in report
    assert '"window": "PT1H"' in report
    (path,) = drafts.iterdir()
    fields = yaml.safe_load(path.read_text("utf-8"))
    assert fields["definition"] == {
        "step": "PT15M",
        "units": {"flow": "{vehicles}/(15.min)", "speed": "km/h"},
        "group": ["time", "segmentId"],
        "time": {"of": "time", "window": "PT1H"},
        "flow": {"mean": "flow", "unit": "{vehicles}/h"},
        "speed": {"mean": "speed", "unit": "km/h"},
    }
    with signed_in(city) as browser:
        query = {"template": f"{city.url}/scenarios/direct", "input.counts": f"{city.url}/datasets/quarters"}
        page = html.unescape(browser.get("/scenario/bind", params=query).text)
        assert '"window": "PT1H"' in page

    path.write_text(yaml.safe_dump({**fields, **MORE}), "utf-8")
    assert hansa(["publish", str(path), *node]) == 0, "".join(capsys.readouterr())
    assert hansa(check) != 0
    assert fields["id"] in "".join(capsys.readouterr()), "the check names it from now on"
    steps = (
        ("hours", f"transformation/{fields['id']}", "counts"),
        ("model", "transformation/hourly-model", "hours.counts"),
    )
    with city.client() as client:
        client.publish({"fields": scenario("hourly", *steps), "conditions": "open"})
    outcome = run(city, {"scenario": "scenario/hourly", "inputs": {"counts": "dataset/quarters"}})
    assert outcome["state"] == "successful", outcome["error"]
    with city.client() as client:
        rows = json.loads(client.scenarios.output(outcome["pid"], "after", "hours.counts"))
    assert rows[0] == {"flow": 428, "segmentId": "a", "speed": 31.5, "time": "2026-11-02T07:00:00+01:00"}
    assert [row["flow"] for row in rows] == [428, 68, 432, 72]
    assert outcome["indicators"][0]["after"] == 1000
