"""``hansa run`` and ``hansa layer`` as they are typed, at a node with a model, data and a scenario of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from demo.nodes import free_ports
from node.cli.exits import DONE, REFUSED, WAITING
from node.client import HansaClient, locate
from tests.e2e.test_cli import Ran, Terminal
from tests.models import WALKING, card
from tests.nodes import described
from tests.postgres import fresh_schema
from tests.runs import STREETS, TRANSFORMATION, layer, scenario
from tests.waits import until

START = ("run", "start", "scenario/walks", "--input", "streets=dataset/streets")


def write_files(home: Path) -> None:
    """What somebody publishes who has a model, data, and a question."""
    (home / "walking.py").write_text(WALKING)
    (home / "streets.csv").write_bytes(STREETS)
    streets = {**described("streets"), "files": [{"path": "streets.csv"}]}
    for name, fields in (
        ("model", {**card("walking"), "code": "walking.py"}),
        ("streets", streets),
        ("seconds", TRANSFORMATION),
        ("walks", scenario("model/walking")),
    ):
        (home / f"{name}.yaml").write_text(yaml.safe_dump({**fields, "conditions": "open"}))
    (home / "shorter.yaml").write_text(yaml.safe_dump(layer()))
    (home / "bound.yaml").write_text(
        "scenario: scenario/walks\ninputs:\n  streets: {dataset: dataset/streets, file: streets.csv}\n"
    )


def publish_all(terminal: Terminal) -> None:
    write_files(terminal.home)
    for name in ("model", "streets", "seconds", "walks"):
        published = terminal.hansa("publish", f"{name}.yaml")
        assert published.status == DONE, published.output


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A node with a scenario."""
    opened = Terminal(tmp_path_factory.mktemp("terminal"))
    try:
        (port,) = free_ports(1)
        opened.urls["ghent"] = f"http://127.0.0.1:{port}"
        assert opened.hansa("init", "ghent", "--port", str(port)).status == DONE
        opened.serve("ghent")
        publish_all(opened)
        yield opened
    finally:
        for process in opened.served.values():
            process.kill()
            process.wait()


def typed(terminal: Terminal, *words: str) -> Ran:
    """A command in a window of 80 columns."""
    return terminal.hansa(*words, COLUMNS="80")


def readable(ran: Ran) -> None:
    """Every line fits into 80 columns, but for addresses, which cannot be broken, and sentences, which may be."""
    for line in ran.output.splitlines():
        if len(line) > 80:
            assert "http" in line or len(line.split()) > 8, line


def pid_of(ran: Ran) -> str:
    return next(word for word in ran.output.split() if word.startswith("urn:uuid:"))


def test_nothing_yet(terminal: Terminal) -> None:
    runs, layers = typed(terminal, "run", "list"), typed(terminal, "layer", "list")
    assert (runs.status, layers.status) == (DONE, DONE)
    assert "No runs yet." in runs.out
    assert "Next: hansa run start scenario/NAME --input role=dataset/NAME" in runs.out
    assert "No change layers." in layers.out


class TestChecking:
    def test_what_fits(self, terminal: Terminal) -> None:
        checked = typed(terminal, "run", "check", "scenario/walks", "-i", "streets=dataset/streets@1#streets.csv")
        assert checked.status == DONE, checked.output
        url = terminal.urls["ghent"]
        for line in (
            f"  streets       {url}/datasets/streets version 1",
            f"  walk          {url}/models/walking version 1",
            f"  seconds       {url}/transformations/minutes-to-seconds version 1",
            "  speed         5.0",
        ):
            assert line in checked.out.splitlines()
        assert "streets.csv, " in checked.out
        assert "✓ everything fits" in checked.out
        readable(checked)

    def test_what_does_not(self, terminal: Terminal) -> None:
        words = ("run", "check", "scenario/walks", "-i", "roads=dataset/streets", "--set", "speed=99")
        checked = typed(terminal, *words)
        assert checked.status == REFUSED
        assert checked.out.splitlines() == [
            "  1  input roads: the scenario has no input roads",
            "     it has: streets",
            "  2  input streets: Streets is not bound",
            "     bind streets to a dataset",
            "  3  parameter speed: speed is at most 7 km/h, not 99",
            "     give another value",
        ]
        as_json = terminal.hansa("--json", *words)
        assert (as_json.status, as_json.json["fits"], len(as_json.json["findings"])) == (REFUSED, False, 3)
        started = typed(terminal, "run", "start", *words[2:])
        assert started.status == REFUSED
        assert "this scenario cannot be run with this binding" in started.output
        assert "it has: streets" in started.output

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("scenario/none",), "nothing"),
            (("none.yaml",), "file none.yaml"),
            (("scenario/walks", "-i", "streets"), "write --input role=dataset/NAME"),
            (("scenario/walks", "-i", "streets=dataset/streets@x"), "x is not a version"),
            (("scenario/walks", "--set", "speed"), "write --set name=value"),
            (("scenario/walks", "--in-place", "streets"), "that input is not bound"),
            (("streets.csv",), "invalid"),
        ],
    )
    def test_what_cannot_be_read(self, terminal: Terminal, words: tuple[str, ...], message: str) -> None:
        for verb in ("check", "start"):
            refused = typed(terminal, "run", verb, *words)
            assert refused.status == REFUSED, refused.output
            assert refused.err.startswith("✗ "), refused.err
            assert message in refused.output or message in ("nothing", "invalid")


