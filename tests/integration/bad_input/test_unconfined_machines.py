"""A node on a machine that cannot keep models from its files: it runs none, says so at every door, does the rest."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from node.base.errors import NotConfined
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.cli.output import Mode
from node.texts.languages import LANGUAGES
from tests.models import STREETS, WALKING, publish_model
from tests.nodes import Running, publish, running, until
from tests.unit.cage.without import starting_without

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes away what only Linux has")

WORDS = "neither Landlock nor namespaces"
REFUSALS = {
    "en": "does not run the model",
    "nl": "voert het model nu niet uit",
    "de": "führt das Modell derzeit nicht aus",
    "fr": "n’exécute pas le modèle",
    "cs": "model nyní nespouští",
}


@pytest.fixture(scope="module")
def warnings() -> Iterator[list[str]]:
    """What is logged as a warning while the node runs."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(f"{getattr(record, 'action', '')}: {record.getMessage()}")  # type: ignore[method-assign]
    logging.getLogger("node").addHandler(handler)
    yield lines
    logging.getLogger("node").removeHandler(handler)


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, warnings: list[str]) -> Iterator[Running]:
    """A node with a model that was published while the machine was a better one."""
    folder = tmp_path_factory.mktemp("unconfined") / "gent"
    with running(folder, template=sqlite_template) as node:
        publish_model(node)
        port = int(node.url.rpartition(":")[2])
        with node.http() as stranger:
            assert stranger.get("/health").json() == {"status": "ok"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.cage.launcher.subprocess.Popen", starting_without("landlock", "unshare"))
        with running(folder, port=port) as node:
            until("the machine is known", lambda: node.node.parts.cage.known_barriers is not None)
            yield node


@pytest.fixture(scope="module")
def http(poor: Running) -> Iterator[httpx2.Client]:
    with poor.http() as client:
        yield client


def test_monitors_are_told_by_name_and_still_send_requests_here(http: httpx2.Client) -> None:
    until("the views have begun", lambda: http.get("/ready").status_code == 200)
    for path in ("/health", "/ready"):
        answer = http.get(path)
        assert answer.status_code == 200
        shown = {"views": {"feed": 100, "graph": 100, "search": 100}} if path == "/ready" else {}
        assert answer.json() == {"status": "ok", "limited": ["landlock", "models"], **shown}


def test_signed_in_people_and_the_log_are_told_in_words(poor: Running, warnings: list[str]) -> None:
    with poor.client() as client:
        limited = client.node()["limited"]
    assert WORDS in limited["models"]
    assert "cannot use the network or change files, but they can read" in limited["landlock"]
    until("it is logged", lambda: len(warnings) >= 2)
    assert any(line.startswith("limited-models: no model with code runs here") for line in warnings)
    assert any(line.startswith("limited-landlock: the system has no Landlock") for line in warnings)


def test_a_run_is_refused_at_the_door_with_the_reason(poor: Running, http: httpx2.Client) -> None:
    sent = {**poor.person(), "Content-Type": "application/json"}
    body = json.dumps({"inputs": {"streets": STREETS}})
    answer = http.post("/ogc/processes/walking/execution", content=body, headers=sent)
    assert answer.status_code == 503
    assert WORDS in answer.json()["detail"]
    assert "Landlock" in json.dumps(answer.json())
    assert http.get("/ogc/jobs", headers=poor.person()).json()["jobs"] == []


def test_a_model_is_not_published_as_its_code_would_have_to_be_read(poor: Running) -> None:
    with pytest.raises(Exception, match=WORDS):
        publish_model(poor, "another", code=WALKING)


def test_descriptions_and_queries_go_on(poor: Running, http: httpx2.Client) -> None:
    assert publish(poor)["iri"]
    answer = http.get("/sparql", params={"query": "ASK {}"}, headers={"Accept": "application/json"})
    assert answer.json()["boolean"] is True


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_the_model_says_so(poor: Running, http: httpx2.Client, language: str) -> None:
    headers = {"Accept": "text/html", "Accept-Language": language}
    page = http.get("/models/walking", headers=headers).text
    assert REFUSALS[language] in page
    assert WORDS not in page, "what the machine lacks is told to its own people"
    assert WORDS in http.get("/models/walking", headers={**headers, **poor.person()}).text


def test_a_job_that_waited_ends_with_the_reason(poor: Running, http: httpx2.Client) -> None:
    """One that was accepted before the node came to this machine."""
    local = poor.node.models.jobs._local
    lacking, local._lacking = local._lacking, str
    try:
        sent = {**poor.person(), "Content-Type": "application/json", "Prefer": "respond-async"}
        body = json.dumps({"inputs": {"streets": STREETS}})
        answer = http.post("/ogc/processes/walking/execution", content=body, headers=sent)
        assert answer.status_code == 201
        place = answer.headers["Location"]

        def ended() -> bool:
            return bool(http.get(place, headers=poor.person()).json()["status"] == "failed")

        until("the job ends", ended)
        assert WORDS in json.dumps(http.get(f"{place}/results", headers=poor.person()).json())
    finally:
        local._lacking = lacking


def test_the_doctor_says_so(
    poor: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Mode, "json", False)
    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", starting_without("landlock", "unshare"))
    assert run(["doctor", str(poor.folder)]) == REFUSED
    output = " ".join("".join(capfd.readouterr()).split())
    assert f"this node runs no models with code: the system offers {WORDS}" in output
    assert "the system has no Landlock" in output
    assert "run the node on Linux 5.13 or later with Landlock" in output


def test_a_model_is_tried_only_where_it_is_confined_or_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Mode, "json", False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("node.cage.launcher.subprocess.Popen", starting_without("landlock", "unshare"))
    Path("walking.py").write_text(WALKING)
    Path("streets.json").write_text(json.dumps(STREETS))
    words = ["model", "try", "walking.py", "--input", "streets=streets.json"]
    assert run(words) not in (DONE,)
    output = "".join(capfd.readouterr())
    assert WORDS in output
    assert run([*words, "--unconfined"]) == DONE
    output = "".join(capfd.readouterr())
    assert f"Warning: the system offers {WORDS}" in output
    assert "The model can read everything that you can read." in output


def test_a_node_that_is_served_by_the_command_says_so_in_its_log(tmp_path: Path) -> None:
    """The whole command on such a machine: the filter that takes Landlock away is inherited by all that it starts."""
    program = (
        "import sys\nfrom tests.unit.cage.without import take_away\ntake_away(['landlock', 'unshare'])\n"
        "from node.cli.main import main\nsys.argv[1:] = ['doctor', sys.argv[1]]\nmain()\n"
    )
    assert run(["init", str(tmp_path / "gent"), "--name", "Gent", "--url", "http://localhost:8124"]) == DONE
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HANSA_")}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "gent")],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[3]), "NO_COLOR": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == REFUSED, done.stderr
    assert WORDS in done.stdout + done.stderr


def test_the_refusal_is_an_error_that_may_be_told() -> None:
    assert NotConfined.is_public
    assert NotConfined.status == 503
