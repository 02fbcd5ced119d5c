"""The end of a policy's term: of all conditions that must be met, the first; of all permissions, the last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.policy.odrl import parse
from node.policy.terms_of_time import end_of


def policy(*permissions: list[Any]) -> Any:
    return parse(
        {
            "@context": "https://w3id.org/dspace/2025/1/context.jsonld",
            "@type": "Offer",
            "@id": "urn:x",
            "permission": [{"action": "use", "constraint": constraints} for constraints in permissions],
        }
    )


def until(day: str, operator: str = "lteq") -> dict[str, Any]:
    return {"leftOperand": "dateTime", "operator": operator, "rightOperand": day}


LAST, FIRST = "2027-12-31T12:00:00Z", "2026-12-31T12:00:00Z"


@pytest.mark.parametrize(
    ("permissions", "end"),
    [
        ([[until(LAST)]], datetime(2027, 12, 31, 12, tzinfo=UTC)),
        ([[until(LAST), until(FIRST, "lt")]], datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ([[until(LAST)], [until(FIRST)]], datetime(2027, 12, 31, 12, tzinfo=UTC)),
        ([[until(LAST)], []], None),
        ([[until(LAST, "gteq")]], None),
        ([[{"or": [until(LAST), until(FIRST)]}]], None),
        ([[{"and": [until(LAST), until(FIRST)]}]], datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ([[until("2027-12-31")]], datetime(2028, 1, 1, tzinfo=UTC)),
        ([], None),
    ],
)
def test_the_end_of_a_policy(permissions: list[list[Any]], end: datetime | None) -> None:
    assert end_of(policy(*permissions)) == end
