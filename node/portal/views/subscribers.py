"""Partners whose programs are notified of data of this node, as their page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from node.identity.model import Caller
from node.portal.views.agreements import Agreements, AgreementView
from node.transfer.notifications.dead_letters import ResendDeadLetters, ResendReport
from node.transfer.notifications.model import SubscriptionView
from node.transfer.notifications.usecases import PartnerSubscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A subscription of a partner, and its agreement; None if this node no longer has that."""

    view: SubscriptionView
    agreement: AgreementView | None

    @property
    def partner(self) -> str:
        """Return the name of the partner, or its DID."""
        return self.agreement.consumer_name if self.agreement is not None else self.view.subscription.partner

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of entities that the partner wants, each once; empty for all."""
        entities = self.view.subscription.document.get("entities") or ()
        return tuple(dict.fromkeys(str(entity["type"]) for entity in entities if entity.get("type")))

    @property
    def state(self) -> str:
        """Return the state in one word, as the terminal and programs have it."""
        return "failing" if self.view.progress.is_failing else str(self.view.progress.state)


class SubscriberPages:
    """Shows the subscriptions of partners, and does what their page offers."""

    def __init__(
        self, subscriptions: PartnerSubscriptions, resend: ResendDeadLetters, agreements: Agreements
    ) -> None:
        self._subscriptions = subscriptions
        self._resend = resend
        self._agreements = agreements

    async def views(self, by: Caller, *, dataset: str = "") -> list[SubscriptionView]:
        """Return all subscriptions, or those to the data of ``dataset``: first those that something is wrong with,
        then the newest. Raises ``NotAllowed``."""
        views = list(await run_sync(self._subscriptions.of_node, by))
        if dataset:
            agreements = await self._agreements.ids_about(dataset)
            views = [view for view in views if view.subscription.agreement in agreements]
        views.sort(key=lambda view: view.subscription.at, reverse=True)
        return sorted(views, key=lambda view: not (view.progress.is_failing or view.dead))

    async def with_agreements(self, views: Sequence[SubscriptionView]) -> list[Subscriber]:
        """Return subscriptions with their agreements."""
        agreements = await self._agreements.by_id({view.subscription.agreement for view in views})
        return [Subscriber(view=view, agreement=agreements.get(view.subscription.agreement)) for view in views]

    async def send_again(self, key: str, by: Caller) -> ResendReport:
        """Send the refused notifications of a subscription again. Raises as ``ResendDeadLetters``."""
        return await self._resend(key, by)

    async def end(self, key: str, by: Caller) -> None:
        """End a subscription, and forget it. Raises ``NotAllowed``, ``NotFound``."""
        await run_sync(self._subscriptions.end, key, by)
