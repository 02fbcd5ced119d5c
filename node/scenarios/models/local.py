"""Running a model of this node: its code in the cage, or the process of another service behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput, NotConfined
from node.cage.barriers import REMEDY
from node.cage.model import AsyncCage, Limits
from node.exchange.contents import contents
from node.exchange.ports import AssetStore
from node.scenarios.errors import ModelFailed
from node.scenarios.model import Model, Port, Rows
from node.scenarios.models.code import MODEL, run_code
from node.scenarios.models.small_cells import withhold
from node.scenarios.models.visits import Visit, Visitor, Visits
from node.scenarios.ports import Outcome, Progress, Reference
from node.scenarios.run_model import Caveat
from node.scenarios.tables.rows import canonical_rows

PATIENCE: Final = 120.0
"""Seconds that a run waits for a free place in the cage before it goes back to the queue."""


class ServiceModels(Protocol):
    """Calls a process of another service of OGC API Processes that requires no agreement."""

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None,
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOutcome:
    """The result, and the data that were visited for it."""

    outcome: Outcome
    visits: tuple[Visit, ...] = ()


class LocalModels:
    """Runs models of this node, after each request was admitted. ``lacking`` returns why this machine cannot keep
    models from our files, or an empty text."""

    def __init__(
        self,
        *,
        cage: AsyncCage,
        assets: AssetStore,
        visits: Visits,
        service: ServiceModels,
        limits: Limits = MODEL,
        patience: float = PATIENCE,
        lacking: Callable[[], str] = str,
    ) -> None:
        self._cage = cage
        self._assets = assets
        self._visits = visits
        self._service = service
        self._limits = limits
        self._patience = patience
        self._lacking = lacking

    async def admit(
        self, model: Model, inputs: Mapping[str, Rows | Reference], visitor: Visitor, *, use: str | None = None
    ) -> dict[str, Visit]:
        """Return the permitted visits to the files that ``inputs`` refer to, by role. Raises as ``Visits.permit``,
        and ``NotConfined`` if code cannot run here at all."""
        if model.code is None and model.endpoint is None:
            raise InvalidInput(
                f"{_name(model)} is described, but cannot be run: it has neither code nor an end point",
                remedy="ask its owner to publish it with code: or endpoint:",
            )
        lacking = self._lacking() if model.code is not None else ""
        if lacking:
            raise NotConfined(f"this node does not run {_name(model)}: {lacking}", remedy=REMEDY)
        permits = {}
        for role, value in inputs.items():
            if isinstance(value, Reference):
                if model.code is None:
                    raise InvalidInput(
                        f"the data of {role} stay here, and {_name(model)} runs at {model.endpoint}",
                        remedy="use a model whose code this node has",
                    )
                permits[role] = await self._visits.permit(model, value, visitor, use=use)
        return permits

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        visitor: Visitor,
        *,
        key: str,
        progress: Progress | None = None,
    ) -> LocalOutcome:
        """Run it. The outputs come in canonical order, with the decimals of the card.

        Raises as ``admit`` and ``run_code``; ``PeerUnreachable`` if another service does not answer.
        """
        visits = await self.admit(model, inputs, visitor, use=key)
        rows: dict[str, Rows] = {}
        for role, given in inputs.items():
            if not isinstance(given, Reference):
                rows[role] = given
                continue
            port = next(candidate for candidate in model.inputs if candidate.role == role)
            rows[role] = await self._visits.read(visits[role], port)
        if model.code is None:
            outcome = await self._service.execute(model, rows, parameters, key=key, progress=progress)
        elif visits and visitor.did is not None:
            outcome = await self._discreetly(model, rows, parameters, progress, visits)
        else:
            outcome = await self._run(model, rows, parameters, progress)
        minimum = max(
            (candidate.minimum for candidate in visits.values() if candidate.minimum is not None), default=None
        )
        if minimum is not None:
            outcome = withhold(model, outcome, minimum)
        ordered = await asyncio.to_thread(_order_rows, model, outcome)
        return LocalOutcome(outcome=ordered, visits=tuple(visits.values()))

    async def _run(
        self, model: Model, rows: Mapping[str, Rows], parameters: Mapping[str, Any], on_progress: Progress | None
    ) -> Outcome:
        assert model.code is not None
        code = await self._code(model.code)
        ran = await run_code(
            self._cage,
            code,
            model,
            rows,
            parameters,
            limits=self._limits,
            on_progress=on_progress,
            patience=self._patience,
        )
        return ran.outcome

    async def _discreetly(
        self,
        model: Model,
        rows: Mapping[str, Rows],
        parameters: Mapping[str, Any],
        progress: Progress | None,
        roles: Collection[str],
    ) -> Outcome:
        """Run it on data that the caller may not see: only outputs leave the node, not statements about those
        data."""

        def report(percent: int, _: str) -> None:
            if progress is not None:
                progress(percent, "")

        try:
            outcome = await self._run(model, rows, parameters, report)
        except ModelFailed:
            raise ModelFailed(
                f"{_name(model)} failed on data that stay with their owner, so this node does not show the reason",
                remedy="ask the owner of the model",
                facts={"case": "kept-back", "model": _name(model)},
            ) from None
        except InvalidInput:
            # The error names the cell that does not fit; this code does not check whether the cell is the owner's.
            raise InvalidInput(
                f"the data do not match {_name(model)}; some stay with their owner, so this node does not show where",
                remedy="check what you send against the card of the model, or ask the owner of the data",
            ) from None
        return replace(outcome, caveats=tuple(_discreet(caveat, model, roles) for caveat in outcome.caveats))

    async def _code(self, sha256: str) -> bytes:
        if not self._assets.has(sha256):
            raise ModelFailed(
                "this node does not have the code of the model", remedy="ask its owner to publish it again with code:"
            )
        return await contents(self._assets, sha256)


def _name(model: Model) -> str:
    return model.iri.rpartition("/")[2]


def _discreet(caveat: Caveat, model: Model, roles: Collection[str]) -> Caveat:
    """Return a caveat about the caller's own data unchanged; any other without figures and names of rows."""
    role = caveat.facts.get("role")
    if isinstance(role, str) and any(one.role == role for one in model.inputs) and role not in roles:
        return caveat
    about = f"some rows of {role}, which stay" if role in roles else "data that stay"
    facts = {"case": "rows-kept-back", "input": role} if role in roles else {"case": "kept-back"}
    return Caveat(
        code=caveat.code,
        sentence=f"{_name(model)} warns about {about} with their owner, so this node does not show the reason",
        facts={"model": _name(model), **facts},
    )


def _order_rows(model: Model, outcome: Outcome) -> Outcome:
    ports = {port.role: port for port in model.outputs}
    try:
        outputs = {
            role: canonical_rows(rows, ports.get(role, Port(role=role))) for role, rows in outcome.outputs.items()
        }
    except InvalidInput as error:
        raise ModelFailed(f"an output has no canonical form: {error.detail}", remedy=error.remedy) from error
    return replace(outcome, outputs=outputs)
