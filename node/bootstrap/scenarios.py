"""Scenarios put together: bindings, runs, change layers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.base.delivery import Courier
from node.base.errors import InvalidInput, LocalFault, Overloaded, PeerUnreachable
from node.base.work import Task, Transaction
from node.bootstrap.execution import Execution
from node.bootstrap.parts import Note, Parts
from node.bootstrap.people import Ourselves, People
from node.bootstrap.situations import Situations
from node.catalogue.browse import Browse
from node.catalogue.model import Query
from node.catalogue.publish import Publish
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses
from node.policy.decide import decide, principal_action
from node.policy.model import Decision
from node.policy.odrl import parse
from node.scenarios.layers.usecases import Layers
from node.scenarios.model import Run, Transformation
from node.scenarios.records.cards import transformation_of
from node.scenarios.records.library import Fetch, Library
from node.scenarios.runs.binding import Bind
from node.scenarios.runs.journal import Journal
from node.scenarios.runs.publication import Release
from node.scenarios.runs.steps import Engine
from node.scenarios.runs.usecases import Runs
from node.worker.loop import Again, Done, Handler, Outcome
from node.worker.pace import Pace

log = logging.getLogger("hansa.runs")

MOST_KNOWN = 100
MOST_ATTEMPTS = 20
"""How often a run is tried that this node itself fails at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Everything about runs of scenarios."""

    library: Library
    bind: Bind
    runs: Runs
    layers: Layers
    engine: Engine
    release: Release


def scenarios(
    parts: Parts,
    people: People,
    carried: Execution,
    *,
    browse: Browse,
    note: Note,
    courier: Courier,
    ourselves: Ourselves,
    situations: Situations,
    publish: Publish,
    region: Callable[[], str | None],
    fetch: Fetch,
    tell: Callable[[], None],
) -> Scenarios:
    """Put it together. ``region`` gives its DID; ``tell`` is called when something about a run was committed."""
    stores, clock = parts.stores, parts.clock

    uses = Uses(stores.uses, stores.agreements, clock)

    def used(agreement: Agreement) -> dict[str, Any]:
        """What has arrived was a use; to work with it here is none."""
        with stores.uow.read() as tx:
            return uses.facts(tx, agreement)

    async def standing(agreement: Agreement) -> Decision:
        policy = parse(agreement.body)
        facts = await run_sync(used, agreement)
        situation = situations.under_agreement(await ourselves.look(), provider=agreement.provider, facts=facts)
        return decide(policy, situation, action=principal_action(policy))

    async def transformations(caller: Caller) -> Sequence[Transformation]:
        page = await browse.search(Query(kinds=("transformation",), limit=MOST_KNOWN), caller)
        found = []
        for hit in page.hits:
            try:
                found.append(transformation_of(hit.record))
            except InvalidInput as error:
                log.info("%s mends nothing: %s", hit.record.iri, error.detail)
        return found

    def told(tx: Transaction, run: Run) -> None:
        body = {
            "run": run.pid,
            "scenario": run.binding.template,
            "version": run.binding.version,
            "state": str(run.state),
            "key": run.binding.key,
            "agreements": sorted({pin.agreement for pin in run.binding.pins if pin.agreement}),
            **({"result": run.result} if run.result else {}),
            **({"error": str(run.error["code"])} if run.error else {}),
        }
        note(tx, EntryKind.RUN, run.pid, run.by, body)

    library = Library(
        uow=stores.uow,
        browse=browse,
        assets=parts.assets,
        agreements=stores.agreements,
        transfers=stores.transfers,
        receptions=stores.receptions,
        document=people.peers.did_document,
        fetch=fetch,
        standing=standing,
        received=parts.places.received,
        me=parts.me,
    )
    bind = Bind(uow=stores.uow, library=library, layers=stores.layers, transformations=transformations, me=parts.me)
    runs = Runs(
        uow=stores.uow,
        runs=stores.runs,
        bind=bind,
        library=library,
        courier=courier,
        clock=clock,
        note=told,
        tell=tell,
        base=parts.base,
    )
    return Scenarios(
        library=library,
        bind=bind,
        runs=runs,
        layers=Layers(uow=stores.uow, layers=stores.layers, library=library, clock=clock, base=parts.base),
        engine=Engine(
            journal=Journal(
                uow=stores.uow, runs=stores.runs, layers=stores.layers, clock=clock, note=told, tell=tell
            ),
            library=library,
            executor=carried.executor,
            clock=clock,
        ),
        release=Release(
            uow=stores.uow,
            runs=runs,
            store=stores.runs,
            layers=stores.layers,
            library=library,
            agreements=stores.agreements,
            publish=publish,
            region=region,
            base=parts.base,
            me=parts.me,
            name=parts.settings.name,
            contact=parts.settings.contact,
        ),
    )


PATIENCE = Pace()


def run_handler(engine: Engine, patience: Pace = PATIENCE) -> Handler:
    """What is done with the tasks of runs. A peer is waited for as long as the worker has ``patience``; then, and
    where this node itself fails again and again, the run ends, and says so."""

    async def handle(task: Task) -> Outcome:
        try:
            await engine.carry_out(task.subject)
        except PeerUnreachable as error:
            if not patience.exhausted(task.attempts):
                return Again(error.detail)
            await engine.give_up(task.subject, error)
        except (Overloaded, LocalFault) as error:
            if task.attempts < MOST_ATTEMPTS:
                return Again(error.detail)
            await engine.give_up(task.subject, error)
        except Exception as error:
            if task.attempts < MOST_ATTEMPTS:
                raise
            log.exception("a run was given up", extra={"run": task.subject})
            await engine.give_up(task.subject, LocalFault(f"the node failed at it: {type(error).__name__}"))
        return Done()

    return handle
