"""A desk at which scenarios are bound and run: the real library, binding and execution over stores in memory.

Ghent has streets and a model that walks them; a transformation turns minutes into seconds; a model of Plzeň makes
efforts of seconds, under an agreement. ``Hand`` carries models out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from node.base.delivery import OutboxWriter
from node.base.errors import HansaError, NotFound
from node.base.work import Transaction
from node.catalogue.model import Record
from node.datasources.streams.windows import Window, WindowQuestion
from node.identity.model import Caller, UserRole
from node.negotiation.model import Agreement
from node.policy.model import Decision, Nature, Outcome, Reason
from node.scenarios.execution import REPORT_SECONDS, DurableExecution, ExecutionJournal
from node.scenarios.layers.excerpts import Excerpts
from node.scenarios.layers.usecases import Layers
from node.scenarios.model import Model, Rows, Transformation
from node.scenarios.ports import Outcome as Given
from node.scenarios.ports import Progress, Reference
from node.scenarios.records.cards import transformation_of
from node.scenarios.records.library import Library
from node.scenarios.run_model import Caveat, Run, State
from node.scenarios.runs.binding import Bind
from node.scenarios.runs.lifecycle import RunLifecycle
from node.scenarios.runs.steps import RunSteps
from node.scenarios.runs.usecases import Runs
from node.scenarios.runs.windows import InputWindows
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.outlines import outline
from node.scenarios.tables.rows import read_rows
from node.semantics.model import File
from tests.fakes.provider import HandClock
from tests.fakes.stores.assets import MemoryAssets
from tests.fakes.stores.negotiation import MemoryAgreementStore
from tests.fakes.stores.scenarios import MemoryLayerStore, MemoryRunStore
from tests.fakes.stores.transfer import MemoryReceptionStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork, memory
from tests.unit.scenarios.records import NOW, record
from tests.unit.semantics.descriptions import BASE, ME

PLZEN = "https://data.plzen.example"
THEM = "did:web:data.plzen.example"
ELS = Caller(did=ME, account="els", roles=frozenset({UserRole.PUBLISHER}))
STREETS = b"segmentId,length\nb,250\na,1000\nc,90\n"
CODE = "ab" * 32
LARGE = 1000
"""Bytes of a large table at this desk."""

_COMMON = """
description: {en: Made up for a test of scenarios.}
contact: {name: Mobility department, email: mobility@gent.example}
license: CC-BY-4.0
theme: [TRAN]
keywords: {en: [test]}
version: "1.0.0"
conditions: open
"""
_MODEL = """
owner: {name: City}
deterministic: true
method: {en: Length by speed.}
validity: {text: {en: Cities.}}
intended_use: {en: Tests.}
limits: {en: Knows no hills.}
guideline: {en: Compare.}
risk: {level: low, description: {en: May be believed.}}
calibration: {text: {en: Not calibrated.}}
"""
DATASET = f"kind: dataset\nid: streets\ntitle: {{en: Streets}}\n{_COMMON}"
WALKING = f"""
kind: model
id: walking
title: {{en: Walking}}
code: {CODE}
parameters:
  - {{name: speed, unit: km/h, default: 5.0, min: 2, max: 7, description: {{en: Speed on foot.}}}}
  - {{name: shoes, unit: "1", default: boots, values: [boots, sandals], description: {{en: Shoes.}}}}
inputs:
  - role: streets
    title: {{en: Streets}}
    description: {{en: Streets.}}
    variables: [{{name: length, unit: m, min: 100, max: 5000, description: {{en: Length.}}}}]
outputs:
  - role: times
    title: {{en: Times}}
    description: {{en: Times.}}
    variables:
      - {{name: segmentId, description: {{en: Which street.}}}}
      - {{name: minutes, unit: min, decimals: 2, description: {{en: Time.}}}}
{_COMMON}{_MODEL}"""
SECONDS = f"""
kind: transformation
id: minutes-to-seconds
title: {{en: Minutes to seconds}}
language: column mapping
from: schema/minutes
to: schema/seconds
definition: {{units: {{minutes: min}}, keep: [segmentId], seconds: {{rename: minutes, unit: s}}}}
{_COMMON}"""
EFFORT = f"""
kind: model
id: effort
title: {{en: Effort}}
code: {CODE}
parameters:
  - {{name: weight, unit: kg, default: 70, min: 10, max: 150, description: {{en: Weight.}}}}
