"""`conflict: perm` through the management API: an offer keeps it, a peer reads it in words and is decided by it."""

from __future__ import annotations

from typing import Any

import pytest

from node.client import Refusal
from tests.nodes import Pair, agree, publish

RULES: dict[str, Any] = {"permission": [{"action": "odrl:use"}], "prohibition": [{"action": "odrl:use"}]}


def test_a_permission_wins_where_the_offer_says_so(pair: Pair) -> None:
    with pytest.raises(Refusal):  # Without it the prohibition wins, and nobody could use the asset.
        publish(pair.provider, "wins", conditions=RULES)
    iri = publish(pair.provider, "wins", conditions={**RULES, "conflict": {"@id": "odrl:perm"}})["iri"]
    with pair.consumer.client() as client:
        conditions = client.conditions(iri)
    assert conditions["offer"]["odrl:conflict"] == {"@id": "odrl:perm"}
    assert conditions["sentences"]["en"] == [
        "The recipient may use the asset.",
        "Unless these conditions allow it: The recipient must not use the asset.",
    ]
    assert conditions["decision"]["outcome"] == "permit"
    assert [reason["rule"] for reason in conditions["decision"]["reasons"]] == ["permission[0]", "prohibition[0]"]
    assert agree(pair.consumer, iri)["state"] == "FINALIZED"
