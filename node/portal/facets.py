"""The facets of a search as links, and what was chosen of them, in the words of the reader."""

from __future__ import annotations

from typing import Any, Final

from node.portal.codes import file_type, licence, words_of_code
from node.portal.markup import display_name
from node.portal.queries import FACETS, Search
from node.portal.visit import PLURALS, Visit
from node.semantics.metrics import BANDS

_BANDS: Final = tuple(name for name, _ in BANDS)
_SHOWN_VALUES: Final = 8


def facets_of(
    visit: Visit, search: Search, counts: dict[str, dict[str, int]], names: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the facets with their values as links: ``counts`` maps a facet to value → count, ``names`` the DID of a
    publisher to its name."""
    facets = []
    for name in FACETS:
        values = {value: count for value, count in counts.get(name, {}).items() if value.strip()}
        for value in search.choices[name]:
            values.setdefault(value, 0)
        order = list(PLURALS) if name == "kind" else []
        pairs = sorted(
            values.items(),
            key=lambda item: (order.index(item[0]) if item[0] in order else 99, -item[1], item[0]),
        )
        if name == "year":
            pairs = sorted(pairs, reverse=True)
        if name == "quality":
            pairs = sorted(pairs, key=lambda item: _BANDS.index(item[0]) if item[0] in _BANDS else 99)
        entries = [
            {
                "value": value,
                "word": _facet_word(visit, name, value, names),
                "count": count,
                "chosen": search.has(name, value),
                "link": search.toggle(name, value).query_string(),
            }
            for value, count in pairs
        ]
        # If everything comes from one node, this facet narrows nothing.
        if entries and (name != "node" or len(entries) > 1 or search.choices[name]):
            facets.append({"name": name, "shown": entries[:_SHOWN_VALUES], "more": entries[_SHOWN_VALUES:60]})
    return facets


def chips_of(visit: Visit, search: Search, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the parts of a search, each with the search without it."""
    chips = []
    if search.text:
        chips.append(_chip(visit.t("search.text"), search.text, search.without_text()))
    for name in FACETS:
        for value in search.choices[name]:
            word = _facet_word(visit, name, value, names)
            chips.append(_chip(visit.t(f"facet.{name}"), word, search.toggle(name, value)))
    if search.place:
        chips.append(_chip(visit.t("search.place"), search.place, search.without_bbox()))
    elif search.bbox:
        word = " ".join(visit.speaker.number(edge) for edge in search.bbox)
        chips.append(_chip(visit.t("search.box"), word, search.without_bbox()))
    if search.since or search.until:
        word = f"{search.since or '…'} – {search.until or '…'}"
        chips.append(_chip(visit.t("search.period"), word, search.without_period()))
    return chips


def _chip(label: str, word: str, rest: Search) -> dict[str, Any]:
    """Return a part of a search; ``rest`` is the search without it."""
    return {"label": label, "word": word, "search": rest, "link": rest.query_string()}


def _facet_word(visit: Visit, facet: str, value: str, names: dict[str, str]) -> str:
    if facet in ("publisher", "node"):
        return display_name(names.get(value, ""), value)
    if facet == "format":
        return file_type(value, visit.language)
    if facet == "license":
        return licence(value, visit.language)
    if facet == "quality":
        return visit.t(f"quality.band.{value}") if value in _BANDS else value
    if facet in ("kind", "access"):
        return visit.speaker.word(facet, value)
    if facet == "spatial":
        return words_of_code(value, visit.language) or value.rstrip("/").rpartition("/")[2]
    return words_of_code(value, visit.language) or value
