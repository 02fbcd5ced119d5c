"""A transaction that the database ended is done again, as a whole, and not for ever."""

from __future__ import annotations

import pytest

from node.base.errors import Contended, DatabaseBusy
from node.base.turns import TRIES, in_turn


class Work:
    """Fails so many times, each time for the same reason."""

    def __init__(self, failures: int, reason: type[DatabaseBusy] = Contended) -> None:
        self.failures, self.reason, self.calls = failures, reason, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.reason("no")
        return self.calls


@pytest.mark.parametrize("failures", [0, 1, TRIES - 1])
def test_it_is_done_again_until_it_is_done(failures: int) -> None:
    assert in_turn(Work(failures)) == failures + 1


def test_not_for_ever() -> None:
    work = Work(TRIES)
    with pytest.raises(Contended):
        in_turn(work)
    assert work.calls == TRIES


def test_what_waiting_alone_heals_is_not_done_again() -> None:
    work = Work(1, DatabaseBusy)
    with pytest.raises(DatabaseBusy):
        in_turn(work)
    assert work.calls == 1
