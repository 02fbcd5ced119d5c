"""Running models: jobs here, calls elsewhere, and the executor that runs use."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.planes.ogc_processes import HttpOgcProcesses
from node.bootstrap.foundation import Foundation
from node.bootstrap.parts import model_limits
from node.bootstrap.protocol import Protocol
from node.policy.situations import VisitDecisions
from node.scenarios.execution import DurableExecution, ExecutionJournal
from node.scenarios.models.job_execution import JobExecution
from node.scenarios.models.job_lifecycle import JobLifecycle, job_entry
from node.scenarios.models.jobs import Jobs
from node.scenarios.models.local import LocalModels
from node.scenarios.models.ogc_processes import OgcProcesses
from node.scenarios.models.remote import ContractModels, OpenServiceModels
from node.scenarios.models.router import ModelRouter
from node.scenarios.models.transfers import PATIENCE, ModelTransfers
from node.scenarios.models.visits import Visits
from node.scenarios.run_model import Job
from node.transfer.openings import Openings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServices:
    """All parts for running models."""

    ogc_processes: OgcProcesses
    jobs: Jobs
    job_execution: DurableExecution[Job]
    executor: ModelRouter
    transfers: ModelTransfers


def model_services(
    base: Foundation,
    protocol_services: Protocol,
) -> ModelServices:
    """Put the parts for running models together."""
    parts, append, outbox_writer = base.parts, base.append, base.outbox_writer
    visibility, changes = base.visibility, base.commit_hooks.changes
    stores, clock = parts.stores, parts.clock

    plane = HttpOgcProcesses(parts.egress, most=parts.settings.model_answer)
    local = LocalModels(
        cage=parts.cage,
        assets=parts.assets,
        visits=Visits(
            uow=stores.uow,
            records=stores.catalogue.records,
            agreements=stores.negotiation.agreements,
            assets=parts.assets,
            decide=VisitDecisions(base.situations, base.people.participants.recheck, parts.me),
            me=parts.me,
            uses=protocol_services.transfer.uses,
        ),
        service=OpenServiceModels(plane=plane),
        limits=model_limits(parts.settings),
        lacking=lambda: parts.cage.lacking,
    )
    transfers = ModelTransfers(
        uow=stores.uow,
        transfers=stores.transfer.transfers,
        agreements=stores.negotiation.agreements,
        open_transfer=protocol_services.transfer.transfer_requests.open,
        openings=Openings(watch=changes.watch, patience=PATIENCE),
        me=parts.me,
        uses=protocol_services.transfer.uses,
    )
    journal: ExecutionJournal[Job] = ExecutionJournal(
        uow=stores.uow,
        store=stores.scenarios.jobs,
        lifecycle=JobLifecycle(),
        clock=clock,
        note=job_entry(append),
        tell=lambda job: changes.tell(job.id),
    )
    return ModelServices(
        ogc_processes=OgcProcesses(
            uow=stores.uow, records=stores.catalogue.records, visibility=visibility, base=parts.base, me=parts.me
        ),
        jobs=Jobs(
            uow=stores.uow,
            jobs=stores.scenarios.jobs,
            assets=parts.assets,
            local=local,
            journal=journal,
            outbox_writer=outbox_writer,
            clock=clock,
        ),
        job_execution=DurableExecution(
            journal=journal,
            steps=JobExecution(
                journal=journal,
                uow=stores.uow,
                jobs=stores.scenarios.jobs,
                records=stores.catalogue.records,
                assets=parts.assets,
                local=local,
                clock=clock,
                append=append,
            ),
        ),
        executor=ModelRouter(
            local=local,
            contract=ContractModels(transfers=transfers, plane=plane, token_for=base.correspondence.header),
            me=parts.me,
        ),
        transfers=transfers,
    )
