"""Models put to work: jobs here, calls elsewhere, and the executor that runs go through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.adapters.planes.processes import HttpProcesses
from node.base.changes import Changes
from node.base.delivery import Courier
from node.base.errors import Conflict, HansaError, LocalFault, Overloaded, PeerUnreachable
from node.base.work import Task
from node.bootstrap.parts import Note, Parts, model_limits
from node.bootstrap.people import Ourselves, People
from node.bootstrap.protocol import Protocol
from node.bootstrap.situations import Situations
from node.catalogue.visibility import Visibility
from node.policy.decide import decide
from node.policy.model import Decision
from node.policy.odrl import parse
from node.policy.terms import READ
from node.scenarios.models.executor import ExecuteModels
from node.scenarios.models.job_worker import CarryOut
from node.scenarios.models.jobs import Jobs
from node.scenarios.models.local import Perform
from node.scenarios.models.processes import Processes
from node.scenarios.models.remote import CallOpenService, CallUnderContract
from node.scenarios.models.transfers import Lines
from node.scenarios.models.visits import Visits
from node.worker.loop import Again, Done, Handler, Outcome

MOST_ATTEMPTS = 20
"""How often a job is tried before it is given up: its caller waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Everything about running models."""

    processes: Processes
    jobs: Jobs
    carry_out: CarryOut
    executor: ExecuteModels
    lines: Lines


def execution(
    parts: Parts,
    people: People,
    spoken: Protocol,
    *,
    note: Note,
    courier: Courier,
    visibility: Visibility,
    ourselves: Ourselves,
    situations: Situations,
    changes: Changes,
    tell: Callable[[], None],
) -> Execution:
    """Put it together. ``tell`` is called when something about a job was committed."""
    stores, clock = parts.stores, parts.clock

    async def standing(policy: Mapping[str, Any], did: str | None, facts: Mapping[str, Any]) -> Decision:
        caller = await (people.participants.recheck(did) if did is not None else ourselves.look())
        situation = situations.under_agreement(caller, provider=parts.me, facts=facts)
        return decide(parse(policy), situation, action=READ)

    async def token_for(did: str) -> str:
        return spoken.correspondence.authorization(did)

    plane = HttpProcesses(parts.egress, most=parts.settings.model_answer)
    perform = Perform(
        cage=parts.cage,
        assets=parts.assets,
        visits=Visits(
            uow=stores.uow,
            records=stores.records,
            agreements=stores.agreements,
            assets=parts.assets,
            standing=standing,
            me=parts.me,
            uses=spoken.uses,
        ),
        service=CallOpenService(plane=plane),
        limits=model_limits(parts.settings),
        lacking=lambda: parts.cage.lacking,
    )
    lines = Lines(
        uow=stores.uow,
        transfers=stores.transfers,
        agreements=stores.agreements,
        request=spoken.transfers.request,
        watch=changes.watch,
        me=parts.me,
        uses=spoken.uses,
    )
    return Execution(
        processes=Processes(
            uow=stores.uow, records=stores.records, visibility=visibility, base=parts.base, me=parts.me
        ),
        jobs=Jobs(
            uow=stores.uow,
            jobs=stores.jobs,
            assets=parts.assets,
            perform=perform,
            courier=courier,
            clock=clock,
            note=note,
            tell=tell,
        ),
        carry_out=CarryOut(
            uow=stores.uow,
            jobs=stores.jobs,
            records=stores.records,
            assets=parts.assets,
            perform=perform,
            clock=clock,
            note=note,
            tell=tell,
        ),
        executor=ExecuteModels(
            perform=perform, call=CallUnderContract(lines=lines, plane=plane, token_for=token_for), me=parts.me
        ),
        lines=lines,
    )


def job_handler(carry_out: CarryOut) -> Handler:
    """What is done with the tasks of jobs."""

    async def handle(task: Task) -> Outcome:
        try:
            await carry_out(task.subject)
        except (PeerUnreachable, Overloaded, Conflict, LocalFault) as error:
            return await _again(task, error)
        return Done()

    async def _again(task: Task, error: HansaError) -> Outcome:
        if task.attempts < MOST_ATTEMPTS:
            return Again(error.detail)
        await carry_out.give_up(task.subject, error)
        return Done()

    return handle
