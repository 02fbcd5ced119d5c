"""Webhooks of a node in memory: one in use with events in every state, and one that is paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.errors import NotFound
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.operation.webhooks.events import KINDS
from node.operation.webhooks.model import Course, DeliveryState, Webhook, WebhookDelivery
from node.operation.webhooks.usecases import WebhookTrial, WebhookView

NAME: Final = "airflow"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class FakeWebhooks:
    """Shows what a page can show; ``text`` goes to where texts of others stand. Calls are counted in ``acts``."""

    kinds: Mapping[str, str] = KINDS

    def __init__(self, now: datetime, text: str = "") -> None:
        plain = Webhook(
            name=NAME,
            address=text or "https://airflow.ghent.example/api/v2/hansa-events",
            kinds=tuple(KINDS),
            secret=b"sealed",
            position=7,
            delivered=now - timedelta(minutes=3),
            by=text or "els",
            at=now - timedelta(days=9),
        )
        reason = text or "nothing could be delivered for three days: the peer did not answer in time"
        paused = replace(plain, name="night-job", paused=True, reason=reason, delivered=None, secret=None)
        self.views = (
            WebhookView(webhook=plain, waiting=1, dead=1),
            WebhookView(webhook=paused, waiting=200, dead=1),
        )
        answers = {
            DeliveryState.WAITING: "the receiver says that it is busy (503)",
            DeliveryState.DELIVERED: "delivered (204)",
            DeliveryState.DEAD: "the receiver refuses the event (422)",
            DeliveryState.ERASED: "its content was erased",
        }
        self.items = [
            WebhookDelivery(
                id=f"{number:032x}",
                webhook=NAME,
                event=f"urn:uuid:{number}",
                seq=number,
                kind=tuple(KINDS)[number],
                subject=text or f"https://data.ghent.example/datasets/traffic-counts-of-the-whole-year-{number}",
                at=now - timedelta(minutes=number),
                state=state,
                attempts=number,
                answer=text or answers[state],
                changed=now,
                course=Course(task="urn:t"),
            )
            for number, state in enumerate(DeliveryState, 1)
        ]
        self.acts: list[tuple[Any, ...]] = []

    def all(self, by: Caller) -> Sequence[WebhookView]:
        require(by, UseCase.MANAGE_WEBHOOKS)
        return self.views

    def webhook(self, name: str, by: Caller) -> WebhookView:
        require(by, UseCase.MANAGE_WEBHOOKS)
        for view in self.views:
            if view.webhook.name == name:
                return view
        raise NotFound("there is no such webhook", remedy="see hansa webhook list")

    def deliveries(
        self, name: str, by: Caller, *, state: DeliveryState | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        return [item for item in self.items if state in (None, item.state)]

    def add(
        self, name: str, address: str, by: Caller, *, kinds: Sequence[str] = (), is_signed: bool = True
    ) -> tuple[WebhookView, str]:
        require(by, UseCase.MANAGE_WEBHOOKS)
        self.acts.append(("add", name, address, tuple(kinds), is_signed))
        return self.views[0], SECRET if is_signed else ""

    async def test(self, name: str, by: Caller) -> WebhookTrial:
        self.webhook(name, by)
        return WebhookTrial(passed=False, status=404, answer="the receiver has nothing at this address (404)")

    def pause(self, name: str, by: Caller) -> None:
        self.acts.append(("pause", name))

    def resume(self, name: str, by: Caller) -> None:
        self.acts.append(("resume", name))

    def retry(self, name: str, by: Caller, *, delivery_id: str = "") -> int:
        self.acts.append(("retry", name, delivery_id))
        return 1

    def remove(self, name: str, by: Caller) -> None:
        self.acts.append(("remove", name))
