"""The provider's side of access: who may read or call an asset, decided again every time.

A started transfer has a *grant*: an opaque token of 256 bits (only its hash is stored), bound to one transfer,
agreement, recipient and version of one file. The token alone permits nothing: each read checks whether the transfer
is still started, whether the agreement is still in force, and how the policy decides about the caller's current
credentials. A revocation therefore takes effect at the next read, and on a running one.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import LocalFault, NotAllowed, NotFound, Unauthenticated
from node.base.ids import new_urn
from node.base.work import Transaction, UnitOfWork
from node.dialogue.process import Role
from node.exchange.offloop import off_loop
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.negotiation.uses import Uses
from node.policy.model import Decision
from node.policy.portion import ENFORCED
from node.policy.terms import EXECUTE, REPRODUCE
from node.transfer.accounts import AccessEvent, Refusals
from node.transfer.machine import STARTED
from node.transfer.model import AccessGrant
from node.transfer.ports import GrantStore, TransferStore
from node.transfer.preconditions import Access, refuse, require_standing
from node.transfer.tokens import shown_token, token_hash
from node.vocab.dsp import ASKED, GRAPH_QUERY

_REMEMBERED: Final = 10_000
_MOST_TRANSFERS: Final = 2_000
"""The newest running transfers of a participant among which its graphs are looked for."""

Recheck = Callable[[str], Awaitable[Caller]]
"""Returns the participant of this DID with its current credentials (status lists at most as old as allowed)."""

Decide = Callable[[Agreement, Caller, datetime, str, Mapping[str, Any]], Decision]
"""Returns the policy's decision under this agreement: for this caller, moment, action (an IRI) and facts (how often
the agreement was used)."""


class AuthoriseAccess:
    """Allows or refuses one read, and records it."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        transfers: TransferStore,
        agreements: AgreementStore,
        grants: GrantStore,
        clock: Clock,
        recheck: Recheck,
        decide: Decide,
        append: Append,
        uses: Uses,
    ) -> None:
        self._uses = uses
        self._work = work
        self._transfers = transfers
        self._agreements = agreements
        self._grants = grants
        self._clock = clock
        self._recheck = recheck
        self._decide = decide
        self._append = append
        self._delivered: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._refusals = Refusals()

    async def authorise(self, transfer_pid: str, authorization: str | None, *, range_: str | None = None) -> Access:
        """Return the access if the bearer of this header may read now; ``range_`` is the Range header, for the
        record.

        Raises ``Unauthenticated`` without a bearer token or with an expired one; ``NotFound`` alike for an unknown
        token and an unknown process; ``NotAllowed`` with the reasons (rule, fact, since when) if a known token is
        refused; ``PeerUnreachable`` if the caller's credentials cannot be checked now.
        """
        access = await off_loop(self._look_up, transfer_pid, token_hash(_token(authorization)))
        if not access.grant.has_bytes or access.asks:
            raise NotFound
        return await self._require_permission(access, range_)

    async def require_bearer(self, transfer_pid: str | None, authorization: str | None) -> str:
        """Check only the token of a request, before its body is read; return the format of its transfer. Raises
        ``Unauthenticated`` and ``NotFound`` as ``authorise`` does."""
        return (await off_loop(self._look_up, transfer_pid, token_hash(_token(authorization)))).transfer.format

    async def authorise_question(self, transfer_pid: str, authorization: str | None, *, question: str) -> Access:
        """Return the access if the bearer of this header may now ask the table or the graph of its transfer. Raises
        the errors of ``authorise``."""
        access = await off_loop(self._look_up, transfer_pid, token_hash(_token(authorization)))
        if not access.asks:
            raise NotFound
        return await self._require_permission(access, question)

    async def authorise_graphs(self, authorization: str | None) -> list[Access]:
        """Return the accesses to all graphs that the bearer of this header may ask now, newest first: the token is
        of one of them. Raises the errors of ``authorise`` if that one does not stand; others that do not are left
        out."""
        access = await off_loop(self._look_up, None, token_hash(_token(authorization)))
        if access.transfer.format != GRAPH_QUERY:
            raise NotFound
        require_standing(access)
        caller = await self._current_recipient(access)
        graphs = []
        for graph in await off_loop(self._open_graphs, access.grant.recipient):
            with suppress(NotAllowed):
                require_standing(graph)
                self._require_permit(graph, caller, graph.facts)
                graphs.append(replace(graph, caller=caller))
        return graphs

    async def authorise_read(self, transfer_pid: str, authorization: str | None, *, part: str) -> Access:
        """Return the access if the bearer of this header may now read the data source of its transfer. ``part`` is
        the part that it asks for, for the record. Raises the errors of ``authorise``."""
        access = await off_loop(self._look_up, transfer_pid, token_hash(_token(authorization)))
        if not access.grant.is_live or access.asks:
            raise NotFound
        return await self._require_permission(access, part)

    async def knows(self, authorization: str | None) -> bool:
        """Return whether this header bears a token of ours for calling a model, valid or not."""
        token = shown_token(authorization)
        return token is not None and await off_loop(self._executes, token_hash(token))

    async def authorise_call(self, authorization: str | None, *, range_: str | None = None) -> Access:
        """Return the access if the bearer of this header may now call the model of its transfer, or look at a call:
        the token alone identifies the model. ``CallUse`` counts a new call.

        Raises the errors of ``authorise``.
        """
        access = await off_loop(self._look_up, None, token_hash(_token(authorization)))
        if not access.grant.executes:
            raise NotFound
        return await self._require_permission(access, range_)

    async def record_call(self, access: Access) -> None:
        """Record a call that ``authorise_call`` allowed. Raises the errors of ``authorise_call``."""
        await off_loop(self._begin, access, None, None)

    def take_call(self, tx: Transaction, access: Access, name: str) -> None:
        """Count the call ``name``, in a transaction that may write. Raises ``NotAllowed`` with the reasons."""
        number = self._take(tx, access, name)
        if number is not None:
            self._record(tx, self._event(access, "used", use=number))

    async def authorise_push(self, transfer_pid: str) -> Access:
        """Return the access if this node may push the bytes of its transfer now. Raises ``NotAllowed`` with the
        reasons, ``NotFound`` if the transfer has no grant, ``PeerUnreachable`` as ``authorise``."""
        access = await off_loop(self._of_transfer, transfer_pid)
        return await self._require_permission(access, "push")

    async def authorise_notifications(self, transfer_pid: str, *, part: str) -> Access:
        """Return the access if this node may send now what the recipient of a transfer has subscribed to. Raises the
        errors of ``authorise_push``."""
        access = await off_loop(self._of_transfer, transfer_pid, is_live=True)
        return await self._require_permission(access, part)

    async def begin(self, access: Access, start: int, end: int) -> None:
        """Record a read of the bytes from ``start`` to before ``end``. If the agreement limits its number of uses,
        the first read of a transfer is a use. Raises the errors of ``authorise``."""
        try:
            await off_loop(self._begin, access, start, end)
        except NotAllowed as refusal:
            if access.facts:
                # Others have used up the agreement since this read was permitted.
                await self.note_refusal(access, None, refusal)
            raise

    async def begin_read(self, access: Access, part: str) -> None:
        """Record a read of a data source, or a question to a table. Each is a use of its own. Raises the errors of
        ``authorise``."""
        await self.begin_reads([access], part)

    async def begin_reads(self, accesses: Sequence[Access], part: str) -> None:
        """Record one question to several graphs, for all of them or for none. Raises the errors of ``authorise``."""
        refusals: list[Access] = []
        try:
            await off_loop(self._begin_reads, accesses, part, refusals)
        except NotAllowed as refusal:
            for access in refusals:
                if access.facts:
                    await self.note_refusal(access, part, refusal)
            raise

    async def still(self, access: Access) -> None:
        """Check the permission again in the middle of a read. Raises ``NotAllowed``; an expired token ends no
        read."""
        fresh = await off_loop(self._look_again, access)
        await self._require_permission(fresh, None)

    async def stands(self, access: Access) -> None:
        """Check the transfer and the agreement of a running read, at little cost. Raises ``NotAllowed``."""
        require_standing(await off_loop(self._look_again, access))

    async def record_delivery(self, access: Access, size: int) -> None:
        """Note that the last byte was sent. The ledger gets one entry for each grant in the life of this process."""
        key = (access.grant.transfer, access.grant.file_sha256)
        if key in self._delivered:
            return
        self._delivered[key] = None
        while len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)
        await off_loop(self._write, self._event(access, "delivered", start=0, end=size))

    def _executes(self, token_sha256: str) -> bool:
        with self._work.read() as tx:
            grant = self._grants.by_token(tx, token_sha256)
            return grant is not None and grant.executes

    def _look_up(self, pid: str | None, token_sha256: str) -> Access:
        with self._work.read() as tx:
            grant = self._grants.by_token(tx, token_sha256)
            if (
                grant is None
                or pid not in (None, grant.transfer)
                or not hmac.compare_digest(grant.token_sha256, token_sha256)
            ):
                raise NotFound
            access = self._load(tx, grant)
        if grant.expires <= access.at:
            raise Unauthenticated(
                "the token has expired", remedy="get a new one from the token endpoint of the data address"
            )
        return access

    def _open_graphs(self, recipient: str) -> list[Access]:
        with self._work.read() as tx:
            transfers = self._transfers.select(tx, state=STARTED, peer=recipient, limit=_MOST_TRANSFERS)
            graphs = [
                transfer
                for transfer in transfers
                if transfer.role is Role.PROVIDER and transfer.format == GRAPH_QUERY
            ]
            grants = [self._grants.by_transfer(tx, transfer.pid) for transfer in graphs]
            accesses = [self._load(tx, grant) for grant in grants if grant and grant.recipient == recipient]
            # Decided with one more use: a graph that is used up is none.
            return [replace(access, facts=self._uses.facts(tx, access.agreement, new_urn())) for access in accesses]

    def _of_transfer(self, pid: str, *, is_live: bool = False) -> Access:
        with self._work.read() as tx:
            grant = self._grants.by_transfer(tx, pid)
            if grant is None or not (grant.is_live if is_live else grant.has_bytes):
                raise NotFound
            access = self._load(tx, grant)
        if access.asks:
            raise NotFound
        return access

    def _look_again(self, access: Access) -> Access:
        with self._work.read() as tx:
            grant = self._grants.by_transfer(tx, access.grant.transfer)
            if grant is None or _content_of(grant) != _content_of(access.grant):
                raise NotFound
            return self._load(tx, grant)

    def _load(self, tx: Transaction, grant: AccessGrant) -> Access:
        transfer = self._transfers.get(tx, grant.transfer)
        agreement = self._agreements.get(tx, grant.agreement)
        if transfer is None or agreement is None or transfer.role is not Role.PROVIDER:
            raise NotFound
        # Each call of a model is a separate use, counted with its job, and so is each question and each read of data
        # that may change; all ranges and resumptions of one transfer of a file are one use.
        counts_once = grant.has_bytes and transfer.format not in ASKED
        facts = self._uses.facts(tx, agreement, transfer.pid if counts_once else None)
        return Access(transfer=transfer, grant=grant, agreement=agreement, at=self._clock.now(), facts=facts)

    async def _require_permission(self, access: Access, range_: str | None) -> Access:
        try:
            require_standing(access)
            caller = await self._current_recipient(access)
            if caller.did != access.grant.recipient:
                raise LocalFault("the caller that was checked is not the recipient of the grant")
            self._require_permit(access, caller, access.facts)
        except NotAllowed as refusal:
            await self.note_refusal(access, range_, refusal)
            raise
        return replace(access, caller=caller)

    async def _current_recipient(self, access: Access) -> Caller:
        try:
            return await self._recheck(access.grant.recipient)
        except NotAllowed:
            # Who was blocked since the access was loaded is told that the transfer is suspended, so that it can go on
            # when the block is gone.
            require_standing(await off_loop(self._look_again, access))
            raise

    def _require_permit(self, access: Access, caller: Caller, facts: Mapping[str, Any]) -> None:
        action = action_of(executes=access.grant.executes)
        if access.grant.is_live or access.asks or access.grant.conversion is not None:
            # A read of a data source, an answer and a converted file give ``access.portion`` and no more.
            facts = {**facts, **ENFORCED}
        decision = self._decide(access.agreement, caller, access.at, action, facts)
        if not decision.permits:
            unmet = tuple(reason.to_json() for reason in decision.unmet)
            raise refuse("the policy does not allow this access now", *unmet)

    def _record(self, tx: Transaction, event: AccessEvent) -> None:
        self._append(tx, EntryKind.ACCESS, event.agreement, event.recipient, event.to_json())

    async def note_refusal(self, access: Access, range_: str | None, refusal: NotAllowed) -> None:
        """Record a refusal in the ledger, unless it has recent entries about many refusals of the same transfer."""
        reasons = tuple(refusal.facts.get("reasons", ()))
        repeated = self._refusals.untold(access.transfer.pid, access.at)
        if repeated is not None:
            event = self._event(access, "refused", query=range_, reasons=reasons, repeats=repeated)
            await off_loop(self._write, event)

    def _take(self, tx: Transaction, access: Access, name: str) -> int | None:
        """Count a use and return its number, or None if uses are not counted. Simultaneous uses are counted one by
        one, and the policy decides about each with its own number."""
        caller = access.caller
        if caller is None:
            raise LocalFault("a use was counted for an access that was not authorised")
        return self._uses.take(tx, access.agreement, name, lambda facts: self._require_permit(access, caller, facts))

    def _begin(self, access: Access, start: int | None, end: int | None) -> None:
        with self._work.begin() as tx:
            grant = self._grants.by_transfer(tx, access.grant.transfer)
            if grant is None:
                raise NotFound
            # Time has passed since the permission: conditions that need no network are checked again.
            require_standing(self._load(tx, grant))
            number = self._take(tx, access, access.transfer.pid) if start is not None else None
            if grant.accesses == 0 or number is not None:
                portion = access.portion.to_json() if grant.conversion is not None else {}
                self._record(tx, self._event(access, "started", start=start, end=end, portion=portion, use=number))
            self._grants.count_access(tx, grant.transfer)

    def _begin_reads(self, accesses: Sequence[Access], part: str, refusals: list[Access]) -> None:
        """Record reads; if one is not allowed, it is put into ``refusals``, and nothing is recorded."""
        with self._work.begin() as tx:
            # In one order, so that two questions to the same graphs do not wait for one another.
            for access in sorted(accesses, key=lambda access: access.agreement.id):
                grant = self._grants.by_transfer(tx, access.grant.transfer)
                if grant is None:
                    raise NotFound
                try:
                    require_standing(self._load(tx, grant))
                    number = self._take(tx, access, new_urn())
                except NotAllowed:
                    refusals.append(access)
                    raise
                portion = access.portion.to_json()
                self._record(tx, self._event(access, "started", query=part, portion=portion, use=number))
                self._grants.count_access(tx, grant.transfer)

    def _write(self, event: AccessEvent) -> None:
        with self._work.begin() as tx:
            self._record(tx, event)

    def _event(self, access: Access, outcome: str, **particulars: Any) -> AccessEvent:
        grant = access.grant
        return AccessEvent(
            outcome=outcome,
            transfer=grant.transfer,
            agreement=grant.agreement,
            dataset=grant.dataset,
            version=grant.version,
            recipient=grant.recipient,
            at=self._clock.now(),
            sealed=grant.sealed,
            conversion=grant.conversion or {},
            **particulars,
        )


def action_of(*, executes: bool) -> str:
    """Return the action of a transfer: a model is executed where it is, bytes that leave are copied."""
    return EXECUTE if executes else REPRODUCE


def _content_of(grant: AccessGrant) -> tuple[str, str, str]:
    """Return what tells whether a grant still opens the same content."""
    return grant.file_sha256, grant.source, grant.item


def _token(authorization: str | None) -> str:
    token = shown_token(authorization)
    if token is None:
        raise Unauthenticated(
            "a bearer token is missing", remedy="send the token of the data address as Authorization header"
        )
    return token
