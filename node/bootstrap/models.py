"""Models put to work: jobs here, calls elsewhere, and the executor that runs go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.adapters.planes.processes import HttpProcesses
from node.bootstrap.foundation import Foundation
from node.bootstrap.parts import model_limits
from node.bootstrap.protocol import Protocol
from node.policy.decide import decide
from node.policy.model import Decision
from node.policy.odrl import parse
from node.policy.terms import READ
from node.scenarios.execution import DurableExecution, ExecutionJournal
from node.scenarios.model import Job
from node.scenarios.models.job_execution import JobExecution
from node.scenarios.models.job_lifecycle import JobLifecycle, job_entry
from node.scenarios.models.jobs import Jobs
from node.scenarios.models.local import LocalModels
from node.scenarios.models.ogc_processes import OgcProcesses
from node.scenarios.models.remote import ContractModels, OpenServiceModels
from node.scenarios.models.router import ModelRouter
from node.scenarios.models.transfers import ModelTransfers
from node.scenarios.models.visits import Visits


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServices:
    """Everything about running models."""

    processes: OgcProcesses
    jobs: Jobs
    job_execution: DurableExecution[Job]
    executor: ModelRouter
    transfers: ModelTransfers


def model_services(
    base: Foundation,
    spoken: Protocol,
) -> ModelServices:
    """Put it together."""
    parts, people, append, courier = base.parts, base.people, base.append, base.courier
    visibility, ourselves, situations = base.visibility, base.ourselves, base.situations
    changes, tell = base.wakes.changes, base.wakes.changes.tell
    stores, clock = parts.stores, parts.clock

    async def decide_visit(policy: Mapping[str, Any], did: str | None, facts: Mapping[str, Any]) -> Decision:
        caller = await (people.participants.recheck(did) if did is not None else ourselves.look())
        situation = situations.under_agreement(caller, provider=parts.me, facts=facts)
        return decide(parse(policy), situation, action=READ)

    async def token_for(did: str) -> str:
        return spoken.correspondence.authorization(did)

    plane = HttpProcesses(parts.egress, most=parts.settings.model_answer)
    local = LocalModels(
        cage=parts.cage,
        assets=parts.assets,
        visits=Visits(
            uow=stores.uow,
            records=stores.records,
            agreements=stores.agreements,
            assets=parts.assets,
            decide=decide_visit,
            me=parts.me,
            uses=spoken.uses,
        ),
        service=OpenServiceModels(plane=plane),
        limits=model_limits(parts.settings),
        lacking=lambda: parts.cage.lacking,
    )
    transfers = ModelTransfers(
        uow=stores.uow,
        transfers=stores.transfers,
        agreements=stores.agreements,
        request=spoken.transfers.request,
        watch=changes.watch,
        me=parts.me,
        uses=spoken.uses,
    )
    journal: ExecutionJournal[Job] = ExecutionJournal(
        uow=stores.uow,
        store=stores.jobs,
        lifecycle=JobLifecycle(),
        clock=clock,
        note=job_entry(append),
        tell=tell,
    )
    return ModelServices(
        processes=OgcProcesses(
            uow=stores.uow, records=stores.records, visibility=visibility, base=parts.base, me=parts.me
        ),
        jobs=Jobs(
            uow=stores.uow,
            jobs=stores.jobs,
            assets=parts.assets,
            local=local,
            journal=journal,
            courier=courier,
            clock=clock,
        ),
        job_execution=DurableExecution(
            journal=journal,
            steps=JobExecution(
                journal=journal,
                uow=stores.uow,
                jobs=stores.jobs,
                records=stores.records,
                assets=parts.assets,
                local=local,
                clock=clock,
                append=append,
            ),
        ),
        executor=ModelRouter(
            local=local,
            contract=ContractModels(transfers=transfers, plane=plane, token_for=token_for),
            me=parts.me,
        ),
        transfers=transfers,
    )
