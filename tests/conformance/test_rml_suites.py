"""RML's cases and pairs of YARRRML and RML: exactly the accepted ones fail (``make suites`` prints them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.suites import rml
from tests.suites.__main__ import surprises
from tests.suites.known_failures import KNOWN
from tests.suites.manifests import Outcome, Verdict
from tests.suites.packages import Absent


@pytest.mark.parametrize(("suite", "cases", "least"), [("RML", rml.outcomes, 105), ("YARRRML", rml.pairs, 40)])
def test_cases(suite: str, cases: Callable[[], Iterator[Outcome]], least: int) -> None:
    try:
        outcomes = list(cases())
    except Absent as error:
        pytest.skip(str(error))
    assert surprises(outcomes, KNOWN[suite]) == []
    assert sum(outcome.verdict is Verdict.PASSED for outcome in outcomes) >= least
