"""``make suites``: run the suites of standards, print the figures and each failure with its reason.

Exit status 0 if exactly the accepted tests fail, 1 otherwise, 3 if the suites are not at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from tests.artefacts import SHARED
from tests.suites import rml, shacl, sparql
from tests.suites.known_failures import KNOWN
from tests.suites.manifests import Outcome, Verdict
from tests.suites.packages import Absent

FOLDER: Final = SHARED / "data" / "w3c-tests"


def suites() -> Iterator[tuple[str, list[Outcome]]]:
    """Yield the name of each suite with the outcomes of its tests."""
    yield "SHACL core", list(shacl.outcomes(FOLDER / "shacl-2017" / "tests", "core"))
    yield "SHACL-SPARQL", list(shacl.outcomes(FOLDER / "shacl-2017" / "tests", "sparql"))
    yield "SPARQL 1.1", list(sparql.outcomes(FOLDER / "sparql11" / "sparql11"))
    for name, cases in (("RML", rml.outcomes), ("YARRRML", rml.pairs)):
        try:
            yield name, list(cases())
        except Absent as error:
            print(f"{name}: not run: {error}")


def surprises(outcomes: list[Outcome], accepted: Mapping[str, str]) -> list[str]:
    """Return a sentence for each failure that is not accepted, and for each accepted one that did not happen."""
    failures = {outcome.name: outcome.reason for outcome in outcomes if outcome.verdict is Verdict.FAILED}
    passes = sorted(accepted.keys() - failures)
    return [
        *(f"{name} fails: {reason}" for name, reason in failures.items() if name not in accepted),
        *(f"{name} does not fail any more: remove it from tests/suites/known_failures.py" for name in passes),
    ]


def main() -> int:
    """Print the report."""
    if not FOLDER.is_dir():
        print(f"{FOLDER} is not at hand: set HANSA_SHARED to the folder of official artefacts", file=sys.stderr)
        return 3
    status = 0
    for suite, outcomes in suites():
        print(suite)
        for outcome in outcomes:
            if outcome.verdict is Verdict.FAILED:
                print(f"  failed: {outcome.name}: {KNOWN[suite].get(outcome.name, outcome.reason)}")
        reasons: dict[str, int] = {}
        for outcome in outcomes:
            if outcome.verdict is Verdict.NOT_APPLICABLE:
                reasons[outcome.reason] = reasons.get(outcome.reason, 0) + 1
        for reason, number in reasons.items():
            print(f"  not applicable: {number} tests: {reason}")
        for sentence in surprises(outcomes, KNOWN[suite]):
            print(f"  NOT EXPECTED: {sentence}")
            status = 1
        figures = ", ".join(
            f"{sum(outcome.verdict is verdict for outcome in outcomes)} {verdict}" for verdict in Verdict
        )
        print(f"{suite}: {figures}")
    return status


if __name__ == "__main__":
    sys.exit(main())
