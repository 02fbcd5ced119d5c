"""Calls elsewhere: tokens, patience, dismissal, and answers of every form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from node.base.errors import HansaError, NotAllowed, PeerUnreachable, Unauthenticated
from node.dialogue.process import Role
from node.negotiation.model import Agreement
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Port
from node.scenarios.models.answers import parsed_answer, rows_of
from node.scenarios.models.remote import CallTiming, ContractModels, Status
from node.scenarios.models.transfers import ModelTransfers
from node.scenarios.run_model import State
from node.transfer.addresses import execute_address
from node.transfer.model import Transfer
from tests.fakes.ogc_processes import ScriptedOgcProcesses, results

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
PEER = "https://ghent.example"
ROWS = [{"id": "a", "minutes": 12}]
MODEL = Model(
    iri=f"{PEER}/models/walking",
    version=3,
    origin="did:web:ghent.example",
    titles={"en": "Walking"},
    inputs=(Port(role="streets"),),
    outputs=(Port(role="times"),),
)
HASTY = CallTiming(first_pause=0.0, longest_pause=0.0, patience=0.05)


def address(token: str) -> dict[str, Any]:
    return execute_address(PEER, "urn:t", f"{PEER}/ogc/processes/walking", token=token, expires=NOW)


class OpenTransfers:
    """Lines that are open."""

    async def agreement(self, iri: str, provider: str) -> Agreement:
        return Agreement(
            id="urn:a", negotiation="urn:n", dataset=iri, provider=provider, consumer="did:web:me", role="consumer",
            body={}, sha256="", signatures={}, at=NOW, finalized=NOW,
        )  # fmt: skip

    async def count_use(self, agreement: Agreement, key: str) -> None:
        """This agreement does not say how often it may be used."""

    async def open(self, agreement: Agreement) -> Transfer:
        return Transfer(
            pid="urn:t", role=Role.CONSUMER, peer=agreement.provider, peer_pid="urn:p", peer_address=PEER,
            version="2025-1", state="STARTED", created=NOW, updated=NOW, agreement=agreement.id,
            dataset=agreement.dataset, format="x", data_address=address("first"),
        )  # fmt: skip


class Plane(ScriptedOgcProcesses):
    """A peer's service; it gives the token ``gives`` to whoever renews one."""

    def __init__(self, *looks: Status | HansaError, valid: str = "first") -> None:
        super().__init__(*looks, base=f"{PEER}/ogc", valid=valid)
        self.gives = valid
        self.outcome = results(times=ROWS, caveats=[{"code": "c", "sentence": "Mind."}])

    async def renew(self, url: str, *, authorization: str) -> bytes:
        assert (url, authorization) == (f"{PEER}/data/urn:t/token", "Bearer me")
        self.address = json.dumps(address(self.gives)).encode()
        return await super().renew(url, authorization=authorization)


def at(state: State, percent: int = 50) -> Status:
    return Status(state=state, progress=percent, message="", results=f"{PEER}/ogc/jobs/1/results")


def caller(plane: Plane, timing: CallTiming = HASTY) -> ContractModels:
    async def token_for(did: str) -> str:
        return "Bearer me"

    return ContractModels(
        transfers=cast(ModelTransfers, OpenTransfers()), plane=plane, token_for=token_for, timing=timing
    )


async def call(plane: Plane, key: str = "k", progress: Callable[[int, str], None] | None = None) -> Any:
    return await caller(plane).execute(MODEL, {"streets": []}, {"speed": 5}, key=key, progress=progress)


class TestUnderContract:
    async def test_asks_for_the_pinned_version_and_a_document(self) -> None:
        plane = Plane(at(State.RUNNING))
        outcome = await call(plane)
        ((url, key, body),) = plane.executed
        assert url == f"{PEER}/ogc/processes/walking/execution?version=3"
        assert json.loads(body) == {"inputs": {"streets": [], "speed": 5}, "response": "document"}
        assert len(key) == 64
        assert outcome.outputs == {"times": ROWS}
        assert (outcome.agreement, outcome.job) == ("urn:a", f"{PEER}/ogc/jobs/1")
        assert [one.sentence for one in outcome.caveats] == ["Mind."]

    async def test_the_same_key_again_and_another(self) -> None:
        plane = Plane()
        for key in ("k", "k", "other"):
            await call(plane, key)
        first, again, other = (key for _, key, _ in plane.executed)
        assert first == again != other

    async def test_a_token_is_renewed_once_for_all_who_need_it(self) -> None:
        plane = Plane(valid="second")
        under = caller(plane)
        calls = (under.execute(MODEL, {"streets": []}, {}, key=str(number)) for number in range(5))
        assert len(await asyncio.gather(*calls)) == 5
        assert len(plane.renewals) == 1

    async def test_a_token_that_never_holds(self) -> None:
        plane = Plane(valid="x")
        plane.gives = "y"
        with pytest.raises(Unauthenticated):
            await call(plane)

    async def test_sits_out_an_absence_within_its_patience(self) -> None:
        plane = Plane(PeerUnreachable("503"), at(State.RUNNING), PeerUnreachable("503"))
        plane.unreachable = 2
        assert (await call(plane)).outputs == {"times": ROWS}
        plane.unreachable = 10**9
        with pytest.raises(PeerUnreachable):
            await call(plane)
        assert plane.dismissed == []

    async def test_a_refusal_in_the_middle(self) -> None:
        with pytest.raises(NotAllowed, match="revoked"):
            await call(Plane(at(State.RUNNING), NotAllowed("revoked")))

    async def test_whoever_is_cancelled_dismisses(self) -> None:
        plane = Plane(*[at(State.RUNNING)] * 10**5)
        heard = asyncio.Event()
        running = asyncio.create_task(call(plane, progress=lambda *_: heard.set()))
        await heard.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert plane.dismissed == [f"{PEER}/ogc/jobs/1"]

    async def test_a_job_that_was_dismissed_over_there(self) -> None:
        with pytest.raises(ModelFailed, match="the service dismissed the job"):
            await call(Plane(at(State.DISMISSED)))


def read(model: Model, body: bytes) -> Any:
    """The outputs in an answer that holds them all by value, and the caveats that go with them."""
    answered = parsed_answer(model, body)
    return rows_of(model, answered.values), answered.caveats


class TestAnswers:
    @pytest.mark.parametrize(
        "document",
        [
            {"times": ROWS},
            {"times": {"value": ROWS}},
            [{"id": "times", "value": ROWS}],
            {"outputs": [{"id": "times", "value": ROWS}]},
            ROWS,
        ],
    )
    def test_are_understood(self, document: Any) -> None:
        assert read(MODEL, json.dumps(document).encode()) == ({"times": ROWS}, ())

    @pytest.mark.parametrize(
        "text", ["", "{", "7", '"x"', '{"times": 7}', '{"times": {"href": "https://x/d#v1"}}', "[1]"]
    )
    def test_or_are_the_models_failure(self, text: str) -> None:
        with pytest.raises(ModelFailed):
            read(MODEL, text.encode())

    def test_a_missing_output_is_named(self) -> None:
        two = Model(**{**{name: getattr(MODEL, name) for name in MODEL.__dataclass_fields__},
                       "outputs": (Port(role="times"), Port(role="costs"))})  # fmt: skip
        with pytest.raises(ModelFailed, match="returned no costs"):
            read(two, json.dumps({"times": ROWS}).encode())
