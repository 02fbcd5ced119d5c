"""Read what a partner subscribes to (Subscription, ETSI GS CIM 009 v1.8.1 §5.2.12), strictly.

What this node would not do is refused rather than ignored: a subscription that seems to filter would deceive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.datasources.entity_forms import IDENTIFIER
from node.exchange.signatures import secret_of_text
from node.transfer.notifications.conditions import Condition, read_conditions

JSON: Final = "application/json"
JSON_LD: Final = "application/ld+json"
FORMS: Final = ("normalized", "concise", "keyValues", "simplified")
NULL: Final = "urn:ngsi-ld:null"
"""The value that deletes a member in a patch (§5.5.8)."""
MASK: Final = "(not shown)"
"""Stands for the value of a header, which is never shown again. In a patch it keeps the value that is there."""
SECRET: Final = "webhook-secret"  # noqa: S105 - the name of one
"""The key of ``notifierInfo`` with the secret that signs notifications."""
USUAL_TYPE: Final = "Observation"
_MEMBERS: Final = frozenset(
    {
        "id",
        "type",
        "subscriptionName",
        "description",
        "entities",
        "watchedAttributes",
        "q",
        "isActive",
        "expiresAt",
        "throttling",
        "notification",
        "@context",
        "status",
    }
)
_NOTIFICATION: Final = frozenset({"attributes", "format", "endpoint"})
_ENDPOINT: Final = frozenset({"uri", "accept", "receiverInfo", "notifierInfo"})
_SHOWN_BY_NODE: Final = ("status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,60}", re.ASCII)
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[ -~]{0,2000}[\x21-\x7e])?", re.ASCII)
_OWN_HEADERS: Final = re.compile(
    r"(?i)(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|date|link|content-.*|webhook-.*|"
    r"proxy-.*|forwarded|x-forwarded-.*|accept-encoding|user-agent|cookie)"
)
_LONGEST_URI: Final = 2000
_MOST_ENTITIES: Final = 50
_MOST_NAMES: Final = 100
_MOST_HEADERS: Final = 10
_LONGEST_THROTTLING: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Entities of a type, or one of them."""

    type: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionWish:
    """The wish of a partner: which entities, which attributes, in which form, where, and how often at most.

    ``headers`` are sent with each notification, and ``secret`` signs it; both are empty in a wish that was read
    without its secrets. ``throttling`` is in seconds.
    """

    id: str
    selectors: tuple[Selector, ...] = ()
    watchlist: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()
    form: str = "normalized"
    accept: str = JSON
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)
    throttling: float = 0.0
    is_active: bool = True
    expires: datetime | None = None
    context: Any = None

    @property
    def type(self) -> str:
        """Return the type of entities that have none of their own."""
        return self.selectors[0].type if self.selectors else USUAL_TYPE

    def takes(self, entity: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """Return whether the partner wants to be told of an entity; ``values`` are those of its attributes."""
        types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
        is_selected = not self.selectors or any(
            selector.type in types and selector.id in ("", entity["id"]) for selector in self.selectors
        )
        is_watched = not self.watchlist or not self.watchlist.isdisjoint(values)
        return is_selected and is_watched and all(condition.holds(values) for condition in self.conditions)


def read_wish(document: Any) -> SubscriptionWish:
    """Return the wish in a document. Raises ``InvalidInput``, which names the member that is wrong."""
    members = _object(document, "the subscription")
    _require_known(members, _MEMBERS, "a subscription")
    if members.get("type") != "Subscription":
        raise _wrong("type is not Subscription", 'write "type": "Subscription"')
    identifier = members.get("id", "")
    if identifier and (
        not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier) or _is_long(identifier)
    ):
        raise _wrong("id is no URI", "leave it out, and this node makes one")
    for name in ("subscriptionName", "description"):
        if not isinstance(members.get(name, ""), str) or len(members.get(name, "")) > 500:
            raise _wrong(f"{name} is no text of at most 500 characters", "shorten it")
    selectors, watchlist = _selectors(members.get("entities")), _names(members, "watchedAttributes")
    if not selectors and not watchlist:
        raise _wrong("it names neither entities nor watchedAttributes", 'such as "entities": [{"type": "Counter"}]')
    notification = _object(members.get("notification"), "notification")
    _require_known(notification, _NOTIFICATION, "a notification", also=_SHOWN_BY_NODE)
    form = notification.get("format", FORMS[0])
    if form not in FORMS:
        raise _wrong("notification.format is none that this node writes", f"one of: {', '.join(FORMS)}")
    endpoint = _object(notification.get("endpoint"), "notification.endpoint")
    _require_known(endpoint, _ENDPOINT, "an endpoint")
    uri = endpoint.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= _LONGEST_URI:
        raise _wrong("notification.endpoint.uri is no address", "such as https://broker.example/notify")
    accept = endpoint.get("accept", JSON)
    if accept not in (JSON, JSON_LD):
        raise _wrong("notification.endpoint.accept is none that this node writes", f"{JSON} or {JSON_LD}")
    is_active = members.get("isActive", True)
    if not isinstance(is_active, bool):
        raise _wrong("isActive is neither true nor false", "leave it out for true")
    return SubscriptionWish(
        id=identifier,
        selectors=selectors,
        watchlist=watchlist,
        attributes=_names(notification, "attributes"),
        conditions=read_conditions(members.get("q", "")),
        form=form,
        accept=accept,
        uri=uri,
        headers=_headers(endpoint),
        secret=_pairs(endpoint, "notifierInfo").get(SECRET, ""),
        throttling=_throttling(members.get("throttling", 0)),
        is_active=is_active,
        expires=_expires(members.get("expiresAt")),
        context=_context(members.get("@context")),
    )


