"""Documents of other participants, fetched by the egress client (``identity.ports.Peers``).

Answers are cached for minutes at most: a key that was removed from a DID document must stop counting soon, and a
revocation sooner. Callers that request the same document at the same time share one request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from node.adapters.egress import Answer, Egress, Lane
from node.base.clock import Clock, is_younger
from node.base.errors import Conflict, HansaError, InvalidInput, Overloaded, PeerUnreachable, Unauthenticated
from node.identity.credentials.access_tokens import OutgoingTokens
from node.identity.credentials.status import MAX_DOCUMENT
from node.identity.did import check_document, document_url
from node.identity.messages import presentation_query
from node.identity.model import DidDocument
from node.identity.periods import FIRST_PAUSE, LIFETIME, LONGEST_PAUSE
from node.identity.shared_requests import SharedRequests

MAX_DID_DOCUMENT: Final = 64 * 1024
MAX_PRESENTATIONS: Final = 1024 * 1024
_DOCUMENT_SECONDS: Final = 10.0
_MESSAGE_SECONDS: Final = 20.0
_KEPT: Final = 1024
_STRANGERS: Final = 128
"""The number of documents requested at once before those of strangers wait: half of a lane."""
_PASSING: Final = frozenset({408, 425, 429})
"""Statuses that are only temporary: too late, too early, too many."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    """A cached document, or the failure to fetch it."""

    at: datetime
    value: V | None = None
    failure: HansaError | None = None


class _Cache(Generic[V]):
    """The ``_KEPT`` entries that were used last, by key."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()

    def get(self, key: str) -> _Entry[V] | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def drop(self, key: str) -> None:
        self._entries.pop(key, None)

    def put(self, key: str, entry: _Entry[V]) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > _KEPT:
            self._entries.popitem(last=False)


