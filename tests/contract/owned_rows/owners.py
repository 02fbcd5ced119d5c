"""What every store with owned rows has to do: one process owns a row until its time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from node.base.work import Transaction

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=15)


def require_one_owner(
    store: Any, tx: Transaction, key: str, key_of: Callable[[Any], str], *, empty: Any, progress: Any
) -> None:
    """Claim, write, put off and release the only row of ``store``, which has ``empty`` progress. At the end, *c* owns
    it, with ``progress``."""
    assert [key_of(view) for view in store.claim(tx, owner="a", now=NOON, until=LATER)] == [key]
    assert store.claim(tx, owner="b", now=NOON, until=LATER) == []
    assert store.note(tx, key, progress, owner="b") is False
    assert store.note(tx, key, progress, owner="a") is True
    assert [view.progress for view in store.claim(tx, owner="b", now=LATER, until=LATER)] == [progress]
    assert store.note(tx, key, empty, owner="a") is False
    store.release(tx, owner="a")
    assert store.claim(tx, owner="c", now=NOON, until=LATER) == []
    store.release(tx)
    assert len(store.claim(tx, owner="c", now=NOON, until=LATER)) == 1