class TestRunning:
    def test_to_the_end(self, terminal: Terminal) -> None:
        ran = typed(terminal, *START)
        assert ran.status == DONE, ran.output
        assert "A walk through the streets" in ran.out
        assert "✓ done   result " in ran.out
        assert [line.split() for line in ran.out.splitlines() if line.startswith("seconds")] == [
            ["seconds", "–", "900", "s"]
        ]
        # What happens on the way is beside the result.
        assert "after: walk (Walking, version 1, here)" in ran.err
        readable(ran)
        in_dutch = typed(terminal, "run", "show", pid_of(ran)[-8:], "--lang", "nl")
        assert in_dutch.out.startswith("Een wandeling\n")
        assert any(line.startswith("  log ") and line.endswith(" done") for line in in_dutch.out.splitlines())
        readable(in_dutch)
        listed = typed(terminal, "run", "list")
        assert pid_of(ran)[-8:] in listed.out
        assert "100 %" in listed.out
        readable(listed)

    def test_from_a_file_as_json(self, terminal: Terminal) -> None:
        ran = terminal.hansa("--json", "run", "start", "bound.yaml", "--set", "speed=2.5")
        assert ran.status == DONE, ran.output
        assert (ran.json["state"], ran.json["binding"]["parameters"]) == ("successful", {"speed": 2.5})
        assert ran.err == ""
        shown = terminal.hansa("--json", "run", "show", ran.json["pid"])
        assert shown.json == ran.json

    def test_without_waiting(self, terminal: Terminal) -> None:
        begun = typed(terminal, *START, "--set", "pause=2", "--no-wait")
        assert begun.status == WAITING, begun.output
        short = pid_of(begun)[-8:]
        assert f"Next: hansa run watch {short}" in begun.out
        watched = typed(terminal, "run", "watch", short)
        assert watched.status == DONE, watched.output
        assert "after: walk: step" in watched.err

    def test_stopping(self, terminal: Terminal) -> None:
        begun = typed(terminal, *START, "--set", "pause=50", "--no-wait")
        short = pid_of(begun)[-8:]
        stopped = typed(terminal, "run", "cancel", short)
        assert (stopped.status, "✓ stopped" in stopped.out) == (DONE, True)
        twice = typed(terminal, "run", "cancel", short)
        assert twice.status == REFUSED
        assert "the run has ended already (dismissed)" in twice.err
        watched = typed(terminal, "run", "watch", short)
        assert (watched.status, "✗ dismissed" in watched.err) == (REFUSED, True)

    def test_a_model_that_fails(self, terminal: Terminal) -> None:
        failed = typed(terminal, *START, "--set", "speed=6.66")
        assert failed.status == REFUSED
        assert "the devil is in it" in failed.err
        assert "line " in failed.err
        readable(failed)

    def test_again(self, terminal: Terminal) -> None:
        first = typed(terminal, *START)
        again = typed(terminal, "run", "again", pid_of(first)[-8:])
        assert again.status == DONE, again.output
        assert "✓ the same result as before" in again.out
        assert pid_of(again) != pid_of(first)

    @pytest.mark.parametrize("verb", ["show", "watch", "cancel", "again"])
    def test_runs_that_are_not_there(self, terminal: Terminal, verb: str) -> None:
        for pid in ("zzzz", "urn:uuid:none"):
            refused = typed(terminal, "run", verb, pid)
            assert refused.status == REFUSED, refused.output
            assert pid in refused.err or "run does not exist" in refused.err

    def test_nobody_there(self, terminal: Terminal) -> None:
        assert typed(terminal, "run", "list", "--node", "http://127.0.0.1:9").status not in (DONE, REFUSED, WAITING)


