"""From a described submission to the version that would be stored, with all checks that may refuse it before that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.base.errors import InvalidDescription, InvalidInput
from node.catalogue.deliverability import (
    OWN,
    DeliveryPlanes,
    graph_files,
    live_files,
    offered_portion,
    runnable,
    stored_files,
    table_files,
)
from node.catalogue.inspection import BREAKING_RULES
from node.catalogue.model import INTERNAL, OPENS_HISTORY, PUBLIC, RETENTION, Record
from node.catalogue.names import check_audience, check_file_name, check_record_iri, check_statements
from node.catalogue.nquads import merge
from node.catalogue.offers import Terms, offer_lines, terms_of
from node.catalogue.publication.catalogue import PLURALS, Catalogue, require_made_from
from node.catalogue.retention import stated_retention
from node.catalogue.visibility import Visibility
from node.datasources.streams.connection import NAME as STREAMS
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.policy.conflicts import lint
from node.policy.portion import TABLE_LIMITS
from node.semantics.model import CheckedDescription, File, Finding, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOrder:
    """A submission, and whether the audience that it names may see the earlier versions too.

    ``follows`` is the version that the submission was made from: it is refused if another one is the newest by then,
    as early as that is known, and for the last time in the transaction that stores it.
    ``allow_breaking`` is the explicit yes to changes that break data or queries of others.
    """

    submission: Submission
    earlier_versions: bool = False
    allow_breaking: bool = False
    follows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTerms:
    """The conditions of a description, and the audience of the previous version if the description names none."""

    terms: Terms | None
    audience_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVersion:
    """A version that was checked and not stored: ``draft`` has no number, moment or signature yet.

    ``audience_before`` is the audience of the previous version if the submission names none; ``follows`` as in
    ``PublishOrder``.
    """

    draft: Record
    submission: Submission
    terms: Terms | None
    audience_before: str | None
    follows: int | None = None
    findings: tuple[Finding, ...]


class SubmissionCheck:
    """Checks submissions. Its methods block: they read files and the database."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        has_asset: Callable[[str], bool],
        visibility: Visibility,
        peers: Callable[[], tuple[str, ...]] = tuple,
        portions_of: Callable[[str], frozenset[str] | None] = lambda _: None,
        delivery_planes: DeliveryPlanes = OWN,
        inspect: Callable[[Record], tuple[Finding, ...]] = lambda _draft: (),
        renew_asset: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``renew_asset`` lets bytes that were sent for a trial stay until the version is stored; what a version uses
        stays for good (``node.catalogue.publication.trial_files``), and after a refusal they are a trial as before.
        ``inspect`` compares the files with the description and with the previous version
        (``node.catalogue.inspection``). ``portions_of`` returns the limits of a part that a data source keeps, None
        for a source that this node does not have. ``peers`` returns the base URLs of other known nodes: no record may
        have an address below them. An asset is offered under conditions only if one of ``delivery_planes`` can
        deliver it."""
        self._catalogue = catalogue
        self._portions_of = portions_of
        self._has_asset = has_asset
        self._visibility = visibility
        self._peers = peers
        self._delivery_planes = delivery_planes
        self._inspect = inspect
        self._renew_asset = renew_asset

    def check_submitted(self, order: PublishOrder, *, bytes_here: bool) -> None:
        """Raise ``InvalidInput`` if the address or the files of a submission cannot be used; with ``bytes_here``
        also for files that were not uploaded. Raise ``Conflict`` if it was made from an old version of the address
        that it names: to describe and inspect it would be in vain."""
        submission = order.submission
        if submission.iri is not None:
            self._check_iri(submission.iri, None)
            self._require_not_old(submission.iri, order)
        names = [check_file_name(file.name) for file in submission.files]
        if len(set(names)) != len(names):
            raise InvalidInput("two files have the same name", remedy="rename one of them")
        # A description can be checked before its files are sent: they may be large, and it may have errors.
        if bytes_here:
            # First: what is here then will not be deleted as a trial while the version is made.
            for file in submission.files:
                if file.source is None and file.sha256:
                    self._renew_asset(file.sha256)
        missing = self._missing(submission.files) if bytes_here else []
        if missing:
            raise InvalidInput(
                f"the bytes of {', '.join(missing)} were not uploaded", remedy="upload the file first, then publish"
            )

    def stated_terms(self, order: PublishOrder, description: CheckedDescription) -> StatedTerms:
        """Return the conditions, and the audience of the previous version if the new one names none, even if that
        version is withdrawn.

        Raises ``InvalidDescription`` for violations, ``InvalidInput`` for conditions that cannot be used, and
        ``Conflict`` as ``check_submitted`` does, for the address that the description has.
        """
        refuse_violations(description.findings)
        self._require_not_old(description.iri, order)
        terms = self._terms(order.submission, description)
        audience = description.audience or order.submission.audience
        if order.earlier_versions and not audience:
            raise InvalidInput("opening earlier versions needs an audience", remedy="name it: audience: public")
        if audience or (terms is not None and terms.audience == INTERNAL):
            return StatedTerms(terms=terms, audience_before=None)
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, description.iri)
        return StatedTerms(terms=terms, audience_before=None if head is None else head.audience)

    def pending(
        self, order: PublishOrder, description: CheckedDescription, terms_of_order: StatedTerms, by: Caller
    ) -> PendingVersion:
        """Return the version that would be stored. ``terms_of_order`` is what ``stated_terms`` returned.

        Raises ``InvalidDescription`` with all findings if one is a violation, ``InvalidInput``, and ``NotAllowed`` if
        it shares something of a data source that was not shared so far, and ``by`` is no steward.
        """
        submission = order.submission
        findings = tuple(description.findings)
        refuse_violations(findings)
        terms, is_inherited = terms_of_order.terms, terms_of_order.audience_before
        audience = description.audience or submission.audience or is_inherited
        draft = self._draft(submission, description, terms, audience, opens=order.earlier_versions)
        self._check_data_sources(draft, by)
        # Nobody could agree to an offer that contradicts itself, or everybody could.
        findings += tuple(lint(draft.offer, at=self._catalogue.clock.now())) if draft.offer else ()
        # An offer that no data plane can deliver must not be published either.
        findings += self._delivery_planes.findings(draft)
        about_files = self._inspect(draft)
        if order.allow_breaking:
            about_files = tuple(map(_allow_breaking, about_files))
        findings += about_files
        refuse_violations(findings)
        warnings = (*draft.warnings, *(finding.to_json() for finding in about_files))
        return PendingVersion(
            draft=replace(draft, warnings=warnings),
            submission=submission,
            terms=terms,
            audience_before=is_inherited,
            follows=order.follows,
            findings=findings,
        )

    def _require_not_old(self, iri: str, order: PublishOrder) -> None:
        """Raise ``Conflict`` if ``order`` was made from an older version than the newest.

        Version numbers only grow, so it stays old. One that was made from a version that is not there yet is left to
        the transaction: it may be that of an earlier order of the same batch.
        """
        if order.follows is None:
            return
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, iri)
        if head is not None and head.origin == self._catalogue.node.did and order.follows < head.version:
            require_made_from(order.follows, head)

    def _check_data_sources(self, draft: Record, by: Caller) -> None:
        files = live_files(draft)
        self._check_part(draft)
        if not files:
            return
        for file in files:
            if self._portions_of(file.place[0]) is None:
                raise InvalidInput(
                    f"this node has no data source {file.place[0][:80]}", remedy="to list them: hansa source list"
                )
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, draft.iri)
        shared = {file.source for file in live_files(head)} if head is not None else set()
        new = {file.place[0] for file in files if file.source not in shared}
        # What is in a stream was sent by publishers; what is in another place, a steward has to judge.
        if new - {STREAMS}:
            require(by, UseCase.MANAGE_DATA_SOURCES)
        if STREAMS in new:
            require(by, UseCase.KEEP_STREAMS)

    def _check_part(self, draft: Record) -> None:
        """Raise ``InvalidInput`` if the offer gives a part of something of which this node can only give all."""
        portion = offered_portion(draft)
        if portion.is_whole:
            return
        tables = table_files(draft) if portion.kinds <= TABLE_LIMITS and not draft.sealed else ()
        whole = [file.name for file in stored_files(draft) if not file.open and file not in tables]
        whole += [
            file.name
            for file in live_files(draft)
            if not portion.kinds <= (self._portions_of(file.place[0]) or frozenset())
        ]
        if whole or runnable(draft) or not (live_files(draft) or tables):
            names = ", ".join(whole) or draft.title()
            if any(file.name in whole for file in graph_files(draft)):
                raise InvalidInput(
                    f"the conditions give a part of the data, and this node cannot give a part of {names}",
                    remedy="columns, rows and boxes mean nothing for statements of RDF: publish the statements that "
                    "you give as a dataset of its own, or leave out part",
                    facts={"field": "conditions"},
                )
            raise InvalidInput(
                f"the conditions give a part of the data, and this node cannot give a part of {names}",
                remedy="columns, rows, forms of columns and groups can be given of a file in CSV or Parquet that is "
                "not sealed (partners ask it) and of a table (postgis); columns, rows and a box of a table or a "
                "layer (features); columns, rows, pseudonyms, bins and suppress of a stream: share the data in one "
                "of these ways, or leave out part",
                facts={"field": "conditions"},
            )

    def _terms(self, submission: Submission, description: CheckedDescription) -> Terms | None:
        conditions = submission.conditions or description.conditions
        if not conditions:
            return None
        expansion = self._catalogue.gallery.expand(conditions)
        return terms_of(expansion, iri=description.iri, region=self._catalogue.region())

    def _missing(self, files: tuple[File, ...]) -> list[str]:
        return [file.name for file in files if file.source is None and not self._has_asset(file.sha256)]

    def _check_iri(self, iri: str, kind: str | None) -> None:
        check_record_iri(iri, base=self._catalogue.node.base, plurals=PLURALS, kind=kind)

    def _draft(
        self,
        submission: Submission,
        description: CheckedDescription,
        terms: Terms | None,
        audience: str | None,
        *,
        opens: bool,
    ) -> Record:
        """Return the record that would be stored, without version and signature."""
        node = self._catalogue.node
        if description.kind not in PLURALS:
            raise InvalidInput(
                "that is not a kind of asset that this node knows", remedy=f"one of: {', '.join(PLURALS)}"
            )
        self._check_iri(description.iri, description.kind)
        check_statements(description.nquads, iri=description.iri, base=node.base, others=self._peers())
        nquads = description.nquads
        if terms is not None and terms.offer is not None:
            nquads = merge(nquads, offer_lines(description.iri, terms.offer, description.kind))
        audience = audience or (terms.audience if terms else PUBLIC)
        if check_audience(audience) not in self._visibility.known_audiences:
            raise InvalidInput(
                f"the audience {audience!r} is not known here",
                remedy=f"one of: {', '.join(sorted(self._visibility.known_audiences))}",
            )
        extra = dict(description.extra or {})
        if description.bbox is not None:
            # As text: a fraction has no canonical form.
            extra["bbox"] = [repr(float(edge)) for edge in description.bbox]
        if opens:
            extra[OPENS_HISTORY] = True
        draft = Record(
            iri=description.iri,
            version=0,
            kind=description.kind,
            audience=audience,
            titles=dict(description.titles),
            descriptions=dict(description.descriptions),
            publisher=description.publisher,
            publisher_name=description.publisher_name,
            origin=node.did,
            nquads=nquads,
            sha256=hashlib.sha256(nquads).hexdigest(),
            at=self._catalogue.clock.now(),
            by="",
            offer=terms.offer if terms else None,
            files=tuple(description.files or submission.files),
            keywords=tuple(description.keywords),
            themes=tuple(description.themes),
            sealed=bool(terms and terms.sealed),
            warnings=tuple(finding.to_json() for finding in description.findings if finding.severity != "info"),
            extra=extra,
        )
        retention = stated_retention(draft)
        return draft if retention is None else replace(draft, extra={**extra, RETENTION: retention.to_json()})


def _allow_breaking(finding: Finding) -> Finding:
    """Return a finding about a breaking change as a warning; any other unchanged."""
    if finding.rule not in BREAKING_RULES.values() or finding.severity != "violation":
        return finding
    translations = {tag: {**texts, "remedy": ""} for tag, texts in finding.translations.items()}
    return replace(finding, severity="warning", remedy="", translations=translations)


def is_about_breaking(findings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether all violations among ``findings`` are breaking changes of an ontology or a schema."""
    violations = [finding for finding in findings if finding["severity"] == "violation"]
    return bool(violations) and all(finding["rule"] in BREAKING_RULES.values() for finding in violations)


def refuse_violations(findings: Sequence[Finding]) -> None:
    """Raise ``InvalidDescription`` with all ``findings`` if one of them is a violation."""
    count = sum(finding.severity == "violation" for finding in findings)
    if count:
        raise InvalidDescription(
            f"the description has {count} error{'s' if count > 1 else ''}",
            findings=[finding.to_json() for finding in findings],
            remedy="correct the errors and publish again; nothing has been saved",
        )
