"""Keywords in one line of a form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.catalogue.drafts.keyword_lists import keywords_text, read_keywords

WORDS = st.lists(st.text('ab",;\n ', min_size=1, max_size=8).map(lambda text: " ".join(text.split())).filter(bool))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" , ;\n", []),
        ("street, lights;old\nnew", ["street", "lights", "old", "new"]),
        ('"lights, old", street', ["lights, old", "street"]),
        ('the "Veldstraat", centre', ['the "Veldstraat"', "centre"]),
        ('"the ""Veldstraat"", centre"', ['the "Veldstraat", centre']),
        ('"not closed, street', ['"not closed', "street"]),
        ('"closed" too early, street', ['"closed" too early', "street"]),
        ("  two   words ", ["two words"]),
    ],
)
def test_a_line_is_read(text: str, words: list[str]) -> None:
    assert read_keywords(text) == words


@given(WORDS)
def test_what_is_written_is_read_again(words: list[str]) -> None:
    assert read_keywords(keywords_text(words)) == words
