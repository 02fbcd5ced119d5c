"""Records, submissions, search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from node.semantics.impact import Impact
from node.semantics.model import File, Finding

PUBLIC = "public"
"""The audience of everybody. Other audiences are names that the rulebook or the node defines."""

INTERNAL = "internal"
"""The audience of this node's own people: for everyone else the record does not exist."""

OPENS_HISTORY = "opensHistory"
"""The member of ``Record.extra`` that marks a version as opening the earlier ones to its own audience."""

WITHDRAWAL_REASON = "withdrawalReason"
"""The member of ``Record.extra`` of a withdrawn version that says why, in the publisher's words."""

ERASES = "erases"
"""The member of ``Record.extra`` of a version that erases the content of earlier ones: the list of their numbers."""

ERASURE_REASON = "erasureReason"
"""The member of ``Record.extra`` beside ``ERASES`` that says why, in the publisher's words."""

ERASED = "erased"
"""The member of ``Record.extra`` of a version without content: the number of the version that erased it."""

HARVESTED = "harvested"
"""The member of ``Record.extra`` of a record that came from a foreign catalogue (``HarvestOrigin``)."""


RETENTION = "retention"
"""The member of ``Record.extra`` that says for how long the files of earlier versions are kept
(``node.catalogue.retention``)."""

