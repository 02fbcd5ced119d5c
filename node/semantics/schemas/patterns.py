"""Try regular expressions of schemas in the cage: one from outside can take for ever, in the cage it takes
seconds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from node.base.errors import HansaError
from node.cage.cage import Cage
from node.cage.model import Limits

MATCH: Final = Limits(memory=512 << 20, cpu=2, wall=3.0, answer=4 << 20)
"""The limits of one call: one pattern, some thousand texts."""
SECONDS: Final = 20.0
"""The total time for one pattern; it is not tried on the remaining texts."""
LONGEST: Final = 1000
"""Characters of a pattern that is tried."""

Misses = Callable[[str, Sequence[str]], frozenset[int] | None]
"""(pattern, texts) → the indexes of the texts that do not match, or None if that is unknown."""

_PIECE: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$|\(\?<(?![=!])", re.DOTALL)


class Patterns:
    """Tries patterns in the cage, for the rows of one file. A pattern that took too long once, or cannot be read, is
    not tried again."""

    def __init__(self, cage: Cage, *, seconds: float = SECONDS) -> None:
        self._cage = cage
        self._left: dict[str, float] = {}
        self._seconds = seconds

    def __call__(self, pattern: str, texts: Sequence[str]) -> frozenset[int] | None:
        """Return the indexes of the ``texts`` that do not match ``pattern``; None if that is unknown."""
        rest = self._left.get(pattern, self._seconds if len(pattern) <= LONGEST else 0.0)
        if rest <= 0:
            return None
        began = time.monotonic()
        try:
            answer, _ = self._cage.call_sync(
                "semantics.match", {"pattern": pattern}, [json.dumps(list(texts)).encode()], limits=MATCH
            )
        except HansaError:
            self._left[pattern] = 0.0
            return None
        self._left[pattern] = rest - (time.monotonic() - began)
        return frozenset(answer["misses"])


def caged_match(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.match`` of the cage: ``pattern``, and one blob, a JSON array of texts. Returns ``misses``,
    the indexes of the texts in which the pattern does not occur."""
    from node.base.errors import InvalidInput

    try:
        expression = re.compile(python_pattern(message["pattern"]), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidInput(f"the pattern cannot be read: {error}", remedy="correct the regular expression") from error
    texts = json.loads(blobs[0])
    return {"misses": [place for place, text in enumerate(texts) if expression.search(text) is None]}, []


def python_pattern(pattern: str) -> str:
    """Return a pattern of JSON Schema (ECMA-262) in Python's notation: the end is the very end, groups are named by
    ``?P``. Constructs that Python does not know are left, and refused when the pattern is compiled."""

    def piece(match: re.Match[str]) -> str:
        text = match[0]
        return {"$": r"\Z", "(?<": "(?P<"}.get(text, text)

    return _PIECE.sub(piece, pattern)
