"""Find a smallest set of axioms from which something follows, with a bounded number of questions to a reasoner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Holds = Callable[[Sequence[int]], bool]
"""Says whether it follows from the axioms with these numbers."""


class OutOfQuestions(Exception):
    """The bound is met."""


def justify(numbers: Sequence[int], rings: Sequence[Sequence[int]], holds: Holds) -> tuple[list[int], bool]:
    """Return axioms from which it follows, and whether none of them can be left out.

    It follows from ``numbers``. ``rings`` are growing parts of them that are tried first: what lies near the term in
    question. ``holds`` raises ``OutOfQuestions`` when the bound is met; then what is left by then is returned.
    """
    working = list(numbers)
    try:
        for ring in rings:
            if len(ring) < len(working) and holds(ring):
                working = list(ring)
                break
        size = max(1, len(working) // 2)
        while True:
            place = 0
            while place < len(working):
                rest = working[:place] + working[place + size :]
                if rest and holds(rest):
                    working = rest
                else:
                    place += size
            if size == 1:
                return working, True
            size = max(1, size // 2)
    except OutOfQuestions:
        return working, False
