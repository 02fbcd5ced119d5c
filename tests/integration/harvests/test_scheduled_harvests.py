"""Catalogues that a node harvests by itself, through its doors: terminal, API, worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client.harvests import Harvests
from tests.integration.harvests.test_harvests import Portal, portal
from tests.nodes import Running, city, running
from tests.waits import until

__all__ = ["city", "portal"]


@pytest.fixture
def harvests(city: Running) -> Iterator[Harvests]:
    with city.client() as client:
        yield Harvests(client)
        for source in Harvests(client).all():
            Harvests(client).remove(source["name"])


def ended(harvests: Harvests, name: str) -> dict[str, Any]:
    """The newest run of a source, once it has ended."""

    def look() -> dict[str, Any] | None:
        newest = harvests.source(name)["runs"][0]
        return newest if newest["ended"] else None

    return until(f"a run of {name} has ended", look)


def outcomes(harvests: Harvests, name: str, **only: Any) -> dict[str, str]:
    """The last piece of each IRI → outcome, in the newest report."""
    lines = harvests.lines(name, "latest", **only)
    return {line["iri"].rpartition("/")[2]: line["outcome"] for line in lines}


def test_a_registered_source_is_harvested_and_reported(harvests: Harvests, portal: Portal) -> None:
    portal.turtle("/catalog.ttl", "a", "b", following="/catalog.ttl?page=2")
    portal.turtle("/catalog.ttl?page=2", "c")
    source = harvests.add("ghent", f"{portal.url}/catalog.ttl", "1d", rules=["safe"])
    assert (source["running"], source["by"], source["every"]) == (True, "admin", "1d")
    run_now = ended(harvests, "ghent")
    assert (run_now["state"], run_now["counts"]["new"], run_now["problem"]) == ("done", 3, None)
    assert outcomes(harvests, "ghent") == dict.fromkeys("abc", "new")
    portal.turtle("/catalog.ttl", "a", "d", following="/catalog.ttl?page=2")
    harvests.run("ghent")
    second = ended(harvests, "ghent")
    assert second["run"] != run_now["run"]
    counts = {name: count for name, count in second["counts"].items() if count}
    assert counts == {"new": 1, "unchanged": 2, "withdrawn": 1}
    assert outcomes(harvests, "ghent") == {"d": "new", "b": "withdrawn"}
    assert outcomes(harvests, "ghent", outcome="withdrawn") == {"b": "withdrawn"}
    assert len(harvests.source("ghent")["runs"]) == 2
    assert harvests.source("ghent")["next"] > second["ended"]


def test_a_source_that_does_not_answer_is_told_with_the_next_step(harvests: Harvests, portal: Portal) -> None:
    harvests.add("gone", f"{portal.url}/nowhere.ttl", "1d")
    failed = ended(harvests, "gone")
    assert failed["state"] == "failed"
    assert "status 404" in failed["problem"]["detail"]
    assert failed["problem"]["remedy"]
    source = harvests.source("gone")
    assert source["failures"] == 1


def test_the_terminal_adds_lists_runs_reports_and_removes(
    city: Running, harvests: Harvests, portal: Portal, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ["--node", str(city.folder)]
    portal.turtle("/t.ttl", "x", "y")

    def harvest(*words: str, code: int = 0) -> str:
        assert run(["harvest", *words, *at]) == code
        out, err = capsys.readouterr()
        return out + err

    assert "No catalogue is harvested" in harvest()
    assert "brno is harvested every 12h" in harvest(
        "add", "brno", f"{portal.url}/t.ttl", "--every", "12h", "--repair"
    )
    ended(harvests, "brno")
    shown = harvest()
    assert "in the name of admin, rules: safe" in shown
    assert "2 new" in shown
    portal.turtle("/t.ttl", "x", "y", "z")
    assert "1 new, 2 unchanged" in harvest("run", "brno", "--wait")
    assert "Set z" in harvest("report", "brno")
    first = harvests.source("brno")["runs"][1]["run"]
    sheet = tmp_path / "report.csv"
    harvest("report", "brno", "--run", first, "--csv", str(sheet))
    assert len(sheet.read_text("utf-8").splitlines()) == 3
    assert run(["--json", "harvest", "report", "brno", "--find", "set z", *at]) == 0
    assert [line["title"] for line in json.loads(capsys.readouterr().out)["records"]] == ["Set z"]
    assert "paused" in harvest("pause", "brno")
    assert "next run      paused" in harvest("list", "brno")
    assert "12h again" in harvest("resume", "brno")
    ended(harvests, "brno")
    portal.pages.clear()
    assert "status 404" in harvest("run", "brno", "--wait", code=REFUSED)
    assert "stay in the catalogue" in harvest("remove", "brno")
    assert "No catalogue is harvested" in harvest()


def test_what_cannot_be_registered_is_refused(city: Running) -> None:
    with city.http(headers=city.person()) as http:
        for name, body, status, words in (
            ("a", {"url": "file:///etc/passwd"}, 400, "no web address"),
            ("A b", {"url": "https://data.example/"}, 400, "cannot name"),
            ("a", {"url": "https://data.example/", "every": "1s"}, 400, "time between"),
            ("a", {"url": "https://data.example/", "audience": "martians"}, 400, "audience"),
            ("a", {"url": "https://data.example/", "rules": ["guess"]}, 400, "no rule"),
        ):
            answer = http.put(f"/api/harvests/{name}", json=body)
            assert answer.status_code == status, answer.text
            assert words in answer.json()["detail"], answer.text
        assert http.get("/api/harvests").json() == []
        assert http.get("/api/harvests/a/runs/latest").status_code == 404
        assert http.post("/api/harvests/a/run").status_code == 404


def test_a_restart_goes_on_with_what_was_begun(tmp_path: Path, sqlite_template: Path, portal: Portal) -> None:
    portal.turtle("/catalog.ttl", "a", "b")
    portal.busy["/catalog.ttl"] = 1
    folder = tmp_path / "node"
    with running(folder, template=sqlite_template) as node, node.client() as client:
        Harvests(client).add("ghent", f"{portal.url}/catalog.ttl", "1d")
    with running(folder, port=int(node.url.rpartition(":")[2])) as node, node.client() as client:
        newest = ended(Harvests(client), "ghent")
        assert (newest["state"], newest["counts"]["new"]) == ("done", 2)
        assert len(Harvests(client).source("ghent")["runs"]) == 1