class HttpPeers:
    """Fetches and posts. ``own_document`` and ``own_status_list`` answer for this node without a request.

    A DID document is kept for ``document_max_age`` seconds; when a key in it is unknown it is fetched again at once.
    If that showed nothing new, the next fetch waits, longer each time, so that a flood of invented key ids has no
    cost. Failures are remembered for ``failure_max_age`` seconds, separately from documents: anybody can name a DID,
    and must not push out the documents of the peers that we talk to, nor take all connections from them.
    """

    def __init__(
        self,
        egress: Egress,
        tokens: OutgoingTokens,
        clock: Clock,
        *,
        document_max_age: float = LIFETIME,
        failure_max_age: float = 2.0,
        own_document: Callable[[], DidDocument] | None = None,
        own_status_list: Callable[[str], Awaitable[str]] | None = None,
        own_status_prefix: str | None = None,
    ) -> None:
        self._egress = egress
        self._tokens = tokens
        self._clock = clock
        self._document_max_age = timedelta(seconds=document_max_age)
        self._failure_max_age = timedelta(seconds=failure_max_age)
        self._own_document = own_document
        self._me: str | None = None
        self._own_status_list = own_status_list
        self._own_status_prefix = own_status_prefix
        self._documents: _Cache[DidDocument] = _Cache()
        self._failures: _Cache[DidDocument] = _Cache()
        self._looked: _Cache[timedelta] = _Cache()
        self._document_requests: SharedRequests[DidDocument] = SharedRequests()
        self._lists: _Cache[str | dict[str, Any]] = _Cache()
        self._list_requests: SharedRequests[str | dict[str, Any]] = SharedRequests()
        self._schemas: _Cache[Any] = _Cache()
        self._schema_requests: SharedRequests[Any] = SharedRequests()

    # documents -------------------------------------------------------------------------------------------
    async def did_document(self, did: str, *, fresh: bool = False) -> DidDocument:
        if self._own_document is not None and self._me in (None, did):
            own = self._own_document()
            self._me = own.id
            if own.id == did:
                return own
        document, under_way = self._documents.get(did), did in self._document_requests
        now = self._clock.now()
        if document is None or document.value is None:
            self._require_no_late_failure(did, now)
            if len(self._document_requests) >= _STRANGERS:
                raise Overloaded("too many unknown participants send requests at the same time")
        elif fresh and not under_way:
            last_request = self._looked.get(did)
            pause = FIRST_PAUSE
            if last_request is not None and last_request.value is not None:
                if is_younger(last_request.at, now, last_request.value):
                    return document.value
                if is_younger(last_request.at, now, last_request.value + LONGEST_PAUSE):
                    pause = min(2 * last_request.value, LONGEST_PAUSE)
            self._require_no_late_failure(did, now)
            # A key may have been published a second after the ordinary fetch: that fetch does not count.
            self._looked.put(did, _Entry(now, pause))
        elif not fresh and is_younger(document.at, now, self._document_max_age):
            return document.value
        return await self._document_requests.join(did, lambda: self._fetch_document(did))

    def _require_no_late_failure(self, did: str, now: datetime) -> None:
        failure = self._failures.get(did)
        recent = failure is not None and is_younger(failure.at, now, self._failure_max_age)
        if failure is not None and failure.failure is not None and recent:
            raise failure.failure.with_traceback(None)

    async def _fetch_document(self, did: str) -> DidDocument:
        rules = self._egress.rules
        url = document_url(did, allow_loopback_http=rules.allow_loopback, ports=rules.ports)
        try:
            answer = await self._egress.request(
                "GET",
                url,
                headers={"Accept": "application/did+json, application/did+ld+json, application/json"},
                timeout=_DOCUMENT_SECONDS,
                max_bytes=MAX_DID_DOCUMENT,
                lane=Lane.DOCUMENTS,
                allow_redirects=0,  # a redirect would let one host speak for the DID of another
            )
            if 400 <= answer.status < 500 and answer.status not in _PASSING:
                raise InvalidInput("there is no DID document at the address of its DID", facts={"did": did})
            _expect_ok(answer, "its DID document")
            document = check_document(did, answer.json())
        except HansaError as failure:
            self._failures.put(did, _Entry(self._clock.now(), failure=failure))
            self._looked.drop(did)  # A failed fetch showed nothing, neither old nor new.
            raise
        before = self._documents.get(did)
        if before is not None and before.value is not None and before.value.raw != document.raw:
            self._looked.drop(did)  # The document had changed; the next change may follow soon.
        self._documents.put(did, _Entry(self._clock.now(), value=document))
        return document

    async def status_list(self, url: str, *, max_age: float) -> str | dict[str, Any]:
        own, prefix = self._own_status_list, self._own_status_prefix
        if own is not None and prefix is not None and url.startswith(prefix):
            return await own(url)
        entry = self._lists.get(url)
        fresh = entry is not None and is_younger(entry.at, self._clock.now(), timedelta(seconds=max_age))
        if entry is not None and entry.value is not None and fresh:
            return entry.value
        return await self._list_requests.join(url, lambda: self._fetch_list(url))

    async def _fetch_list(self, url: str) -> str | dict[str, Any]:
        begin = self._clock.now()  # the age counts from before the issuer answered
        answer = await self._egress.request(
            "GET",
            url,
            headers={"Accept": "application/vc+jwt, application/jwt, application/json;q=0.5"},
            timeout=_DOCUMENT_SECONDS,
            max_bytes=MAX_DOCUMENT,
            lane=Lane.DOCUMENTS,
        )
        _expect_ok(answer, "its status list")
        text = answer.body.decode("utf-8", "replace").strip()
        value: str | dict[str, Any] = answer.json() if text.startswith("{") else text.strip('"')
        self._lists.put(url, _Entry(begin, value=value))
        return value

    async def json_document(self, url: str) -> Any:
        entry = self._schemas.get(url)
        if entry is not None and is_younger(entry.at, self._clock.now(), self._document_max_age):
            return entry.value
        return await self._schema_requests.join(url, lambda: self._fetch_json(url))

    async def _fetch_json(self, url: str) -> Any:
        answer = await self._egress.request(
            "GET", url, timeout=_DOCUMENT_SECONDS, max_bytes=MAX_DID_DOCUMENT, lane=Lane.DOCUMENTS
        )
        _expect_ok(answer, "the schema")
        value = answer.json()
        self._schemas.put(url, _Entry(self._clock.now(), value=value))
        return value

    # DCP -------------------------------------------------------------------------------------------------
    async def presentations(self, holder: DidDocument, access_token: str, scopes: Sequence[str]) -> list[Any]:
        """See the port. A refusal by the credential service is an error of the caller: ``Unauthenticated``."""
        answer = await self._egress.request(
            "POST",
            f"{_service(holder, 'CredentialService')}/presentations/query",
            headers=self._authorization(holder.id, access_token),
            json=presentation_query(scopes),
            timeout=_MESSAGE_SECONDS,
            max_bytes=MAX_PRESENTATIONS,
            lane=Lane.PRESENTATIONS,
        )
        if 400 <= answer.status < 500 and answer.status not in _PASSING:
            raise Unauthenticated("the caller's credential service did not show its credentials")
        _expect_ok(answer, "its presentations")
        message = answer.json()
        entries = message.get("presentation") if isinstance(message, dict) else None
        if entries is None:
            return []
        return entries if isinstance(entries, list) else [entries]

    async def issuer_metadata(self, issuer: DidDocument) -> dict[str, Any]:
        answer = await self._egress.request(
            "GET",
            f"{_service(issuer, 'IssuerService')}/metadata",
            headers=self._authorization(issuer.id, None),
            timeout=_DOCUMENT_SECONDS,
            lane=Lane.PRESENTATIONS,
        )
        _expect_ok(answer, "its metadata")
        metadata = answer.json()
        if not isinstance(metadata, dict):
            raise PeerUnreachable("the issuer's metadata is not an object")
        return metadata

    async def request_credentials(self, issuer: DidDocument, message: dict[str, Any]) -> str:
        base = _service(issuer, "IssuerService")
        answer = await self._post(issuer.id, f"{base}/credentials", message, scopes=())
        location = answer.headers.get("Location", "")
        return urlsplit(location).path.rstrip("/").rpartition("/")[2]

    async def deliver_credentials(self, holder: DidDocument, message: dict[str, Any]) -> None:
        base = _service(holder, "CredentialService")
        await self._post(holder.id, f"{base}/credentials", message, scopes=None)

    async def _post(
        self, audience: str, url: str, message: dict[str, Any], *, scopes: Sequence[str] | None
    ) -> Answer:
        """POST a message; with ``scopes`` the receiver may also query our credentials."""
        token = self._tokens.answering(audience, None) if scopes is None else self._tokens.bearer(audience, scopes)
        answer = await self._egress.request(
            "POST",
            url,
            headers={"Authorization": f"Bearer {token}"},
            json=message,
            timeout=_MESSAGE_SECONDS,
            lane=Lane.PRESENTATIONS,
        )
        if 400 <= answer.status < 500 and answer.status not in {401, *_PASSING}:
            raise Conflict(_reason_in(answer), facts={"status": answer.status})
        _expect_ok(answer, "the message")
        return answer

    def _authorization(self, audience: str, access_token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.answering(audience, access_token)}"}


def _service(document: DidDocument, kind: str) -> str:
    endpoint = document.service(kind)
    if endpoint is None:
        raise InvalidInput(f"the DID document of {document.id} does not name a {kind}")
    return endpoint


def _expect_ok(answer: Answer, what: str) -> None:
    if not answer.ok:
        raise PeerUnreachable(f"the peer answers a request for {what} with status {answer.status}")


def _reason_in(answer: Answer) -> str:
    """Return the peer's own words, cut short, for people to read."""
    try:
        members = answer.json()
    except PeerUnreachable:
        members = {}
    words = members.get("detail") or members.get("error_description") if isinstance(members, dict) else None
    told = f": {words[:300]}" if isinstance(words, str) else ""
    return f"the peer refused the message ({answer.status}){told}"
