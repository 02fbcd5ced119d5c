"""The W3C's suites of SHACL and SPARQL 1.1: exactly the accepted tests fail (``make suites`` prints them)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.artefacts import data
from tests.suites import shacl, sparql
from tests.suites.__main__ import surprises
from tests.suites.known_failures import KNOWN
from tests.suites.manifests import Outcome, Verdict


def passes(outcomes: list[Outcome]) -> int:
    return sum(outcome.verdict is Verdict.PASSED for outcome in outcomes)


@pytest.mark.parametrize(("part", "suite", "least"), [("core", "SHACL core", 97), ("sparql", "SHACL-SPARQL", 22)])
def test_shacl(part: str, suite: str, least: int) -> None:
    outcomes = list(shacl.outcomes(data("w3c-tests/shacl-2017/tests"), part))
    assert surprises(outcomes, KNOWN[suite]) == []
    assert passes(outcomes) >= least


def test_sparql() -> None:
    outcomes = list(sparql.outcomes(data("w3c-tests/sparql11/sparql11")))
    assert surprises(outcomes, KNOWN["SPARQL 1.1"]) == []
    assert passes(outcomes) >= 333


def test_a_new_failure_and_an_unexpected_pass_are_reported() -> None:
    outcomes = [Outcome("a/new", Verdict.FAILED, "wrong"), Outcome("a/old", Verdict.PASSED)]
    assert surprises(outcomes, {"a/old": "known"}) == [
        "a/new fails: wrong",
        "a/old does not fail any more: remove it from tests/suites/known_failures.py",
    ]


def test_a_wrong_result_fails(tmp_path: Path) -> None:
    """The comparison itself: a test whose report lacks a result is not passed."""
    folder = data("w3c-tests/shacl-2017/tests") / "core" / "property"
    (tmp_path / "core").mkdir()
    text = (folder / "minCount-001.ttl").read_text().replace("sh:minCount 1", "sh:minCount 0")
    (tmp_path / "core" / "minCount-001.ttl").write_text(text)
    (tmp_path / "core" / "manifest.ttl").write_text(
        "<> <http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#include> <minCount-001.ttl> ."
    )
    assert [outcome.verdict for outcome in shacl.outcomes(tmp_path)] == [Verdict.FAILED]
