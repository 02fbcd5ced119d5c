"""Puts scenarios together: bindings, runs, change layers."""

from __future__ import annotations

from dataclasses import dataclass

from node.bootstrap.datasources import DataSourceParts
from node.bootstrap.foundation import Foundation
from node.bootstrap.models import ModelServices
from node.catalogue.browse import Browse
from node.catalogue.publication.publish import Publish
from node.negotiation.received_data import ReceivedDecisions
from node.negotiation.uses import Uses
from node.scenarios.execution import DurableExecution, ExecutionJournal
from node.scenarios.layers.excerpts import Excerpts
from node.scenarios.layers.usecases import Layers
from node.scenarios.records.library import Library
from node.scenarios.records.transformations import KnownTransformations
from node.scenarios.run_model import Run
from node.scenarios.runs.binding import Bind
from node.scenarios.runs.lifecycle import RunLifecycle, run_entry
from node.scenarios.runs.publication import Release
from node.scenarios.runs.steps import RunSteps
from node.scenarios.runs.usecases import Runs
from node.scenarios.runs.windows import InputWindows
from node.scenarios.stories.reader import ReadStories
from node.scenarios.stories.writer import StoryWriter
from node.scenarios.transformations.transformer import Transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """All parts for runs of scenarios."""

    library: Library
    bind: Bind
    runs: Runs
    layers: Layers
    run_execution: DurableExecution[Run]
    release: Release
    stories: ReadStories


def scenarios(
    base: Foundation,
    models: ModelServices,
    *,
    datasources: DataSourceParts,
    browse: Browse,
    publish: Publish,
) -> Scenarios:
    """Put scenarios together."""
    parts, people, outbox_writer = base.parts, base.people, base.outbox_writer
    stores, clock = parts.stores, parts.clock

    uses = Uses(stores.negotiation.uses, stores.negotiation.agreements, clock)

    library = Library(
        uow=stores.uow,
        browse=browse,
        assets=parts.assets,
        agreements=stores.negotiation.agreements,
        receptions=stores.transfer.receptions,
        document=people.peers.did_document,
        fetch=base.requests.fetch,
        decide=ReceivedDecisions(stores.uow, uses, base.situations),
        receptions_folder=parts.places.inbox,
        me=parts.me,
    )
    windows = InputWindows(library, own=datasources.windows.own, partner=datasources.windows.partner, me=parts.me)
    bind = Bind(
        uow=stores.uow,
        library=library,
        windows=windows,
        layers=stores.scenarios.layers,
        transformations=KnownTransformations(browse),
        me=parts.me,
    )
    journal = _journal(base)
    runs = Runs(
        uow=stores.uow,
        runs=stores.scenarios.runs,
        bind=bind,
        library=library,
        windows=windows,
        outbox_writer=outbox_writer,
        clock=clock,
        journal=journal,
        base=parts.base,
    )
    return Scenarios(
        library=library,
        bind=bind,
        runs=runs,
        layers=Layers(
            uow=stores.uow,
            layers=stores.scenarios.layers,
            library=library,
            excerpts=Excerpts(parts.cage, library),
            clock=clock,
            base=parts.base,
        ),
        run_execution=DurableExecution(
            journal=journal,
            steps=RunSteps(
                journal=journal,
                uow=stores.uow,
                layers=stores.scenarios.layers,
                library=library,
                executor=models.executor,
                transform=Transformer(parts.cage),
                clock=clock,
            ),
        ),
        release=_release(base, library, runs, publish),
        stories=ReadStories(library=library, browse=browse, clock=clock, me=parts.me),
    )


def _release(base: Foundation, library: Library, runs: Runs, publish: Publish) -> Release:
    parts, stores = base.parts, base.parts.stores
    return Release(
        uow=stores.uow,
        runs=runs,
        store=stores.scenarios.runs,
        stories=StoryWriter(
            uow=stores.uow,
            layers=stores.scenarios.layers,
            library=library,
            rows=runs,
            clock=parts.clock,
            me=parts.me,
        ),
        library=library,
        agreements=stores.negotiation.agreements,
        publish=publish,
        region=lambda: base.people.allegiance.authority,
        base=parts.base,
        me=parts.me,
        name=parts.settings.name,
        contact=parts.settings.contact,
    )


def _journal(base: Foundation) -> ExecutionJournal[Run]:
    changes = base.commit_hooks.changes
    return ExecutionJournal(
        uow=base.parts.stores.uow,
        store=base.parts.stores.scenarios.runs,
        lifecycle=RunLifecycle(),
        clock=base.parts.clock,
        note=run_entry(base.append),
        note_start=run_entry(base.append),
        tell=lambda run: changes.tell(run.pid),
    )
