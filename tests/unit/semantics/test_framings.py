"""Rows through frames of JSON-LD: what comes out, and that nothing is ever loaded."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import InvalidInput, Overloaded, TooLarge
from node.cage.cage import Cage
from node.scenarios.chain.interfaces import FRAMING
from node.scenarios.model import Transformation
from node.scenarios.transformations import transformer as transformers
from node.scenarios.transformations.transformer import Transformer
from node.semantics.framings import MOST_ROWS, frame_rows

TERMS = "https://ghent.example/terms#"
CONTEXT = {"@vocab": TERMS, "id": "@id", "in": {"@id": "isIn", "@type": "@id"}}
FRAME = {"@context": {**CONTEXT, "name": {"@id": "naam"}}, "naam": {}, "in": {"@embed": "@always"}}
ROWS = [
    {"id": "urn:street:1", "naam": "Veldstraat", "in": "urn:city:1", "lanes": 2, "width": 6.5, "note": None},
    {"id": "urn:city:1", "label": "Gent"},
]


def test_nodes_are_chosen_renamed_and_put_into_one_another() -> None:
    (row,) = frame_rows({"context": CONTEXT, "frame": FRAME}, ROWS)
    assert row == {
        "id": "urn:street:1",
        "name": "Veldstraat",
        "in": {"id": "urn:city:1", "label": "Gent"},
        "lanes": 2,
        "width": 6.5,
    }
    assert frame_rows({"context": CONTEXT, "frame": FRAME}, list(reversed(ROWS))) == [row]


def test_rows_without_names_stay_apart() -> None:
    definition = {"context": {"@vocab": TERMS}, "frame": {"@context": {"@vocab": TERMS}, "n": {}}}
    assert frame_rows(definition, [{"n": 1}, {"n": 1}, {"m": 2}]) == [{"n": 1}, {"n": 1}]


def test_a_bundled_context_is_named_by_a_word() -> None:
    definition = {"context": ["prefixes"], "frame": {"@context": ["prefixes", {"title": "dct:title"}], "title": {}}}
    assert frame_rows(definition, [{"dct:title": "Counts"}]) == [{"title": "Counts"}]


HOSTILE: dict[str, tuple[Any, list[dict[str, Any]], str]] = {
    "no frame": ({"context": {}}, [], "no frame"),
    "a remote context": ({"context": "https://peer.example/c.jsonld", "frame": {}}, [], "is not loaded"),
    "a context in a file": ({"context": {}, "frame": {"@context": "file:///etc/passwd"}}, [], "is not loaded"),
    "a context in a list": ({"context": [{}, "http://169.254.169.254/"], "frame": {}}, [], "is not loaded"),
    "an import": ({"context": {"@import": "https://peer.example/c"}, "frame": {}}, [], "is not loaded"),
    "a context in a term": (
        {"context": {"p": {"@id": "ex:p", "@context": "http://peer.example/"}}, "frame": {}},
        [{"p": {"a": 1}}],
        "is not loaded",
    ),
    "a context in the data": (
        {"context": CONTEXT, "frame": {}},
        [{"a": [{"@context": "http://peer.example/"}]}],
        "row 1 brings a context",
    ),
    "terms in a circle": (
        {"context": {"a": {"@id": "b:x"}, "b": {"@id": "a:x"}}, "frame": {}},
        [{"a": 1}],
        "cannot be carried out",
    ),
    "a member that is not known": ({"frame": {}, "base": "http://peer.example/"}, [], "base is not known"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_would_have_to_be_loaded_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    definition, rows, why = HOSTILE[name]

    def dial(*_: Any, **__: Any) -> None:
        raise AssertionError("an address was dialled")

    monkeypatch.setattr(socket.socket, "connect", dial)
    with pytest.raises(InvalidInput) as refusal:
        frame_rows(definition, rows)
    assert why in refusal.value.detail
    assert refusal.value.remedy


def test_deep_and_long_data_are_refused() -> None:
    deep: Any = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(InvalidInput, match="nested"):
        frame_rows({"frame": deep}, [])
    with pytest.raises(InvalidInput, match="nested"):
        frame_rows({"frame": {}, "context": CONTEXT}, [deep])
    with pytest.raises(TooLarge):
        frame_rows({"frame": {}}, [{}] * (MOST_ROWS + 1))


def test_a_frame_that_embeds_without_end_ends_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each node names the next one twice, so that embedding all of them doubles at each: 2^40 nodes."""
    rows = [{"id": f"urn:n:{n}", "a": f"urn:n:{n + 1}", "b": f"urn:n:{n + 1}"} for n in range(40)]
    context = {"@vocab": TERMS, "id": "@id", "a": {"@type": "@id"}, "b": {"@type": "@id"}}
    definition = {"context": context, "frame": {"@context": context, "@embed": "@always", "a": {}}}
    card = Transformation(iri="x:frame", version=1, titles={}, language=FRAMING, definition=definition)
    with Cage(width=1) as cage:
        transformer = Transformer(cage)
        with monkeypatch.context() as patch:
            patch.setattr(transformers, "QUERY", replace(transformers.QUERY, cpu=5))  # 40 seconds end alike
            with pytest.raises((Overloaded, TooLarge, InvalidInput)):
                transformer(card, rows)
        plain = {"context": CONTEXT, "frame": FRAME}
        again = Transformation(iri="x:frame", version=1, titles={}, language=FRAMING, definition=plain)
        assert len(transformer(again, ROWS)) == 1
        assert transformer.carry(again, b'[{"naam": "A"}]').body == b'[{"in":null,"name":"A"}]'
