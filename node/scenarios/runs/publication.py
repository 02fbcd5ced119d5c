"""Results as assets: published with their provenance, and never more openly than their inputs allow.

A result inherits the meet of the conditions of everything that it was made from: data, models, template,
transformations (``node.policy.flow.result``). More open conditions are refused, with the input that forbids them;
without conditions in the request, the result is published under exactly those that its inputs demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.base.work import UnitOfWork
from node.catalogue.model import Publication
from node.catalogue.offers import terms_of
from node.catalogue.publication.publish import Publish
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.ports import AgreementStore
from node.policy.flow import result
from node.policy.flow.output_rule import fewest
from node.policy.odrl import parse
from node.policy.portion import Portion, portion_of
from node.policy.terms import MINIMUM_CELL_SIZE
from node.scenarios.crate.archive import write_crate
from node.scenarios.models.small_cells import count_column
from node.scenarios.ports import RunStore
from node.scenarios.records.cards import licences_of
from node.scenarios.records.library import Library
from node.scenarios.records.subjects import subject_of
from node.scenarios.run_model import Run, State
from node.scenarios.runs.lineage import maker_of, provenance, why
from node.scenarios.runs.usecases import Runs
from node.scenarios.runs.wishes import UNTAGGED, Wish, default_titles, wish_of
from node.scenarios.stories.model import MAP_FILE, Story
from node.scenarios.stories.openness import is_unconditional
from node.scenarios.stories.statement import story_statement
from node.scenarios.stories.writer import StoryRequest, StoryWriter, WrittenStory
from node.scenarios.tables.rows import canonical_csv
from node.semantics.model import File, Submission

CREDITED: Final = "CC-BY-4.0"
"""The licence of a result if some of its inputs require attribution, and none requires a licence of its own."""

_CSV: Final = "text/csv"
_GEOJSON: Final = "application/geo+json"


class Release:
    """Publishes results, and bundles runs."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        runs: Runs,
        store: RunStore,
        stories: StoryWriter,
        library: Library,
        agreements: AgreementStore,
        publish: Publish,
        region: Callable[[], str | None],
        base: str,
        me: str,
        name: str,
        contact: str,
    ) -> None:
        """``region`` returns the DID of the region; ``name`` and ``contact`` are those of this node."""
        self._uow = uow
        self._runs = runs
        self._store = store
        self._stories = stories
        self._library = library
        self._agreements = agreements
        self._publish = publish
        self._region = region
        self._base = base
        self._me = me
        self._name = name
        self._contact = contact

    async def publish(self, pid: str, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Publish a result as a dataset (``body``: ``{id, title?, titles?, conditions?, story?}``) with its story;
        return the outcome. ``story`` has the publisher's own words for it (``node.scenarios.stories.words``).

        Raises ``Conflict`` for a run without a result and for a name that another asset has, ``NotAllowed`` with the
        breaches if the conditions are more open than those of an input, ``InvalidInput`` if ``body`` names no
        conditions and some data are offered to nobody (``withheld``), and as
        ``node.catalogue.publication.publish.Publish``.
        """
        require(caller, UseCase.PUBLISH)
        run = await self._runs.run(pid)
        _require_result(run)
        wish = wish_of(body)
        iri = f"{self._base}/datasets/{wish.id}"
        await self._require_free(run, iri, caller)
        bound = await self.inheritance(run, caller)
        facts = await self._facts(run)
        licence = bound.licence or (CREDITED if any(source.licence for source in bound.sources) else None)
        if wish.conditions is None and (withheld := self.withheld(run, bound)):
            raise _without_choice(withheld[0])
        offer = self._offer(wish, bound, iri, licence=licence, facts=facts)
        layers = await run_sync(self._stories.layers_of, run)
        request = StoryRequest(words=wish.words, figure=wish.figure, offer=offer)
        text = await self._stories.write(run, request, caller)
        if not wish.titles:
            wish = replace(wish, titles=default_titles(run, text.story))
        files = (*await self._files(run), *await self._map_file(text, offer))
        lines = provenance(
            run,
            iri,
            by=self._me,
            layers=layers,
            may_name=lambda iri, version: (iri, version) in text.public,
            limits=await run_sync(self._limits, run),
        )
        lines.append(story_statement(iri, text.story))
        submission = Submission(
            kind="dataset",
            iri=iri,
            fields={**await self._subject(run, caller), **self._fields(run, wish, licence, text.story)},
            document="\n".join(lines).encode(),
            media_type="application/n-quads",
            files=files,
            conditions={"offer": offer},
        )
        publication = await self._publish.publish(submission, caller)
        await run_sync(self._mark, run.pid, publication)
        return {
            "iri": publication.record.iri,
            "version": publication.record.version,
            "created": publication.created,
            "inherited": bound.sentences("en", facts),
        }

    def _limits(self, run: Run) -> dict[str, Portion]:
        """Return the parts of the data that the agreements about inputs give."""
        ids = {bound.agreement for bound in run.binding.inputs if bound.agreement}
        with self._uow.read() as tx:
            agreements = [agreement for one in ids if (agreement := self._agreements.get(tx, one)) is not None]
        return {agreement.id: portion_of(parse(agreement.body)) for agreement in agreements}

    async def _require_free(self, run: Run, iri: str, caller: Caller) -> None:
        """Require that ``iri`` is unused or names an earlier result of the same scenario: then this is its next
        version."""
        try:
            there = await self._library.record(iri, caller)
        except NotFound:
            return

        maker = maker_of(there)

        def of_same_scenario() -> bool:
            with self._uow.read() as tx:
                before = self._store.get(tx, maker) if maker else None
                return before is not None and before.template.iri == run.template.iri

        if not await run_sync(of_same_scenario):
            raise Conflict(
                f"{iri} already exists, and is not a result of this scenario: {there.title()}",
                remedy="choose another name for the result",
            )

    async def inheritance(self, run: Run, caller: Caller) -> result.Inheritance:
        """Return the conditions that a result of ``run`` inherits."""
        sources = await self._sources(run.binding.template, run.binding.version, None, caller)
        for pin in run.binding.pins:
            sources += await self._sources(pin.iri, pin.version, pin.agreement, caller)
        return result.inherit(list({(source.iri, source.licence): source for source in sources}.values()))

    @staticmethod
    def withheld(run: Run, bound: result.Inheritance) -> list[str]:
        """Return the titles of the data that are offered to nobody, if a result may be published all the same: by
        their licence.

        Their licence binds the result, but nobody has decided that anything of them may leave the node: the
        conditions of the result are then a person's choice, never a default.
        """
        if not bound.publishable:
            return []
        data = {pin.iri for pin in run.binding.inputs}
        # An asset is a source once for each licence of its files.
        titles = {source.iri: source.title for source in bound.sources if source.policy is None}
        return [title for iri, title in titles.items() if iri in data]

    async def _sources(self, iri: str, version: int, agreement: str | None, caller: Caller) -> list[result.Source]:
        """Return an input with its terms: once for each licence that its files have."""
        record = await self._library.record(iri, caller, version=version)
        policy: Mapping[str, Any] | None = record.offer
        if agreement is not None:
            held = await run_sync(self._agreement, agreement)
            policy = held or policy
        licences = licences_of(record) or (None,)
        return [result.Source(iri=iri, title=record.title(), policy=policy, licence=licence) for licence in licences]

    def _agreement(self, agreement_id: str) -> Mapping[str, Any] | None:
        with self._uow.read() as tx:
            found = self._agreements.get(tx, agreement_id)
        return found.body if found is not None else None

    async def _facts(self, run: Run) -> dict[str, Any]:
        """Return facts about the result: the fewest people that a figure made from data in place covers."""
        counts = []
        for step in run.steps:
            if step.name not in from_afar(run):
                continue
            for role in step.outputs:
                rows, port = await self._runs.output(run, step.branch, f"{step.name}.{role}")
                column = count_column(port, rows)
                counts.append(fewest(rows, count_column=column) if column is not None else 0)
        return {MINIMUM_CELL_SIZE: min(counts)} if counts and min(counts) > 0 else {}

    def _offer(
        self, wish: Wish, bound: result.Inheritance, iri: str, *, licence: str | None, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        if wish.conditions is None:
            offer = result.strictest_offer(bound, target=iri, offer_id=f"{iri}#offer", facts=facts)
        else:
            terms = terms_of(wish.conditions, iri=iri, region=self._region())
            if terms.offer is None:
                raise InvalidInput(
                    "these conditions do not offer the result to anybody",
                    remedy="remove conditions, or name a template",
                )
            offer = terms.offer
        breaches = result.admits(bound, offer, licence=licence, facts=facts)
        if breaches:
            raise _too_open(breaches)
        return offer

    async def _map_file(self, text: WrittenStory, offer: Mapping[str, Any]) -> tuple[File, ...]:
        """Return the file with the map of the story. It needs no agreement if the offer has no condition: readers of
        the story at other nodes have none."""
        if text.map is None:
            return ()
        sha256, size = await self._library.keep(text.map), len(text.map)
        is_free = is_unconditional(offer)
        return (File(name=MAP_FILE, media_type=_GEOJSON, size=size, sha256=sha256, format="GEOJSON", open=is_free),)

    async def _files(self, run: Run) -> tuple[File, ...]:
        """Return the outputs of the run as tables, and its indicators."""
        bodies: dict[str, bytes] = {}
        for step in run.steps:
            for role in step.outputs:
                rows, port = await self._runs.output(run, step.branch, f"{step.name}.{role}")
                name = f"{step.name}-{role}-{step.branch}.csv"
                bodies[name] = await asyncio.to_thread(canonical_csv, rows, port)
        bodies["indicators.csv"] = _indicators(run)
        files = []
        for name, body in bodies.items():
            sha256 = await self._library.keep(body)
            files.append(File(name=name, media_type=_CSV, size=len(body), sha256=sha256, format="CSV"))
        return tuple(files)

    async def _subject(self, run: Run, caller: Caller) -> dict[str, Any]:
        """Return the subject of the result: that of its scenario."""
        return subject_of(await self._library.record(run.binding.template, caller, version=run.binding.version))

    def _fields(self, run: Run, wish: Wish, licence: str | None, story: Story) -> dict[str, Any]:
        goal = story.goal.get("en") or next(iter(story.goal.values()), "")
        titles = story.scenario.titles
        scenario = (
            f"the scenario “{titles.get('en') or next(iter(titles.values()), wish.id)}”" if titles else "a scenario"
        )
        sentences = " ".join(dict.fromkeys(caveat.sentence for caveat in story.caveats))
        return {
            "id": wish.id,
            "title": wish.titles.get(UNTAGGED) or dict(wish.titles),
            "description": {
                "en": f"Result of a run of {scenario}.{' Goal: ' + goal if goal else ''}"
                f"{' Caveats: ' + sentences if sentences else ''}"
            },
            "publisher": {"name": self._name, "iri": self._me},
            "contact": {"name": self._name, **_contact_fields(self._contact)},
            "derived_from": [one.iri for one in run.binding.inputs],
            **({"license": licence} if licence else {}),
        }

    def _mark(self, pid: str, publication: Publication) -> None:
        with self._uow.begin() as tx:
            run = self._store.get(tx, pid, lock=True)
            if run is not None:
                self._store.put(tx, replace(run, published=publication.record.iri))

    async def crate(self, pid: str, caller: Caller) -> bytes:
        """Return everything about a run as an RO-Crate (zip).

        Raises ``NotAllowed``, and ``Conflict`` for a run without a result.
        """
        require(caller, UseCase.READ_RESULTS)
        run = await self._runs.run(pid)
        _require_result(run)
        outputs = await self._runs.outputs(run)
        layers = await run_sync(self._stories.layers_of, run)
        return await asyncio.to_thread(write_crate, run, outputs, layers, self._name)

    async def why(self, pid: str, output: str, row: str, caller: Caller) -> Mapping[str, Any]:
        """Return the explanation of a row of an output: the steps, rows, versions and agreements behind it.

        Raises ``NotAllowed``, and ``Conflict`` for a run without a result.
        """
        require(caller, UseCase.READ_RESULTS)
        run = await self._runs.run(pid)
        _require_result(run)
        layers = await run_sync(self._stories.layers_of, run)
        return await why(run, output, row, self._runs, layers=layers)


def from_afar(run: Run) -> frozenset[str]:
    """Return the steps whose outputs depend, directly or indirectly, on data that stayed with their owner."""
    sources = {input_.role for input_ in run.binding.inputs if input_.in_place}
    for step in sorted(run.template.steps, key=lambda one: one.position):
        if any(source in sources or source.partition(".")[0] in sources for source in step.wiring.values()):
            sources.add(step.name)
    return frozenset(input_.name for input_ in run.template.steps if input_.name in sources)


def _require_result(run: Run) -> None:
    if run.state is not State.SUCCESSFUL:
        raise Conflict(f"the run is {run.state}: it has no result", remedy="wait until it has ended, or run it again")


def _too_open(breaches: Sequence[result.Breach]) -> NotAllowed:
    first = breaches[0]
    return NotAllowed(
        first.text.get("en", "the conditions are more open than those of an input"),
        remedy=first.remedy.get("en", ""),
        facts={"breaches": [breach.to_json() for breach in breaches]},
    )


def _without_choice(title: str) -> InvalidInput:
    return InvalidInput(
        f"“{title}” is offered to nobody: the result has no conditions to inherit from it",
        remedy="choose the conditions of the result",
        facts={"case": "withheld-input", "title": title},
    )


def _indicators(run: Run) -> bytes:
    lines = ["indicator,before,after,unit"]
    for indicator in run.indicators:
        before = "" if indicator.before is None else f"{indicator.before!r}"
        lines.append(f"{indicator.name},{before},{indicator.after!r},{indicator.unit or ''}")
    return ("\n".join(lines) + "\n").encode()


def _contact_fields(contact: str) -> dict[str, str]:
    if not contact:
        return {}
    return {"email": contact} if "@" in contact else {"url": contact}