def apply_patch(document: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """Return a subscription after a patch (§5.8.2): members are replaced as a whole. A header whose value is not
    shown keeps it. Raises ``InvalidInput``."""
    changes = _object(patch, "the change")
    if changes.get("type", "Subscription") != "Subscription" or changes.get("id", document["id"]) != document["id"]:
        raise _wrong("id and type cannot be changed", "make another subscription")
    members = {**document, **changes}
    members = {name: value for name, value in members.items() if value not in (NULL, None)}
    notification = members.get("notification")
    endpoint = notification.get("endpoint") if isinstance(notification, Mapping) else None
    if not isinstance(notification, Mapping) or not isinstance(endpoint, Mapping):
        return members
    earlier = document["notification"]["endpoint"]
    headers = {
        name: _with_values(endpoint[name], earlier.get(name))
        for name in ("receiverInfo", "notifierInfo")
        if name in endpoint
    }
    return {**members, "notification": {**notification, "endpoint": {**endpoint, **headers}}}


def without_values(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a subscription whose headers have no values."""
    notification = document["notification"]
    endpoint = dict(notification["endpoint"])
    for name in ("receiverInfo", "notifierInfo"):
        if name in endpoint:
            endpoint[name] = [{"key": pair["key"], "value": MASK} for pair in endpoint[name]]
    return {**document, "notification": {**notification, "endpoint": endpoint}}


def _with_values(pairs: Any, earlier: Any) -> Any:
    if not isinstance(pairs, list):
        return pairs
    values = {pair["key"]: pair["value"] for pair in earlier or ()}
    return [
        {**pair, "value": values.get(pair.get("key"), pair["value"])}
        if isinstance(pair, Mapping) and pair.get("value") == MASK
        else pair
        for pair in pairs
    ]


def _selectors(entities: Any) -> tuple[Selector, ...]:
    if entities is None:
        return ()
    if not isinstance(entities, list) or not 0 < len(entities) <= _MOST_ENTITIES:
        raise _wrong(f"entities is no list of 1 to {_MOST_ENTITIES}", 'such as [{"type": "Counter"}]')
    selectors = []
    for entity in entities:
        members = _object(entity, "an entry of entities")
        _require_known(members, frozenset({"id", "type"}), "an entry of entities")
        if not isinstance(members.get("type"), str) or not _NAME.fullmatch(members["type"]):
            raise _wrong(
                "an entry of entities has no type", "name it by letters, digits and underscores, such as Counter"
            )
        identifier = members.get("id", "")
        if identifier and (not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier)):
            raise _wrong("the id of an entity is no URI", "such as urn:ngsi-ld:Counter:03")
        selectors.append(Selector(type=members["type"], id=identifier))
    return tuple(selectors)


def _names(members: Mapping[str, Any], member: str) -> frozenset[str]:
    names = members.get(member)
    if names is None:
        return frozenset()
    is_list = isinstance(names, list) and 0 < len(names) <= _MOST_NAMES
    if not is_list or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise _wrong(f"{member} is no list of 1 to {_MOST_NAMES} short names of attributes", 'such as ["intensity"]')
    return frozenset(names)


def _headers(endpoint: Mapping[str, Any]) -> dict[str, str]:
    headers = _pairs(endpoint, "receiverInfo")
    for name in headers:
        if not _HEADER.fullmatch(name) or _OWN_HEADERS.fullmatch(name):
            raise _wrong(
                f"{name[:60]!r} is no header that a subscription may set", "such as Authorization or X-Api-Key"
            )
    _require_secret(_pairs(endpoint, "notifierInfo"))
    return headers


def _pairs(endpoint: Mapping[str, Any], member: str) -> dict[str, str]:
    pairs = endpoint.get(member, [])
    if not isinstance(pairs, list) or len(pairs) > _MOST_HEADERS:
        raise _wrong(
            f"{member} is no list of at most {_MOST_HEADERS}", '[{"key": "Authorization", "value": "Bearer …"}]'
        )
    values: dict[str, str] = {}
    for pair in pairs:
        is_pair = isinstance(pair, Mapping) and set(pair) == {"key", "value"}
        if not is_pair or not all(isinstance(text, str) and _VALUE.fullmatch(text) for text in pair.values()):
            raise _wrong(
                f"an entry of {member} is no key with a value", '{"key": "Authorization", "value": "Bearer …"}'
            )
        if pair["key"] in values:
            raise _wrong(f"{member} has the key {pair['key'][:60]} twice", "leave one of them out")
        values[pair["key"]] = pair["value"]
    return values


def _require_secret(pairs: Mapping[str, str]) -> None:
    for name, value in pairs.items():
        if name != SECRET:
            raise _wrong(f"notifierInfo here knows no {name[:60]!r}", f"it knows {SECRET}")
        if value != MASK:
            secret_of_text(value)


def _throttling(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_THROTTLING:
        raise _wrong("throttling is no number of seconds up to a day", "such as 5")
    return float(value)


def _expires(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return moment(str(value))
    except ValueError as error:
        raise _wrong("expiresAt is no time", "such as 2027-01-01T00:00:00Z") from error


def _context(value: Any) -> Any:
    contexts = value if isinstance(value, list) else [] if value is None else [value]
    if len(contexts) > 10 or not all(isinstance(context, str) and len(context) < 500 for context in contexts):
        raise _wrong("@context is no address, or list of them", "names are taken as they are: leave it out")
    return value


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(f"{name} is no JSON object", "see the guide: share sensors")
    return value


def _require_known(members: Mapping[str, Any], names: frozenset[str], name: str, *, also: Sequence[str] = ()) -> None:
    for member in members:
        if member not in names and member not in also:
            raise _wrong(
                f"{name} here knows no {str(member)[:60]!r}", f"it knows: {', '.join(sorted(names - {'status'}))}"
            )


def _is_long(text: str) -> bool:
    return len(text) > 300


def _wrong(detail: str, remedy: str) -> InvalidInput:
    return InvalidInput(detail, remedy=remedy)
