"""Reports of a running model: its progress, and caveats that must go with its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

Listener = Callable[[int, str], None]

MOST_TEXT: Final = 300
MOST_CAVEATS: Final = 50


class RunReports:
    """The receiver of one run's progress, and its caveats so far."""

    def __init__(self, listener: Listener | None = None) -> None:
        self.listener = listener
        self.caveats: list[dict[str, Any]] = []


_now: ContextVar[RunReports | None] = ContextVar("telling", default=None)


def progress(percent: float, text: str = "") -> None:
    """Report how far the run is, from 0 to 100, and what it is doing. Outside a run it does nothing."""
    telling = _now.get()
    if telling is None or telling.listener is None:
        return
    # In this order, NaN counts as the beginning.
    telling.listener(int(min(100.0, max(0.0, percent))), str(text)[:MOST_TEXT])


def caveat(sentence: str, *, code: str = "model", **facts: Any) -> None:
    """Attach information to the result that its readers must know: trips that could not be made, omitted figures.

    ``code`` is stable and for programs, as are ``facts`` (JSON values). Outside a run it does nothing, and a run
    keeps the first fifty.
    """
    telling = _now.get()
    if telling is not None and len(telling.caveats) < MOST_CAVEATS:
        telling.caveats.append({"code": str(code)[:60], "sentence": str(sentence)[:MOST_TEXT], "facts": facts})


@contextmanager
def listening(listener: Listener | None = None) -> Iterator[RunReports]:
    """Receive the reports while a model runs."""
    telling = RunReports(listener)
    token = _now.set(telling)
    try:
        yield telling
    finally:
        _now.reset(token)
