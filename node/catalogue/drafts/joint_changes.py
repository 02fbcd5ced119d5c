"""The same changes in several assets of this node: a licence, a contact, keywords, conditions, an audience.

Each asset gets a version of its own, as if somebody had changed it alone; what is not named stays as it is. An asset
that cannot be changed so is refused with the reason, and does not keep the others from being changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.base.errors import Conflict, HansaError, InvalidInput
from node.catalogue.access import Access
from node.catalogue.drafts.answer_faults import answer_faults, refuse
from node.catalogue.drafts.answer_forms import uniform
from node.catalogue.drafts.answers import OPEN, version_of
from node.catalogue.drafts.model import Answers
from node.catalogue.drafts.originals import KEEP, OriginalDescription
from node.catalogue.drafts.usecases import DatasetDrafts
from node.catalogue.model import INTERNAL, Record
from node.catalogue.publication.publish import Publish
from node.catalogue.publication.submission_check import PublishOrder
from node.catalogue.versions.changes import same_conditions
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.policy.templates import template
from node.semantics.model import Submission

MOST: Final = 100
"""Assets that are changed together."""
MOST_KEYWORDS: Final = 50
FIELDS: Final = ("license", "theme", "frequency", "contact.name", "contact.email")
"""The answers of a form that are changed in several assets; an empty one removes the statement."""

CHANGED, UNCHANGED, REFUSED = "changed", "unchanged", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class JointChanges:
    """The changes that each asset gets. ``answers`` are of ``FIELDS``, with codes as in a form (``CC-BY-4.0``).

    ``conditions`` are those of a submission: the id of a template, or an object; None keeps those of the asset.
    ``audience`` None keeps that, too.
    """

    answers: Answers = field(default_factory=dict)
    added_keywords: Sequence[str] = ()
    removed_keywords: Sequence[str] = ()
    conditions: Mapping[str, Any] | None = None
    audience: str | None = None

    def check(self) -> None:
        """Raise ``InvalidInput`` if nothing is changed, or an answer is for no asset."""
        if unknown := sorted(set(self.answers) - set(FIELDS)):
            raise InvalidInput(f"no field {unknown[0][:80]}", remedy=f"use {', '.join(FIELDS)}")
        words = (*self.added_keywords, *self.removed_keywords)
        if len(words) > MOST_KEYWORDS or not all(word.strip() and len(word) <= 200 for word in words):
            raise InvalidInput(
                "the keywords cannot be used", remedy=f"give at most {MOST_KEYWORDS}, none of them empty"
            )
        if not self.answers and not words and self.conditions is None and self.audience is None:
            raise InvalidInput(
                "nothing is to be changed", remedy="fill in what is to be changed", facts={"case": "no-changes"}
            )
        refuse(answer_faults(self.answers, set(self.answers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JointChange:
    """The change of one asset: from ``record`` to ``next_record``, which is None if the asset was refused (then
    ``error`` says why, and ``record`` is None if the caller may not see one) or already is as wanted.

    ``answers`` has the name of each changed field with its text before and after, ``conditions`` the sentences that
    only one of the two versions has, if they differ.
    """

    iri: str
    record: Record | None = None
    next_record: Record | None = None
    answers: Sequence[tuple[str, str, str]] = ()
    conditions: tuple[Sequence[str], Sequence[str]] | None = None
    error: HansaError | None = None

    @property
    def outcome(self) -> str:
        """Return ``changed``, ``unchanged`` or ``refused``."""
        if self.error is not None:
            return REFUSED
        return UNCHANGED if self.next_record is None else CHANGED


class ChangeSeveral:
    """Publishes the next versions of several assets with the same changes, or says what that would change."""

    def __init__(self, *, drafts: DatasetDrafts, publish: Publish, access: Access) -> None:
        self._drafts = drafts
        self._publish = publish
        self._access = access

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if a call would raise it: for a check before a long order is read."""
        require(by, UseCase.PUBLISH)

    async def __call__(
        self,
        versions: Mapping[str, int | None],
        changes: JointChanges,
        by: Caller,
        *,
        language: str = "en",
        dry_run: bool = False,
    ) -> Sequence[JointChange]:
        """Change the assets of ``versions`` (IRI → the version that ``by`` looked at; None: whatever is the newest),
        and return what that changes in each, in their order. Texts and sentences are in ``language``.

        Raises ``NotAllowed``, and ``InvalidInput`` for no or too many assets, or for changes that no asset can have.
        """
        self.require_role(by)
        changes.check()
        if changes.conditions is not None:
            changes = replace(changes, conditions=self._drafts.terms.gallery.expand_object(changes.conditions))
        if not 0 < len(versions) <= MOST:
            raise InvalidInput(
                f"{len(versions)} assets cannot be changed together",
                remedy=f"choose 1 to {MOST} assets",
                facts={"case": "assets", "count": len(versions), "most": MOST},
            )
        plans = [await self._prepare(iri, version, changes, by, language) for iri, version in versions.items()]
        orders = [item for item in plans if isinstance(item, tuple)]
        outcome = await self._publish.publish_all([order for _, order in orders], by, dry_run=dry_run)
        outcomes = iter(zip(orders, outcome.outcomes, strict=True))
        results = []
        for iri, item in zip(versions, plans, strict=True):
            if isinstance(item, HansaError):
                results.append(JointChange(iri=iri, error=item))
                continue
            (record, _), publication = next(outcomes)
            if isinstance(publication, HansaError):
                results.append(JointChange(iri=iri, record=record, error=publication))
            elif not publication.created:
                results.append(JointChange(iri=iri, record=record))
            else:
                results.append(await asyncio.to_thread(self._difference, record, publication.record, language))
        return results

    async def _prepare(
        self, iri: str, version: int | None, changes: JointChanges, by: Caller, language: str
    ) -> tuple[Record, PublishOrder] | HansaError:
        """Return the newest version of an asset with the order that changes it, or why it cannot be changed."""
        try:
            record = await self._drafts.own(iri, by)
            if version not in (None, record.version):
                raise Conflict(
                    f"{iri} has version {record.version} by now",
                    remedy="look at it again, and then change it",
                    facts={"case": "not-newest", "version": record.version},
                )
            submission = await asyncio.to_thread(_with_changes, record, changes, language)
        except HansaError as error:
            return error
        return record, PublishOrder(submission=submission, follows=record.version)

    def _difference(self, before: Record, after: Record, language: str) -> JointChange:
        texts = [OriginalDescription(record, language).answers for record in (before, after)]
        names = [name for name in (*FIELDS, "keywords") if texts[0].get(name, "") != texts[1].get(name, "")]
        conditions = None
        if not same_conditions(before, after):
            old, new = (self._access.sentences(record, language) for record in (before, after))
            conditions = ([one for one in old if one not in new], [one for one in new if one not in old])
        return JointChange(
            iri=before.iri,
            record=before,
            next_record=after,
            answers=[(name, texts[0].get(name, ""), texts[1].get(name, "")) for name in names],
            conditions=conditions,
        )


