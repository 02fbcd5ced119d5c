"""Subscriptions of the caller: to assets, to searches; their news, and a private feed of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.catalogue.subscriptions.mail import SubscriptionMail
from node.catalogue.subscriptions.model import Subscriber
from node.catalogue.subscriptions.usecases import Subscriptions
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of

_Values = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=20)]


class NewSubscription(BaseModel):
    """An asset, by its IRI, or a search, by the parameters of `GET /api/catalogue/search`, each with its values."""

    model_config = ConfigDict(extra="forbid")

    iri: str = Field("", max_length=2048)
    search: dict[Annotated[str, Field(max_length=60)], _Values] = Field(default_factory=dict, max_length=20)
    name: str = Field("", max_length=200, description="A name for the search.")


class Seen(BaseModel):
    """The list whose news were seen, by its mark; of one subscription, or of all."""

    model_config = ConfigDict(extra="forbid")

    mark: str = Field(max_length=300)
    id: str = Field("", max_length=200)


class MailAddress(BaseModel):
    """The address for e-mails."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(max_length=254)


def router(*, person: Person, subscriptions: Subscriptions, mail: SubscriptionMail, base: str) -> APIRouter:
    """Return the routes. ``base`` is the public URL of the node."""
    api = PlacedApiRouter(prefix="/api/subscriptions", tags=["catalogue"], route_class=knowing(person))

    @api.get("", summary="Your subscriptions, with what is new since you marked it as seen")
    async def list_subscriptions(request: Request) -> Any:
        caller, language = await person(request), language_of(request, "")
        mine, letters = await subscriptions.mine(caller), await mail.of(caller)
        return {
            "mark": mine.mark,
            "feedMade": stamp(mine.feed_made) if mine.feed_made else None,
            "mail": _mail_json(letters),
            "subscriptions": [view.to_json(language) for view in mine.views],
        }

    @api.post("", status_code=201, summary="Subscribe to the changes of an asset, or to new assets of a search")
    async def add(request: Request, body: NewSubscription) -> Any:
        caller = await person(request)
        if bool(body.iri) == bool(body.search):
            raise InvalidInput("give either iri or search", remedy='send {"iri": …} or {"search": {"q": ["…"]}}')
        if body.iri:
            subscription = await subscriptions.add_asset(body.iri, caller)
        else:
            subscription = await subscriptions.add_search(body.search, caller, name=body.name)
        return {"id": subscription.id, "created": stamp(subscription.created)}

    @api.post("/seen", status_code=204, summary="Mark the news of a list as seen")
    async def mark_seen(request: Request, body: Seen) -> None:
        await subscriptions.mark_seen(body.mark, await person(request), subscription_id=body.id)

    @api.post(
        "/feed",
        status_code=201,
        summary="Make a private feed of your news",
        description="The address contains a secret and is shown once. A former address ends.",
    )
    async def make_feed(request: Request) -> Any:
        secret = await subscriptions.make_feed(await person(request))
        return {"url": f"{base}/subscriptions/feed/{secret}.atom"}

    @api.delete("/feed", status_code=204, summary="End your private feed: its address no longer answers")
    async def end_feed(request: Request) -> None:
        await subscriptions.end_feed(await person(request))

    @api.put(
        "/mail",
        status_code=202,
        summary="Give an address for e-mails",
        description="A message asks the owner of the address to confirm it. From then on a digest is sent when "
        "there is news, at most once a day.",
    )
    async def set_address(request: Request, body: MailAddress) -> Any:
        caller = await person(request)
        await mail.set_address(body.address, caller, language=caller.language or language_of(request, ""))
        return {"address": body.address, "confirmed": False}

    @api.delete("/mail", status_code=204, summary="End your e-mails")
    async def end_mail(request: Request) -> None:
        await mail.remove(await person(request))

    @api.delete("/{subscription_id}", status_code=204, summary="End a subscription")
    async def remove(request: Request, subscription_id: str) -> None:
        await subscriptions.remove(subscription_id, await person(request))

    return api


def _mail_json(subscriber: Subscriber) -> dict[str, Any] | None:
    if not subscriber.mail:
        return None
    return {"address": subscriber.mail, "confirmed": subscriber.mail_confirmed is not None}
