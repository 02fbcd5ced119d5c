"""Data visited where they live: names of models, small cells, questions that are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.delivery import OutboxWriter
from node.base.errors import InvalidInput, NotAllowed, NotFound
from node.base.work import Transaction
from node.cage.model import Limits
from node.catalogue.model import Record
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses
from node.policy.decide import decide
from node.policy.flow.output_rule import QUESTIONS
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.policy.terms import COUNT
from node.scenarios.execution import DurableExecution, ExecutionJournal
from node.scenarios.model import Model, Port, Variable
from node.scenarios.models.job_execution import JobExecution
from node.scenarios.models.job_lifecycle import JobLifecycle, job_entry
from node.scenarios.models.jobs import Asker, Jobs
from node.scenarios.models.local import LocalModels
from node.scenarios.models.requests import as_json
from node.scenarios.models.small_cells import count_column, withhold
from node.scenarios.models.visits import Visitor, Visits, minimum_of, names_of
from node.scenarios.ports import Outcome, Reference
from node.scenarios.run_model import Job, State
from node.semantics.model import File
from tests.fakes.provider import HandClock
from tests.fakes.stores.assets import MemoryAssets
from tests.fakes.stores.negotiation import MemoryAgreementStore, MemoryUseStore
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.scenarios import MemoryJobStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ME, PEER = "did:web:plzen.example", "did:web:gent.example"
HOUSES = "https://plzen.example/datasets/houses"
MODEL_IRI = "https://plzen.example/models/counting"
CODE = b"code"

PEOPLE = Variable(name="people", unit="{residents}")
STREETS = Port(role="streets", variables=(PEOPLE,))
MODEL = Model(
    iri=MODEL_IRI, version=2, origin=ME, titles={"en": "Counting"}, inputs=(Port(role="houses"),), outputs=(STREETS,),
    code="ab" * 32,
)  # fmt: skip


def policy(*models: str, cells: int = 10) -> dict[str, Any]:
    """Only these models, and no figure about fewer."""
    algorithm = {"leftOperand": "hz:algorithm", "operator": "isAnyOf", "rightOperand": list(models)}
    cell = {"leftOperand": "hz:minimumCellSize", "operator": "gteq", "rightOperand": {"@value": str(cells)}}
    return {
        "@id": "urn:offer",
        "@type": "Offer",
        "permission": [{"action": "odrl:use", "constraint": [algorithm, cell]}],
        "prohibition": [{"action": "odrl:reproduce"}],
    }


def test_a_model_goes_by_its_address_and_by_its_code() -> None:
    names = names_of(MODEL)
    assert names[0] == MODEL_IRI
    assert {f"{MODEL_IRI}@{'ab' * 32}", f"{MODEL_IRI}#v2", f"{MODEL_IRI}#v2@sha256:{'ab' * 32}"} <= set(names)
    assert names_of(replace(MODEL, code=None)) == (MODEL_IRI, f"{MODEL_IRI}#v2")


def test_a_model_goes_by_the_ranges_that_its_release_is_in() -> None:
    told = names_of(replace(MODEL, code=None, release="1.4.2"))
    assert set(told) - {MODEL_IRI, f"{MODEL_IRI}#v2"} == {f"{MODEL_IRI}@{one}" for one in ("1.4.2", "1.4.x", "1.x")}
    # A release that is no number, or says itself that it is a range, is in none.
    for odd in ("1.x", "x", "", "1.", "one", "1.4.2-beta", "1 .4"):
        assert names_of(replace(MODEL, code=None, release=odd)) == (MODEL_IRI, f"{MODEL_IRI}#v2")


@pytest.mark.parametrize(
    ("release", "permitted"), [("1.0.0", True), ("1.12", True), ("2.0.0", False), ("11.0", False)]
)
async def test_only_for_releases_of_a_range(release: str, permitted: bool) -> None:
    desk = Desk(policy(f"{MODEL_IRI}@1.x"), release)
    if permitted:
        assert (await desk.run(1)).state is State.SUCCESSFUL
    else:
        with pytest.raises(NotAllowed, match="counting may not read houses"):
            await desk.run(1)


def test_the_largest_minimum_counts() -> None:
    asked = policy(MODEL_IRI, cells=7)
    assert minimum_of(asked) == 7
    asked["permission"] += policy(MODEL_IRI, cells=12)["permission"]
    assert minimum_of(asked) == 12
    assert minimum_of({"@id": "urn:o", "@type": "Offer", "permission": [{"action": "odrl:use"}]}) is None


class TestWithholding:
    def test_small_cells_are_left_out_with_a_sentence(self) -> None:
        rows: list[dict[str, Any]] = [
            {"street": "A", "people": 12},
            {"street": "B", "people": 9},
            {"street": "C", "people": None},
        ]
        kept = withhold(MODEL, Outcome(outputs={"streets": rows}), 10)
        assert list(kept.outputs["streets"]) == rows[:1]
        (caveat,) = kept.caveats
        assert caveat.facts == {"output": "streets", "leftOut": 2, "minimum": 10}
        assert "streets: 2 of 3 figures were left out" in caveat.sentence

    def test_an_output_that_does_not_count_people_does_not_leave(self) -> None:
        model = replace(MODEL, outputs=(Port(role="streets", variables=(Variable(name="noise", unit="dB"),)),))
        with pytest.raises(NotAllowed, match="do not state how many people they cover"):
            withhold(model, Outcome(outputs={"streets": [{"noise": 55}]}), 10)

    @pytest.mark.parametrize(
        ("variables", "rows", "column"),
        [
            ((PEOPLE,), [], "people"),
            ((Variable(name="n", unit="{persons}"),), [], "n"),
            ((), [{"Residents": 4}], "Residents"),
            ((Variable(name="cars", unit="{vehicles}"),), [{"cars": 4}], None),
        ],
    )
    def test_which_column_counts(
        self, variables: tuple[Variable, ...], rows: list[dict[str, Any]], column: str | None
    ) -> None:
        assert count_column(Port(role="x", variables=variables), rows) == column


class Counting:
    """A cage in which people are counted by street."""

    def __init__(self) -> None:
        self.calls = 0
        self.caveats: list[dict[str, Any]] = []
        self.fault: InvalidInput | None = None

    async def call(
        self, target: str, message: Mapping[str, Any], blobs: Sequence[bytes] = (), *, limits: Limits, **_: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        answer = {"roles": ["streets"], "caveats": self.caveats, "log": [], "seconds": 0.1, "memory": 1}
        return answer, [as_json([{"street": "A", "people": 12}])]


class NoService:
    """``ServiceModels`` that nobody may call."""

    async def execute(self, *_: Any, **__: Any) -> Outcome:
        raise AssertionError("nobody else is called")


class Desk:
    """Jobs of a node with one model and one dataset that only it may read. ``later`` are the conditions of later
    versions of the dataset, ``agreed`` the version that the agreement was made for: under its conditions."""

    def __init__(
        self,
        conditions: dict[str, Any],
        release: str = "",
        *,
        later: Sequence[dict[str, Any]] = (),
        agreed: int = 1,
    ) -> None:
        self.uow, self.clock, self.assets = MemoryUnitOfWork(), HandClock(NOW), MemoryAssets()
        self.jobs_store, self.entries = MemoryJobStore(), []  # type: ignore[var-annotated]
        records, agreements = MemoryRecordStore(), MemoryAgreementStore()
        code, houses = self.assets.keep(CODE), self.assets.keep(b"street,people\nA,12\n")
        self.model = record(MODEL_IRI, "model", card(code.sha256, release))
        file = File(name="houses.csv", media_type="text/csv", size=houses.size, sha256=houses.sha256)
        dataset = replace(record(HOUSES, "dataset", b""), files=(file,), offer=conditions)
        with self.uow.begin() as tx:
            records.add(tx, self.model)
            versions = [conditions, *later]
            for number, offer in enumerate(versions, 1):
                records.add(tx, replace(dataset, version=number, offer=offer))
            body = {**versions[agreed - 1], TERMS: {"asset": {"version": agreed}}}
            agreements.add(tx, agreement("urn:a", body))

        async def decide_visit(body: Mapping[str, Any], did: str | None, facts: Mapping[str, Any]) -> Decision:
            situation = Situation(caller=Caller(did=did or ME), at=NOW, provider=ME, agreed=True, facts=dict(facts))
            return decide(parse(body), situation)

        self.cage = Counting()
        self.visits = Visits(
            uow=self.uow,
            records=records,
            agreements=agreements,
            assets=self.assets,
            decide=decide_visit,
            me=ME,
            uses=Uses(MemoryUseStore(), agreements, self.clock),
        )
        self.local = LocalModels(cage=self.cage, assets=self.assets, visits=self.visits, service=NoService())

        def note(tx: Transaction, kind: EntryKind, subject: str, by: str, body: Mapping[str, Any]) -> None:
            self.entries.append((kind, subject, by, body))

        journal: ExecutionJournal[Job] = ExecutionJournal(
            uow=self.uow, store=self.jobs_store, lifecycle=JobLifecycle(), clock=self.clock, note=job_entry(note),
            tell=lambda _: None,
        )  # fmt: skip
        shared: dict[str, Any] = {
            "uow": self.uow, "jobs": self.jobs_store, "assets": self.assets, "local": self.local, "clock": self.clock,
            "journal": journal,
        }  # fmt: skip
        self.jobs = Jobs(outbox_writer=OutboxWriter(MemoryOutbox(), lambda: None), **shared)
        steps = JobExecution(records=records, append=note, report_seconds=0.01, **shared)
        self.execution = DurableExecution(journal=journal, steps=steps)

    async def run(self, question: int, asker: Asker | None = None) -> Job:
        """A job that asks differently for each number, carried out."""
        asker = asker or Asker(did=PEER, agreement="urn:m", transfer="urn:t", model=MODEL_IRI)
        inputs = {"houses": {"href": f"{HOUSES}#v1"}, "factor": question}
        job = await self.jobs.accept(self.model, as_json({"inputs": inputs}), asker)
        await self.execution.complete(job.id)
        return await self.jobs.get(job.id, asker)


def record(iri: str, kind: str, nquads: bytes) -> Record:
    return Record(
        iri=iri, version=1, kind=kind, audience="public", titles={"en": iri.rpartition("/")[2]}, descriptions={},
        publisher=ME, publisher_name="Plzeň", origin=ME, nquads=nquads, sha256="00" * 32, at=NOW, by="els",
    )  # fmt: skip


def agreement(identifier: str, body: dict[str, Any]) -> Agreement:
    return Agreement(
        id=identifier, negotiation="urn:n", dataset=HOUSES, provider=ME, consumer=PEER, role="provider", body=body,
        sha256="", signatures={}, at=NOW, finalized=NOW,
    )  # fmt: skip


def card(code: str, release: str = "") -> bytes:
    hm, hz, node = "https://w3id.org/hansa/model#", "https://w3id.org/hansa/ns#", f"<{MODEL_IRI}"
    lines = [
        f'{node}> <{hm}codeSha256> "{code}" .',
        f"{node}> <{hm}hasInput> {node}#i> .",
        f"{node}> <{hm}hasOutput> {node}#o> .",
        f"{node}> <{hm}hasParameter> {node}#p> .",
        f'{node}#i> <{hz}role> "houses" .',
        f'{node}#o> <{hz}role> "streets" .',
        f"{node}#o> <{hm}hasVariable> {node}#v> .",
        f'{node}#v> <http://purl.org/dc/terms/identifier> "people" .',
        f'{node}#v> <http://qudt.org/schema/qudt/ucumCode> "{{residents}}" .',
        f'{node}#p> <http://schema.org/valueName> "factor" .',
        *([f'{node}> <http://www.w3.org/ns/dcat#version> "{release}" .'] if release else []),
    ]
    return "".join(f"{line}\n" for line in sorted(lines)).encode()


class TestUses:
    async def test_each_execution_that_reads_is_a_use_of_the_agreement_about_the_data(self) -> None:
        conditions = policy(MODEL_IRI)
        bound = {"@value": "2", "@type": "http://www.w3.org/2001/XMLSchema#integer"}
        at_most = {"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": bound}
        conditions["permission"][0]["constraint"].append(at_most)
        desk = Desk(conditions)
        done = await desk.run(1)
        assert done.state is State.SUCCESSFUL
        await desk.execution.complete(done.id)
        assert (await desk.run(2)).state is State.SUCCESSFUL, "carrying out the same job again is no second use"
        with pytest.raises(NotAllowed) as refused:
            await desk.run(3)
        assert [one["operand"] for one in refused.value.facts["reasons"]] == [COUNT]


class TestQuestions:
    async def test_so_many_different_questions_and_no_more(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        for question in range(QUESTIONS):
            assert (await desk.run(question)).state is State.SUCCESSFUL
        refused = await desk.run(QUESTIONS)
        assert refused.state is State.FAILED
        assert refused.error is not None
        assert (refused.error["code"], refused.error["facts"]) == ("not-allowed", {"dataset": f"{HOUSES}#v1"})
        assert refused.result is None
        # What was asked before is answered as it was.
        assert (await desk.run(3)).state is State.SUCCESSFUL

    async def test_dismissing_an_answer_gives_no_question_back(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        asker = Asker(did=PEER, model=MODEL_IRI)
        for question in range(QUESTIONS):
            job = await desk.run(question, asker)
            await desk.jobs.dismiss(job.id, asker)
        assert (await desk.run(QUESTIONS, asker)).state is State.FAILED

    async def test_our_own_people_ask_as_often_as_they_like(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        for question in range(QUESTIONS + 1):
            assert (await desk.run(question, Asker(account="els"))).state is State.SUCCESSFUL

    async def test_the_ledger_says_what_was_visited_under_what(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        await desk.run(1)
        ((kind, subject, by, body),) = desk.entries
        assert (str(kind), subject, by) == ("run", MODEL_IRI, PEER)
        assert (body["outcome"], body["agreement"]) == ("successful", "urn:m")
        assert [(one["dataset"], one["version"], one["agreement"]) for one in body["visited"]] == [
            (HOUSES, 1, "urn:a")
        ]

    @pytest.mark.parametrize("asker", [Asker(did=PEER, model=MODEL_IRI), Asker(account="els")])
    async def test_another_model_is_not_let_in(self, asker: Asker) -> None:
        desk = Desk(policy("https://plzen.example/models/other"))
        with pytest.raises(NotAllowed, match="counting may not read houses"):
            await desk.run(1, asker)


class TestDiscretion:
    """What is said on the way about data that stay with their owner stays with them too."""

    SECRET = "Jan Peeters, 41.5"

    async def test_a_cell_that_does_not_fit_is_not_quoted(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        desk.cage.fault = InvalidInput(f"row 3 of houses has people {self.SECRET}")
        job = await desk.run(1)
        assert job.state is State.FAILED
        assert self.SECRET not in str(job.error)
        assert "stay with their owner" in str(job.error)

    async def test_a_caveat_tells_no_figures_of_theirs(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        facts = {"role": "houses", "lowest": self.SECRET}
        desk.cage.caveats = [{"code": "outside-validity", "sentence": f"the lowest is {self.SECRET}", "facts": facts}]
        job = await desk.run(1)
        assert [one.code for one in job.caveats] == ["outside-validity"]
        assert self.SECRET not in str(job.caveats)

    async def test_nor_does_what_the_model_says_itself(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        desk.cage.caveats = [{"code": "odd", "sentence": f"I saw {self.SECRET}", "facts": {"seen": self.SECRET}}]
        job = await desk.run(1)
        assert len(job.caveats) == 1
        assert self.SECRET not in str(job.caveats)

    async def test_our_own_people_are_told_all(self) -> None:
        desk = Desk(policy(MODEL_IRI))
        desk.cage.caveats = [{"code": "odd", "sentence": f"I saw {self.SECRET}", "facts": {}}]
        job = await desk.run(1, Asker(account="els"))
        assert self.SECRET in str(job.caveats)


async def test_a_version_with_other_conditions_is_not_read() -> None:
    """An agreement about the second version, whose conditions are easier, opens the first to no model."""
    easier = policy(MODEL_IRI, cells=1)
    desk = Desk(policy(MODEL_IRI), agreed=2, later=[easier, easier])
    visitor = Visitor(did=PEER)
    for number in (2, 3):
        visit = await desk.visits.permit(MODEL, Reference(iri=HOUSES, version=number, file=""), visitor)
        assert visit.record.version == number
    with pytest.raises(NotFound):
        await desk.visits.permit(MODEL, Reference(iri=HOUSES, version=1, file=""), visitor)
    same = Desk(easier, agreed=2, later=[easier, easier])
    assert (await same.visits.permit(MODEL, Reference(iri=HOUSES, version=1, file=""), visitor)).minimum == 1
