"""The tasks that wait for a person: requests to decide, and drafts to finish."""

from __future__ import annotations

from anyio.to_thread import run_sync

from node.catalogue.drafts.usecases import AGE, DatasetDrafts
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.negotiation.decisions import Decisions
from node.negotiation.model import PendingDecision
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart


class OpenRequests:
    """The requests that wait for a decision, for those who may decide, the oldest first."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    async def __call__(self, by: Caller) -> AgendaPart:
        if not allowed(by, UseCase.DECIDE):
            return AgendaPart()
        oldest = await run_sync(self._decisions.oldest, SHOWN)
        total = await run_sync(self._decisions.count)
        return AgendaPart(items=tuple(_request_item(one) for one in oldest), total=max(total, len(oldest)))


class OwnDrafts:
    """The drafts of a person, the newest first. They are removed when nobody has touched them for two weeks."""

    def __init__(self, drafts: DatasetDrafts) -> None:
        self._drafts = drafts

    async def __call__(self, by: Caller) -> AgendaPart:
        if not allowed(by, UseCase.PUBLISH):
            return AgendaPart()
        drafts = await self._drafts.mine(by)
        items = tuple(
            AgendaItem(
                code="draft",
                path=f"/publish/{draft.id}",
                name=draft.answers.get("title", "") or (draft.file.name if draft.file else ""),
                at=draft.at + AGE,
            )
            for draft in drafts[:SHOWN]
        )
        return AgendaPart(items=items, total=len(drafts))


def _request_item(decision: PendingDecision) -> AgendaItem:
    applies = decision.kind == "application"
    return AgendaItem(
        code=f"request-{decision.kind}",
        path="/applications" if applies else "/decisions",
        titles=dict(decision.details.get("title") or {}),
        name=decision.peer_name,
        facts={
            "peer": decision.peer_name,
            **({"type": str(decision.details.get("credentialType", ""))} if applies else {}),
        },
        at=decision.due,
    )