class TestOutputs:
    def test_printed_and_saved(self, terminal: Terminal) -> None:
        short = pid_of(typed(terminal, *START))[-8:]
        printed = typed(terminal, "run", "output", short, "seconds.times")
        assert (printed.status, printed.out, printed.err) == (DONE, "segmentId,seconds\na,720\nb,180\n", "")
        rows = terminal.hansa("--json", "run", "output", short, "walk.times").json
        assert rows == [{"segmentId": "a", "minutes": 12}, {"segmentId": "b", "minutes": 3}]
        saved = typed(terminal, "run", "output", short, "walk.times", "--format", "geojson", "-o", "out.geojson")
        assert (saved.status, "✓ out.geojson" in saved.out) == (DONE, True)
        assert json.loads((terminal.home / "out.geojson").read_text())["type"] == "FeatureCollection"
        missing = typed(terminal, "run", "output", short, "walk.times", "--branch", "before")
        assert missing.status == REFUSED
        assert "it has: after/seconds.times, after/walk.times" in missing.err
        assert typed(terminal, "run", "output", short, "walk.times", "--format", "xlsx").status != DONE

    def test_two_runs_side_by_side(self, terminal: Terminal) -> None:
        first, same, other = (
            pid_of(typed(terminal, *START, *more))[-8:] for more in ((), (), ("--set", "speed=2.5"))
        )
        compared = typed(terminal, "run", "compare", first, other)
        assert compared.status == DONE
        assert [line.split() for line in compared.out.splitlines()] == [
            ["indicator", first, other],
            ["seconds", "900", "1,800"],
            ["parameter", "speed"],
            [first, "5.0"],
            [other, "2.5"],
        ]
        readable(compared)
        alike = typed(terminal, "run", "compare", first, same)
        assert "with the same binding, with the same result" in alike.err
        as_json = terminal.hansa("--json", "run", "compare", first, other).json
        assert as_json["differs"] == {"parameter speed": ["5.0", "2.5"]}


class TestLayers:
    def test_saved_listed_shown_and_run(self, terminal: Terminal) -> None:
        saved = typed(terminal, "layer", "save", "shorter.yaml")
        assert saved.status == DONE, saved.output
        assert "✓ A shorter street   1 change to version " in saved.out
        name = pid_of(saved)[-8:]
        assert f"Next: hansa run start SCENARIO --layer {name}" in saved.out
        listed = typed(terminal, "layer", "list", "dataset/streets")
        assert name in listed.out
        assert "A bridge" in listed.out
        readable(listed)
        shown = typed(terminal, "layer", "show", name)
        assert shown.status == DONE
        assert "  update        a  length: 1000 → 500" in shown.out.splitlines()
        readable(shown)
        ran = typed(terminal, *START, "--layer", name)
        assert ran.status == DONE, ran.output
        assert [line.split() for line in ran.out.splitlines() if line.startswith("seconds")] == [
            ["seconds", "900", "540", "-360", "s"]
        ]
        readable(ran)

    def test_in_conflict_with_newer_data(self, terminal: Terminal) -> None:
        name = pid_of(typed(terminal, "layer", "save", "shorter.yaml"))[-8:]
        (terminal.home / "streets.csv").write_bytes(STREETS.replace(b"1000", b"1100"))
        assert typed(terminal, "publish", "streets.yaml").status == DONE
        try:
            shown = typed(terminal, "layer", "show", name, "--version", "2")
            assert shown.status == REFUSED
            assert "1100" in next(line for line in shown.out.splitlines() if line.startswith("  conflict"))
            checked = typed(terminal, "run", "check", *START[2:], "--layer", name)
            assert checked.status == REFUSED
            assert "1100" in checked.out
            refused = typed(terminal, "layer", "save", "shorter.yaml")
            assert refused.status == REFUSED
            assert "not fit version 2" in refused.err
        finally:
            (terminal.home / "streets.csv").write_bytes(STREETS)
            assert typed(terminal, "publish", "streets.yaml").status == DONE

    def test_what_cannot_be_kept(self, terminal: Terminal) -> None:
        assert "file none.yaml" in typed(terminal, "layer", "save", "none.yaml").err
        refused = typed(terminal, "layer", "save", "walks.yaml")
        assert refused.status == REFUSED
        assert typed(terminal, "layer", "show", "none").status == REFUSED


@pytest.mark.postgres
def test_a_worker_apart(tmp_path: Path, postgres_server: str) -> None:
    """On PostgreSQL the worker may be another process; it dies in the middle of a run, and another one goes on."""
    with fresh_schema(postgres_server) as database:
        apart = Terminal(tmp_path)
        (port,) = free_ports(1)
        apart.urls["ghent"] = f"http://127.0.0.1:{port}"
        made = apart.hansa("init", "ghent", "--port", str(port), "--database", database)
        assert made.status == DONE, made.output
        try:
            apart.serve("ghent", "--no-worker")
            apart.work("ghent")
            publish_all(apart)
            calm = apart.hansa("--json", *START)
            assert calm.status == DONE, calm.output
            begun = apart.hansa("--json", *START, "--set", "pause=12", "--no-wait")
            assert begun.status == WAITING, begun.output
            pid = begun.json["pid"]
            # Asked by HTTP: a command takes seconds on a busy machine, and the run would be over.
            with HansaClient(locate(str(apart.home / "ghent"))) as client:
                until("the model is at work", lambda: client.scenarios.run(pid)["steps"][0]["progress"] > 0)
            apart.served["worker"].kill()
            apart.served.pop("worker").wait()
            apart.work("ghent")
            ended = apart.hansa("--json", "run", "watch", pid)
            assert (ended.status, ended.json["state"]) == (DONE, "successful"), ended.output
            assert ended.json["result"] == calm.json["result"]
            assert any("continues after an interruption" in line for line in ended.json["log"])
        finally:
            for process in apart.served.values():
                process.kill()
                process.wait()
