"""Several people on one draft: what each changed stays, and what two changed at once is shown to the second."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import Conflict, NotFound
from node.catalogue.drafts.collaboration import LARGEST, LONGEST, Clash, answers_at, merge
from node.catalogue.drafts.model import DatasetDraft
from node.identity.model import ALL_ROLES, Caller
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.stores.drafts import DRAFT

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
EVA = Caller(did=GENT, account="eva", roles=ALL_ROLES)
DRAFT_OF_ELS = DatasetDraft(id=DRAFT, account="els", at=NOW, file=None, answers={"title": "A", "keywords": "k"})

ANSWERS = st.dictionaries(st.sampled_from(["title", "description", "theme"]), st.sampled_from(["x", "y"]), max_size=3)


def saved(draft: DatasetDraft, account: str, since: int | None = None, **answers: str) -> DatasetDraft:
    return merge(draft, answers, since=since, account=account, at=NOW).draft


def test_each_changes_only_what_they_changed() -> None:
    draft = saved(DRAFT_OF_ELS, "els", 0, title="B", keywords="k")
    outcome = merge(draft, {"title": "A", "keywords": "k, l", "theme": "T"}, since=0, account="eva", at=NOW)
    assert outcome.clashes == ()
    assert outcome.draft.answers == {"title": "B", "keywords": "k, l", "theme": "T"}
    assert [(change.revision, change.account, change.field) for change in outcome.draft.history] == [
        (1, "els", "title"),
        (2, "eva", "keywords"),
        (2, "eva", "theme"),
    ]


def test_what_two_changed_at_once_is_not_saved_but_shown() -> None:
    draft = saved(DRAFT_OF_ELS, "els", 0, title="B", keywords="k")
    outcome = merge(draft, {"title": "C", "theme": "T"}, since=0, account="eva", at=NOW)
    assert outcome.clashes == (Clash(field="title", account="els", theirs="B", mine="C"),)
    assert outcome.draft.answers == {"title": "B", "theme": "T"}
    again = merge(outcome.draft, {"title": "C", "theme": "T"}, since=outcome.draft.revision, account="eva", at=NOW)
    assert (again.clashes, again.draft.answers["title"]) == ((), "C")


def test_a_form_that_names_no_revision_changes_the_newest() -> None:
    draft = saved(DRAFT_OF_ELS, "els", 0, title="B")
    assert saved(draft, "els", None, title="C").answers == {"title": "C"}


@given(st.lists(ANSWERS, max_size=6))
def test_each_earlier_revision_can_be_told(saves: list[dict[str, str]]) -> None:
    draft, states = DRAFT_OF_ELS, [dict(DRAFT_OF_ELS.answers)]
    for answers in saves:
        draft = saved(draft, "els", None, **answers)
        if draft.revision == len(states):
            states.append(dict(draft.answers))
    assert [answers_at(draft, revision) for revision in range(len(states))] == states
    assert DatasetDraft.from_json(json.loads(json.dumps(draft.to_json()))) == draft


def test_a_history_has_an_end_and_nothing_older_is_overwritten() -> None:
    draft = DRAFT_OF_ELS
    for number in range(LONGEST + 20):
        draft = saved(draft, "els", None, title=str(number), keywords="k")
    assert len(draft.history) == LONGEST
    outcome = merge(draft, {"title": "A", "keywords": "z"}, since=0, account="eva", at=NOW)
    assert outcome.draft.answers == {"title": str(LONGEST + 19), "keywords": "z"}
    for number in range(10):
        draft = saved(draft, "els", None, description=f"{number}" * (LARGEST // 6))
    assert sum(len(change.before) + len(change.after) for change in draft.history) <= LARGEST


def test_a_draft_of_an_earlier_release_is_read() -> None:
    members = DRAFT_OF_ELS.to_json()
    for name in ("shared", "revision", "history"):
        del members[name]
    assert DatasetDraft.from_json(members) == DRAFT_OF_ELS


async def test_many_who_save_at_once_lose_nothing() -> None:
    drafts = FakeNode().drafts
    await drafts.share(DRAFT, ELS, shared=True)
    before = await drafts.find(DRAFT, EVA)

    async def save(number: int) -> None:
        answers = {**before.answers, f"column.0.{number}": f"meaning {number}"}
        await drafts.save(DRAFT, answers, replace(EVA, account=f"p{number}"), since=before.revision)

    await asyncio.gather(*(save(number) for number in range(1, 65)))
    after = await drafts.find(DRAFT, ELS)
    assert {after.answers[f"column.0.{number}"] for number in range(1, 65)} == {f"meaning {n}" for n in range(1, 65)}
    assert after.revision == before.revision + 64


async def test_only_who_began_a_draft_shares_and_removes_it() -> None:
    drafts = FakeNode().drafts
    with pytest.raises(NotFound):
        await drafts.share(DRAFT, EVA, shared=True)
    await drafts.share(DRAFT, ELS, shared=True)
    assert [draft.id for draft in await drafts.of_colleagues(EVA)] == [DRAFT]
    for refused in (drafts.remove(DRAFT, EVA), drafts.share(DRAFT, EVA, shared=False)):
        with pytest.raises(NotFound):
            await refused
    await drafts.share(DRAFT, ELS, shared=False)
    with pytest.raises(NotFound):
        await drafts.save(DRAFT, {}, EVA)


async def test_what_was_not_looked_at_is_not_published() -> None:
    drafts = FakeNode().drafts
    await drafts.share(DRAFT, ELS, shared=True)
    draft = await drafts.find(DRAFT, ELS)
    await drafts.save(DRAFT, {**draft.answers, "title": "Other"}, EVA, since=draft.revision)
    with pytest.raises(Conflict) as refusal:
        await drafts.publish(DRAFT, ELS, revision=draft.revision)
    assert refusal.value.facts["case"] == "draft-changed"
    assert (await drafts.publish(DRAFT, EVA, revision=draft.revision + 1)).record.title("en") == "Other"