def _with_changes(record: Record, changes: JointChanges, language: str) -> Submission:
    """Return ``record`` with the changes. Raises ``InvalidInput`` for an answer that this asset cannot have."""
    description = OriginalDescription(record, language)
    controls = {*description.answers, *description.missing}
    if crowded_fields := sorted(set(changes.answers) - controls):
        raise InvalidInput(
            f"its description has more in {', '.join(crowded_fields)} than can be changed together with others",
            remedy="change this asset alone",
            facts={"case": "more-than-one", "field": crowded_fields[0]},
        )
    answers = uniform({**description.answers, **changes.answers})
    fields = description.with_answers(description.changes(answers))
    if changes.added_keywords or changes.removed_keywords:
        description.revise_keywords(changes.added_keywords, changes.removed_keywords)
    if changes.conditions is not None:
        description.forget_access_right()
    submission = version_of(description, fields, {"conditions": KEEP})
    if changes.conditions is not None:
        name = changes.conditions.get("template")
        submission = replace(
            submission,
            conditions=dict(changes.conditions),
            # Files stay open to everybody only where the conditions stay open.
            files=tuple(replace(file, open=file.open and name == OPEN) for file in record.files),
            audience=template(name).audience if isinstance(name, str) and record.audience == INTERNAL else None,
        )
    return submission if changes.audience is None else replace(submission, audience=changes.audience)