inputs:
  - role: walks
    title: {{en: Walks}}
    description: {{en: Walks.}}
    variables: [{{name: seconds, unit: s, description: {{en: Time.}}}}]
  - role: hills
    title: {{en: Hills}}
    description: {{en: Hills.}}
    required: false
    variables: [{{name: metres, unit: m, description: {{en: Height.}}}}]
outputs:
  - role: efforts
    title: {{en: Efforts}}
    description: {{en: Efforts.}}
    variables: [{{name: kilojoules, unit: kJ, decimals: 1, description: {{en: Energy.}}}}]
{_COMMON}{_MODEL}"""
CHAIN = f"""
chain:
  - {{name: walk, uses: model/walking, inputs: {{streets: streets}}, position: 1}}
  - {{name: seconds, uses: transformation/minutes-to-seconds, inputs: {{times: walk.times}}, position: 2}}
  - {{name: effort, uses: "{PLZEN}/models/effort", inputs: {{walks: seconds.times, hills: hills}}, position: 3}}
"""
HEAD = f"""
kind: scenario
id: walks
title: {{en: A walk, nl: Een wandeling}}
goal: {{en: Less effort.}}
{_COMMON}
inputs:
  - role: streets
    title: {{en: Streets}}
    description: {{en: Streets.}}
    variables: [{{name: length, unit: m, description: {{en: Length.}}}}]
  - role: hills
    title: {{en: Hills}}
    description: {{en: Hills.}}
    required: false
    variables: [{{name: metres, unit: m, description: {{en: Height.}}}}]
parameters:
  - {{name: speed, unit: km/h, default: 4.0, min: 1, max: 9, description: {{en: Speed on foot.}}}}
indicators:
  - {{name: minutes, title: {{en: Minutes}}, unit: min, better: lower, definition: {{of: walk.times, sum: minutes}}}}
  - name: hard
    title: {{en: Hard walks}}
    unit: "1"
    better: lower
    definition: {{of: effort.efforts, count: kilojoules, where: {{kilojoules: {{above: 100}}}}}}
"""
TEMPLATE = HEAD + CHAIN
WANTED: dict[str, Any] = {"scenario": "scenario/walks", "inputs": {"streets": "dataset/streets"}}
LAYER: dict[str, Any] = {
    "title": "A shorter street",
    "reason": "A bridge",
    "target": "dataset/streets",
    "operations": [{"op": "update", "id": "a", "before": {"length": 1000}, "set": {"length": 500}}],
}


def csv_file(data: bytes, name: str = "streets.csv", media_type: str = "text/csv", *, open_: bool = False) -> File:
    return File(name=name, media_type=media_type, size=len(data), sha256=hashlib.sha256(data).hexdigest(), open=open_)


def at_plzen(own_record: Record) -> Record:
    """The record as Plzeň would have published it."""
    here, there = BASE.encode(), PLZEN.encode()
    return replace(
        own_record,
        iri=own_record.iri.replace(BASE, PLZEN),
        origin=THEM,
        nquads=own_record.nquads.replace(here, there).replace(ME.encode(), THEM.encode()),
    )


def computed(model: Model, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Rows]:
    """What the two models compute."""
    if model.iri.endswith("/walking"):
        speed = float(parameters.get("speed", 5.0)) * 1000 / 60
        streets = inputs["streets"]
        if isinstance(streets, Reference):
            streets = read_rows(STREETS, "text/csv")
        return {"times": [{"segmentId": one["segmentId"], "minutes": one["length"] / speed} for one in streets]}
    joules = float(parameters.get("weight", 70)) / 700
    walks = inputs["walks"]
    return {"efforts": [{"segmentId": one["segmentId"], "kilojoules": one["seconds"] * joules} for one in walks]}


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Hand:
    """``ModelExecutor`` that carries models out itself. ``trouble`` is raised at its turn, instead of an answer;
    ``meanwhile`` is called while a model runs."""

    trouble: dict[int, BaseException] = field(default_factory=dict)
    meanwhile: Callable[[str, Progress], None] | None = None
    asked: list[str] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    turn: int = 0
    caveats: tuple[Caveat, ...] = ()

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None = None,
    ) -> Given:
        self.turn += 1
        self.asked.append(key)
        self.calls.append((key, dict(inputs), dict(parameters)))
        if self.turn in self.trouble:
            raise self.trouble[self.turn]
        assert progress is not None
        if self.meanwhile is not None:
            self.meanwhile(key, progress)
        foreign = model.origin != ME
        return Given(
            outputs=computed(model, inputs, parameters),
            caveats=self.caveats,
            job=f"{PLZEN}/jobs/{self.turn}" if foreign else None,
            agreement="urn:a" if foreign else None,
        )


class Shelf:
    """Records by IRI and version, all of them for everybody."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = {}
        self.closed: dict[str, HansaError] = {}

    def put(self, record: Record) -> Record:
        versions = self.records.setdefault(record.iri, [])
        versions.append(replace(record, version=len(versions) + 1))
        return versions[-1]

    async def record(self, iri: str, caller: Caller, *, version: int | None = None) -> Record:
        if iri in self.closed:
            raise self.closed[iri]
        versions = self.records.get(iri, [])
        if not versions or (version or 1) > len(versions):
            raise NotFound(f"{iri}")
        return versions[(version or len(versions)) - 1]


