"""Leave a region: what this changes is shown first, then the node gives up the region's credentials.

Agreements stay as they are, with their evidence. The uses that their conditions allow to members end: at partners,
because this node no longer shows the credentials; here, because this node no longer accepts those of the region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.accession import Allegiance
from node.catalogue.model import INTERNAL, PUBLIC, RecordTitles
from node.catalogue.offers import terms_hash
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.dialogue.process import Role
from node.identity.credentials.membership import OPEN, REJECTED, WITHDRAWN
from node.identity.credentials.wallet import Wallet
from node.identity.model import Caller, Credential
from node.identity.ports import IdentityStore
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.transfer.overview import Overview

LONGEST_REASON: Final = 500
LISTED: Final = 200
"""The most assets that are named; the others are counted."""
_STRANGER: Final = "did:web:member.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingUse:
    """An agreement that allows no more use when the node has left. ``transfers`` is how many of its transfers have
    not ended."""

    agreement: Agreement
    transfers: int

    @property
    def titles(self) -> dict[str, str]:
        """Return the title of its asset, as the agreement states it."""
        return dict(((self.agreement.body.get(TERMS) or {}).get("asset") or {}).get("title") or {})

    @property
    def peer(self) -> str:
        """Return the DID of the other party."""
        agreement = self.agreement
        return agreement.provider if agreement.role == Role.CONSUMER else agreement.consumer

    @property
    def peer_name(self) -> str:
        """Return the name of the other party, as the agreement states it; else its DID."""
        side = "provider" if self.agreement.role == Role.CONSUMER else "consumer"
        return str(((self.agreement.body.get(TERMS) or {}).get(side) or {}).get("name") or self.peer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """The changes at this node when it leaves the region ``issuer``. ``requests`` are undecided applications;
    ``assets`` are the first own assets, by IRI, that only its members may see or use, and ``asset_count`` is how many
    there are. ``is_region`` is false for an issuer whose credentials this node holds although it belongs to another
    region."""

    issuer: str
    is_region: bool
    credentials: tuple[Credential, ...] = ()
    requests: tuple[dict[str, Any], ...] = ()
    agreements: tuple[EndingUse, ...] = ()
    assets: tuple[RecordTitles, ...] = ()
    asset_count: int = 0

    @property
    def transfers(self) -> int:
        """Return how many transfers have not ended under these agreements."""
        return sum(use.transfers for use in self.agreements)

    def to_json(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "isRegion": self.is_region,
            "credentials": [
                {"id": credential.id, "types": list(credential.types)} for credential in self.credentials
            ],
            "requests": [
                {"holder_pid": request["holder_pid"], "credential_type": request["credential_type"]}
                for request in self.requests
            ],
            "agreements": [
                {
                    "id": use.agreement.id,
                    "dataset": use.agreement.dataset,
                    "titles": use.titles,
                    "peer": use.peer,
                    "peerName": use.peer_name,
                    "role": use.agreement.role,
                    "transfers": use.transfers,
                }
                for use in self.agreements
            ],
            "transfers": self.transfers,
            "assets": [{"iri": record.iri, "titles": dict(record.titles)} for record in self.assets],
            "assetCount": self.asset_count,
        }


class LeaveRegion:
    """Shows what leaving a region changes, and leaves it."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        identity: IdentityStore,
        records: RecordStore,
        overview: Overview,
        allegiance: Allegiance,
        wallet: Wallet,
        visibility: Visibility,
        append: Append,
        clock: Clock,
        me: str,
        trust: Callable[[], Mapping[str, tuple[str, ...]]],
    ) -> None:
        """``trust`` returns the issuers that count now for each credential type."""
        self._uow = uow
        self._identity = identity
        self._records = records
        self._overview = overview
        self._allegiance = allegiance
        self._wallet = wallet
        self._visibility = visibility
        self._append = append
        self._clock = clock
        self._me = me
        self._trust = trust

    async def foresee(self, issuer: str, by: Caller) -> Departure:
        """Return what leaving ``issuer`` (its DID; empty: the region of this node) changes. Raises ``NotAllowed``,
        and ``Conflict`` if this node has nothing of it."""
        require(by, UseCase.JOIN)
        return await run_sync(self._foresee, issuer)

    async def leave(self, issuer: str, reason: str, by: Caller) -> Departure:
        """Leave ``issuer`` for ``reason``: give up its credentials, withdraw the applications, and, if it is the
        region of this node, accept its credentials and its rulebook no longer. Return what this changed.

        Raises ``NotAllowed``, ``InvalidInput`` without a reason, ``Conflict`` if this node has nothing of it.
        """
        require(by, UseCase.JOIN)
        why = " ".join(reason.split())[:LONGEST_REASON]
        if not why:
            raise InvalidInput("leaving a region needs a reason", remedy="give a reason: it is kept in the ledger")
        departure = await run_sync(self._foresee, issuer)
        await run_sync(lambda: self._end(departure.issuer, why, by))
        # Peers keep presentations: the mark of the wallet tells them to ask again.
        await self._wallet.credentials()
        return departure

    def _foresee(self, issuer: str) -> Departure:
        region = self._allegiance.region
        did = issuer or region
        with self._uow.read() as tx:
            credentials, requests = self._of(tx, did)
        requests = tuple(request for request in requests if request["state"] in OPEN)
        is_region = bool(did) and did == region
        if not (is_region or credentials or requests):
            raise _nothing(did)
        before, after = self._situations(did, is_region=is_region)
        judge = _Judge(before, after)
        agreements = [agreement for agreement in self._overview.agreements() if agreement.in_force]
        assets, asset_count = self._assets(judge) if is_region else ((), 0)
        return Departure(
            issuer=did,
            is_region=is_region,
            credentials=credentials,
            requests=requests,
            agreements=tuple(
                EndingUse(
                    agreement=agreement,
                    transfers=len(self._overview.transfers_under(agreement, ended=False)),
                )
                for agreement in agreements
                if (is_region or agreement.role == Role.CONSUMER)
                and judge.ends(agreement.body, own=agreement.role == Role.CONSUMER)
            ),
            assets=assets,
            asset_count=asset_count,
        )

    def _of(
        self, tx: Transaction, did: str, *, lock: bool = False
    ) -> tuple[tuple[Credential, ...], tuple[dict[str, Any], ...]]:
        """Return the credentials of ``did``, and the requests that it may still answer, be it once more."""
        # The requests first: when they are locked, no further credential arrives.
        requests = [known for known in self._identity.requests(tx, lock=lock) if known["issuer"] == did]
        credentials = tuple(known for known in self._identity.credentials(tx) if known.issuer == did)
        return credentials, tuple(known for known in requests if known["state"] not in (REJECTED, WITHDRAWN))

    def _situations(self, did: str, *, is_region: bool) -> tuple[_Sides, _Sides]:
        """Return the situations before and after leaving ``did``: of this node at its partners, of a member here."""
        now = self._clock.now()
        trust = {name: tuple(dids) for name, dids in self._trust().items()}
        with self._uow.read() as tx:
            own = tuple(self._identity.credentials(tx))
        for credential in own:
            for name in credential.types:
                trust[name] = tuple(dict.fromkeys((*trust.get(name, ()), credential.issuer)))
        member = Credential(
            id="urn:hansa:any-member",
            types=tuple(name for name, dids in self._trust().items() if did in dids),
            issuer=did,
            subject=_STRANGER,
            claims={"memberOf": did},
            valid_from=now - timedelta(days=1),
            valid_until=None,
        )
        rulebook = self._allegiance.rulebook
        situation = Situation(
            caller=Caller(did=self._me, credentials=own),
            at=now,
            provider="",
            approved=True,
            agreed=True,
            rulebook=str(rulebook["iri"]) if rulebook else None,
            issuers=trust,
        )
        here = replace(situation, caller=Caller(did=_STRANGER, credentials=(member,)), provider=self._me)
        rest = tuple(credential for credential in own if credential.issuer != did)
        remaining = dict(self._allegiance.trust_without_region()) if is_region else trust
        return (
            _Sides(own=situation, here=here),
            _Sides(
                own=replace(situation, caller=Caller(did=self._me, credentials=rest)),
                here=replace(here, issuers=remaining, rulebook=None if is_region else here.rulebook),
            ),
        )

    def _assets(self, judge: _Judge) -> tuple[tuple[RecordTitles, ...], int]:
        """Return the first own assets that others lose, and the number of all: each terms of an offer are judged
        once, however many assets have them."""
        audiences = (self._visibility.audiences(judge.before.here.caller) or frozenset()) - {PUBLIC, INTERNAL}
        with self._uow.read() as tx:
            groups = self._records.terms_groups(tx, self._me)
            samples = {group.terms: group.iri for group in groups if group.terms}
            ending = {
                record_terms
                for record_terms, iri in samples.items()
                if (record := self._records.get(tx, iri)) is not None
                and record.offer is not None
                and judge.ends(record.offer, own=False)
            }
            count = sum(group.records for group in groups if group.audience in audiences or group.terms in ending)
            titles = self._records.titles_of(tx, self._me, audiences=audiences, terms=ending, limit=LISTED)
        return tuple(titles), count

    @taken_in_turn
    def _end(self, issuer: str, why: str, by: Caller) -> None:
        with self._uow.begin() as tx:
            self._allegiance.lock(tx)
            is_region = self._allegiance.stored_region(tx) == issuer
            credentials, requests = self._of(tx, issuer, lock=True)
            is_open = any(request["state"] in OPEN for request in requests)
            if not (is_region or credentials or is_open):
                raise _nothing(issuer)
            self._identity.drop_credentials(tx, issuer)
            for request in requests:
                self._identity.update_request(tx, request["holder_pid"], state=WITHDRAWN, reason=why)
            if is_region:
                self._allegiance.end(tx)
            body = {
                "event": "left",
                "issuer": issuer,
                "region": is_region,
                "credentials": [credential.id for credential in credentials],
                "types": sorted({name for credential in credentials for name in credential.types}),
                "withdrawn": [request["holder_pid"] for request in requests],
                "reason": why,
            }
            self._append(tx, EntryKind.MEMBERSHIP, issuer, by.name, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The situation of this node at a partner (``own``), and of a member of the region at this node (``here``)."""

    own: Situation
    here: Situation


class _Judge:
    """Compares what policies allow before and after. Many agreements have the same conditions, so each is judged
    once."""

    def __init__(self, before: _Sides, after: _Sides) -> None:
        self.before = before
        self.after = after
        self._known: dict[tuple[str, bool], bool] = {}

    def ends(self, policy: Mapping[str, Any], *, own: bool) -> bool:
        """Return whether the policy allows a use before that it does not allow after, because of a credential or of
        the rulebook."""
        key = terms_hash(policy), own
        if key not in self._known:
            self._known[key] = self._compare(policy, own=own)
        return self._known[key]

    def _compare(self, policy: Mapping[str, Any], *, own: bool) -> bool:
        read = parse(policy)
        action = principal_action(read)
        pair = (self.before.own, self.after.own) if own else (self.before.here, self.after.here)
        before, after = (decide(read, situation, action=action) for situation in pair)
        return bool(_met(before) & {(reason.rule, reason.operand) for reason in after.unmet})


def _met(decision: Decision) -> set[tuple[str, str]]:
    return {(reason.rule, reason.operand) for reason in decision.reasons if reason.met}


def _nothing(issuer: str) -> Conflict:
    if not issuer:
        return Conflict("this node belongs to no region", remedy="join one: hansa join https://…")
    return Conflict(f"this node has no credential of {issuer[:200]}, and has not applied for one")
