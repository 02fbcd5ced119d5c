"""Identifying participants: what counts, for how long, and what a caller cannot do to us."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from node.base.errors import InvalidInput, Overloaded, PeerUnreachable, Unauthenticated
from node.base.work import Transaction
from node.identity.credentials.requested_presentations import Presentations
from node.identity.credentials.trust import TrustList
from node.identity.credentials.verification import VerifyCredentials
from node.identity.model import Caller, Rejection
from node.identity.participants import IdentifyParticipant, bearer_of
from node.identity.replay import ReplayGuard
from tests.fakes.stores.identity import MemoryIdentityStore
from tests.fakes.stores.peers import MemoryPeers
from tests.fakes.stores.work import MemoryUnitOfWork, memory
from tests.simulator.peer_documents import NOW, HandClock, Participant
from tests.stores import Stores

ME = Participant("me.example")
REGION = Participant("region.example", issuer=True)
STRANGER = Participant("stranger.example", issuer=True)
BRUGGE = Participant("brugge.example")
MEMBER, PARTNER = "MembershipCredential", "MobilityPartnerCredential"


class MemoryNotes:
    """Texts under keys."""

    def get(self, tx: Transaction, key: str) -> str | None:
        return memory(tx).rows("notes").get(key)

    def put(self, tx: Transaction, key: str, value: str) -> None:
        memory(tx).put("notes", key, value)


class World:
    """One node that identifies, a region that issues, a city that calls."""

    def __init__(self, *, required_types: Sequence[str] = (), **options: Any) -> None:
        self.clock = HandClock()
        self.uow = MemoryUnitOfWork()
        self.store = MemoryIdentityStore()
        self.notes = MemoryNotes()
        self.peers = MemoryPeers()
        self.trust = TrustList({MEMBER: [REGION.did], PARTNER: [REGION.did]})
        self.required_types, self.options = required_types, options
        self.identify = self.start()
        for one in (REGION, STRANGER, BRUGGE):
            self.peers.documents[one.did] = one.document()
        self.revoked: list[int] = []
        self.relist()
        self.wallet: list[str] = []
        self.access_tokens: list[str] = []
        self.peers.shows[BRUGGE.did] = self.show

    def start(self) -> IdentifyParticipant:
        """A node whose memory is empty and whose database is as it was."""
        self.verifier = VerifyCredentials(self.peers, self.clock, self.trust, status_max_age=1)
        return IdentifyParticipant(
            peers=self.peers,
            clock=self.clock,
            me=ME.did,
            presentations=Presentations(
                uow=self.uow,
                notes=self.notes,
                peers=self.peers,
                verifier=self.verifier,
                trust=self.trust,
                clock=self.clock,
                me=ME.did,
                required_types=self.required_types,
                **self.options,
            ),
            verifier=self.verifier,
            replay=ReplayGuard(self.uow, self.store, self.clock),
            required_types=self.required_types,
        )

    async def show(self, access_token: str, scopes: Sequence[str]) -> list[Any]:
        self.access_tokens.append(access_token)
        await asyncio.sleep(0)
        return [BRUGGE.presentation(ME.did, self.wallet, now=self.clock.now())]

    def relist(self) -> None:
        self.peers.lists[REGION.list_url] = REGION.status_list(self.revoked, now=self.clock.now())

    def give(self, credential_type: str = MEMBER, index: int | None = None, **changes: Any) -> None:
        status = REGION.status_entry(index) if index is not None else None
        self.wallet.append(REGION.credential(BRUGGE.did, credential_type, status=status, **changes))

    async def call(self, **claims: Any) -> Caller:
        given = {"token": "access", **claims}
        return await self.identify.identify(BRUGGE.bearer(ME.did, now=self.clock.now(), **given))


def types_of(caller: Caller) -> set[str]:
    return {name for credential in caller.credentials for name in credential.types}


def why(caller: Caller) -> str:
    return "; ".join(rejected.why for rejected in caller.rejections)


class TestIdentify:
    async def test_a_member_is_a_member(self) -> None:
        world = World()
        world.give(index=3)
        caller = await world.call()
        assert (caller.did, caller.is_participant, types_of(caller)) == (BRUGGE.did, True, {MEMBER})
        assert caller.rejections == ()
        assert world.access_tokens == ["access"]

    async def test_without_token_claim_there_is_a_participant_without_credentials(self) -> None:
        world = World()
        world.give()
        caller = await world.call(token=None)
        assert (caller.did, caller.credentials) == (BRUGGE.did, ())
        assert world.peers.count("presentations") == 0

    async def test_without_anybody_trusted_nobody_is_asked(self) -> None:
        world = World()
        world.trust.replace({})
        world.give()
        assert (await world.call()).credentials == ()
        assert world.peers.count("presentations") == 0

    async def test_scopes_ask_for_what_counts_here(self) -> None:
        world = World()
        asked: list[str] = []

        async def show(_: str, scopes: Sequence[str]) -> list[Any]:
            asked.extend(scopes)
            return []

        world.peers.shows[BRUGGE.did] = show
        assert (await world.call()).credentials == ()
        prefix = "org.eclipse.dspace.dcp.vc.type:"
        assert asked == [f"{prefix}{MEMBER}:read", f"{prefix}{PARTNER}:read"]

    async def test_a_caller_without_credential_service_has_no_credentials(self) -> None:
        world = World()
        world.peers.documents[BRUGGE.did] = BRUGGE.document(lambda raw: raw.pop("service"))
        assert (await world.call()).credentials == ()

    async def test_required_credentials(self) -> None:
        world = World(required_types=[MEMBER])
        with pytest.raises(Unauthenticated, match=MEMBER):
            await world.call()
        world.give()
        world.clock.forward(10)
        assert types_of(await world.call()) == {MEMBER}
        with pytest.raises(Unauthenticated):
            await world.call(token=None)

    @pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
    def test_no_bearer(self, value: str | None) -> None:
        with pytest.raises(Unauthenticated):
            bearer_of(value)

    async def test_a_did_that_cannot_be_resolved(self) -> None:
        world = World()
        world.peers.documents[BRUGGE.did] = InvalidInput("there is no DID document")
        with pytest.raises(Unauthenticated, match="cannot be resolved"):
            await world.call()
        world.peers.documents[BRUGGE.did] = PeerUnreachable("down")
        with pytest.raises(PeerUnreachable):
            await world.call()

    async def test_a_rotated_key_is_found_by_one_fresh_look(self) -> None:
        world = World()
        world.peers.renewed[BRUGGE.did] = world.peers.documents[BRUGGE.did]  # type: ignore[assignment]
        world.peers.documents[BRUGGE.did] = BRUGGE.document(lambda raw: raw.update(verificationMethod=[]))
        assert (await world.call(token=None)).did == BRUGGE.did
        assert world.peers.count("fresh document") == 1

    async def test_a_bad_presentation_turns_the_caller_away(self) -> None:
        world = World()
        world.give()

        async def show(_: str, scopes: Sequence[str]) -> list[Any]:
            return [STRANGER.presentation(ME.did, world.wallet)]

        world.peers.shows[BRUGGE.did] = show
        with pytest.raises(Unauthenticated, match="another party"):
            await world.call()

    async def test_too_many_credentials(self) -> None:
        world = World()
        first, other = ([REGION.credential(BRUGGE.did) for _ in range(26)] for _ in range(2))

        async def show(_: str, scopes: Sequence[str]) -> list[Any]:
            return [BRUGGE.presentation(ME.did, first), BRUGGE.presentation(ME.did, other)]

        world.peers.shows[BRUGGE.did] = show
        with pytest.raises(Unauthenticated, match="more than 50 credentials"):
            await world.call()

    async def test_too_many_presentations(self) -> None:
        world = World()

        async def show(_: str, scopes: Sequence[str]) -> list[Any]:
            return [BRUGGE.presentation(ME.did, [])] * 21

        world.peers.shows[BRUGGE.did] = show
        with pytest.raises(Unauthenticated):
            await world.call()


FAULTS: dict[str, dict[str, Any]] = {
    "issuer not trusted": {"by": STRANGER},
    "issuer not trusted for this type": {"credential_type": "OtherCredential"},
    "expired": {"validUntil": "2026-11-20T09:29:59Z"},
    "not yet valid": {"validFrom": "2026-11-21T00:00:00Z"},
    "about another": {"subject": {"id": STRANGER.did}, "sub": STRANGER.did},
    "signature of another": {"by": STRANGER, "issuer": REGION.did, "iss": REGION.did},
    "key of the wrong purpose": {"header": {"kid": f"{REGION.did}#seal-1"}},
    "revoked": {"index": 9},
    "status elsewhere": {"status": {"statusListCredential": "https://stranger.example/status/1"}},
    "status out of range": {"index": 2**31},
    "status of an unknown kind": {"status": {"type": "Other"}},
    "status with the wrong purpose": {"status": {"statusPurpose": "suspension"}},
    "type missing": {"type": ["VerifiableCredential"]},
    "schema elsewhere": {"credentialSchema": {"id": "https://stranger.example/s", "type": "JsonSchema"}},
    "schema not met": {"credentialSchema": {"id": "https://region.example/s", "type": "JsonSchema"}},
}


class TestSingleFaults:
    """A credential with one fault does not count; the caller is known all the same, and told why."""

    @pytest.mark.parametrize("name", FAULTS)
    async def test_it_does_not_count(self, name: str) -> None:
        world = World()
        world.revoked = [9]
        world.relist()
        world.peers.json_documents["https://region.example/s"] = {"required": ["nothing"]}
        changes = dict(FAULTS[name])
        by: Participant = changes.pop("by", REGION)
        index = changes.pop("index", 1)
        entry = REGION.status_entry(index, **changes.pop("status", {}))
        kind = changes.pop("credential_type", MEMBER)
        world.wallet.append(by.credential(BRUGGE.did, kind, status=entry, **changes))
        caller = await world.call()
        assert caller.did == BRUGGE.did
        assert caller.credentials == ()
        assert len(caller.rejections) == 1
        assert not caller.rejections[0].transient
        assert caller.rejections[0].why

    async def test_a_good_one_beside_a_bad_one_counts(self) -> None:
        world = World()
        world.give(PARTNER, validUntil="2026-11-20T09:29:59Z")
        world.give(MEMBER)
        caller = await world.call()
        assert types_of(caller) == {MEMBER}
        assert [one.types for one in caller.rejections] == [(PARTNER,)]

    async def test_only_the_types_for_which_the_issuer_is_trusted(self) -> None:
        world = World()
        world.trust.replace({MEMBER: [REGION.did], PARTNER: [STRANGER.did]})
        world.give(type=["VerifiableCredential", MEMBER, PARTNER])
        assert types_of(await world.call()) == {MEMBER}

    async def test_an_untrusted_issuer_costs_no_look_up(self) -> None:
        world = World()
        world.wallet.append(STRANGER.credential(BRUGGE.did, status=STRANGER.status_entry(1)))
        await world.call()
        assert (("document", STRANGER.did)) not in world.peers.asked
        assert world.peers.count("status list") == 0

    async def test_an_issuer_that_is_down_is_told_apart(self) -> None:
        world = World()
        world.give()
        world.peers.documents[REGION.did] = PeerUnreachable("down")
        caller = await world.call()
        assert caller.credentials == ()
        assert caller.rejections[0].transient
        world.peers.documents[REGION.did] = REGION.document()
        world.clock.forward(6)
        assert types_of(await world.call(**{"https://w3id.org/hansa/ns#wallet": "a"})) == {MEMBER}


class TestAge:
    async def test_a_complete_presentation_is_used_for_a_minute(self) -> None:
        world = World()
        world.give(MEMBER)
        world.give(PARTNER)
        for _ in range(5):
            await world.call()
            world.clock.forward(14)
        assert world.peers.count("presentations") == 1
        await world.call()
        assert world.peers.count("presentations") == 2

    async def test_an_incomplete_one_for_seconds_only(self) -> None:
        world = World()
        world.give(MEMBER)
        assert types_of(await world.call()) == {MEMBER}
        world.give(PARTNER)
        world.clock.forward(6)
        assert types_of(await world.call()) == {MEMBER, PARTNER}

    async def test_a_wallet_mark_settles_it_at_once(self) -> None:
        world = World()
        mark = "https://w3id.org/hansa/ns#wallet"
        world.give(MEMBER)
        for _ in range(3):
            assert types_of(await world.call(**{mark: "one"})) == {MEMBER}
            world.clock.forward(15)
        assert world.peers.count("presentations") == 1
        world.give(PARTNER)
        assert types_of(await world.call(**{mark: "two"})) == {MEMBER, PARTNER}

    async def test_trust_that_changed_asks_anew(self) -> None:
        world = World()
        world.trust.replace({PARTNER: [REGION.did]})
        world.give(MEMBER)
        assert types_of(await world.call()) == set()
        world.trust.replace({MEMBER: [REGION.did]})
        assert types_of(await world.call()) == {MEMBER}
        world.trust.replace({MEMBER: [STRANGER.did]})
        assert types_of(await world.call()) == set()

    async def test_a_revocation_bites_on_the_next_read_after_the_list_is_old(self) -> None:
        world = World()
        world.give(MEMBER, index=3)
        world.give(PARTNER)
        assert types_of(await world.call()) == {MEMBER, PARTNER}
        world.revoked = [3]
        world.relist()
        caller = await world.call()
        assert types_of(caller) == {PARTNER}
        assert "revoked" in why(caller)
        assert caller.rejections[0].since == NOW
        assert world.peers.count("presentations") == 1

    async def test_a_credential_that_expires_meanwhile_stops_counting(self) -> None:
        world = World()
        world.give(MEMBER, validUntil="2026-11-20T09:30:20Z")
        world.give(PARTNER)
        assert types_of(await world.call()) == {MEMBER, PARTNER}
        world.clock.forward(20)
        assert types_of(await world.call()) == {PARTNER}

    async def test_a_list_of_an_issuer_that_is_down_stands_in_for_a_while(self) -> None:
        world = World()
        world.give(MEMBER, index=3)
        world.give(PARTNER)
        await world.call()
        world.peers.lists[REGION.list_url] = PeerUnreachable("down")
        world.clock.forward(599)
        assert types_of(await world.call()) == {MEMBER, PARTNER}
        world.clock.forward(2)
        caller = await world.call()
        assert types_of(caller) == {PARTNER}
        assert caller.rejections[0].transient

    async def test_a_bad_list_is_never_stood_in_for(self) -> None:
        world = World()
        world.give(MEMBER, index=3)
        await world.call()
        world.peers.lists[REGION.list_url] = STRANGER.status_list()
        assert types_of(await world.call()) == set()

    async def test_a_holder_that_is_down_stands_on_what_it_showed(self) -> None:
        world = World()
        world.give(MEMBER)
        world.give(PARTNER)
        await world.call()
        world.peers.shows[BRUGGE.did] = PeerUnreachable("down")
        world.clock.forward(300)
        assert types_of(await world.call()) == {MEMBER, PARTNER}
        world.clock.forward(301)
        with pytest.raises(PeerUnreachable):
            await world.call()


class TestRecheck:
    async def test_from_memory_with_fresh_status(self) -> None:
        world = World()
        world.give(MEMBER, index=3)
        await world.call()
        assert types_of(await world.identify.recheck(BRUGGE.did)) == {MEMBER}
        world.revoked = [3]
        world.relist()
        caller = await world.identify.recheck(BRUGGE.did)
        assert types_of(caller) == set()
        assert isinstance(caller.rejections[0], Rejection)
        assert world.peers.count("presentations") == 1

    async def test_after_a_restart(self) -> None:
        world = World()
        world.give(MEMBER, index=3)
        await world.call()
        world.identify = world.start()
        assert types_of(await world.identify.recheck(BRUGGE.did)) == {MEMBER}
        world.revoked = [3]
        world.relist()
        assert types_of(await world.identify.recheck(BRUGGE.did)) == set()
        assert world.peers.count("presentations") == 1

    async def test_somebody_who_never_called_has_nothing(self) -> None:
        world = World()
        caller = await world.identify.recheck(STRANGER.did)
        assert (caller.did, caller.credentials) == (STRANGER.did, ())

    async def test_what_was_kept_is_verified_again(self) -> None:
        world = World()
        world.give(MEMBER)
        await world.call()
        world.identify = world.start()
        world.trust.replace({MEMBER: [STRANGER.did]})
        assert types_of(await world.identify.recheck(BRUGGE.did)) == set()

    async def test_trust_is_asked_at_each_access(self) -> None:
        world = World()
        world.give(MEMBER)
        await world.call()
        world.trust.replace({MEMBER: [STRANGER.did]})
        caller = await world.identify.recheck(BRUGGE.did)
        assert types_of(caller) == set()
        assert "not trusted to issue it any more" in why(caller)


class TestCrowds:
    async def test_one_flight_for_each_peer(self) -> None:
        world = World()
        world.give(MEMBER)
        callers = await asyncio.gather(*(world.call() for _ in range(64)))
        assert world.peers.count("presentations") == 1
        assert all(types_of(caller) == {MEMBER} for caller in callers)

    async def test_a_caller_that_hangs_up_does_not_bring_the_others_down(self) -> None:
        world = World()
        world.give(MEMBER)
        gate = asyncio.Event()
        show = world.show

        async def slowly(access_token: str, scopes: Sequence[str]) -> list[Any]:
            await gate.wait()
            return await show(access_token, scopes)

        world.peers.shows[BRUGGE.did] = slowly
        first, second = (asyncio.create_task(world.call()) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        gate.set()
        assert types_of(await second) == {MEMBER}

    async def test_no_more_than_so_many_wait(self) -> None:
        world = World(max_queries=1, max_waiting=2)
        gate = asyncio.Event()
        cities = [Participant(f"city{n}.example") for n in range(3)]

        async def never(_: str, scopes: Sequence[str]) -> list[Any]:
            await gate.wait()
            return []

        for city in cities:
            world.peers.documents[city.did] = city.document()
            world.peers.shows[city.did] = never
        calls = [asyncio.create_task(world.identify.identify(city.bearer(ME.did, token="access"))) for city in cities]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(Overloaded):
            done.pop().result()
        gate.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, Caller) for result in results) == 2


class TestReplay:
    async def test_sequentially_and_after_a_restart(self) -> None:
        world = World()
        token = BRUGGE.bearer(ME.did)
        await world.identify.identify(token)
        for _ in range(2):
            with pytest.raises(Unauthenticated, match="used before"):
                await world.identify.identify(token)
            world.identify = world.start()

    async def test_at_the_same_instant_exactly_one_passes(self) -> None:
        world = World()
        other = world.start()  # a second process over the same database
        token = BRUGGE.bearer(ME.did)
        calls = [one.identify(token) for one in (world.identify, other) for _ in range(16)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, Caller) for result in results) == 1
        assert sum(isinstance(result, Unauthenticated) for result in results) == 31

    async def test_the_same_jti_from_another_issuer_is_another_token(self) -> None:
        world = World()
        await world.identify.identify(BRUGGE.bearer(ME.did, jti="same"))
        await world.identify.identify(REGION.bearer(ME.did, jti="same"))

    async def test_a_token_that_does_not_hold_uses_nothing_up(self) -> None:
        world = World()
        with pytest.raises(Unauthenticated):
            await world.identify.identify(STRANGER.bearer(ME.did, iss=BRUGGE.did, sub=BRUGGE.did, jti="mine"))
        header = {"kid": f"{BRUGGE.did}#key-1"}
        forged = STRANGER.token(ME.did, iss=BRUGGE.did, sub=BRUGGE.did, jti="mine", header=header)
        with pytest.raises(Unauthenticated):
            await world.identify.identify(f"Bearer {forged}")
        await world.identify.identify(BRUGGE.bearer(ME.did, jti="mine"))

    async def test_on_every_database(self, stores: Stores) -> None:
        clock = HandClock()
        guards = [ReplayGuard(stores.uow, stores.identity, clock) for _ in range(2)]
        end = NOW
        uses = [guard.use("did:web:a", f"jti-{n}", end) for n in range(40) for guard in guards]
        answers = await asyncio.gather(*uses)
        assert sum(answers) == 40
        assert not await guards[0].use("did:web:a", "jti-0", end)
        clock.forward(3600)
        later = ReplayGuard(stores.uow, stores.identity, clock)
        assert await later.use("did:web:a", "jti-0", clock.now())

    async def test_tokens_share_commits(self) -> None:
        world = World()
        begun = 0
        begin = world.uow.begin
        lock = threading.Lock()

        def counting(*, synced: bool = True) -> Any:
            nonlocal begun
            with lock:
                begun += 1
            return begin()

        world.uow.begin = counting  # type: ignore[method-assign]
        guard = ReplayGuard(world.uow, world.store, world.clock)
        await asyncio.gather(*(guard.use("did:web:a", str(n), NOW) for n in range(200)))
        assert begun <= 3

    async def test_a_database_that_fails_accepts_nothing(self) -> None:
        world = World()

        def broken(*, synced: bool = True) -> Any:
            raise RuntimeError("disk full")

        world.uow.begin = broken  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            await world.identify.identify(BRUGGE.bearer(ME.did))

    async def test_a_crowd_beyond_measure_is_turned_away(self) -> None:
        world = World()
        guard = ReplayGuard(world.uow, world.store, world.clock, limit=10)
        uses = [guard.use("did:web:a", str(n), NOW) for n in range(50)]
        answers = await asyncio.gather(*uses, return_exceptions=True)
        assert sum(isinstance(answer, Overloaded) for answer in answers) >= 1
        assert all(answer is True or isinstance(answer, Overloaded) for answer in answers)


class TestTrust:
    def test_an_empty_list_is_nobody(self) -> None:
        trust = TrustList({MEMBER: []})
        assert trust.issuers(MEMBER) == frozenset()
        assert trust.types() == ()
        assert TrustList().issuers(MEMBER) == frozenset()

    def test_reading_and_writing(self) -> None:
        lists = {MEMBER: ["did:web:b.example", "did:web:a.example"], PARTNER: ["did:web:a.example"]}
        assert TrustList(lists).to_json() == {
            MEMBER: ("did:web:a.example", "did:web:b.example"),
            PARTNER: ("did:web:a.example",),
        }
