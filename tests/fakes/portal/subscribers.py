"""Subscriptions of partners in memory, in every state, and dead letters that one receiver refuses again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from node.base.errors import NotFound
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.portal.views.agreements import Agreements
from node.portal.views.subscribers import SubscriberPages
from node.transfer.notifications.dead_letters import ResendReport
from node.transfer.notifications.model import (
    PartnerSubscription,
    SubscriptionProgress,
    SubscriptionState,
    SubscriptionView,
)

REFUSED = "refused-counters"
"""The key of a subscription with dead letters."""


class FakeSubscribers:
    """Shows what a page can show; ``text`` goes to where texts of others stand. Calls are counted in ``acts``."""

    def __init__(self, now: datetime, text: str = "") -> None:
        self.acts: list[tuple[str, str]] = []
        last = now - timedelta(minutes=2)
        error = text or "the transfer is not active: the counters are sold"
        self.views = [
            _view("counters", SubscriptionProgress(notifications=4711, last_success=last), now, text),
            _view(
                REFUSED,
                SubscriptionProgress(notifications=1, failures=8, last_success=last, last_failure=now, gaps=1),
                now,
                text,
                dead=2,
            ),
            _view(
                "busy", SubscriptionProgress(failures=3, error=text or "it is busy (503)", remedy="wait"), now, text
            ),
            _view(
                "sold",
                SubscriptionProgress(state=SubscriptionState.ENDED, ended=now, error=error, reasons=()),
                now,
                text,
            ),
            _view("paused", SubscriptionProgress(state=SubscriptionState.PAUSED, ended=now), now, text),
            _view("expired", SubscriptionProgress(state=SubscriptionState.EXPIRED, ended=now), now, text),
        ]

    def use_case(self, agreements: Any) -> SubscriberPages:
        """The use cases of the page."""
        return SubscriberPages(cast("Any", self), self.resend, cast("Agreements", agreements))  # type: ignore[arg-type]

    def of_node(self, by: Caller) -> Sequence[SubscriptionView]:
        require(by, UseCase.MANAGE_DATA_SOURCES)
        return self.views

    def end(self, key: str, by: Caller) -> None:
        require(by, UseCase.MANAGE_DATA_SOURCES)
        self._require(key)
        self.acts.append(("end", key))

    async def resend(self, key: str, by: Caller) -> ResendReport:
        require(by, UseCase.MANAGE_DATA_SOURCES)
        self._require(key)
        self.acts.append(("resend", key))
        return ResendReport(deliveries=1, remainder=1, reason="it refuses the notification (422)")

    def _require(self, key: str) -> None:
        if key not in [view.subscription.key for view in self.views]:
            raise NotFound("there is no such subscription")


def _view(key: str, progress: SubscriptionProgress, now: datetime, text: str, *, dead: int = 0) -> SubscriptionView:
    from tests.fakes.portal.node import AGREEMENT

    document = {
        "type": "Subscription",
        "entities": [{"type": text or "TrafficCounter"}, {"type": "Weather"}],
        "notification": {"endpoint": {"uri": "https://broker.plzen.example/notify/secret-path"}},
    }
    subscription = PartnerSubscription(
        key=key,
        id=f"urn:ngsi-ld:Subscription:{key}",
        transfer="urn:uuid:0192f3a0-7c1e-7a55-9d7c-3b1f0a6e2c99",
        agreement=AGREEMENT if key != "expired" else "urn:uuid:gone",
        partner="did:web:plzen.example",
        document=document,
        at=now - timedelta(days=3),
    )
    return SubscriptionView(subscription=subscription, progress=progress, dead=dead)
