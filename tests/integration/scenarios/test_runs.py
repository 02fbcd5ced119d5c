"""Scenarios run at one node with the model of another: to the end, through deaths on both sides, and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from demo.nodes import Member
from node.client import Refusal
from node.identity.model import UserRole
from node.ledger.model import EntryKind
from tests.node_processes import node_process
from tests.nodes import Company, Pair, Running, agree, described, receive, running, until
from tests.runs import (
    MORE_STREETS,
    STREETS,
    ended,
    layer,
    publish_scenario,
    publish_streets,
    publish_walking,
    run,
    streets_binding,
)

SECONDS = {"seconds": {"before": None, "after": 900}}
"""1000 m and 250 m at 5 km/h."""


@pytest.fixture(scope="module")
def walks(pair: Pair) -> Pair:
    """A consumer with a scenario, and a provider whose model it may run."""
    model = publish_walking(pair.provider)
    agree(pair.consumer, model)
    publish_scenario(pair.consumer, model)
    return pair


def figures(run_state: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: {"before": one["before"], "after": one["after"]} for one in run_state["indicators"]}


def steps(run_state: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["branch"], one["name"], one["state"]) for one in run_state["steps"]]


class TestToTheEnd:
    def test_a_run_over_two_nodes(self, walks: Pair) -> None:
        outcome = run(walks.consumer)
        assert outcome["state"] == "successful", outcome
        assert figures(outcome) == SECONDS
        walk, seconds = outcome["steps"]
        assert walk["job"].startswith(f"{walks.provider.url}/ogc/jobs/")
        assert walk["agreement"] == outcome["binding"]["steps"]["walk"]["agreement"]
        assert "job" not in seconds
        assert outcome["binding"]["steps"]["walk"]["origin"] == walks.provider.did
        with walks.consumer.client() as client:
            rows = json.loads(client.scenarios.output(outcome["pid"], "after", "seconds.times"))
            assert rows == [{"segmentId": "a", "seconds": 720}, {"segmentId": "b", "seconds": 180}]
            csv = client.scenarios.output(outcome["pid"], "after", "seconds.times", form="csv")
            assert csv == b"segmentId,seconds\na,720\nb,180\n"
            features = json.loads(client.scenarios.output(outcome["pid"], "after", "walk.times", form="geojson"))
            assert [one["id"] for one in features["features"]] == ["a", "b"]
            listed = client.scenarios.runs()
        assert outcome["pid"] in [one["pid"] for one in listed]
        assert "log" not in listed[0]
        stores = walks.consumer.node.parts.stores
        with stores.uow.read() as tx:
            mine = [json.loads(one.body) for one in stores.ledger.history(tx, outcome["pid"], EntryKind.RUN)]
        assert [one["state"] for one in mine] == ["accepted", "running", "successful"]
        assert mine[-1]["result"] == outcome["result"]
        assert mine[-1]["agreements"] == [walk["agreement"]]

    def test_before_and_after(self, walks: Pair) -> None:
        with walks.consumer.client() as client:
            saved = client.scenarios.save_layer(layer())
            assert saved["conflicts"] == []
            assert client.scenarios.layer(saved["id"])["author"] == saved["author"]
            assert saved["id"] in [one["id"] for one in client.scenarios.layers("dataset/streets")]
        outcome = run(walks.consumer, {**streets_binding(), "layers": [saved["id"]]})
        assert figures(outcome) == {"seconds": {"before": 900, "after": 540}}
        assert steps(outcome) == [
            ("before", "walk", "successful"),
            ("before", "seconds", "successful"),
            ("after", "walk", "successful"),
            ("after", "seconds", "successful"),
        ]
        assert outcome["steps"][0]["job"] != outcome["steps"][2]["job"]

    def test_a_result_takes_the_name_of_nothing_else(self, walks: Pair) -> None:
        outcome = run(walks.consumer)
        with walks.consumer.client() as client:
            for name, why in (("streets", "already exists"), ("bad name!", "cannot be the end of an address")):
                with pytest.raises(Refusal, match=why):
                    client.scenarios.publish(outcome["pid"], {"id": name})
            first = client.scenarios.publish(outcome["pid"], {"id": "walked"})
            result = client.record(first["iri"])
            assert result["titles"]["en"] == "Result: A walk through the streets"
            assert result["themes"] == ["TRAN"], "a result is about what its scenario is about"
            again = client.scenarios.publish(run(walks.consumer)["pid"], {"id": "walked"})
        assert (first["version"], again["version"]) == (1, 2)

    def test_runs_are_found_by_the_short_name_of_their_scenario(self, walks: Pair) -> None:
        found = run(walks.consumer)
        with walks.consumer.client() as client:
            assert found["pid"] in [one["pid"] for one in client.scenarios.runs("scenario/walks")]
            assert client.scenarios.runs("scenario/none") == []

    def test_corrected_data_and_the_same_run_again(self, walks: Pair) -> None:
        first = run(walks.consumer)
        publish_streets(walks.consumer, MORE_STREETS)
        try:
            with walks.consumer.client() as client:
                again = ended(walks.consumer, client.scenarios.again(first["pid"])["pid"])
            assert (again["result"], again["key"], again["repeats"]) == (first["result"], first["key"], first["pid"])
            other = run(walks.consumer)
            assert other["key"] != first["key"]
            assert other["result"] != first["result"]
            assert other["binding"]["inputs"]["streets"]["version"] > first["binding"]["inputs"]["streets"]["version"]
        finally:
            publish_streets(walks.consumer)
        back = run(walks.consumer)
        # Another version with the old figures: another binding with the old result.
        assert (back["key"] == first["key"], back["result"] == first["result"]) == (False, True)

    def test_what_the_model_says(self, walks: Pair) -> None:
        outcome = run(walks.consumer, streets_binding(speed=2.1, pause=1))
        assert outcome["state"] == "successful"
        assert [(one["step"], one["sentence"]) for one in outcome["caveats"]] == [("walk", "This is slow.")]
        assert any(" after: walk: step " in line for line in outcome["log"])

    def test_a_model_that_fails_over_there(self, walks: Pair) -> None:
        outcome = run(walks.consumer, streets_binding(speed=6.66))
        assert outcome["state"] == "failed"
        assert outcome["error"]["code"] == "model-failed"
        assert "the devil is in it" in outcome["error"]["detail"]
        assert steps(outcome) == [("after", "walk", "failed"), ("after", "seconds", "accepted")]
        assert outcome["result"] is None


class TestDataOfOthers:
    def test_under_an_agreement(self, walks: Pair) -> None:
        # Bytes that this node has not got in another way.
        theirs = publish_streets(walks.provider, STREETS.replace(b"250", b"320"), "their-streets")
        binding = {**streets_binding(), "inputs": {"streets": theirs}}
        with walks.consumer.client() as client:
            (without,) = client.scenarios.check(binding)["findings"]
            assert (without["code"], without["place"]) == ("not-allowed", "input streets")
            assert without["remedy"] == f"hansa get {theirs} --agree-only"
            agreement = agree(walks.consumer, theirs)["agreementId"]
            (unreceived,) = client.scenarios.check(binding)["findings"]
            assert unreceived["sentence"] == "version 1 of Their streets has not arrived at this node"
            assert unreceived["remedy"] == f"hansa get {theirs}"
            receive(walks.consumer, agreement)
            outcome = run(walks.consumer, binding)
            assert figures(outcome) == {"seconds": {"before": None, "after": 950.4}}
            bound = outcome["binding"]["inputs"]["streets"]
            assert (bound["agreement"], bound["origin"]) == (agreement, walks.provider.did)
            # What they correct later is theirs until it was received as well.
            publish_streets(walks.provider, STREETS.replace(b"250", b"310"), "their-streets")
            (newer,) = client.scenarios.check(binding)["findings"]
            assert newer["sentence"] == "version 2 of Their streets has not arrived at this node"
            pinned = {**streets_binding(), "inputs": {"streets": {"dataset": theirs, "version": 1}}}
            assert client.scenarios.check(pinned)["binding"]["key"] == outcome["key"]
            again = ended(walks.consumer, client.scenarios.again(outcome["pid"])["pid"])
            assert again["result"] == outcome["result"]

    def test_open_to_everybody(self, walks: Pair) -> None:
        theirs = publish_streets(walks.provider, MORE_STREETS, "open-streets", open=True)
        found = run(walks.consumer, {**streets_binding(), "inputs": {"streets": theirs}})
        assert figures(found) == {"seconds": {"before": None, "after": 936}}
        assert "agreement" not in found["binding"]["inputs"]["streets"]

    def test_a_model_without_an_agreement(self, walks: Pair) -> None:
        with walks.provider.client() as client:
            client.publish({"fields": described("counted"), "files": [], "conditions": "open"})
        with walks.consumer.client() as client:
            for used, code in (
                (f"{walks.provider.url}/models/none", "not-found"),
                (f"{walks.provider.url}/datasets/counted", "invalid-input"),
                ("http://127.0.0.1:9/models/walking", "peer-unreachable"),
                (f"{walks.provider.url}/nonsense", "invalid-input"),
            ):
                findings = client.scenarios.check({**streets_binding(), "uses": {"walk": used}})["findings"]
                assert [(one["place"], one["code"]) for one in findings] == [("step walk", code)], used


class TestKeys:
    def test_the_same_key_means_the_same_run(self, walks: Pair) -> None:
        with walks.consumer.client() as client:
            first = client.scenarios.start(streets_binding(), key="night-1")
            again = client.scenarios.start(streets_binding(), key="night-1")
            assert again["pid"] == first["pid"]
            assert client.scenarios.start(streets_binding(), key="night-2")["pid"] != first["pid"]
            with pytest.raises(Refusal, match="another request"):
                client.scenarios.start(streets_binding(pause=1), key="night-1")
            runs = [one["pid"] for one in client.scenarios.runs()]
        assert runs.count(first["pid"]) == 1


class TestCancelling:
    def test_stops_the_model_over_there(self, walks: Pair) -> None:
        with walks.consumer.client() as client:
            pid = client.scenarios.start(streets_binding(pause=40))["pid"]
            until("the model runs", lambda: client.scenarios.run(pid)["steps"][0]["progress"] > 0)
            stopped = client.scenarios.cancel(pid)
        assert (stopped["state"], steps(stopped)[0]) == ("dismissed", ("after", "walk", "dismissed"))
        stores = walks.provider.node.parts.stores

        def over_there() -> bool:
            with stores.uow.read() as tx:
                newest = stores.scenarios.jobs.of(tx, walks.consumer.did)[0]
            return str(newest.state) == "dismissed"

        until("the job over there is dismissed", over_there)
        with walks.consumer.http(headers=walks.consumer.person()) as http:
            twice = http.post(f"/api/runs/{pid}/cancel")
        assert (twice.status_code, twice.json()["code"]) == (409, "conflict")


def streamed(http: httpx2.Client, pid: str) -> list[tuple[str, dict[str, Any]]]:
    """All events of a run, until the stream ends."""
    events = []
    with http.stream("GET", f"/api/runs/{pid}/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    return events


class TestDoors:
    @pytest.fixture
    def http(self, walks: Pair) -> Iterator[httpx2.Client]:
        with walks.consumer.http(headers=walks.consumer.person()) as client:
            yield client

    def test_events_end_with_the_run(self, http: httpx2.Client) -> None:
        pid = http.post("/api/runs", json=streets_binding(pause=1)).json()["pid"]
        events = streamed(http, pid)
        assert events[-1] == ("end", {})
        runs = [one for name, one in events if name == "run"]
        assert len(events) == len(runs) + 1
        assert [runs[0]["pid"], runs[-1]["state"]] == [pid, "successful"]
        assert len(runs) >= 4, "the beginning, steps on their way, the end"
        progress = [one["progress"] for one in runs]
        assert progress == sorted(progress)
        # Of a run that has ended there is one event.
        assert [name for name, _ in streamed(http, pid)] == ["run", "end"]

    def test_waiting_for_the_end(self, http: httpx2.Client) -> None:
        pid = http.post("/api/runs", json=streets_binding(pause=1)).json()["pid"]
        assert http.get(f"/api/runs/{pid}").json()["state"] in ("accepted", "running")
        assert http.get(f"/api/runs/{pid}", params={"wait": 25}).json()["state"] == "successful"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/runs/urn:none"),
            ("GET", "/api/runs/urn:none/events"),
            ("GET", "/api/runs/urn:none/outputs/after/walk.times"),
            ("POST", "/api/runs/urn:none/cancel"),
            ("POST", "/api/runs/urn:none/again"),
            ("GET", "/api/layers/none"),
        ],
    )
    def test_what_is_not_there(self, http: httpx2.Client, method: str, path: str) -> None:
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")

    def test_outputs_that_are_not_there(self, http: httpx2.Client) -> None:
        pid = http.post("/api/runs", json=streets_binding()).json()["pid"]
        http.get(f"/api/runs/{pid}", params={"wait": 25})
        for path in ("before/walk.times", "after/walk", "after/none.times", "../walk.times", "after/walk.times%00"):
            assert http.get(f"/api/runs/{pid}/outputs/{path}").status_code == 404, path
        refused = http.get(f"/api/runs/{pid}/outputs/after/walk.times", params={"format": "xlsx"})
        assert refused.status_code in (400, 422)

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"scenario": "scenario/none"}, 404),
            ({"scenario": "scenario/walks", "version": 99}, 404),
            ({"scenario": "dataset/streets"}, 400),
            ({"scenario": "nonsense"}, 400),
            ({"scenario": "http://[::1"}, 400),
            ({"scenario": "scenario/walks", "odd": 1}, 400),
            ({"scenario": "scenario/walks", "inputs": []}, 400),
            ([], 400),
            (None, 400),
            ("x", 400),
        ],
    )
    def test_what_cannot_be_bound(self, http: httpx2.Client, body: Any, status: int) -> None:
        for path in ("/api/runs/check", "/api/runs"):
            answer = http.post(path, json=body)
            assert (path, answer.status_code) == (path, status), answer.text

    def test_a_body_that_is_none(self, http: httpx2.Client) -> None:
        for body in (b"", b"{", b"\xff", b'{"scenario": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"):
            answer = http.post("/api/runs", content=body)
            assert answer.status_code == 400, (body[:20], answer.text)
        assert http.post("/api/runs", content=b" " * (5 << 20)).status_code == 413

    def test_what_does_not_fit(self, http: httpx2.Client) -> None:
        bad = {
            "scenario": "scenario/walks",
            "inputs": {"roads": "dataset/streets"},
            "parameters": {"speed": 99},
            "layers": ["closed"],
        }
        checked = http.post("/api/runs/check", json=bad)
        assert (checked.status_code, checked.json()["fits"], checked.json()["binding"]) == (200, False, None)
        refused = http.post("/api/runs", json=bad)
        assert (refused.status_code, refused.json()["code"]) == (422, "does-not-fit")
        places = [one["place"] for one in refused.json()["findings"]]
        assert places == ["input roads", "input streets", "parameter speed", "layer closed"]
        assert checked.json()["findings"] == refused.json()["findings"]
        assert http.post("/api/runs/check", json=streets_binding()).json()["fits"] is True

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"target": 5},
            {"target": "dataset/streets"},
            {"target": "dataset/streets", "version": "two"},
            {"target": "dataset/streets", "version": 10**30},
            {"target": "dataset/streets", "file": []},
            {**layer(), "key": "none"},
            {**layer(), "operations": [{"op": "update", "id": "zzz", "set": {"length": 1}}]},
            {**layer(), "operations": [{"op": "explode", "id": "a"}]},
            {**layer(), "operations": {}},
            {**layer(), "title": "x" * 100_000},
            {**layer(), "id": 7},
        ],
    )
    def test_layers_that_cannot_be_kept(self, http: httpx2.Client, body: Any) -> None:
        answer = http.post("/api/layers", json=body)
        assert answer.status_code in (400, 404), answer.text

    def test_whoever_is_nobody_or_only_reads(self, walks: Pair, http: httpx2.Client) -> None:
        pid = run(walks.consumer)["pid"]
        with walks.consumer.http() as stranger:
            for method, path in (
                ("GET", "/api/runs"),
                ("GET", f"/api/runs/{pid}"),
                ("GET", f"/api/runs/{pid}/events"),
                ("GET", f"/api/runs/{pid}/outputs/after/walk.times"),
                ("POST", "/api/runs"),
                ("POST", "/api/runs/check"),
                ("POST", f"/api/runs/{pid}/again"),
                ("POST", f"/api/runs/{pid}/cancel"),
                ("GET", "/api/layers"),
                ("POST", "/api/layers"),
            ):
                assert stranger.request(method, path).status_code == 401, path
        with walks.consumer.http(headers=auditor(walks.consumer)) as reader:
            assert reader.get("/api/runs").status_code == 200
            assert reader.get(f"/api/runs/{pid}").json()["state"] == "successful"
            assert reader.get("/api/layers").status_code == 200
            for path in (
                "/api/runs",
                "/api/runs/check",
                f"/api/runs/{pid}/again",
                f"/api/runs/{pid}/cancel",
                "/api/layers",
            ):
                assert reader.post(path, json=streets_binding()).status_code == 403, path
            assert reader.get(f"/api/runs/{pid}/outputs/after/walk.times").status_code == 403
        with walks.provider.http(headers=walks.consumer.as_participant(walks.provider)) as participant:
            assert participant.get("/api/runs").status_code in (401, 403)


def auditor(node: Running) -> dict[str, str]:
    """The header of somebody of this node who only reads."""
    accounts = node.node.people.users.accounts
    accounts.add_locally("reader", "Reader", [UserRole.AUDITOR], "a long password for reading")
    token = accounts.issue_token("reader", "x", timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


# ---- deaths ----------------------------------------------------------------------------------------------------


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    with node_process(tmp_path, follow_seconds="0.2") as process:
        yield process


def under_way(at: Running | Member, pid: str) -> bool:
    with at.client() as client:
        return bool(client.scenarios.run(pid)["steps"][0]["progress"] > 0)


def test_the_provider_dies_in_the_middle(member: Member, tmp_path: Path, sqlite_template: Path) -> None:
    model = publish_walking(member)
    with running(tmp_path / "plzen", template=sqlite_template) as consumer:
        agree(consumer, model)
        publish_scenario(consumer, model)
        calm = run(consumer)
        with consumer.client() as client:
            pid = client.scenarios.start(streets_binding(pause=3))["pid"]
        until("the model runs", lambda: under_way(consumer, pid))
        member.kill()
        member.serve()
        found = ended(consumer, pid)
    assert (found["state"], found["result"]) == ("successful", calm["result"]), found


def test_the_consumer_dies_in_the_middle(member: Member, tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "plzen", template=sqlite_template) as provider:
        model = publish_walking(provider)
        with member.client() as client:
            pid = client.negotiate(model)["pid"]
            until("agreed", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
        publish_scenario(member, model)
        calm = run(member)
        assert calm["state"] == "successful", calm
        with member.client() as client:
            kept = client.scenarios.save_layer(layer())
            pid = client.scenarios.start({**streets_binding(pause=3), "layers": [kept["id"]]})["pid"]
        until("the model runs", lambda: under_way(member, pid))
        member.kill()
        member.serve()
        member.wait_ready()
        outcome = ended(member, pid)
        assert outcome["state"] == "successful", outcome
        assert figures(outcome) == {"seconds": {"before": 900, "after": 540}}
        assert outcome["steps"][1]["outputs"] == calm["steps"][1]["outputs"]
        assert any("continues after an interruption" in line for line in outcome["log"])
        # The same binding, undisturbed.
        with member.client() as client:
            again = ended(member, client.scenarios.again(pid)["pid"])
        assert again["result"] == outcome["result"]
        stores = provider.node.parts.stores
        with stores.uow.read() as tx:
            asked = stores.scenarios.jobs.of(tx, member.did)
        # Of the run that was killed no job was made twice: whoever asks again is told of the one that is there.
        assert len([one for one in asked if str(one.state) == "successful"]) == 1 + 2 + 2


# ---- refusals --------------------------------------------------------------------------------------------------


def test_a_revocation_bites_on_the_next_run(cities: Company) -> None:
    owner, caller = cities.cities
    model = publish_walking(owner, conditions={"template": "run-not-copy", "region": cities.region.did})
    with caller.client() as client, owner.client() as responder:
        pid = client.negotiate(model, purpose="public-task")["pid"]
        (waiting,) = until(
            "the request arrives", lambda: [one for one in responder.decisions() if one["peer"] == caller.did]
        )
        responder.decide(waiting["id"], approve=True)
        until("agreed", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
    publish_scenario(caller, model)
    first = run(caller)
    assert first["state"] == "successful", first
    with cities.region.client() as office:
        (held,) = [one for one in office.issued_credentials() if one["holder"] == caller.did]
        office.revoke(held["id"], "left the region")
    with caller.client() as client:
        refused = ended(caller, client.scenarios.again(first["pid"])["pid"])
    assert (refused["state"], refused["error"]["code"]) == ("failed", "not-allowed")
    reasons = refused["error"]["facts"]["reasons"]
    assert [one["operand"].rpartition("#")[2] for one in reasons] == ["membership"]
    assert reasons[0]["text"]["en"]
    assert refused["log"][-1].partition(" ")[2].startswith("failed: ")