class TableCage:
    """Makes outlines of tables here, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(
        self, target: str, message: Mapping[str, Any], blobs: Sequence[bytes] = (), **_more: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        assert target == "tables.outline"
        self.calls += 1
        await asyncio.sleep(0)
        answer, more = outline(json.loads(json.dumps(message)), list(blobs))
        return json.loads(json.dumps(answer)), more


class Desk:
    """Everything to bind and run scenarios with. ``permits`` is what the policy of every agreement answers."""

    def __init__(self) -> None:
        self.uow = MemoryUnitOfWork()
        self.clock = HandClock()
        self.assets = MemoryAssets()
        self.shelf = Shelf()
        self.agreements = MemoryAgreementStore()
        self.run_store = MemoryRunStore()
        self.layer_store = MemoryLayerStore()
        self.outbox = MemoryOutbox()
        self.hand = Hand()
        self.permits = True
        self.signals = 0
        self.report_seconds = REPORT_SECONDS
        self.streams: Callable[[str, WindowQuestion], Window] = _no_stream
        self.window_questions: list[WindowQuestion] = []
        browse: Any = self.shelf
        self.library = Library(
            uow=self.uow,
            browse=browse,
            assets=self.assets,
            agreements=self.agreements,
            receptions=MemoryReceptionStore(),
            document=_nothing,
            fetch=_nothing,
            decide=self._decide,
            receptions_folder=Path("/nonexistent"),
            me=ME,
        )
        self.windows = InputWindows(self.library, own=self._own_window, partner=self._partner_window, me=ME)
        self.bind = Bind(
            uow=self.uow,
            library=self.library,
            windows=self.windows,
            layers=self.layer_store,
            transformations=self._transformations,
            me=ME,
        )
        self.runs = Runs(
            uow=self.uow,
            runs=self.run_store,
            bind=self.bind,
            library=self.library,
            windows=self.windows,
            outbox_writer=OutboxWriter(self.outbox, lambda: None),
            clock=self.clock,
            journal=self.journal(),
            base=BASE,
        )
        self.cage = TableCage()
        self.layers = Layers(
            uow=self.uow,
            layers=self.layer_store,
            library=self.library,
            excerpts=Excerpts(self.cage, self.library, large=LARGE),
            clock=self.clock,
            base=BASE,
        )

    def journal(self) -> ExecutionJournal[Run]:
        return ExecutionJournal(
            uow=self.uow,
            store=self.run_store,
            lifecycle=RunLifecycle(),
            clock=self.clock,
            note=self._note,
            tell=self._tell,
        )

    def execution(self) -> DurableExecution[Run]:
        """An execution that knows nothing but what is kept: as after a start."""
        journal = self.journal()
        steps = RunSteps(
            journal=journal,
            uow=self.uow,
            layers=self.layer_store,
            library=self.library,
            executor=self.hand,
            transform=lambda card, rows: transform(card.definition, rows),
            clock=self.clock,
            report_seconds=self.report_seconds,
        )
        return DurableExecution(journal=journal, steps=steps)

    async def _decide(self, agreement: Agreement) -> Decision:
        reason = Reason(
            rule="permission[0]",
            operand="https://w3id.org/hansa/policy#membership",
            nature=Nature.FACT,
            met=self.permits,
            text={"en": "The membership was revoked."},
        )
        outcome = Outcome.PERMIT if self.permits else Outcome.REFUSE
        return Decision(outcome=outcome, reasons=(reason,), policy="urn:p")

    async def _own_window(self, name: str, question: WindowQuestion) -> Window:
        self.window_questions.append(question)
        return self.streams(name, question)

    async def _partner_window(
        self, agreement: Agreement, question: WindowQuestion, by: Caller, *, file: str | None = None
    ) -> Window:
        self.window_questions.append(question)
        return self.streams(agreement.id, question)

    async def _transformations(self, caller: Caller) -> Sequence[Transformation]:
        newest = [versions[-1] for versions in self.shelf.records.values()]
        return [transformation_of(one) for one in newest if one.kind == "transformation"]

    def _note(self, tx: Transaction, run: Run) -> None:
        memory(tx).put("notes", len(memory(tx).rows("notes")), (run.pid, run.state))

    @property
    def noted(self) -> list[tuple[str, State]]:
        """What the ledger was told, in its order."""
        with self.uow.read() as tx:
            return list(tx.rows("notes").values())

    def _tell(self, _: object) -> None:
        self.signals += 1

    # ---- what lies on it -------------------------------------------------------------------------------------

    async def publish(self, text: str, *files: tuple[str, bytes], foreign: bool = False, **options: Any) -> Record:
        """Put a record on the shelf, and this node does not store the bytes of its CSV files into the asset store."""
        for _, data in files:
            self.assets.keep(data)
        made = await record(text, *(csv_file(data, name) for name, data in files), **options)
        return self.shelf.put(at_plzen(made) if foreign else made)

    def agree(self, iri: str, identifier: str = "urn:a", **body: Any) -> None:
        agreement = Agreement(
            id=identifier, negotiation="urn:n", dataset=iri, provider=THEM, consumer=ME, role="consumer", body=body,
            sha256="00" * 32, signatures={}, at=NOW, finalized=NOW,
        )  # fmt: skip
        with self.uow.begin() as tx:
            self.agreements.add(tx, agreement)

    def end(self, identifier: str = "urn:a") -> None:
        with self.uow.begin() as tx:
            known = self.agreements.get(tx, identifier)
            assert known is not None
            self.agreements.save(tx, replace(known, ended=NOW, ended_why="revoked"))

    def load(self, pid: str) -> Run:
        with self.uow.read() as tx:
            run = self.run_store.get(tx, pid)
        assert run is not None
        return run

    async def perform(self, request: Mapping[str, Any] = WANTED) -> Run:
        """A run from its start to its end."""
        run = await self.runs.start(request, ELS)
        self.clock.at += timedelta(seconds=1)
        await self.execution().complete(run.pid)
        return self.load(run.pid)


def _no_stream(name: str, question: WindowQuestion) -> Window:
    raise AssertionError(f"nobody is to be asked for {question} of {name}")


async def _nothing(*_: Any, **__: Any) -> Any:
    raise AssertionError("nobody is to be asked")


async def desk() -> Desk:
    """A desk with the chain of three on it, and the agreement about its last model."""
    full_desk = Desk()
    await full_desk.publish(DATASET, ("streets.csv", STREETS))
    await full_desk.publish(WALKING)
    await full_desk.publish(SECONDS)
    await full_desk.publish(EFFORT, foreign=True)
    await full_desk.publish(TEMPLATE)
    full_desk.agree(f"{PLZEN}/models/effort")
    return full_desk
