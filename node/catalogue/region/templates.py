"""The templates of conditions that a region offers to its members: its own list, or the one fetched from the region.

A region keeps one list with a version number, which it answers as a compact JWS signed with a key that its DID
document states for assertions. A member keeps the newest list that it has verified: it counts as long as this node
belongs to that region, also while the region cannot be reached.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, InvalidInput, NotFound, PeerUnreachable
from node.base.jsons import canonical, read_object
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.region.terms import GetContent
from node.identity.documents import key_for
from node.identity.jose import read_jws, verify_jws
from node.identity.model import Caller, DidDocument
from node.identity.periods import document_at, stated_moment
from node.identity.ports import KeyRing, Notes
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.policy.gallery import MOST, Gallery, RegionOffer, RegionTemplate, region_templates

MEDIA_TYPE: Final = "application/jwt"
_TYPE: Final = "templates+jwt"
_OWN: Final = "templates of this region"
_FETCHED: Final = "templates of the joined region"
_LOCK: Final = "lock of the templates"
_LARGEST: Final = 2 << 20
_LAST_VERSION: Final = 2**53
_NAME: Final = 200
_INTERVAL: Final = 60.0
"""Seconds between two questions to the region."""

log = logging.getLogger("hansa.region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """This node as a region or a member: its DID and name, its keys, and whether it is a region."""

    did: str
    name: str
    keyring: KeyRing
    is_region: bool


class RegionTemplates:
    """The list of the region that this node is or belongs to."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        notes: Notes,
        append: Append,
        clock: Clock,
        issuer: Issuer,
        region: Callable[[], str | None],
    ) -> None:
        """``region`` returns the DID of the region that this node has joined, if that is another node."""
        self._uow = uow
        self._notes = notes
        self._append = append
        self._clock = clock
        self._issuer = issuer
        self._region = region
        self._text = ""
        self._offer = RegionOffer()
        self._read_at = -1.0
        self.gallery = Gallery(self.offer)

    def offer(self) -> RegionOffer:
        """Return what the region offers; nothing without a region. It is read at most once a second."""
        now = time.monotonic()
        if now - self._read_at > 1.0:
            with self._uow.read() as tx:
                text = self._notes.get(tx, _OWN if self._issuer.is_region else _FETCHED) or ""
            if text != self._text:
                self._text, self._offer = text, _offer_of(read_object(text) if text else {})
            self._read_at = now
        counts = self._offer.region == (self._issuer.did if self._issuer.is_region else self._region())
        return self._offer if counts else RegionOffer()

    @taken_in_turn
    def publish(self, template: RegionTemplate, by: Caller, *, follows: int | None = None) -> RegionOffer:
        """Offer ``template`` from now on, in place of an earlier one of its name. ``follows`` is the version of the
        list that the person saw.

        Raises ``NotAllowed``, ``NotFound`` if this node is no region, ``InvalidInput`` for too many templates, and
        ``Conflict`` if nothing changes, or if the list has changed since.
        """
        self.require_region(by)
        with self._uow.begin() as tx:
            offer = self._read_and_lock(tx, follows)
            others = tuple(each for each in offer.templates if each.name != template.name)
            if template.to_json() in [each.to_json() for each in offer.templates]:
                raise Conflict("the template is offered like this already", facts={"case": "template-unchanged"})
            if len(others) >= MOST:
                raise InvalidInput(f"a region offers at most {MOST} templates", remedy="withdraw one first")
            body = {"event": "template-published", "template": template.to_json()}
            return self._keep(tx, replace(offer, templates=(*others, template)), by, template.id, body)

    @taken_in_turn
    def withdraw(self, name: str, by: Caller, *, follows: int | None = None) -> RegionOffer:
        """Offer the template no more: it vanishes from the galleries of members, and offers made with it stay. Raises
        ``NotAllowed``, ``NotFound`` if there is none of this name, and ``Conflict`` as ``publish`` does."""
        self.require_region(by)
        with self._uow.begin() as tx:
            offer = self._read_and_lock(tx, follows)
            rest = tuple(each for each in offer.templates if each.name != name)
            if len(rest) == len(offer.templates):
                raise NotFound(f"this region offers no template called {name[:80]!r}", remedy="hansa template list")
            body = {"event": "template-withdrawn", "template": {"name": name}}
            return self._keep(tx, replace(offer, templates=rest), by, f"region-{name}", body)

    def sign(self) -> str:
        """Return the list of this region as a compact JWS. Raises ``NotFound`` if this node is no region."""
        if not self._issuer.is_region:
            raise NotFound("this node is no region")
        offer = self.offer()
        claims = {
            "iss": self._issuer.did,
            "iat": int(self._clock.now().timestamp()),
            "name": self._issuer.name,
            "version": offer.version,
            "templates": [each.to_json() for each in offer.templates],
        }
        return self._issuer.keyring.sign_jws({"typ": _TYPE}, canonical(claims))

    def take(self, claims: Mapping[str, Any], region: str) -> bool:
        """Keep a verified list of ``region``, unless one of the same or a later version is kept; return whether."""
        version = claims["version"]
        with self._uow.begin() as tx:
            present = read_object(self._notes.get(tx, _FETCHED) or "{}")
            if present.get("iss") == region and int(present.get("version", 0)) >= version:
                if present["version"] > version:
                    log.warning(
                        "%s answers with version %s of its templates, older than %s",
                        region,
                        version,
                        present["version"],
                    )
                return False
            body = {"iss": region, "version": version, "name": claims["name"], "templates": claims["templates"]}
            self._notes.put(tx, _FETCHED, canonical(body).decode())
            tx.after_commit(self._forget)
        return True

    def require_region(self, by: Caller) -> None:
        """Raise ``NotAllowed``, and ``NotFound`` if this node is no region: before a template is read."""
        require(by, UseCase.PUBLISH)
        if not self._issuer.is_region:
            raise NotFound("this node is no region", remedy="set issuer = true in the settings, or ask your region")

    def _read_and_lock(self, tx: Transaction, follows: int | None) -> RegionOffer:
        # No other process changes the list until the end of this transaction.
        self._notes.put(tx, _LOCK, "")
        offer = _offer_of(read_object(self._notes.get(tx, _OWN) or "{}"))
        if follows is not None and follows != offer.version:
            raise Conflict(
                f"the list has version {offer.version} now, and you have seen version {follows}",
                remedy="look at it again, then repeat the change",
                facts={"case": "templates-changed"},
            )
        return replace(offer, region=self._issuer.did, name=self._issuer.name)

    def _keep(
        self, tx: Transaction, offer: RegionOffer, by: Caller, subject: str, body: Mapping[str, Any]
    ) -> RegionOffer:
        next_offer = replace(offer, version=offer.version + 1)
        list_ = {
            "iss": next_offer.region,
            "version": next_offer.version,
            "name": next_offer.name,
            "templates": [each.to_json() for each in next_offer.templates],
        }
        self._notes.put(tx, _OWN, canonical(list_).decode())
        self._append(tx, EntryKind.MEMBERSHIP, subject, by.name, {**body, "version": next_offer.version})
        tx.after_commit(self._forget)
        return next_offer

    def _forget(self) -> None:
        self._read_at = -1.0


