"""The values of runs and jobs: their state, their steps, and what came out. Nothing here reads, stores or computes.

They change with the execution, and each change is stored. What is carried out is described in
``node.scenarios.model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.scenarios.model import Binding, Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """A remark that does not stop a run and is attached to its result: a model outside its range of validity, figures
    left out. ``code`` is stable, ``sentence`` is for people, ``facts`` for programs."""

    code: str
    sentence: str
    step: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """Return the subject of the caveat: caveats with equal subjects differ only in their rows or words."""
        named = tuple(str(self.facts[name]) for name in ("role", "variable") if name in self.facts)
        return (self.step, self.code, *(named or (self.sentence,)))


class State(StrEnum):
    """States of jobs and runs: those of OGC API Processes (statusCode)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def is_final(self) -> bool:
        return self in (State.SUCCESSFUL, State.FAILED, State.DISMISSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step of one branch. ``outputs`` maps each output role to the SHA-256 of its rows in canonical form, stored
    in the asset store. ``job`` is the URL of the job at another node, once it exists."""

    branch: str
    name: str
    state: State = State.ACCEPTED
    progress: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    caveats: tuple[Caveat, ...] = ()
    job: str | None = None
    agreement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValue:
    """An indicator of a run. ``before`` is None if the run has no change layers: there is only one branch then."""

    name: str
    before: float | None
    after: float
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The execution of a binding. ``result`` is the SHA-256 over all outputs and indicators: the same binding gives
    the same result, on any node and at any time. ``published`` is the IRI of the dataset made from the result."""

    pid: str
    template: Template
    binding: Binding
    state: State
    by: str
    created: datetime
    updated: datetime
    steps: tuple[StepRun, ...]
    indicators: tuple[IndicatorValue, ...] = ()
    result: str | None = None
    error: Mapping[str, Any] | None = None
    log: tuple[str, ...] = ()
    repeats: str | None = None
    """The run that this one repeats."""
    published: str | None = None

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """Return the caveats of all steps, each once: those with the change layers, if the run has any."""
        return tuple({caveat.about: caveat for step in self.steps for caveat in step.caveats}.values())

    @property
    def progress(self) -> int:
        """Return the progress over all steps, 0 to 100."""
        if self.state is State.SUCCESSFUL or not self.steps:
            return 100 if self.state is State.SUCCESSFUL else 0
        done = sum(100 if step.state is State.SUCCESSFUL else step.progress for step in self.steps)
        return done // len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution of one model at this node: a job of OGC API Processes.

    It runs for ``caller``, the DID of a participant, or ``account``, the login of a person; ``transfer`` is the
    transfer process under whose agreement it runs. ``request`` is the SHA-256 of the execute request, ``result`` of
    the answer, both canonical JSON in the asset store. ``key`` makes a repeated request the same job. ``visited`` are
    the data read by reference for it, each as the agreement about them and the IRI of their version.
    """

    id: str
    model: str
    version: int
    code: str | None
    state: State
    created: datetime
    updated: datetime
    request: str
    caller: str | None = None
    account: str | None = None
    transfer: str | None = None
    agreement: str | None = None
    key: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    progress: int = 0
    message: str = ""
    result: str | None = None
    caveats: tuple[Caveat, ...] = ()
    error: Mapping[str, Any] | None = None
    visited: tuple[tuple[str, str], ...] = ()

    @property
    def owner(self) -> str:
        """Return the owner: a DID, or the login of a person of this node."""
        return self.caller or self.account or ""
