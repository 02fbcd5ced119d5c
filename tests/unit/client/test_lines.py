"""Lines of answers: whole, whatever the pieces, and ended by a line feed alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import PeerUnreachable
from node.client import transport as module
from node.client.transport import lines_of

CHARACTERS = st.characters(exclude_characters="\r\n", exclude_categories=("Cs",))
TEXTS = st.lists(st.text(CHARACTERS, max_size=12), max_size=8)


@given(TEXTS, st.data())
def test_lines_come_as_they_were_sent_however_they_are_cut(texts: list[str], data: st.DataObject) -> None:
    body = "".join(f"{text}\n" for text in texts).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert list(lines_of(pieces)) == texts


def test_a_line_ends_with_a_line_feed_alone() -> None:
    pieces = ['{"a":"x\u2028y\x85z"}\r'.encode(), b"\n\nrest"]
    assert list(lines_of(pieces)) == ['{"a":"x\u2028y\x85z"}', "", "rest"]


def test_a_line_without_an_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 1 << 20)
    with pytest.raises(PeerUnreachable, match="more than 1 MB"):
        list(lines_of(b"x" * 4096 for _ in range(1000)))
