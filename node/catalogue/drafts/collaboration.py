"""Several people on one draft: a save changes only what its person changed, and a history says who did what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from node.catalogue.drafts.model import DatasetDraft, DraftChange

LONGEST: Final = 300
"""Changes that a draft keeps; the oldest go first."""
LARGEST: Final = 400_000
"""Characters of all texts that a history keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """An answer that two people changed at once: ``theirs`` is saved, by ``account``, and ``mine`` is not."""

    field: str
    account: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A draft after a save, and the answers that stayed as they were since another person had changed them."""

    draft: DatasetDraft
    clashes: tuple[Clash, ...] = ()


def merge(draft: DatasetDraft, answers: Mapping[str, str], *, since: int | None, account: str, at: datetime) -> Merge:
    """Return ``draft`` with what ``account`` changed in it. ``answers`` are all that a person sees in the form that
    was filled in from revision ``since``; None: from the newest one."""
    base = draft.answers if since is None else answers_at(draft, since)
    mine = {
        name: answers.get(name, "")
        for name in base.keys() | answers.keys()
        if answers.get(name, "") != base.get(name, "")
    }
    clashes = tuple(
        Clash(field=name, account=_last_author(draft, name), theirs=draft.answers.get(name, ""), mine=text)
        for name, text in sorted(mine.items())
        if draft.answers.get(name, "") not in (base.get(name, ""), text)
    )
    kept_apart = {clash.field for clash in clashes}
    revision = draft.revision + 1
    changes = tuple(
        DraftChange(
            revision=revision, at=at, account=account, field=name, before=draft.answers.get(name, ""), after=text
        )
        for name, text in sorted(mine.items())
        if name not in kept_apart and draft.answers.get(name, "") != text
    )
    if not changes:
        return Merge(draft=replace(draft, at=at), clashes=clashes)
    texts = {**draft.answers, **{change.field: change.after for change in changes}}
    newer = replace(
        draft,
        answers={name: text for name, text in texts.items() if text},
        at=at,
        revision=revision,
        history=_shorten((*draft.history, *changes)),
    )
    return Merge(draft=newer, clashes=clashes)


def answers_at(draft: DatasetDraft, revision: int) -> dict[str, str]:
    """Return the answers of an earlier revision. Of one that is older than the history, no answer that has changed
    since is known: such an answer is empty."""
    answers = dict(draft.answers)
    for change in reversed(draft.history):
        if change.revision > revision:
            answers[change.field] = change.before
    return {name: text for name, text in answers.items() if text}


def _last_author(draft: DatasetDraft, field: str) -> str:
    return next((change.account for change in reversed(draft.history) if change.field == field), draft.account)


def _shorten(history: Sequence[DraftChange]) -> tuple[DraftChange, ...]:
    """Return the newest changes that fit into a history."""
    room, first = LARGEST, len(history)
    while first and len(history) - first < LONGEST:
        change = history[first - 1]
        room -= len(change.before) + len(change.after)
        if room < 0:
            break
        first -= 1
    return tuple(history[first:])
