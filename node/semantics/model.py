"""The input of a description, and the result of its check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

BBox = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Bytes of a distribution: kept by the asset store under ``sha256``, or in place under ``source``.

    A *live* file has neither size nor hash: it is read from a data source of its node when it is asked for. Only its
    node knows ``source`` then: the name of the data source, a slash, and the item in it.

    ``formats`` are those to which its node converts it on the way to a consumer, and ``systems`` the coordinate
    reference systems to which it brings it then (``node.semantics.conversions``); ``through`` are the addresses of
    the transformations that it carries out then.
    """

    name: str
    media_type: str
    size: int
    sha256: str
    format: str = ""
    source: str | None = None
    open: bool = False
    formats: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    through: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        return not self.sha256

    @property
    def place(self) -> tuple[str, str]:
        """Return data source and item of a live file of this node."""
        name, _, item = (self.source or "").partition("/")
        return name, item

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "name": self.name,
            "mediaType": self.media_type,
            "size": self.size,
            "sha256": self.sha256,
        }
        if self.format:
            members["format"] = self.format
        if self.source:
            members["source"] = self.source
        if self.open:
            members["open"] = True
        if self.formats:
            members["formats"] = list(self.formats)
        if self.systems:
            members["systems"] = list(self.systems)
        if self.through:
            members["through"] = list(self.through)
        return members

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> File:
        return cls(
            name=members["name"],
            media_type=members["mediaType"],
            size=members["size"],
            sha256=members["sha256"],
            format=members.get("format", ""),
            source=members.get("source"),
            open=bool(members.get("open", False)),
            formats=tuple(members.get("formats", ())),
            systems=tuple(members.get("systems", ())),
            through=tuple(members.get("through", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A publisher's submission: an RDF document, or fields (the YAML that a steward writes).

    ``document`` and ``media_type`` are for RDF, else ``fields``. ``files`` are already in the asset store.
    ``conditions`` names a policy template and its parameters, or is an ODRL offer; None means that the description
    contains them (``conditions:`` or ``odrl:hasPolicy``).
    """

    kind: str | None = None
    document: bytes | None = None
    media_type: str | None = None
    fields: dict[str, Any] | None = None
    files: tuple[File, ...] = ()
    conditions: dict[str, Any] | None = None
    audience: str | None = None
    iri: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but ``document``, which travels separately as bytes. Dates become texts in YAML's notation."""
        return {
            "kind": self.kind,
            "mediaType": self.media_type,
            "fields": self.fields,
            "files": [file.to_json() for file in self.files],
            "conditions": self.conditions,
            "audience": self.audience,
            "iri": self.iri,
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any], document: bytes | None) -> Submission:
        """Return the submission that ``to_json`` wrote, with its document."""
        return cls(
            kind=members["kind"],
            document=document,
            media_type=members["mediaType"],
            fields=members["fields"],
            files=tuple(File.from_json(file) for file in members["files"]),
            conditions=members["conditions"],
            audience=members["audience"],
            iri=members["iri"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a description: its place, its reason, its remedy. ``severity``: violation, warning or info.

    ``message`` states the fault, ``why`` why it matters, ``remedy`` how to correct it; all three in English, and in
    other languages under ``translations`` (tag → ``{"message", "why", "remedy"}``). ``focus`` is the node and
    ``path`` the property (IRI) it is about; ``field`` its name in the steward's YAML (``files.0.license``), ``line``
    its line if known. ``count`` is the number of occurrences of the same finding.
    """

    severity: str
    message: str
    remedy: str
    rule: str
    focus: str = ""
    path: str = ""
    field: str = ""
    value: str = ""
    line: int | None = None
    why: str = ""
    count: int = 1
    translations: Mapping[str, Mapping[str, str]] = dataclass_field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"severity": self.severity, "message": self.message, "rule": self.rule}
        for name in ("why", "remedy", "focus", "path", "field", "value", "line"):
            value = getattr(self, name)
            if value:
                members[name] = value
        if self.count > 1:
            members["count"] = self.count
        if self.translations:
            members["translations"] = {tag: dict(texts) for tag, texts in self.translations.items()}
        return members

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Finding:
        """Return the finding that ``to_json`` wrote."""
        return cls(**{"remedy": "", **members})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDescription:
    """A submission after parsing and checks. ``findings`` with severity ``violation`` forbid publishing.

    If kind or address cannot be determined, ``kind`` or ``iri`` is empty, and findings give the reason. ``titles``
    and ``descriptions`` map language tags to text (``und`` for text without a language). ``themes`` are codes of the
    EU data themes (``TRAN``), or IRIs where others are used. ``files`` are those of the submission with their facts
    from the description (``open``, ``format``). ``conditions`` are the conditions in the description: ``{"template":
    name, …parameters}`` or ``{"offer": {…}}``. ``extra`` holds further facts for pages and search: see
    ``node.semantics.description.summary``.
    """

    iri: str
    kind: str
    titles: dict[str, str]
    descriptions: dict[str, str]
    publisher: str
    publisher_name: str
    keywords: tuple[str, ...]
    themes: tuple[str, ...]
    nquads: bytes
    sha256: str
    findings: tuple[Finding, ...]
    conditions: dict[str, Any] | None
    audience: str | None
    files: tuple[File, ...] = ()
    bbox: tuple[float, float, float, float] | None = None
    extra: dict[str, Any] | None = None