class FetchTemplates:
    """Asks the joined region for its list, and keeps what it has signed."""

    def __init__(
        self,
        *,
        templates: RegionTemplates,
        region: Callable[[], str | None],
        address: Callable[[str], str],
        get_content: GetContent,
        document: Callable[[str], Awaitable[DidDocument]],
        clock: Clock,
    ) -> None:
        """``document`` returns the DID document of a participant."""
        self._templates = templates
        self._region = region
        self._address = address
        self._get_content = get_content
        self._document = document
        self._clock = clock
        self._asked: tuple[str, float] = ("", 0.0)

    async def fetch_due(self) -> None:
        """Ask if this node has just joined a region, or has not asked for a minute. A region that cannot be
        reached, or has an earlier version of Hansa, changes nothing."""
        region, now = self._region(), time.monotonic()
        if not region or (self._asked[0] == region and now - self._asked[1] < _INTERVAL):
            return
        self._asked = (region, now)
        try:
            await self.fetch(region)
        except HansaError as error:
            log.info("the templates of %s cannot be read: %s", region, error.detail)

    async def fetch(self, region: str) -> bool:
        """Ask ``region``; return whether its list is new. Raises ``PeerUnreachable``, and ``InvalidInput`` for a list
        that it has not signed."""
        content = await self._get_content(f"{self._address(region)}/issuer/templates", MEDIA_TYPE)
        document = await self._document(region)
        claims = await run_sync(self._read_claims, content, document, region)
        return await run_sync(self._templates.take, claims, region)

    def _read_claims(self, content: bytes, document: DidDocument, region: str) -> dict[str, Any]:
        try:
            jws = read_jws(content.decode("ascii"), limit=_LARGEST)
        except UnicodeDecodeError as error:
            raise PeerUnreachable(f"{region} does not answer with a signed list of templates") from error
        now = self._clock.now()
        if jws.typ != _TYPE or jws.kid_did not in (region, None):
            raise InvalidInput(f"the list of templates is not signed by {region}")
        then = document_at(document, stated_moment(jws, "iat"), first_seen=now)
        verify_jws(jws, key_for(then, jws.kid, "assertionMethod"))
        claims = jws.claims()
        version, entries = claims.get("version"), claims.get("templates")
        if (
            claims.get("iss") != region
            or isinstance(version, bool)
            or not isinstance(version, int)
            or not 0 <= version < _LAST_VERSION
            or not isinstance(entries, list)
        ):
            raise InvalidInput(f"the list of templates of {region} cannot be read")
        entries = [each.to_json() for each in region_templates(entries)]
        return {"version": version, "name": str(claims.get("name") or "")[:_NAME], "templates": entries}


def _offer_of(claims: Mapping[str, Any]) -> RegionOffer:
    return RegionOffer(
        region=str(claims.get("iss", "")),
        name=str(claims.get("name", "")),
        version=int(claims.get("version", 0)),
        templates=region_templates(claims.get("templates", [])),
    )
