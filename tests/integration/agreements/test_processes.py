"""OGC API Processes at one node: what there is, executing, jobs, who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.models import STREETS, TIMES, WALKING, publish_model
from tests.nodes import Running, publish, running, until

IRIS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
WALK = {"inputs": {"streets": STREETS}}


@pytest.fixture(scope="module")
def gent(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A node with a model for all, and one for its own people."""
    with running(tmp_path_factory.mktemp("processes") / "gent", template=sqlite_template) as node:
        publish_model(node)
        publish_model(node, "secret", audience="internal")
        publish_model(node, "described", code=None, inputs=[PORT], outputs=[PORT], parameters=[])
        # As if they had chosen these passwords themselves.
        node.node.people.users.accounts.add_locally("piet", "Piet", [UserRole.AUDITOR], "correct horse battery")
        node.node.people.users.accounts.add_locally("mia", "Mia", [UserRole.PUBLISHER], "correct horse battery")
        yield node


PORT = {
    "role": "streets",
    "title": {"en": "Streets"},
    "description": {"en": "Streets."},
    "variables": [{"name": "length", "unit": "m", "description": {"en": "Length."}}],
}


@pytest.fixture
def http(gent: Running) -> Iterator[httpx2.Client]:
    with gent.http(headers=gent.person()) as client:
        yield client


@pytest.fixture
def stranger(gent: Running) -> Iterator[httpx2.Client]:
    with gent.http() as client:
        yield client


