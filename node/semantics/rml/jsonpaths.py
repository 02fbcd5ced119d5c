"""The part of JSONPath (RFC 9535) that mappings use: members, indices, wildcards and descendants. No filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge

MOST_NODES: Final = 2_000_000
"""Values that a path may visit."""
_STEP: Final = re.compile(
    r"(?P<deep>\.\.)?(?:"
    r"\.?\[\s*(?:(?P<index>-?\d{1,9})|(?P<all>\*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\s*\]"
    r"|(?(deep)|\.)(?P<name>\*|[^.\[\]()?@'\"*]+))"
)


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step: a ``member``, or an ``index``, or everything; ``deep`` looks at all depths."""

    member: str | None = None
    index: int | None = None
    deep: bool = False


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[PathStep, ...]:
    """Return the steps of ``path``, which may leave out the ``$`` at its beginning.

    Raises ``InvalidInput`` for what is not read here, such as filters.
    """
    text = path.strip()
    rest = text[1:] if text.startswith(("$", "@")) else text if text.startswith("[") else f".{text}"
    parts, position = [], 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise InvalidInput(
                f"the path {path[:120]} is not read here",
                remedy="write members, indices, [*] and .. only, such as $.stations[*].name",
            )
        position = match.end()
        name = match["single"] if match["single"] is not None else match["double"]
        name = name if name is not None else match["name"]
        index = int(match["index"]) if match["index"] is not None else None
        member = None if index is not None or match["all"] or (name == "*" and match["name"]) else name
        parts.append(PathStep(member=member, index=index, deep=bool(match["deep"])))
    return tuple(parts)


def select(path: str, document: Any) -> Iterator[Any]:
    """Yield the values at ``path``, in the order of the document. Raises ``InvalidInput``, and ``TooLarge`` beyond
    ``MOST_NODES``."""
    values: Iterable[Any] = (document,)
    budget = [MOST_NODES]
    for step in steps(path):
        values = _after(step, values, budget)
    yield from values


def _after(step: PathStep, values: Iterable[Any], budget: list[int]) -> Iterator[Any]:
    for value in values:
        for place in _descendants(value, budget) if step.deep else (value,):
            for part in _parts(step, place):
                budget[0] -= 1
                if budget[0] < 0:
                    raise TooLarge(f"a path visits more than {MOST_NODES} values", remedy="write a narrower path")
                yield part


def _parts(step: PathStep, value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if step.member is not None:
            if step.member in value:
                yield value[step.member]
        elif step.index is None:
            yield from value.values()
    elif isinstance(value, list) and step.member is None:
        if step.index is None:
            yield from value
        elif -len(value) <= step.index < len(value):
            yield value[step.index]


def _descendants(value: Any, budget: list[int]) -> Iterator[Any]:
    ahead = [value]
    while ahead:
        value = ahead.pop()
        budget[0] -= 1
        if budget[0] < 0:
            raise TooLarge(f"a path visits more than {MOST_NODES} values", remedy="write a narrower path")
        yield value
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        ahead.extend(reversed([part for part in parts if isinstance(part, Mapping | list)]))
