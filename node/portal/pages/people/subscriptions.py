"""The reader's subscriptions: what is new, what they are about, and the private feed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, TooMany
from node.catalogue.subscriptions.model import FACETS, SubscriptionView
from node.portal.atom import atom_feed, feed_response
from node.portal.codes import file_type, licence, words_of_code
from node.portal.forms import local_path
from node.portal.headers import cache_control
from node.portal.languages import Speaker
from node.portal.markup import display_name
from node.portal.pages.account import FORM_SECONDS
from node.portal.queries import Search
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_NAMES: Final = ("q", "bbox", "place", "from", "to", "widen", *FACETS)


async def subscriptions(responder: Responder, visit: Visit) -> Response:
    """``GET /subscriptions``."""
    return await _page(responder, visit)


async def add(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions``: begin one, for the asset ``iri`` or for the search in ``search``, a query string."""
    use_case, iri = responder.node.catalogue.subscriptions, visit.fields.get("iri", "")
    if iri:
        await use_case.add_asset(iri, visit.caller)
        return responder.go(visit, visit.asset(iri))
    try:
        pairs = parse_qsl(visit.fields.get("search", "").removeprefix("?"), max_num_fields=200)
    except ValueError as error:
        raise InvalidInput("the search is not readable", remedy="search again, and subscribe on the page") from error
    parameters: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in _NAMES:
            parameters.setdefault(name, []).append(value)
    await use_case.add_search(parameters, visit.caller, name=visit.fields.get("name", ""))
    return responder.go(visit, visit.url("/subscriptions", done="search"))


async def mark_seen(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/seen``: count the news of the page as seen."""
    await responder.node.catalogue.subscriptions.mark_seen(
        visit.fields.get("mark", ""), visit.caller, subscription_id=visit.fields.get("id", "")
    )
    return responder.go(visit, visit.url("/subscriptions", done="seen"))


async def end(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/{id}/end``: end one, and go back to the page that asked."""
    await responder.node.catalogue.subscriptions.remove(visit.request.path_params["id"], visit.caller)
    return responder.go(visit, local_path(visit.fields.get("back", ""), visit.url("/subscriptions", done="ended")))


async def make_feed(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/feed``: show the address of a new feed, this once."""
    secret = await responder.node.catalogue.subscriptions.make_feed(visit.caller)
    return await _page(responder, visit, secret)


async def end_feed(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/feed/end``."""
    await responder.node.catalogue.subscriptions.end_feed(visit.caller)
    return responder.go(visit, visit.url("/subscriptions", done="feed-ended"))


async def set_address(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/mail``: ask the owner of an address, or show the form again with the reason."""
    address = visit.fields.get("address", "").strip()
    try:
        await responder.node.catalogue.subscription_mail.set_address(address, visit.caller, language=visit.language)
    except (InvalidInput, TooMany) as error:
        trouble = "subs.mail.wrong" if isinstance(error, InvalidInput) else "subs.mail.soon"
        return await _page(responder, visit, trouble=trouble, address=address)
    return responder.go(visit, visit.url("/subscriptions", done="mail"))


async def end_mail(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/mail/end``."""
    await responder.node.catalogue.subscription_mail.remove(visit.caller)
    return responder.go(visit, visit.url("/subscriptions", done="mail-ended"))


async def letter(responder: Responder, visit: Visit) -> Response:
    """``/subscriptions/mail/{secret}``: the page behind the link in an e-mail, to confirm the address or to stop.

    Reading it changes nothing, as programs that preview links do.
    """
    return await _letter(responder, visit)


async def answer_letter(responder: Responder, visit: Visit) -> Response:
    """``POST /subscriptions/mail/{secret}``: confirm the address, or stop."""
    mail, secret = responder.node.catalogue.subscription_mail, visit.request.path_params["secret"]
    if visit.fields.get("do") == "stop":
        await mail.stop(secret)
        return await _letter(responder, visit, outcome="stopped")
    await mail.confirm(secret)
    return await _letter(responder, visit, outcome="confirmed")


async def _letter(responder: Responder, visit: Visit, outcome: str = "") -> Response:
    secret = visit.request.path_params["secret"]
    owner = None if outcome == "stopped" else await responder.node.catalogue.subscription_mail.owner(secret)
    response = responder.render(visit, "letter.html", owner=owner, secret=secret, outcome=outcome)
    if not visit.session:
        responder.set_form_cookie(response, visit.form_cookie, FORM_SECONDS)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def feed(responder: Responder, visit: Visit) -> Response:
    """``/subscriptions/feed/{secret}.atom``: the news of the person with this feed, without a session."""
    use_case = responder.node.catalogue.subscriptions
    owner = await use_case.owner_of_feed(visit.request.path_params["secret"])
    speaker = Speaker(owner.language or visit.language, visit.settings.zone, visit.now)
    reader = replace(visit, caller=owner, speaker=speaker)
    news = await use_case.recent(owner)
    title = reader.t("subs.feed.of", name=responder.settings.name)
    records = [item.record for item in news]
    text = atom_feed(reader, title=title, path="/subscriptions", records=records)
    return feed_response(text, cache_control(signed_in=True))


async def _page(
    responder: Responder, visit: Visit, secret: str = "", *, trouble: str = "", address: str = ""
) -> Response:
    mail = responder.node.catalogue.subscription_mail
    mine = await responder.node.catalogue.subscriptions.mine(visit.caller)
    base = responder.settings.public_url.rstrip("/")
    response = responder.render(
        visit,
        "subscriptions.html",
        status=422 if trouble else 200,
        letters=await mail.of(visit.caller) if mail.is_available else None,
        trouble=trouble,
        address=address,
        mine=mine,
        items=[(view, *_about(visit, view)) for view in mine.views],
        feed_address=f"{base}/subscriptions/feed/{secret}.atom" if secret else "",
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _about(visit: Visit, view: SubscriptionView) -> tuple[str, str]:
    """Return the name of a subscription and the path of its page; no name for an asset that has titles."""
    subscription = view.subscription
    if subscription.iri:
        return "", visit.asset(subscription.iri)
    try:
        search = Search.read([(name, value) for name, values in subscription.criteria.items() for value in values])
    except HansaError:
        return subscription.label, visit.url("/search")
    words = [_word(visit, name, value) for name, values in subscription.criteria.items() for value in values]
    return subscription.name or " · ".join(words), visit.url("/search") + search.query_string()


def _word(visit: Visit, name: str, value: str) -> str:
    if name in ("kind", "access"):
        return visit.speaker.word(name, value)
    if name in ("publisher", "node"):
        return display_name("", value)
    if name == "format":
        return file_type(value, visit.language)
    if name == "license":
        return licence(value, visit.language)
    return words_of_code(value, visit.language) or value if name == "theme" else value
