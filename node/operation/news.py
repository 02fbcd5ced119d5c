"""The news of a person's subscriptions, on their agenda."""

from __future__ import annotations

from node.catalogue.subscriptions.usecases import Subscriptions
from node.identity.model import Caller
from node.operation.agenda import SHOWN, AgendaItem, AgendaPart

PATH = "/subscriptions"


class SubscribedNews:
    """The subscriptions of a person that have news."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def __call__(self, by: Caller) -> AgendaPart:
        mine = await self._subscriptions.mine(by)
        items = []
        for view in mine.views:
            if view.news and view.record:
                item = view.news[0]
                facts = {"version": item.record.version}
                items.append(
                    AgendaItem(
                        code=f"news-{item.kind}", path=PATH, titles=item.record.titles, facts=facts, at=item.record.at
                    )
                )
            elif view.news:
                facts = {"count": len(view.news)}
                items.append(AgendaItem(code="news-search", path=PATH, name=view.subscription.label, facts=facts))
        return AgendaPart(items=tuple(items[:SHOWN]), total=len(items))
