"""Entities of a context broker as a reader under contract sees them.

Each is checked to be of the type that is shared, and loses what leads elsewhere: linked entities that nobody asked
for, and contexts. Links to other pages are written anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from node.adapters.datasources.entity_questions import Wish
from node.datasources.entities import CORE_MEMBERS, TIMES, VALUES, simplify
from node.datasources.errors import DataSourceUnreachable

JSON_LD: Final = "application/ld+json"
JSON: Final = "application/json"
CORE_CONTEXT: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"
CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_LINK: Final = re.compile(r"<([^<>\s]{1,4000})>((?:\s*;\s*[\w*!-]{1,40}\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]*))*)")
_RELATION: Final = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def entities(source: Any, item: str) -> list[Mapping[str, Any]]:
    """Return the entities of a page. Raises ``DataSourceUnreachable`` if one is not of the type."""
    if not isinstance(source, list):
        raise DataSourceUnreachable(
            "the data source sends no list of entities", remedy="ask its steward: hansa source test"
        )
    if not all(is_entity(entry, item) for entry in source):
        raise DataSourceUnreachable(
            "the data source sends entities of another type than the one that is shared",
            remedy="ask its steward: hansa source test",
        )
    return source


def is_entity(entry: Any, item: str) -> bool:
    """Return whether ``entry`` is an entity of the type ``item``."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), str):
        return False
    types = entry.get("type")
    return types == item or (isinstance(types, list) and item in types)


def entity(source: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    """Return an entity with the members that the reader chooses."""
    return {
        name: _without_contexts(value if wish.is_plain else _without_entities(value))
        for name, value in source.items()
        if name != "@context" and (wish.members is None or name in wish.members)
    }


def without_times(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entity without the times that the broker keeps, of it and of its attributes: they were not asked
    for. Values stay what they are."""
    return {name: _without_times(entry) for name, entry in source.items() if name not in TIMES}


def simple_entity(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entity with the values of its attributes alone (clause 4.5.4)."""
    return {name: value if name in CORE_MEMBERS else simplify(value) for name, value in source.items()}


def replace_addresses(value: Any, address: str, base: str) -> Any:
    """Return a value in which addresses below the broker's are those of the reader."""
    if isinstance(value, str):
        return f"{base}/{value.removeprefix(address)}" if value.startswith(address) else value
    if isinstance(value, list):
        return [replace_addresses(entry, address, base) for entry in value]
    if isinstance(value, Mapping):
        return {name: replace_addresses(entry, address, base) for name, entry in value.items()}
    return value


def write(content: Any, contexts: Sequence[str]) -> bytes:
    """Return entities as JSON, each with its ``contexts`` if there are any."""
    if contexts:
        context = contexts[0] if len(contexts) == 1 else list(contexts)
        if isinstance(content, list):
            content = [{"@context": context, **entry} for entry in content]
        else:
            content = {"@context": context, **content}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def page_links(header: str, wish: Wish, address: str, media_type: str) -> list[str]:
    """Return links to the next and the previous page at the reader's ``address``: of the broker's links, only the
    place of the page is used. Raises ``DataSourceUnreachable`` if the broker has more, and does not say where."""
    places: dict[str, tuple[tuple[str, str], ...]] = {}
    for match in _LINK.finditer(header):
        relation = _RELATION.search(match[2])
        names = (relation[1] or relation[2] or "").lower().split() if relation else []
        for name in ("next", "prev"):
            if name in names and name not in places:
                places[name] = _page(match[1])
    if "next" in places and dict(places["next"]).get("offset") in (None, str(wish.start)):
        raise DataSourceUnreachable(
            "the data source has more pages, and names them in a way that this node does not know",
            remedy="ask for them yourself: limit and offset",
        )
    return [
        f'<{address}?{urlencode([*wish.own, *place])}>; rel="{name}"; type="{media_type}"'
        for name, place in places.items()
    ]


def context_link(context: str) -> str:
    """Return the link to a context (JSON-LD 1.1 §6.1)."""
    return f'<{context}>; rel="{CONTEXT_RELATION}"; type="{JSON_LD}"'


def _page(target: str) -> tuple[tuple[str, str], ...]:
    try:
        pairs = dict(parse_qsl(urlsplit(target).query, max_num_fields=100))
    except ValueError:
        return ()
    return tuple((name, pairs[name]) for name in ("limit", "offset") if _NUMBER.fullmatch(pairs.get(name, "")))


def _without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_times(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: entry if name in VALUES else _without_times(entry) for name, entry in value.items() if name not in TIMES
    }


def _without_entities(value: Any) -> Any:
    """Return an attribute without the entities that a relationship may bring along (clause 4.5.23)."""
    if isinstance(value, list):
        return [_without_entities(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    foreign_members = {"entity", "entityList"} if {"object", "objectList"} & set(value) else set()
    return {
        name: entry if name in VALUES else _without_entities(entry)
        for name, entry in value.items()
        if name not in foreign_members
    }


def _without_contexts(value: Any) -> Any:
    """Return a value without contexts at any depth: a reader of JSON-LD would fetch them, and names would change."""
    if isinstance(value, list):
        return [_without_contexts(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _without_contexts(entry) for name, entry in value.items() if name != "@context"}
