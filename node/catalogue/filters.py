"""Filters of a consumer on the catalogue of the Dataspace Protocol (DSP 2025-1 §5.2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import InvalidInput
from node.catalogue.model import Record
from node.catalogue.statements import Statements
from node.semantics.kinds import KINDS
from node.vocab.namespaces import DCT

MOST_SKIPPED: Final = 10_000
FIELDS: Final = ("text", "kind", "keyword", "theme", "publisher", "profile", "format", "mediaType")
"""The members that a filter in a CatalogRequestMessage may have: see ``Filter``."""

_QUERY_SPEC: Final = ("QuerySpec", "edc:QuerySpec", "https://w3id.org/edc/v0.0.1/ns/QuerySpec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The criteria of a consumer; an empty filter matches every asset.

    The words of ``text`` all occur in title, description or keywords; ``kind`` is one of ours; ``keyword`` and
    ``theme`` are among those of the asset; ``publisher`` is its DID, IRI or name; ``profile`` is that of its offer,
    or one that its description conforms to; ``format`` is a transfer format; ``mediaType`` that of one of its files.
    ``skip`` and ``limit`` select a part of the matches, for consumers that do their own paging.
    """

    words: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    keywords: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    publishers: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    media_types: frozenset[str] = frozenset()
    skip: int = 0
    limit: int | None = None

    @classmethod
    def read(cls, value: Any) -> Filter:
        """Return the filter of a CatalogRequestMessage. Raises ``InvalidInput``."""
        entries = value if isinstance(value, list | tuple) else [value] if value else []
        words: list[str] = []
        values: dict[str, list[str]] = {name: [] for name in FIELDS}
        part: tuple[int, int | None] = (0, None)
        for entry in entries:
            if isinstance(entry, Mapping) and entry.get("@type") in _QUERY_SPEC:
                part = _part(entry)
                continue
            if not isinstance(entry, Mapping) or not set(entry) <= {*FIELDS, "@id", "@type"}:
                raise _filter_error()
            for name in FIELDS:
                text = entry.get(name, "")
                if not isinstance(text, str) or len(text) > 500:
                    raise _filter_error()
                if name == "text":
                    words += text.casefold().split()
                elif text:
                    values[name].append(text)
        kinds = tuple(dict.fromkeys(values["kind"]))
        if not set(kinds) <= set(KINDS) or len(kinds) > 1:
            raise InvalidInput(
                "filter: kind is one of " + ", ".join(KINDS), remedy="send one of these kinds, or no kind"
            )
        return cls(
            words=tuple(words),
            kinds=kinds,
            keywords=frozenset(values["keyword"]),
            themes=frozenset(values["theme"]),
            publishers=frozenset(text.casefold() for text in values["publisher"]),
            profiles=frozenset(values["profile"]),
            formats=frozenset(values["format"]),
            media_types=frozenset(values["mediaType"]),
            skip=part[0],
            limit=part[1],
        )

    @property
    def fits_all(self) -> bool:
        """Return whether the filter selects every asset, from the beginning."""
        return replace(self, limit=None) == Filter()

    def fits(self, record: Record, formats: Sequence[str]) -> bool:
        """Return whether the asset ``record``, which is transferred in ``formats``, matches."""
        if not self.keywords <= set(record.keywords) or not self.themes <= set(record.themes):
            return False
        if not self.publishers <= {record.publisher.casefold(), record.publisher_name.casefold()}:
            return False
        if not self.formats <= set(formats) or not self.media_types <= {file.media_type for file in record.files}:
            return False
        if not all(_conforms(record, profile) for profile in self.profiles):
            return False
        if not self.words:
            return True
        text = " ".join((*record.titles.values(), *record.descriptions.values(), *record.keywords)).casefold()
        return all(word in text for word in self.words)


def _conforms(record: Record, profile: str) -> bool:
    offered = (record.offer or {}).get("profile")
    named = offered if isinstance(offered, list) else [offered]
    return profile in named or f"<{profile}>" in Statements(record).own(f"{DCT}conformsTo")


def _part(spec: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return offset and limit of the query that EDC puts into every request. Its order is ours already. Raises
    ``InvalidInput`` for a query with criteria: they name properties that our assets do not have."""
    members = {name.rpartition(":")[2].rpartition("/")[2]: value for name, value in spec.items()}
    if members.get("filterExpression"):
        raise _filter_error()
    offset, limit = members.get("offset", 0), members.get("limit")
    if type(offset) is not int or not 0 <= offset <= MOST_SKIPPED or (limit is not None and type(limit) is not int):
        raise _filter_error()
    return offset, limit if limit and limit > 0 else None


def _filter_error() -> InvalidInput:
    return InvalidInput(
        "this filter is not understood",
        remedy=f"send objects with {', '.join(FIELDS)}, or no filter at all",
    )