QUARANTINE = "quarantine"
"""The state of a followed node that signed two histories: nothing more is read from it until a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestOrigin:
    """The source of an imported record: ``iri`` is the record's own at the source, or empty; ``source`` names the
    catalogue; ``identity`` is the hash of the record's identifying properties; ``title`` is the title of the
    catalogue by language; ``former`` is the IRI of the record before this version, if it changed."""

    iri: str
    source: str
    identity: str
    title: Mapping[str, str] = field(default_factory=dict)
    former: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One version of one asset: the envelope that a ledger entry of kind ``record`` carries.

    ``nquads`` is the canonical form (RDFC-1.0) of the description, ``sha256`` its hash. ``offer`` is the
    contract policy as DSP Offer JSON, or None for an asset that is only described. ``origin`` is the DID of the node
    that is responsible for the record; ``publisher`` the DID or IRI of the publisher. ``titles`` and
    ``descriptions`` map language tags to text. ``sealed`` means that bytes leave the node only sealed. ``position``
    is the number of the entry in the origin's ledger, for records that came by replication.
    """

    iri: str
    version: int
    kind: str
    audience: str
    titles: dict[str, str]
    descriptions: dict[str, str]
    publisher: str
    publisher_name: str
    origin: str
    nquads: bytes
    sha256: str
    at: datetime
    by: str
    offer: dict[str, Any] | None = None
    files: tuple[File, ...] = ()
    keywords: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    sealed: bool = False
    withdrawn: bool = False
    entry: str = ""
    warnings: tuple[dict[str, Any], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def version_iri(self) -> str:
        """The immutable IRI of this version: the member of the event stream."""
        return f"{self.iri}#v{self.version}"

    @property
    def harvest_origin(self) -> HarvestOrigin | None:
        """Return the source of an imported record; None for a record that its node published itself."""
        members = self.extra.get(HARVESTED)
        if not isinstance(members, dict):
            return None
        texts = {name: members.get(name) for name in ("iri", "source", "identity", "former")}
        stated = members.get("title")
        titles = stated if isinstance(stated, dict) else {}
        return HarvestOrigin(
            **{name: text if isinstance(text, str) else "" for name, text in texts.items()},
            title={str(tag): text for tag, text in titles.items() if isinstance(text, str) and text},
        )

    @property
    def subject(self) -> str:
        """Return the subject of the statements: for a harvested record its own IRI at the source."""
        harvested = self.harvest_origin
        return (harvested.iri if harvested else "") or self.iri

    @property
    def publisher_key(self) -> str:
        """Return the value by which lists tell the publisher from others."""
        return publisher_key(self.publisher, self.publisher_name, (self.iri, self.subject))

    @property
    def opens_history(self) -> bool:
        """Return whether this version makes all earlier ones as visible as itself."""
        return self.extra.get(OPENS_HISTORY) is True

    @property
    def erases(self) -> frozenset[int]:
        """Return the numbers of the earlier versions whose content this version erases."""
        numbers = self.extra.get(ERASES)
        return frozenset(
            number
            for number in (numbers if isinstance(numbers, list) else ())
            if isinstance(number, int) and not isinstance(number, bool) and 0 < number < self.version
        )

    @property
    def erasure_reason(self) -> str:
        """Return why this version erases others, in the publisher's words; empty if nobody said it."""
        reason = self.extra.get(ERASURE_REASON)
        return reason if isinstance(reason, str) else ""

    @property
    def is_erased(self) -> bool:
        """Return whether the content of this version was erased."""
        return ERASED in self.extra

    @property
    def withdrawal_reason(self) -> str:
        """Return why the asset was withdrawn, in the publisher's words; empty if nobody said it."""
        reason = self.extra.get(WITHDRAWAL_REASON)
        return reason if self.withdrawn and isinstance(reason, str) else ""

    def title(self, language: str = "en") -> str:
        """Return the title in ``language``, else in English, else in any language, else the IRI."""
        return self.titles.get(language) or self.titles.get("en") or next(iter(self.titles.values()), self.iri)

    def description(self, language: str = "en") -> str:
        return (
            self.descriptions.get(language)
            or self.descriptions.get("en")
            or next(iter(self.descriptions.values()), "")
        )


Period = tuple[date | None, date | None]
"""The first and the last day; None for an open end. Not both are None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFields:
    """The fields of a record in the search index.

    ``texts``: language → text in it, with "" for text without a known language. ``node`` is the DID of the node
    that is responsible for the record; ``period`` the days that the data are about. ``place`` is the number of the
    ledger entry with which the record came to this node: it never changes, and later records have higher ones.
    ``spatials`` are the names of the places that the data are about, ``years`` the years of ``period``. ``points``
    are those of the quality of the description; None where it has none. ``identifiers`` are those of the source.
    ``publisher`` is the key of the publisher in lists, ``publisher_iri`` the IRI in the record.
    ``identities`` are hashes by which other descriptions of the same asset are recognised; ``is_harvested`` is true
    if no node answers for the record itself.
    """

    iri: str
    audience: str
    kind: str
    titles: dict[str, str]
    texts: dict[str, str]
    keywords: tuple[str, ...]
    themes: tuple[str, ...]
    publisher: str
    publisher_name: str
    access: str
    at: datetime
    bbox: tuple[float, float, float, float] | None = None
    formats: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    node: str = ""
    period: Period | None = None
    place: int = 0
    identities: tuple[str, ...] = ()
    is_harvested: bool = False
    spatials: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    points: int | None = None
    identifiers: tuple[str, ...] = ()
    publisher_iri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """Facts about this node that the catalogue needs.

    ``did`` is its participant id, ``base`` its public URL without a trailing slash, ``dsp`` the base URL of its
    Dataspace Protocol paths. ``region`` is the DID of the region that gives the rulebook. ``epoch`` counts the
    restores from a backup: it shows peers that follow the feed that the history began anew.
    """

    did: str
    name: str
    base: str
    dsp: str
    region: str | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderAudience:
    """A wider audience of an asset: the audiences before and after; ``earlier_versions`` if these are opened too."""

    before: str
    after: str
    earlier_versions: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"from": self.before, "to": self.after, "earlierVersions": self.earlier_versions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The progress of a ledger entry: its ``position`` (None while it is not numbered), and for each view that does
    not show it yet, the number of entries that the view lacks."""

    position: int | None
    behind: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The result of publishing or withdrawing.

    ``record`` is the version that is now current, ``created`` is true if this call made it. ``position`` is its place
    in the ledger; None for a dry run, or if the caller did not wait for the sequencer. ``behind`` names the views
    that do not show it yet, with the number of entries that each of them lacks. ``wider_audience`` describes a wider
    audience from this version on. ``impact`` says what the new version of an ontology or a schema changes, for whom.
    """

    record: Record
    created: bool
    position: int | None = None
    behind: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    wider_audience: WiderAudience | None = None
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Another node with an event stream that this node follows. ``cursor`` is a JSON object of the follower.

    ``seen`` is the minute when its feed was last read as far as possible; ``current`` is true if that was its end.
    ``place`` is where the node says that it is (``NodePlace.to_json``), empty if it does not.
    """

    url: str
    did: str | None
    name: str
    state: str
    at: datetime
    cursor: dict[str, Any] = field(default_factory=dict)
    last_error: str | None = None
    seen: datetime | None = None
    current: bool = False
    place: dict[str, Any] = field(default_factory=dict)


class TermsGroup(NamedTuple):
    """The current records of one origin that are for the same audience and offered on the same terms. ``terms`` is
    their hash (``node.catalogue.offers.terms_hash``), empty without an offer; ``iri`` is the first of them."""

    audience: str
    terms: str
    records: int
    iri: str


class RecordTitles(NamedTuple):
    """The titles of a current record, and whom it is for."""

    iri: str
    audience: str
    titles: Mapping[str, str]


class ScoredVersion(NamedTuple):
    """A version of a dataset of this node. ``score`` is that of ``node.semantics.quality``, empty for none."""

    iri: str
    version: int
    at: datetime
    publisher: str
    publisher_name: str
    withdrawn: bool
    score: Mapping[str, Any]

    @property
    def publisher_key(self) -> str:
        """Return the value by which lists tell the publisher from others."""
        return publisher_key(self.publisher, self.publisher_name, (self.iri,))


def publisher_key(publisher: str, name: str, assets: Iterable[str]) -> str:
    """Return the value by which lists tell a publisher from others: its IRI, or its name if it has nothing else.

    A publisher that is only a name has an IRI below that of the asset (one of ``assets``), so it would be another one
    in each description. Publishers with IRIs of their own stay apart, even if they have the same name. A name that
    looks like an identifier is no key: it could be that of somebody else.
    """
    words = name.split()
    if (
        not words
        or (len(words) == 1 and ":" in name)
        or not any(publisher.startswith(f"{asset}#") for asset in assets)
    ):
        return publisher
    return " ".join(words)
