"""A model of one node called by another under contract: the line, each call authorised anew, what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from node.base.errors import InvalidInput, NotAllowed
from node.ledger.model import EntryKind
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Rows
from node.scenarios.ports import Outcome, Reference
from node.scenarios.records.cards import model_of
from node.scenarios.run_model import Job
from node.transfer.model import Transfer
from node.vocab.dsp import EXECUTE, PULL
from tests.models import COUNTING, STREETS, TIMES, publish_model
from tests.nodes import Company, Pair, Running, agree, publish, revoke, until

PATIENCE = 60.0


def model_at(node: Running, slug: str = "walking") -> Model:
    """The card of a model, as its owner published it."""
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, f"{node.url}/models/{slug}")
    assert record is not None
    return model_of(record)


def call(
    caller: Running,
    model: Model,
    inputs: dict[str, Rows | Reference] | None = None,
    *,
    key: str,
    progress: Any = None,
    **parameters: Any,
) -> Outcome:
    """Have ``caller`` run the model, wherever that is."""
    given: dict[str, Rows | Reference] = {"streets": STREETS} if inputs is None else inputs
    executor = caller.node.models.executor
    running = executor.execute(model, given, parameters, key=key, progress=progress)
    loop = caller.node.worker._loop
    assert loop is not None
    return asyncio.run_coroutine_threadsafe(running, loop).result(PATIENCE)


def jobs(node: Running, owner: str) -> list[Job]:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        return list(stores.scenarios.jobs.of(tx, owner))


def transfers(node: Running, peer: Running) -> list[Transfer]:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        return [one for one in stores.transfer.transfers.select(tx, peer=peer.did) if one.format == EXECUTE]


def ask_for(consumer: Running, agreement: str, format_: str) -> Transfer:
    """A transfer of that format, when it has started or ended."""
    pid = consumer.node.protocol.transfer.transfer_requests.open(agreement, format=format_).pid
    stores = consumer.node.parts.stores

    def look() -> Transfer | None:
        with stores.uow.read() as tx:
            found = stores.transfer.transfers.get(tx, pid)
        return found if found is not None and found.state in ("STARTED", "TERMINATED", "COMPLETED") else None

    return until("the transfer starts or ends", look)


@pytest.fixture(scope="module")
def lines(pair: Pair) -> Pair:
    """A provider with models, and a consumer that has agreed about one of them."""
    publish_model(pair.provider)
    publish_model(pair.provider, "other")
    publish_model(pair.provider, "secret", audience="internal")
    agree(pair.consumer, f"{pair.provider.url}/models/walking")
    return pair


def bearer(pair: Pair) -> str:
    """The token of the line, as the provider gave it last."""
    address = transfers(pair.consumer, pair.provider)[0].data_address
    assert address is not None
    token = next(one["value"] for one in address["endpointProperties"] if one["name"] == "authorization")
    return f"Bearer {token}"


class TestCalling:
    def test_a_call_under_contract(self, lines: Pair) -> None:
        heard: list[tuple[int, str]] = []
        outcome = call(
            lines.consumer,
            model_at(lines.provider),
            key="first",
            progress=lambda percent, line: heard.append((percent, line)),
            speed=2.4,
            pause=2.0,
        )
        assert outcome.outputs == {
            "times": [{"segmentId": "a", "minutes": 25.0}, {"segmentId": "b", "minutes": 6.25}]
        }
        assert [one.code for one in outcome.caveats] == ["slow"]
        assert any(0 < percent < 100 and "step" in line for percent, line in heard)
        (job,) = [one for one in jobs(lines.provider, lines.consumer.did) if one.id in str(outcome.job)]
        assert job.agreement == outcome.agreement
        assert (job.account, job.progress) == (None, 100)
        stores = lines.provider.node.parts.stores
        with stores.uow.read() as tx:
            ran = stores.ledger.history(tx, job.model, EntryKind.RUN)
            accessed = stores.ledger.history(tx, str(job.agreement), EntryKind.ACCESS)
        assert [(one.by, json.loads(one.body)["agreement"]) for one in ran] == [(lines.consumer.did, job.agreement)]
        assert [json.loads(one.body)["outcome"] for one in accessed] == ["started"]

    def test_the_line_stays_open_for_the_next(self, lines: Pair) -> None:
        model = model_at(lines.provider)
        assert call(lines.consumer, model, key="again").outputs == {"times": TIMES}
        assert call(lines.consumer, model, key="and again").outputs == {"times": TIMES}
        assert [one.state for one in transfers(lines.consumer, lines.provider)] == ["STARTED"]

    def test_the_same_key_is_the_same_job(self, lines: Pair) -> None:
        model = model_at(lines.provider)
        assert call(lines.consumer, model, key="same").job == call(lines.consumer, model, key="same").job

    def test_a_token_that_ran_out_is_renewed(self, lines: Pair) -> None:
        call(lines.consumer, model_at(lines.provider), key="before")
        stores = lines.provider.node.parts.stores
        (transfer,) = transfers(lines.provider, lines.consumer)
        with stores.uow.begin() as tx:
            grant = stores.transfer.grants.by_transfer(tx, transfer.pid)
            assert grant is not None
            stores.transfer.grants.put(tx, replace(grant, expires=grant.expires - timedelta(days=1)))
        assert call(lines.consumer, model_at(lines.provider), key="after").outputs == {"times": TIMES}

    def test_what_the_model_does_wrong_is_told(self, lines: Pair) -> None:
        with pytest.raises(ModelFailed, match="the devil is in it"):
            call(lines.consumer, model_at(lines.provider), key="wrong", speed=6.66)
        with pytest.raises(InvalidInput, match="outside its range"):
            call(lines.consumer, model_at(lines.provider), key="fast", speed=50)

    def test_whoever_stops_waiting_dismisses_the_job(self, lines: Pair) -> None:
        def stop(percent: int, line: str) -> None:
            if percent > 0:
                raise KeyError("enough")

        with pytest.raises(KeyError, match="enough"):
            call(lines.consumer, model_at(lines.provider), key="long", progress=stop, pause=60)
        until(
            "the job is dismissed",
            lambda: [one for one in jobs(lines.provider, lines.consumer.did) if one.state == "dismissed"],
        )

    def test_without_an_agreement(self, lines: Pair) -> None:
        with pytest.raises(NotAllowed, match=r"the agreement about .* does not exist") as refused:
            call(lines.consumer, model_at(lines.provider, "other"), key="none")
        assert "hansa get" in refused.value.remedy


class TestTheToken:
    @pytest.fixture
    def http(self, lines: Pair) -> Iterator[httpx2.Client]:
        call(lines.consumer, model_at(lines.provider), key="for the token")
        # A token that the consumer does not use: each renewal makes the one before void.
        token = lines.consumer.node.people.tokens.bearer(lines.provider.did)
        (transfer,) = transfers(lines.provider, lines.consumer)
        with lines.provider.http() as http:
            answer = http.post(f"/data/{transfer.pid}/token", headers={"Authorization": f"Bearer {token}"})
            properties = {one["name"]: one["value"] for one in answer.json()["endpointProperties"]}
            http.headers["Authorization"] = f"Bearer {properties['authorization']}"
            yield http

    def test_it_speaks_for_one_model(self, lines: Pair, http: httpx2.Client) -> None:
        asked = {"inputs": {"streets": STREETS}}
        assert http.post("/ogc/processes/walking/execution", json=asked).json() == TIMES
        for other in ("other", "secret", "absent"):
            answers = (
                http.post(f"/ogc/processes/{other}/execution", json=asked),
                http.get(f"/ogc/processes/{other}"),
            )
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (404, "not-found")

    def test_it_opens_no_bytes(self, lines: Pair, http: httpx2.Client) -> None:
        (transfer,) = transfers(lines.provider, lines.consumer)
        assert http.get(f"/data/{transfer.pid}").status_code == 404
        assert http.get(f"/data/{transfer.pid}/manifest").status_code == 404

    def test_it_shows_the_callers_own_jobs(self, lines: Pair, http: httpx2.Client) -> None:
        with lines.provider.http(headers=lines.provider.person()) as own:
            theirs = own.post(
                "/ogc/processes/walking/execution",
                json={"inputs": {"streets": STREETS}},
                headers={"Prefer": "respond-async"},
            ).json()["jobID"]
        listed = [one["jobID"] for one in http.get("/ogc/jobs").json()["jobs"]]
        assert listed
        assert theirs not in listed
        for method in ("GET", "DELETE"):
            assert http.request(method, f"/ogc/jobs/{theirs}").status_code == 404

    def test_an_older_token_is_nobodys(self, lines: Pair) -> None:
        with lines.provider.http(headers={"Authorization": bearer(lines) + "x"}) as http:
            assert http.post("/ogc/processes/walking/execution", json={"inputs": {}}).status_code == 401
            assert http.get("/ogc/jobs").status_code == 401


class TestFormats:
    def test_a_model_is_not_fetched(self, lines: Pair) -> None:
        agreement = agreement_of(lines, f"{lines.provider.url}/models/walking")
        refused = ask_for(lines.consumer, agreement, PULL)
        assert (refused.state, refused.code) == ("TERMINATED", "format-not-offered")
        assert "has no file to fetch" in refused.reason[0]

    def test_a_dataset_is_not_called(self, lines: Pair) -> None:
        iri = publish(lines.provider, "plain")["iri"]
        agree(lines.consumer, iri)
        refused = ask_for(lines.consumer, agreement_of(lines, iri), EXECUTE)
        assert (refused.state, refused.code) == ("TERMINATED", "format-not-offered")
        assert "cannot be run here" in refused.reason[0]


def agreement_of(pair: Pair, iri: str) -> str:
    stores = pair.consumer.node.parts.stores
    with stores.uow.read() as tx:
        return stores.negotiation.agreements.select(tx, dataset=iri, consumer=pair.consumer.did)[0].id


def test_an_outsider_sees_nothing(lines: Pair) -> None:
    with lines.provider.http() as http:
        assert http.get("/ogc/processes/secret").status_code == 404
        assert http.post("/ogc/processes/secret/execution", json={}).json()["type"].endswith("/no-such-process")
        job = jobs(lines.provider, lines.consumer.did)[0].id if jobs(lines.provider, lines.consumer.did) else "x"
        assert http.get(f"/ogc/jobs/{job}").status_code == 401


def test_a_revocation_bites_on_the_next_look_and_the_next_call(cities: Company) -> None:
    owner, caller = cities.cities
    publish_model(owner, conditions={"template": "run-not-copy", "region": cities.region.did})
    iri = f"{owner.url}/models/walking"
    with caller.client() as client, owner.client() as responder:
        pid = client.negotiate(iri, purpose="public-task")["pid"]
        (waiting,) = until(
            "the request arrives", lambda: [one for one in responder.decisions() if one["peer"] == caller.did]
        )
        responder.decide(waiting["id"], approve=True)
        until("agreed", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
    assert call(caller, model_at(owner), key="one").outputs == {"times": TIMES}
    revoked: list[str] = []

    def meanwhile(percent: int, line: str) -> None:
        if percent > 0 and not revoked:
            revoked.append(line)
            revoke(cities, caller)

    with pytest.raises(NotAllowed) as refused:
        call(caller, model_at(owner), key="two", progress=meanwhile, pause=40)
    assert [one["operand"].rpartition("#")[2] for one in refused.value.facts["reasons"]] == ["membership"]
    with pytest.raises(NotAllowed) as refused:
        call(caller, model_at(owner), key="three")
    assert refused.value.facts["reasons"][0]["text"]["en"]


def test_data_that_stay_with_their_owner_are_visited_by_the_model_that_may(cities: Company) -> None:
    owner, caller = cities.cities
    publish_model(owner, "counting", code=COUNTING)
    publish_model(owner, "prying", code=COUNTING.replace("counting(", "prying("))
    rows = ["houseId,street,residents", "1,A,6", "2,A,7", "3,B,4", "4,C,30"]
    conditions = {
        "template": "restricted-to-model",
        "region": cities.region.did,
        "models": [f"{owner.url}/models/counting"],
        "cells": 10,
    }
    published = publish(owner, "houses", data="\n".join(rows).encode(), conditions=conditions)
    houses: dict[str, Rows | Reference] = {"houses": Reference(iri=published["iri"], version=1, file="houses.csv")}
    for slug in ("counting", "prying"):
        agree(caller, f"{owner.url}/models/{slug}")
    with pytest.raises(Exception, match="that you may have a model read"):
        call(caller, model_at(owner, "counting"), houses, key="no agreement about the data")
    agree(caller, published["iri"])
    outcome = call(caller, model_at(owner, "counting"), houses, key="visit")
    assert outcome.outputs == {"streets": [{"street": "A", "residents": 13}, {"street": "C", "residents": 30}]}
    assert [one.code for one in outcome.caveats] == ["figures-left-out"]
    with pytest.raises(NotAllowed, match="prying may not read Houses") as refused:
        call(caller, model_at(owner, "prying"), houses, key="other model")
    assert [one["operand"].rpartition("#")[2] for one in refused.value.facts["reasons"]] == ["algorithm"]
    own = call(owner, model_at(owner, "counting"), houses, key="our own people")
    assert own.outputs == outcome.outputs
    with pytest.raises(NotAllowed, match="prying may not read Houses"):
        call(owner, model_at(owner, "prying"), houses, key="our own people too")
    stores = caller.node.parts.stores
    with stores.uow.read() as tx:
        agreement = stores.negotiation.agreements.select(tx, dataset=published["iri"])[0].id
    fetched = ask_for(caller, agreement, PULL)
    assert (fetched.state, fetched.code) == ("TERMINATED", "policy-refused")
    assert any("prohibition" in one["rule"] for one in fetched.reason)