@contextmanager
def person(gent: Running, login: str) -> Iterator[httpx2.Client]:
    """A client of one of the node's people."""
    accounts = gent.node.people.users.accounts
    token = accounts.issue_token(login, "test", timedelta(hours=1))
    with gent.http(headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def execute(http: httpx2.Client, body: Any = WALK, *, process: str = "walking", **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(f"/ogc/processes/{process}/execution", content=content, headers=sent)


def units(described: dict[str, Any]) -> dict[str, Any]:
    """What a description says beside the schema, which may not say it in 1.0."""
    beside = described["additionalParameters"]
    assert beside["role"] == "http://www.opengis.net/def/uom/UCUM/"
    return {one["name"]: one["value"] for one in beside["parameters"]}


def ended(http: httpx2.Client, url: str) -> dict[str, Any]:
    """The status of a job when it has ended."""

    def look() -> dict[str, Any] | None:
        info: dict[str, Any] = http.get(url).json()
        return info if info["status"] in ("successful", "failed", "dismissed") else None

    return until("the job ends", look)


class TestWhatThereIs:
    def test_the_landing_page_for_machines(self, stranger: httpx2.Client, gent: Running) -> None:
        links = {one["rel"]: one["href"] for one in stranger.get("/ogc").json()["links"]}
        assert links["http://www.opengis.net/def/rel/ogc/1.0/conformance"] == f"{gent.url}/ogc/conformance"
        assert links["http://www.opengis.net/def/rel/ogc/1.0/processes"] == f"{gent.url}/ogc/processes"
        assert "text/html" in stranger.get("/", headers={"Accept": "text/html"}).headers["content-type"]

    def test_what_is_conformed_to(self, stranger: httpx2.Client) -> None:
        conforms = stranger.get("/ogc/conformance").json()["conformsTo"]
        assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core" in conforms
        assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss" in conforms

    def test_the_processes_are_the_models_that_can_run(self, stranger: httpx2.Client, http: httpx2.Client) -> None:
        assert [one["id"] for one in stranger.get("/ogc/processes").json()["processes"]] == ["walking"]
        assert [one["id"] for one in http.get("/ogc/processes").json()["processes"]] == ["secret", "walking"]

    def test_a_description(self, stranger: httpx2.Client) -> None:
        process = stranger.get("/ogc/processes/walking").json()
        assert process["version"] == "1"
        assert process["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]
        length = process["inputs"]["streets"]["schema"]["items"]["properties"]["length"]
        assert length["type"] == "number"
        assert units(process["inputs"]["streets"]) == {"length": ["m"]}
        speed = process["inputs"]["speed"]
        assert speed["schema"] == {"type": "number", "default": 5.0, "minimum": 2, "maximum": 7}
        assert units(speed) == {"speed": ["km/h"]}
        assert speed["minOccurs"] == 0
        assert units(process["outputs"]["times"]) == {"minutes": ["min"]}
        assert [one["rel"] for one in process["links"]] == [
            "self",
            "http://www.opengis.net/def/rel/ogc/1.0/execute",
            "describedby",
        ]

    @pytest.mark.parametrize("process", ["absent", "secret", "described", "%2e%2e"])
    def test_what_is_hidden_or_cannot_run_is_not_there(self, stranger: httpx2.Client, process: str) -> None:
        answers = [stranger.get(f"/ogc/processes/{process}"), execute(stranger, process=process)]
        for answer in answers:
            assert answer.status_code == 404
            assert answer.json()["type"] == f"{IRIS}no-such-process"
        assert stranger.get("/ogc/processes/absent").json()["detail"] == answers[0].json()["detail"]


class TestExecuting:
    def test_what_is_quick_is_answered_at_once(self, http: httpx2.Client) -> None:
        answer = execute(http)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == TIMES

    def test_a_document(self, http: httpx2.Client) -> None:
        asked = {"inputs": {"streets": {"value": STREETS}, "speed": {"value": 2.4}}, "response": "document"}
        answer = execute(http, asked).json()
        assert "times" in answer, answer
        assert answer["times"][0] == {"segmentId": "a", "minutes": 25.0}
        assert [(one["code"], one["sentence"]) for one in answer["caveats"]] == [("slow", "This is slow.")]

    def test_features_as_input(self, http: httpx2.Client) -> None:
        features = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3.7, 51]}, "properties": one}
                for one in STREETS
            ],
        }
        for given in (features, {"value": features}):
            assert execute(http, {"inputs": {"streets": given}}).json() == TIMES

    def test_selected_outputs(self, http: httpx2.Client) -> None:
        asked = {**WALK, "outputs": {"times": {"transmissionMode": "value"}}, "response": "document"}
        assert execute(http, asked).json() == {"times": TIMES}
        refused = execute(http, {**WALK, "outputs": {"costs": {}}})
        assert refused.status_code == 400
        assert refused.json()["detail"] == "the process has no output costs"
        assert refused.json()["remedy"] == "outputs: times"

    def test_asynchronously(self, http: httpx2.Client, gent: Running) -> None:
        answer = execute(http, prefer="respond-async")
        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == "respond-async"
        info = answer.json()
        assert answer.headers["location"] == f"{gent.url}/ogc/jobs/{info['jobID']}"
        assert (info["processID"], info["type"]) == ("walking", "process")
        done = ended(http, answer.headers["location"])
        assert (done["status"], done["progress"]) == ("successful", 100)
        results = next(one["href"] for one in done["links"] if one["rel"].endswith("/results"))
        assert http.get(results).json() == TIMES
        assert http.get(f"{results}/times").json() == TIMES
        assert http.get(f"{results}/costs").status_code == 400

    def test_what_takes_longer_goes_on_as_a_job(self, http: httpx2.Client) -> None:
        slow = {"inputs": {"streets": STREETS, "pause": 30}}
        answer = execute(http, slow, prefer="wait=1")
        assert answer.status_code == 201
        job = answer.headers["location"]

        def telling() -> dict[str, Any] | None:
            info: dict[str, Any] = http.get(job).json()
            return (
                info if info["status"] == "running" and info["progress"] > 0 and "step" in info["message"] else None
            )

        until("the model tells how far it is", telling)
        early = http.get(f"{job}/results")
        assert (early.status_code, early.json()["type"]) == (404, f"{IRIS}result-not-ready")
        assert http.delete(job).json()["status"] == "dismissed"
        assert http.get(job).json()["status"] == "dismissed"
        assert http.get(f"{job}/results").status_code == 404

    def test_a_key_makes_it_the_same_job(self, http: httpx2.Client) -> None:
        first, again = (execute(http, prefer="respond-async", idempotency_key="one") for _ in range(2))
        assert first.headers["location"] == again.headers["location"]
        other = {"inputs": {"streets": STREETS[:1]}}
        conflict = execute(http, other, prefer="respond-async", idempotency_key="one")
        assert (conflict.status_code, conflict.json()["code"]) == (409, "conflict")
        http.delete(first.headers["location"])
        anew = execute(http, prefer="respond-async", idempotency_key="one")
        assert anew.headers["location"] != first.headers["location"]

    def test_a_model_that_fails_says_why(self, http: httpx2.Client) -> None:
        asked = {"inputs": {"streets": STREETS, "speed": 6.66}}
        failed = execute(http, asked)
        assert (failed.status_code, failed.json()["code"]) == (422, "model-failed")
        assert "the devil is in it" in failed.json()["detail"]
        job = execute(http, asked, prefer="respond-async").headers["location"]
        assert ended(http, job)["status"] == "failed"
        assert http.get(f"{job}/results").json()["detail"] == failed.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "detail", "remedy"),
        [
            ({"inputs": {}}, "input streets is missing", "inputs: streets"),
            ({"inputs": {"streets": STREETS, "street": 1}}, "the process has no input street", "pause, speed"),
            ({"inputs": {"streets": "b"}}, "input streets is neither a list of rows", "column"),
            ({"inputs": {"streets": [{"segmentId": "a"}]}}, "have no length", "segmentId"),
            ({"inputs": {"streets": STREETS, "speed": 50}}, "speed is 50 km/h, outside its range", "at most 7 km/h"),
            ({"inputs": {"streets": {"href": "https://x.example/d"}}}, "not a version of a dataset", "#v"),
            ({"inputs": []}, "inputs is not an object", "name"),
            ({**WALK, "response": "both"}, "response is neither raw nor document", "document"),
            (
                {**WALK, "subscriber": {"successUri": "http://169.254.169.254/"}},
                "sends no callbacks",
                "remove subscriber",
            ),
            (b"{", "not valid JSON", "UTF-8"),
            (b'{"inputs": {"streets": [{"length": NaN}]}}', "not valid JSON", "UTF-8"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_what_does(
        self, http: httpx2.Client, body: Any, detail: str, remedy: str
    ) -> None:
        answer = execute(http, body)
        assert answer.status_code == 400
        assert detail in answer.json()["detail"]
        assert remedy in answer.json()["remedy"]
        assert answer.headers["content-type"] == "application/json"

    def test_problem_documents_for_those_who_ask(self, http: httpx2.Client) -> None:
        answer = http.get("/ogc/processes/absent", headers={"Accept": "application/problem+json"})
        assert answer.headers["content-type"] == "application/problem+json"

    def test_more_than_it_takes(self, http: httpx2.Client) -> None:
        answer = execute(http, b" " * (65 << 20))
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")

    def test_a_version_that_was(self, gent: Running, http: httpx2.Client) -> None:
        publish_model(gent, "changing")
        publish_model(gent, "changing", code=WALKING.replace("/ 60)}", "/ 60) + 1}"))
        assert execute(http, process="changing").json()[0]["minutes"] == 13.0
        before = http.post("/ogc/processes/changing/execution?version=1", json=WALK)
        assert before.json() == TIMES
        assert http.post("/ogc/processes/changing/execution?version=9", json=WALK).status_code == 404


class TestWhoMay:
    def test_nobody_without_a_name(self, stranger: httpx2.Client) -> None:
        assert execute(stranger).status_code == 401
        assert stranger.get("/ogc/jobs").status_code == 401

    def test_a_wrong_token(self, stranger: httpx2.Client) -> None:
        for token in ("Bearer wrong", "Bearer " + "a" * 43, "Bearer a.b.c"):
            assert execute(stranger, authorization=token).status_code == 401

    def test_a_role_is_needed_and_jobs_are_their_owners(self, gent: Running, http: httpx2.Client) -> None:
        with person(gent, "piet") as piet, person(gent, "mia") as mia:
            refused = execute(piet)
            assert (refused.status_code, refused.json()["detail"]) == (
                403,
                "you need the role publisher or operator",
            )
            job = execute(mia, prefer="respond-async").headers["location"]
            for other in (piet, http):
                assert other.get(job).json()["type"] == f"{IRIS}no-such-job"
                assert other.get(f"{job}/results").status_code == 404
                assert other.delete(job).status_code == 404
                assert job.rpartition("/")[2] not in [one["jobID"] for one in other.get("/ogc/jobs").json()["jobs"]]
            assert ended(mia, job)["status"] == "successful"
            assert mia.get(f"{job}/results").json() == TIMES

    def test_a_participant_needs_an_agreement(self, gent: Running, stranger: httpx2.Client) -> None:
        answer = execute(stranger, authorization=gent.as_participant(gent)["Authorization"])
        assert answer.status_code in (401, 403)

    def test_a_job_that_is_not_there(self, gent: Running, http: httpx2.Client, stranger: httpx2.Client) -> None:
        job = execute(http, prefer="respond-async").headers["location"]
        assert stranger.get(job).status_code == 401
        assert http.get(f"{gent.url}/ogc/jobs/absent").json()["type"] == f"{IRIS}no-such-job"
        listed = http.get("/ogc/jobs").json()["jobs"]
        assert job.rpartition("/")[2] in [one["jobID"] for one in listed]

    def test_the_ledger_tells_what_was_run(self, gent: Running, http: httpx2.Client) -> None:
        job = execute(http, prefer="respond-async").headers["location"]
        ended(http, job)
        stores = gent.node.parts.stores
        with stores.uow.read() as tx:
            entries = stores.ledger.history(tx, f"{gent.url}/models/walking", EntryKind.RUN)
        told = [(entry.by, json.loads(entry.body)) for entry in entries]
        by, mine = next((by, body) for by, body in told if body["job"] == job.rpartition("/")[2])
        assert (mine["outcome"], mine["version"]) == ("successful", 1)
        assert len(mine["code"]) == len(mine["request"]) == len(mine["result"]) == 64
        assert by == "admin"


def test_data_by_reference_stay_here(gent: Running, http: httpx2.Client) -> None:
    rows = "segmentId,length\na,1000\nb,250\n"
    published = publish(gent, "streets", data=rows.encode(), conditions="internal")
    reference = {"href": f"{published['iri']}#v1", "file": "streets.csv"}
    assert execute(http, {"inputs": {"streets": reference}}).json() == TIMES
    gone = execute(http, {"inputs": {"streets": {**reference, "href": f"{published['iri']}#v7"}}})
    assert gone.status_code == 404
    unnamed = execute(http, {"inputs": {"streets": {**reference, "file": "other.csv"}}})
    assert (unnamed.status_code, "streets.csv" in unnamed.json()["remedy"]) == (400, True)


class TestPagesHaveTheirAddressesForThemselves:
    """``/processes`` is the list of negotiations and transfers, for every ``Accept``: a cache mixes nothing up."""

    @pytest.mark.parametrize("path", ["/processes", "/processes/walking"])
    def test_every_reader_gets_the_page(self, stranger: httpx2.Client, path: str) -> None:
        places = set()
        for accept in ("text/html,*/*;q=0.8", "application/json", "*/*"):
            answer = stranger.get(path, headers={"Accept": accept}, follow_redirects=False)
            places.add((answer.status_code, answer.headers.get("location", "").partition("?")[0]))
        (place,) = places
        assert place == (303, "/sign-in")

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("POST", "/processes/walking/execution", 405),
            ("GET", "/conformance", 404),
            ("GET", "/jobs", 404),
            ("DELETE", "/jobs/7", 404),
            ("GET", "/jobs/7/results", 404),
        ],
    )
    def test_the_ogc_api_answers_below_its_root_only(
        self, http: httpx2.Client, method: str, path: str, status: int
    ) -> None:
        answer = http.request(method, path, headers={"Accept": "application/json"}, follow_redirects=False)
        assert answer.status_code == status
