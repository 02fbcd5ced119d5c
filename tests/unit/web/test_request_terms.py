"""What requests of the management API say of terms."""

from __future__ import annotations

import pytest

from node.base.errors import InvalidInput
from node.web.management.requests import read_ask


@pytest.mark.parametrize(
    ("text", "terms"), [('"open"', "open"), ('{"template": "members"}', {"template": "members"})]
)
def test_terms_are_a_name_or_an_object(text: str, terms: object) -> None:
    assert read_ask(text) == terms


@pytest.mark.parametrize(
    ("text", "wrong"), [("open", "is not valid JSON"), ("{", "is not valid JSON"), ("[]", "must be")]
)
def test_whoever_asks_wrongly_is_told_that_it_is_the_terms(text: str, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=f"ask {wrong}"):
        read_ask(text)
