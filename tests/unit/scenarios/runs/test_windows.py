"""Windows of streams as inputs: pinned once, proved when a run is repeated, and kept whatever the stream does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import (
    ForbiddenAddress,
    HansaError,
    InvalidInput,
    NotFound,
    Overloaded,
    PeerUnreachable,
    TooMany,
)
from node.base.jsons import canonical
from node.datasources.streams.windows import Window, WindowQuestion
from node.scenarios.model import BoundWindow
from node.scenarios.run_model import Run, State
from node.scenarios.runs.hashes import binding_key
from node.scenarios.runs.lineage import provenance
from node.scenarios.serialization import from_json, to_json
from node.semantics.model import File
from tests.unit.scenarios.desk import DATASET, ELS, WANTED, Desk, at_plzen, desk
from tests.unit.scenarios.records import record
from tests.unit.semantics.descriptions import BASE

EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
NINE = EIGHT + timedelta(hours=1)
ROWS = [{"segmentId": "a", "length": 1000, "at": "2026-11-22T08:10:00Z"}]
PERIOD = {"from": "2026-11-22T08:00:00Z", "to": "2026-11-22T09:00:00Z"}
LIVE = File(name="streets", media_type="application/json", size=0, sha256="", source="streams/streets")


def window_of(rows: list[dict[str, Any]], *, position: str = "7", late: int = 0) -> Window:
    body = canonical(rows, fractions=True)
    sha256 = hashlib.sha256(body).hexdigest()
    return Window(start=EIGHT, end=NINE, position=position, count=len(rows), sha256=sha256, late=late, body=body)


def giving(window: Window) -> Callable[[str, WindowQuestion], Window]:
    return lambda name, question: window


def refusing(error: HansaError) -> Callable[[str, WindowQuestion], Window]:
    def refuse(name: str, question: WindowQuestion) -> Window:
        raise error

    return refuse


async def with_stream(*, foreign: bool = False) -> Desk:
    """A desk with a dataset that is a stream."""
    at = await desk()
    stream_record = await record(DATASET.replace("id: streets", "id: live"), LIVE)
    if foreign:
        shown = replace(stream_record, files=(replace(LIVE, source=None),))
        at.agree(at.shelf.put(at_plzen(shown)).iri, "urn:s")
    else:
        at.shelf.put(stream_record)
    at.streams = giving(window_of(ROWS))
    return at


def binding_of(*, foreign: bool = False, window: Any = PERIOD) -> dict[str, Any]:
    iri = f"{'https://data.plzen.example' if foreign else BASE}/datasets/live"
    return {**WANTED, "inputs": {"streets": {"dataset": iri, "window": window}}}


def proof(run: Run) -> str:
    (line,) = [line for line in run.log if " input streets, " in line]
    return line


@pytest.mark.parametrize("foreign", [False, True])
async def test_a_window_is_pinned_and_proved(foreign: bool) -> None:
    at = await with_stream(foreign=foreign)
    run = await at.perform(binding_of(foreign=foreign))
    assert run.state is State.SUCCESSFUL, run.error
    (bound,) = run.binding.inputs
    assert bound.window == BoundWindow(start=EIGHT, end=NINE, position="7", count=1)
    assert bound.agreement == ("urn:s" if foreign else None)
    assert at.assets.has(bound.sha256)
    assert from_json(Run, to_json(run)) == run
    at.streams = giving(window_of(ROWS, late=2))
    again = await at.runs.again(run.pid, ELS)
    assert again.binding == run.binding
    assert at.window_questions[-1] == WindowQuestion(start=EIGHT, end=NINE, position="7")
    assert f"gives the same 1 observations, SHA-256 {bound.sha256}; 2 late observations have arrived" in proof(again)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (
            refusing(NotFound("gone", facts={"case": "window-not-kept"})),
            "retention may have taken a part of it: gone",
        ),
        (refusing(PeerUnreachable("no answer")), "cannot prove it now: no answer"),
        (giving(window_of([{**ROWS[0], "length": 1}])), "now gives other observations"),
    ],
)
async def test_a_run_is_repeated_with_its_bytes_whatever_the_stream_says(stream: Any, words: str) -> None:
    at = await with_stream()
    run = await at.perform(binding_of())
    at.streams = stream
    again = await at.runs.again(run.pid, ELS)
    assert words in proof(again)
    await at.execution().complete(again.pid)
    assert at.load(again.pid).result == run.result


async def test_bytes_that_are_lost_come_back_from_the_stream_or_the_run_is_refused() -> None:
    at = await with_stream()
    run = await at.perform(binding_of())
    sha256 = run.binding.inputs[0].sha256
    at.assets.remove(sha256)
    await at.runs.again(run.pid, ELS)
    assert at.assets.has(sha256)
    at.assets.remove(sha256)
    at.streams = refusing(NotFound("gone", facts={"case": "window-not-kept"}))
    with pytest.raises(
        NotFound, match=r"no longer has the bytes of the window: streets, .* retention may have taken a part of it"
    ):
        await at.runs.again(run.pid, ELS)


async def test_a_stream_may_have_blanks_in_its_name_and_its_result_can_be_published() -> None:
    at = await desk()
    live = replace(LIVE, name="my streets")
    at.shelf.put(await record(DATASET.replace("id: streets", "id: live"), live))
    at.streams = giving(window_of(ROWS))
    run = await at.perform(binding_of())
    statements = provenance(run, f"{BASE}/datasets/result", by=BASE)
    assert any("/my%20streets?window=2026-11-22T08:00:00" in line for line in statements)


async def test_a_window_with_its_position_is_read_once() -> None:
    at = await with_stream(foreign=True)
    checked = (await at.runs.check(binding_of(foreign=True, window="1h"), ELS)).require()
    fixed = {**PERIOD, "position": "7"}
    run = await at.runs.start(binding_of(foreign=True, window=fixed), ELS)
    assert len(at.window_questions) == 1
    assert (run.binding.key, run.binding.inputs) == (checked.key, checked.inputs)
    # Under another agreement it is read again: that may give another part.
    at.end("urn:s")
    at.agree("https://data.plzen.example/datasets/live", "urn:t")
    await at.runs.check(binding_of(foreign=True, window=fixed), ELS)
    assert len(at.window_questions) == 2


async def test_under_a_duty_to_delete_no_window_is_read_or_kept() -> None:
    at = await with_stream(foreign=True)
    run = await at.perform(binding_of(foreign=True))
    at.end("urn:s")
    at.agree(
        "https://data.plzen.example/datasets/live",
        "urn:d",
        obligation=[{"action": "http://www.w3.org/ns/odrl/2/delete"}],
    )
    at.streams = giving(window_of([{**ROWS[0], "length": 7}]))
    bound = await at.runs.check(binding_of(foreign=True), ELS)
    ((code, case, remedy),) = [(one.code, one.facts["case"], one.remedy) for one in bound.findings]
    assert (code, case, bool(remedy)) == ("not-allowed", "window-to-delete", True)
    with pytest.raises(HansaError):
        await at.runs.start(binding_of(foreign=True), ELS)
    again = await at.runs.again(run.pid, ELS)
    assert "cannot prove it now" in proof(again)
    assert len(at.window_questions) == 1
    assert not at.assets.has(window_of([{**ROWS[0], "length": 7}]).sha256)


async def test_without_an_agreement_nobody_is_asked() -> None:
    at = await with_stream(foreign=True)
    run = await at.perform(binding_of(foreign=True))
    at.end("urn:s")
    bound = await at.runs.check(binding_of(foreign=True), ELS)
    assert [finding.code for finding in bound.findings] == ["not-allowed"]
    assert len(at.window_questions) == 1
    again = await at.runs.again(run.pid, ELS)
    assert "cannot prove it now" in proof(again)
    await at.execution().complete(again.pid)
    assert at.load(again.pid).state is State.FAILED


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (refusing(InvalidInput("empty", facts={"case": "window-empty"})), "invalid-input"),
        (refusing(TooMany("too often")), "too-many-requests"),
        (refusing(Overloaded("the provider: busy")), "overloaded"),
        (refusing(ForbiddenAddress("a private network")), "forbidden-address"),
        (giving(window_of([{"segmentId": "a", "at": "2026-11-22T08:10:00Z"}])), "missing-variable"),
    ],
)
async def test_what_does_not_fit_is_found_before_a_run(stream: Any, code: str) -> None:
    at = await with_stream()
    at.streams = stream
    bound = await at.runs.check(binding_of(), ELS)
    assert bound.binding is None
    assert code in [finding.code for finding in bound.findings], bound.findings


@pytest.mark.parametrize(
    ("request_", "case"),
    [
        ({**WANTED, "inputs": {"streets": f"{BASE}/datasets/live"}}, "needs-window"),
        ({**WANTED, "inputs": {"streets": {"dataset": "dataset/streets", "window": "10m"}}}, "no-stream"),
    ],
)
async def test_streams_need_a_window_and_files_have_none(request_: dict[str, Any], case: str) -> None:
    at = await with_stream()
    bound = await at.runs.check(request_, ELS)
    assert [finding.facts["case"] for finding in bound.findings] == [case]


async def test_data_that_are_read_live_and_are_no_stream() -> None:
    at = await with_stream()
    at.shelf.put(
        await record(DATASET.replace("id: streets", "id: table"), replace(LIVE, source="city/public.streets"))
    )
    inputs = {"streets": {"dataset": f"{BASE}/datasets/table", "window": "10m"}}
    bound = await at.runs.check({**WANTED, "inputs": inputs}, ELS)
    assert [finding.facts["case"] for finding in bound.findings] == ["no-stream"]


async def test_the_period_belongs_to_the_identity_of_a_binding_and_the_position_does_not() -> None:
    at = await with_stream()
    binding = (await at.runs.check(binding_of(), ELS)).require()
    (bound,) = binding.inputs
    assert bound.window is not None
    moved = replace(bound, window=replace(bound.window, position="sealed"))
    assert binding_key(replace(binding, inputs=(moved,))) == binding.key
    longer = replace(bound, window=replace(bound.window, end=NINE + timedelta(hours=1)))
    assert binding_key(replace(binding, inputs=(longer,))) != binding.key
