"""Ports that scenarios need: stores, and the execution of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from node.base.work import Transaction
from node.scenarios.model import Layer, Model, Rows
from node.scenarios.run_model import Caveat, Job, Run

JOB_TOPIC: Final = "model-job"
RUN_TOPIC: Final = "scenario-run"
"""Topics of the outbox: a pending job and a pending run."""


class JobStore(Protocol):
    """Executions of models at this node."""

    def put(self, tx: Transaction, job: Job) -> None:
        """Add or replace."""

    def get(self, tx: Transaction, job_id: str, *, lock: bool = False) -> Job | None: ...

    def by_key(self, tx: Transaction, owner: str, key: str) -> Job | None:
        """Return the job of ``owner`` (DID or account) that was requested under this key."""

    def of(self, tx: Transaction, owner: str | None, *, limit: int = 100) -> Sequence[Job]:
        """Return jobs of an owner, or (None) all, newest first."""


class RunStore(Protocol):
    """Runs of scenarios."""

    def put(self, tx: Transaction, run: Run) -> None:
        """Add or replace."""

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> Run | None: ...

    def newest(self, tx: Transaction, *, template: str | None = None, limit: int = 100) -> Sequence[Run]: ...


class LayerStore(Protocol):
    """Change layers. A layer that was used is never changed: editing makes a new one with the same id."""

    def put(self, tx: Transaction, layer: Layer) -> None: ...

    def get(self, tx: Transaction, sha256: str) -> Layer | None: ...

    def newest(self, tx: Transaction, layer_id: str) -> Layer | None:
        """Return the current state of the layer."""

    def of(self, tx: Transaction, target: str | None = None) -> Sequence[Layer]:
        """Return the newest state of each layer, of one dataset or of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a model: rows by output role, in the order and with the decimals that its card declares."""

    outputs: Mapping[str, Rows]
    caveats: tuple[Caveat, ...] = ()
    job: str | None = None
    agreement: str | None = None


Progress = Callable[[int, str], None]
"""Receives 0 to 100 and a line of the log. May raise to stop the model."""


class ModelExecutor(Protocol):
    """Runs models, wherever they live."""

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run ``model`` here, or under contract at its owner's node.

        ``key`` names this execution: repeated after a crash, it is the same one. Raises ``InvalidInput`` (inputs that
        do not fit), ``NotAllowed`` with reasons (no agreement, revoked), ``PeerUnreachable`` (try again later),
        ``Overloaded`` (a limit was hit), ``ModelFailed``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An input that stays where it is: a file of a version of a dataset at the node that runs the model."""

    iri: str
    version: int
    file: str
