"""Find chains of transformations from the rows at hand to those that are needed, the cheapest loss first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.scenarios.chain.interfaces import COORDINATES, admits, input_ports, mapping_of, results_of
from node.scenarios.model import Port, Transformation
from node.scenarios.tables import mapping_grammar
from node.scenarios.transformations.mapping_proposal import Reason

LONGEST: Final = 4
"""Steps of a chain."""
MOST: Final = 3
"""Chains that are returned."""
_LOOKED_AT: Final = 20_000
"""Beginnings of chains that are examined."""
_NAMED: Final = 8
_STEP: Final = 1
_GROUPS: Final = 6
_UNSEEN: Final = 3
_ROUNDS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """A transformation of a chain, with what is lost in it."""

    transformation: Transformation
    losses: tuple[Reason, ...]
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformationChain:
    """Transformations that lead from one end to the other, one after the other."""

    steps: tuple[ChainStep, ...]

    @property
    def cost(self) -> int:
        return sum(step.cost for step in self.steps)

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "cost": self.cost,
            "steps": [
                {
                    "transformation": step.transformation.iri,
                    "titles": dict(step.transformation.titles),
                    "losses": [loss.to_json(language) for loss in step.losses],
                }
                for step in self.steps
            ],
        }


def find_chains(source: Port, target: Port, transformations: Sequence[Transformation]) -> list[TransformationChain]:
    """Return up to ``MOST`` chains of at most ``LONGEST`` of the ``transformations``, the cheapest first.

    A step costs more the more it loses: columns that it does not read, rows that it puts together, figures that it
    rounds. No transformation stands twice in a chain.
    """
    search = _Search(transformations)
    chains: list[TransformationChain] = []
    ahead: list[tuple[int, int, int, tuple[int, ...], tuple[ChainStep, ...], Port]] = []
    for entry in search.next_steps(source, (), ()):
        heapq.heappush(ahead, entry)
    looked_at = 0
    while ahead and len(chains) < MOST and looked_at < _LOOKED_AT:
        looked_at += 1
        _, _, _, path, steps, port = heapq.heappop(ahead)
        if admits(port, target):
            chains.append(TransformationChain(steps=steps))
            continue
        if len(steps) < LONGEST:
            for entry in search.next_steps(port, path, steps):
                heapq.heappush(ahead, entry)
    return chains


class _Search:
    def __init__(self, transformations: Sequence[Transformation]) -> None:
        self._transformations = transformations
        self._inputs = [input_ports(card) for card in transformations]
        self._count = 0

    def next_steps(
        self, port: Port, path: tuple[int, ...], steps: tuple[ChainStep, ...]
    ) -> Iterator[tuple[int, int, int, tuple[int, ...], tuple[ChainStep, ...], Port]]:
        """Yield what can follow: cost, number of steps, a number that orders equals, path, steps, output."""
        for index, card in enumerate(self._transformations):
            if index in path or not any(admits(port, one) for one in self._inputs[index]):
                continue
            step = _step(card, port)
            longer = (*steps, step)
            for output in results_of(card, port):
                self._count += 1
                cost = sum(part.cost for part in longer)
                yield cost, len(longer), self._count, (*path, index), longer, output


def _step(card: Transformation, port: Port) -> ChainStep:
    losses: list[Reason] = []
    cost = _STEP
    if card.language == COORDINATES:
        return ChainStep(transformation=card, losses=(), cost=cost)
    mapping = mapping_of(card)
    if mapping is None:
        return ChainStep(
            transformation=card,
            losses=(Reason(code="loss-unseen", values={"language": card.language}),),
            cost=cost + _UNSEEN,
        )
    unread = [] if mapping.keep == (mapping_grammar.ALL,) else _unread(port, mapping)
    if unread:
        names = ", ".join(unread[:_NAMED]) + (" …" if len(unread) > _NAMED else "")
        losses.append(Reason(code="loss-columns", values={"columns": names}))
        cost += len(unread)
    if mapping.group:
        losses.append(Reason(code="loss-groups", values={"columns": ", ".join(mapping.group)}))
        cost += _GROUPS
    rounded = [rule.name for rule in mapping.rules if rule.decimals is not None]
    if rounded:
        losses.append(Reason(code="loss-rounds", values={"columns": ", ".join(rounded[:_NAMED])}))
        cost += _ROUNDS
    return ChainStep(transformation=card, losses=tuple(losses), cost=cost)


def _unread(port: Port, mapping: mapping_grammar.ColumnMapping) -> list[str]:
    reads = frozenset(mapping.reads)
    return [variable.name for variable in port.variables if variable.name not in reads]
