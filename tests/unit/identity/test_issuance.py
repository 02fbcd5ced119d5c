"""Membership end to end in memory: apply, decide, deliver, receive, present, revoke."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from node.base.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    TooMany,
    Unauthenticated,
)
from node.base.jsons import canonical, read_object
from node.base.work import Task, Transaction
from node.identity.credentials.access_tokens import AccessTokens
from node.identity.credentials.credentials import Statement, issue_credential, read_credential
from node.identity.credentials.issuance import (
    MAX_WAITING,
    DecideApplication,
    DeliverCredential,
    ReceiveApplication,
    SupportedCredential,
)
from node.identity.credentials.membership import Accession, RequestCredential, sign_accession
from node.identity.credentials.presentations import read_presentation, verify_presentation
from node.identity.credentials.revocation import ChangeCredentialStatus, StatusLists
from node.identity.credentials.status import entry_for
from node.identity.credentials.trust import TrustList
from node.identity.credentials.verification import VerifyCredentials
from node.identity.credentials.wallet import Wallet
from node.identity.jose import read_jws
from node.identity.messages import (
    ACCESSION,
    SIGNATURE,
    VC11,
    NotSupported,
    credential_message,
    credential_request,
    presentation_query,
)
from node.identity.model import ApplicationState, Credential, DidDocument, Rejection
from node.identity.tokens import IdToken, read_token, verify_token
from node.ledger.model import Entry, EntryKind
from tests.artefacts import data
from tests.fakes.people import person
from tests.fakes.stores.identity import MemoryIdentityStore
from tests.fakes.stores.peers import MemoryPeers
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork
from tests.simulator.peer_documents import NOW, HandClock, Participant

MEMBER, PARTNER = "MembershipCredential", "MobilityPartnerCredential"
BY_TYPE = "org.eclipse.dspace.dcp.vc.type"
ACCEPTED = Accession(
    rulebook="https://region.example/rulebooks/mobility",
    version="1.0",
    sha256="ab" * 32,
    legal_name="Stad Gent",
    contact="data@gent.example",
)


class Ledger:
    """A ledger that remembers."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(
        self,
        tx: Transaction,
        kind: EntryKind,
        subject: str,
        by: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        json.dumps(body)
        self.notes.append((subject, by, dict(body)))
        return Entry(id=subject, kind=kind, subject=subject, at=at or NOW, by=by, body=canonical(body))

    @property
    def events(self) -> list[str]:
        return [body["event"] for _, _, body in self.notes]


class Region:
    def __init__(self, peers: MemoryPeers, clock: HandClock, supported: Sequence[SupportedCredential]) -> None:
        self.party = Participant("region.example", issuer=True)
        self.uow, self.store, self.outbox = MemoryUnitOfWork(), MemoryIdentityStore(), MemoryOutbox()
        self.ledger = Ledger()
        ring, url = self.party.keyring, self.party.url
        self.receive = ReceiveApplication(
            self.uow, self.store, peers, ring, clock, supported, url, append=self.ledger
        )
        self.decide = DecideApplication(
            self.uow, self.store, self.outbox, ring, clock, supported, url, append=self.ledger
        )
        self.lists = StatusLists(self.uow, self.store, ring, clock, url)
        self.status = ChangeCredentialStatus(self.uow, self.store, clock, self.lists, append=self.ledger)

    def tasks(self) -> list[Task]:
        with self.uow.read() as tx:
            return [queued.task for queued in tx.rows("outbox").values()]


class City:
    def __init__(self, peers: MemoryPeers, clock: HandClock, host: str) -> None:
        self.party = Participant(host)
        self.uow, self.store, self.ledger = MemoryUnitOfWork(), MemoryIdentityStore(), Ledger()
        ring = self.party.keyring
        self.access = AccessTokens(ring, clock)
        self.wallet = Wallet(
            self.uow,
            self.store,
            peers,
            ring,
            clock,
            self.access,
            VerifyCredentials(peers, clock, TrustList()),
            append=self.ledger,
        )
        self.join = RequestCredential(self.uow, self.store, peers, ring, clock, append=self.ledger)


class World:
    def __init__(self, *supported: SupportedCredential) -> None:
        self.clock, self.peers = HandClock(), MemoryPeers()
        offered = supported or (
            SupportedCredential(credential_type=MEMBER),
            SupportedCredential(credential_type=PARTNER, role="partner"),
        )
        self.region = Region(self.peers, self.clock, offered)
        self.gent = City(self.peers, self.clock, "gent.example")
        self.stranger = Participant("stranger.example", issuer=True)
        for party in (self.region.party, self.gent.party, self.stranger):
            self.peers.documents[party.did] = party.document()
        self.peers.metadata[self.region.party.did] = self.region.receive.metadata()

    def token(self, sender: Participant, receiver: Participant, access_token: str | None = None) -> IdToken:
        text = sender.token(receiver.did, token=access_token)
        read = read_token(text, audience=receiver.did, now=NOW)
        return verify_token(read, DidDocument(id=sender.did, raw=sender.document()))

    async def apply(self, credential_type: str = MEMBER) -> str:
        """Gent applies; the id of the application at the region."""
        await self.gent.join.request(self.region.party.url, credential_type, ACCEPTED)
        _, message = self.peers.requests[-1]
        application = await self.region.receive.receive(self.token(self.gent.party, self.region.party), message)
        return application.id

    async def deliver(self) -> None:
        """The region's worker runs, and Gent's door takes in."""
        for task in self.region.tasks():
            await DeliverCredential(self.peers).deliver(task)
        for holder, message in self.peers.deliveries:
            assert holder == self.gent.party.did
            await self.gent.wallet.receive(self.token(self.region.party, self.gent.party), message)
        self.peers.deliveries.clear()

    async def admit(self, credential_type: str = MEMBER) -> str:
        issued = self.region.decide.approve(await self.apply(credential_type), "ann")
        await self.deliver()
        return issued[0].id

    async def publish_status(self) -> None:
        for name in ("1", "1.sl2021", "1.suspension", "1.suspension.sl2021"):
            self.peers.lists[f"{self.region.party.url}/status/{name}"] = await self.region.lists.document(name)


class TestApplying:
    async def test_the_application_holds_what_was_signed(self) -> None:
        world = World()
        application_id = await world.apply()
        with world.region.uow.read() as tx:
            application = world.region.store.application(tx, application_id)
        assert application is not None
        assert (application.holder, application.types) == (world.gent.party.did, (MEMBER,))
        assert application.state is ApplicationState.RECEIVED
        assert {k: v for k, v in application.accession.items() if k != "signature"} == ACCEPTED.to_json()
        assert world.region.ledger.events == ["applied"]
        requests = await world.gent.wallet.requests()
        assert [(one["state"], one["issuer"], one["issuer_pid"]) for one in requests] == [
            ("RECEIVED", world.region.party.did, "1")
        ]

    async def test_asking_again_while_it_is_open_is_the_same_request(self) -> None:
        world = World()
        first, second = await world.apply(), await world.apply()
        assert first == second
        assert len(await world.gent.wallet.requests()) == 1
        with world.region.uow.read() as tx:
            assert len(world.region.store.applications(tx)) == 1

    async def test_what_is_not_issued_is_not_asked_for(self) -> None:
        world = World()
        with pytest.raises(InvalidInput, match="has no"):
            await world.gent.join.request(world.region.party.url, "Other", ACCEPTED)
        assert world.peers.requests == []

    async def test_a_node_that_issues_nothing(self) -> None:
        world = World()
        with pytest.raises(InvalidInput, match="issues no credentials"):
            await world.gent.join.request(world.gent.party.did, MEMBER, ACCEPTED)

    @pytest.mark.parametrize("failure", [PeerUnreachable("down"), Conflict("the peer refused the message")])
    async def test_a_request_that_did_not_arrive_says_why(self, failure: Exception) -> None:
        world = World()
        world.peers.request_answer = failure
        with pytest.raises(type(failure)):
            await world.gent.join.request(world.region.party.url, MEMBER, ACCEPTED)
        (request,) = await world.gent.wallet.requests()
        assert request["state"] == "FAILED"
        assert request["reason"] == str(failure)

    async def test_other_holders_send_no_accession(self) -> None:
        world = World()
        message = credential_request("pid-1", [f"{world.region.party.url}/issuer/metadata#{MEMBER}"])
        application = await world.region.receive.receive(world.token(world.gent.party, world.region.party), message)
        assert application.accession == {}

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda m: m[ACCESSION].update(legalName="Stad Antwerpen"),
            lambda m: m[ACCESSION].pop("contact"),
            lambda m: m[ACCESSION].update(extra="x"),
            lambda m: m[ACCESSION].update(legalName="x" * 1001),
            lambda m: m.update({ACCESSION: "text"}),
            lambda m: m.update({"holderPid": "another"}),
            lambda m: m.pop(SIGNATURE),
            lambda m: m.update({SIGNATURE: "x.y.z"}),
            lambda m: m.update({SIGNATURE: m[SIGNATURE][:-4] + "AAAA"}),
            lambda m: m.update({SIGNATURE: Participant("gent.example").sign({"typ": "hansa-accession+jws"}, {})}),
            lambda m: m.pop("holderPid"),
            lambda m: m.update(holderPid=7),
            lambda m: m.update(holderPid="x" * 1025),
            lambda m: m.pop("credentials"),
            lambda m: m.update(credentials=[]),
            lambda m: m.update(credentials=[{"id": "x"}]),
            lambda m: m.update(credentials=["x"]),
            lambda m: m.update(credentials=[{"id": MEMBER}] * 21),
            lambda m: m.update(type="CredentialMessage"),
            lambda m: m.pop("type"),
        ],
    )
    async def test_spoilt_requests(self, spoil: Any) -> None:
        world = World()
        await world.gent.join.request(world.region.party.url, MEMBER, ACCEPTED)
        _, message = world.peers.requests[-1]
        spoil(message)
        with pytest.raises(InvalidInput):
            await world.region.receive.receive(world.token(world.gent.party, world.region.party), message)
        with world.region.uow.read() as tx:
            assert world.region.store.applications(tx) == []

    @pytest.mark.parametrize(
        "accession",
        [
            {},
            {name: value for name, value in ACCEPTED.to_json().items() if name != "contact"},
            {**ACCEPTED.to_json(), "extra": "x"},
            {**ACCEPTED.to_json(), "contact": 7},
            {**ACCEPTED.to_json(), "legalName": "x" * 1001},
        ],
    )
    async def test_accessions_that_are_signed_but_not_whole(self, accession: dict[str, Any]) -> None:
        world = World()
        region, gent = world.region.party, world.gent.party
        message = credential_request("pid-1", [MEMBER])
        message[ACCESSION] = accession
        message[SIGNATURE] = sign_accession(gent.keyring, region.did, "pid-1", accession)
        with pytest.raises(InvalidInput, match="needs exactly"):
            await world.region.receive.receive(world.token(gent, region), message)

    async def test_a_signature_of_another_kind(self) -> None:
        world = World()
        region, gent = world.region.party, world.gent.party
        message = credential_request("pid-1", [MEMBER])
        message[ACCESSION] = ACCEPTED.to_json()
        good = read_jws(sign_accession(gent.keyring, region.did, "pid-1", ACCEPTED.to_json()))
        message[SIGNATURE] = gent.keyring.sign_jws({"typ": "JWT"}, good.payload)
        with pytest.raises(InvalidInput, match="not signed by its applicant"):
            await world.region.receive.receive(world.token(gent, region), message)

    async def test_an_accession_of_somebody_else(self) -> None:
        world = World()
        await world.gent.join.request(world.region.party.url, MEMBER, ACCEPTED)
        _, message = world.peers.requests[-1]
        with pytest.raises(InvalidInput, match="applicant"):
            await world.region.receive.receive(world.token(world.stranger, world.region.party), message)

    async def test_nobody_buries_the_office_in_applications(self) -> None:
        world = World()
        region = world.region
        credentials = [f"{region.party.url}/issuer/metadata#{MEMBER}"]

        async def ask(who: Participant, number: int) -> str:
            message = credential_request(f"pid-{number}", credentials)
            return (await region.receive.receive(world.token(who, region.party), message)).id

        first, *_ = [await ask(world.stranger, number) for number in range(MAX_WAITING)]
        with pytest.raises(TooMany):
            await ask(world.stranger, MAX_WAITING)
        assert await ask(world.stranger, 0) == first, "a repeat is no further application"
        await ask(world.gent.party, 0)
        region.decide.reject(first, "ann", "one is enough")
        await ask(world.stranger, MAX_WAITING)

    async def test_how_it_stands_is_for_the_applicant_only(self) -> None:
        world = World()
        application_id = await world.apply()
        status = await world.region.receive.status(world.token(world.gent.party, world.region.party), application_id)
        assert (status["issuerPid"], status["status"]) == (application_id, "RECEIVED")
        for sender, wanted in ((world.stranger, application_id), (world.gent.party, "unknown")):
            with pytest.raises(NotFound):
                await world.region.receive.status(world.token(sender, world.region.party), wanted)


class TestDeciding:
    async def test_approval_issues_and_delivers(self) -> None:
        world = World()
        credential_id = await world.admit()
        (credential,) = await world.gent.wallet.credentials()
        assert (credential.id, credential.types) == (credential_id, (MEMBER,))
        assert credential.claims == {
            "legalName": "Stad Gent",
            "memberOf": world.region.party.did,
            "role": "member",
            "rulebook": ACCEPTED.rulebook,
            "rulebookVersion": "1.0",
        }
        (request,) = await world.gent.wallet.requests()
        assert (request["state"], world.gent.ledger.events) == ("ISSUED", ["requested", "credential-received"])
        assert world.region.ledger.events == ["applied", "issued"]

    async def test_the_message_waits_in_the_outbox_with_the_decision(self) -> None:
        world = World()
        application_id = await world.apply()
        assert world.region.tasks() == []
        world.region.decide.approve(application_id, "ann")
        (task,) = world.region.tasks()
        assert (task.topic, task.lane, task.subject) == ("credential", world.gent.party.did, application_id)
        message = read_object(task.body)
        assert (message["type"], message["status"], message["issuerPid"]) == (
            "CredentialMessage",
            "ISSUED",
            application_id,
        )

    async def test_deciding_twice(self) -> None:
        world = World()
        application_id = await world.apply()
        first = world.region.decide.approve(application_id, "ann")
        assert world.region.decide.approve(application_id, "bob") == first
        assert len(world.region.tasks()) == 1
        with pytest.raises(Conflict, match="issued already"):
            world.region.decide.reject(application_id, "bob", "no")

    async def test_rejection_tells_why(self) -> None:
        world = World()
        application_id = await world.apply()
        world.region.decide.reject(application_id, "ann", "no mandate")
        world.region.decide.reject(application_id, "ann", "no mandate")
        with pytest.raises(Conflict):
            world.region.decide.approve(application_id, "ann")
        await world.deliver()
        (request,) = await world.gent.wallet.requests()
        assert (request["state"], request["reason"]) == ("REJECTED", "no mandate")
        assert await world.gent.wallet.credentials() == []
        # A city that was refused may apply again, under a new id.
        assert await world.apply() != application_id

    async def test_a_decision_that_fails_leaves_nothing(self) -> None:
        world = World()
        application_id = await world.apply()
        decide = DecideApplication(
            world.region.uow,
            world.region.store,
            world.region.outbox,
            world.region.party.keyring,
            world.clock,
            [],
            world.region.party.url,
        )
        with pytest.raises(InvalidInput):
            decide.approve(application_id, "ann")
        with world.region.uow.read() as tx:
            application = world.region.store.application(tx, application_id)
            assert application is not None
            assert application.state is ApplicationState.RECEIVED
            assert world.region.store.issued_credentials(tx) == []
        assert world.region.tasks() == []

    def test_an_unknown_application(self) -> None:
        with pytest.raises(NotFound):
            World().region.decide.approve("x", "ann")

    async def test_two_credentials_in_one_request_as_the_conformance_kit_asks(self) -> None:
        world = World(
            SupportedCredential(credential_type=MEMBER, profile=VC11),
            SupportedCredential(credential_type="SensitiveData", profile=VC11),
        )
        ids = [entry["id"] for entry in world.region.receive.metadata()["credentialsSupported"]]
        token = world.token(world.gent.party, world.region.party)
        application = await world.region.receive.receive(token, credential_request("pid-1", ids))
        issued = world.region.decide.approve(application.id, "kit")
        (task,) = world.region.tasks()
        containers = read_object(task.body)["credentials"]
        assert [one["credentialType"] for one in containers] == [MEMBER, "SensitiveData"]
        assert {one["format"] for one in containers} == {VC11}
        assert len({(one.list_id, one.index) for one in issued}) == 2
        assert "vc" in read_credential(containers[0]["payload"]).jws.claims()


SPOILT: dict[str, Any] = {
    "unknown holderPid": lambda m: m.update(holderPid="other"),
    "no holderPid": lambda m: m.pop("holderPid"),
    "no issuerPid": lambda m: m.pop("issuerPid"),
    "unknown status": lambda m: m.update(status="MAYBE"),
    "no status": lambda m: m.pop("status"),
    "no credentials": lambda m: m.pop("credentials"),
    "empty credentials": lambda m: m.update(credentials=[]),
    "credential is text": lambda m: m.update(credentials=["x"]),
    "unknown format": lambda m: m["credentials"][0].update(format="ldp_vc"),
    "format is a list": lambda m: m["credentials"][0].update(format="x"),
    "payload is an object": lambda m: m["credentials"][0].update(payload={}),
    "payload is no JWT": lambda m: m["credentials"][0].update(payload="x"),
    "other type": lambda m: m.update(type="CredentialOfferMessage"),
}


class TestReceiving:
    async def message(self, world: World) -> dict[str, Any]:
        world.region.decide.approve(await world.apply(), "ann")
        return read_object(world.region.tasks()[0].body)

    @pytest.mark.parametrize("name", SPOILT)
    async def test_spoilt_messages(self, name: str) -> None:
        world = World()
        message = await self.message(world)
        SPOILT[name](message)
        with pytest.raises((InvalidInput, NotFound)):
            await world.gent.wallet.receive(world.token(world.region.party, world.gent.party), message)
        assert await world.gent.wallet.credentials() == []

    async def test_the_same_message_again_changes_nothing(self) -> None:
        world = World()
        message = await self.message(world)
        for _ in range(3):
            await world.gent.wallet.receive(world.token(world.region.party, world.gent.party), message)
        assert len(await world.gent.wallet.credentials()) == 1
        assert world.gent.ledger.events.count("credential-received") == 1

    async def test_a_rejection_after_the_issue(self) -> None:
        world = World()
        message = await self.message(world)
        token = world.token(world.region.party, world.gent.party)
        await world.gent.wallet.receive(token, message)
        late = credential_message(issuer_pid="1", holder_pid=message["holderPid"], rejection="no")
        with pytest.raises(Conflict):
            await world.gent.wallet.receive(token, late)

    async def test_somebody_else_delivers(self) -> None:
        world = World()
        message = await self.message(world)
        with pytest.raises(InvalidInput, match="another party"):
            await world.gent.wallet.receive(world.token(world.stranger, world.gent.party), message)
        own = world.stranger.credential(world.gent.party.did)
        message["credentials"][0]["payload"] = own
        with pytest.raises(NotFound):
            await world.gent.wallet.receive(world.token(world.stranger, world.gent.party), message)
        assert await world.gent.wallet.credentials() == []

    async def test_a_credential_without_id(self) -> None:
        world = World()
        message = await self.message(world)
        nameless = world.region.party.credential(world.gent.party.did, id=None, jti=None)
        message["credentials"][0]["payload"] = nameless
        with pytest.raises(InvalidInput, match="no id"):
            await world.gent.wallet.receive(world.token(world.region.party, world.gent.party), message)

    async def test_one_bad_credential_spoils_the_message(self) -> None:
        world = World()
        message = await self.message(world)
        other = world.region.party.credential(world.stranger.did)
        message["credentials"].append({"credentialType": "X", "payload": other, "format": "jwt"})
        with pytest.raises(InvalidInput):
            await world.gent.wallet.receive(world.token(world.region.party, world.gent.party), message)
        assert await world.gent.wallet.credentials() == []

    async def test_an_answer_that_overtakes_the_acknowledgement(self) -> None:
        world = World()
        answered: list[str] = []

        async def hasty(issuer: DidDocument, message: dict[str, Any]) -> str:
            token = world.token(world.gent.party, world.region.party)
            application = await world.region.receive.receive(token, message)
            world.region.decide.approve(application.id, "robot")
            answered.append(application.id)
            await world.deliver()
            return application.id

        world.peers.request_credentials = hasty  # type: ignore[method-assign]
        await world.gent.join.request(world.region.party.did, MEMBER, ACCEPTED)
        (request,) = await world.gent.wallet.requests()
        assert (request["state"], request["issuer_pid"]) == ("ISSUED", answered[0])

    async def test_offers_bind_nobody(self) -> None:
        world = World()
        token = world.token(world.region.party, world.gent.party)
        offer = {"type": "CredentialOfferMessage", "issuer": world.region.party.did, "credentials": [{"id": "a"}]}
        assert await world.gent.wallet.receive_offer(token, offer) == ("a",)
        faults: list[dict[str, Any]] = [{"issuer": None}, {"issuer": world.stranger.did}, {"credentials": [1]}]
        for changes in faults:
            with pytest.raises(InvalidInput):
                await world.gent.wallet.receive_offer(token, {**offer, **changes})


class TestPresenting:
    async def ask(
        self, world: World, scopes: Any, *, granted: Sequence[str] = (), asker: Participant | None = None
    ) -> list[str]:
        verifier = world.stranger
        access = world.gent.access.grant(verifier.did, granted)
        token = world.token(asker or verifier, world.gent.party, access)
        answer = await world.gent.wallet.answer(token, presentation_query(scopes))
        assert answer["type"] == "PresentationResponseMessage"
        types: list[str] = []
        for entry in answer["presentation"]:
            read = read_presentation(entry)
            document = DidDocument(id=world.gent.party.did, raw=world.gent.party.document())
            verify_presentation(read, holder=document, audience=verifier.did, now=NOW)
            types += [name for one in read.credentials for name in one.types]
        return types

    async def test_what_is_granted_and_asked_for(self) -> None:
        world = World()
        await world.admit(MEMBER)
        partner_id = await world.admit(PARTNER)
        member, partner = f"{BY_TYPE}:{MEMBER}:read", f"{BY_TYPE}:{PARTNER}:read"
        assert await self.ask(world, [member]) == [MEMBER]
        assert await self.ask(world, [member, partner, partner]) == [MEMBER, PARTNER]
        assert await self.ask(world, [f"{BY_TYPE}:{MEMBER}"]) == [MEMBER]
        assert await self.ask(world, [f"org.eclipse.edc.vc.type:{MEMBER}:read"]) == [MEMBER]
        assert await self.ask(world, [f"org.eclipse.dspace.dcp.vc.id:{partner_id}:read"]) == [PARTNER]
        assert await self.ask(world, [f"{BY_TYPE}:Other:read"]) == []
        # More than was granted is left out without a word (DCP 1.0 §5.4.1.2).
        assert await self.ask(world, [member, partner], granted=[member]) == [MEMBER]
        assert await self.ask(world, [partner], granted=[member]) == []
        world.gent.wallet._refuse_excess = True
        assert await self.ask(world, [member, member], granted=[member]) == [MEMBER]
        for asked in ([partner], [member, partner]):
            with pytest.raises(NotAllowed):
                await self.ask(world, asked, granted=[member])
        assert await self.ask(world, [f"{BY_TYPE}:*:read"]) == []

    async def test_expired_credentials_are_not_shown(self) -> None:
        world = World()
        await world.admit(MEMBER)
        world.clock.forward(366 * 86400)
        access = world.gent.access.grant(world.stranger.did)
        token = replace(world.token(world.stranger, world.gent.party), access_token=access)
        answer = await world.gent.wallet.answer(token, presentation_query([f"{BY_TYPE}:{MEMBER}"]))
        assert answer["presentation"] == []

    async def test_both_data_models_make_two_presentations(self) -> None:
        world = World(
            SupportedCredential(credential_type=MEMBER), SupportedCredential(credential_type=PARTNER, profile=VC11)
        )
        await world.admit(MEMBER)
        await world.admit(PARTNER)
        assert await self.ask(world, [f"{BY_TYPE}:{PARTNER}", f"{BY_TYPE}:{MEMBER}"]) == [MEMBER, PARTNER]

    async def test_nobody_else_uses_the_access_token(self) -> None:
        world = World()
        await world.admit()
        with pytest.raises(Unauthenticated):
            await self.ask(world, [f"{BY_TYPE}:{MEMBER}"], asker=world.region.party)
        token = world.token(world.stranger, world.gent.party, "faketoken")
        with pytest.raises(Unauthenticated):
            await world.gent.wallet.answer(token, presentation_query([f"{BY_TYPE}:{MEMBER}"]))

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"scope": []}, InvalidInput),
            ({"scope": None}, InvalidInput),
            ({"scope": "x"}, InvalidInput),
            ({"scope": ["x"]}, InvalidInput),
            ({"scope": [f"{BY_TYPE}:"]}, InvalidInput),
            ({"scope": [7]}, InvalidInput),
            ({"scope": [f"{BY_TYPE}:a"] * 51}, InvalidInput),
            ({"presentationDefinition": {"id": "a", "input_descriptors": [{}]}}, InvalidInput),
            ({"scope": ..., "presentationDefinition": {}}, InvalidInput),
            ({"scope": ..., "presentationDefinition": None}, InvalidInput),
            ({"scope": ..., "presentationDefinition": {"id": "a", "input_descriptors": [{}]}}, NotSupported),
            ({"type": "Other"}, InvalidInput),
        ],
    )
    async def test_queries_that_are_none(self, changes: dict[str, Any], error: type[Exception]) -> None:
        world = World()
        query = {**presentation_query([f"{BY_TYPE}:{MEMBER}"]), **changes}
        query = {name: value for name, value in query.items() if value is not ...}
        token = world.token(world.stranger, world.gent.party, world.gent.access.grant(world.stranger.did))
        with pytest.raises(error) as caught:
            await world.gent.wallet.answer(token, query)
        assert getattr(caught.value, "status", 0) == (501 if error is NotSupported else 400)

    async def test_the_mark_changes_with_the_wallet(self) -> None:
        world = World()
        assert world.gent.wallet.mark() == ""
        await world.gent.wallet.refresh()
        empty = world.gent.wallet.mark()
        await world.admit(MEMBER)
        one = world.gent.wallet.mark()
        await world.gent.wallet.refresh()
        assert (world.gent.wallet.mark(), empty != one, bool(empty)) == (one, True, True)


class TestRevoking:
    async def test_the_holder_sees_why_and_since_when(self) -> None:
        world = World()
        credential_id = await world.admit(PARTNER)
        await world.publish_status()
        (before,) = await world.gent.wallet.check_status()
        assert isinstance(before, Credential)
        world.clock.forward(30)
        revoked = world.region.status.revoke(credential_id, "left the region", person("ann"))
        assert revoked.revoked_at == world.clock.now()
        await world.publish_status()
        (after,) = await world.gent.wallet.check_status()
        assert isinstance(after, Rejection)
        assert "revoked" in after.why
        assert after.since == revoked.revoked_at

    async def test_the_list_is_new_at_once(self) -> None:
        world = World()
        credential_id = await world.admit()
        before = await world.region.lists.document("1")
        assert await world.region.lists.document("1") == before
        world.region.status.revoke(credential_id, "left", person("ann"))
        assert await world.region.lists.document("1") != before

    async def test_again_changes_nothing(self) -> None:
        world = World()
        credential_id = await world.admit()
        first = world.region.status.revoke(credential_id, "left", person("ann"))
        world.clock.forward(60)
        assert world.region.status.revoke(credential_id, "other", person("bob")) == first
        assert world.region.ledger.events.count("revoked") == 1

    async def test_a_reason_is_needed_and_the_credential_too(self) -> None:
        world = World()
        credential_id = await world.admit()
        with pytest.raises(InvalidInput):
            world.region.status.revoke(credential_id, "  ", person("ann"))
        with pytest.raises(NotFound):
            world.region.status.revoke("urn:uuid:none", "left", person("ann"))

    @pytest.mark.parametrize(
        "name", ["2", "x", "", "-1", "1.0", "01x", "9" * 10, "../1", "1.sl2021.sl2021", "1.sl2021.suspension"]
    )
    async def test_lists_that_are_not_there(self, name: str) -> None:
        world = World()
        await world.admit()
        with pytest.raises(NotFound):
            await world.region.lists.document(name)

    async def test_both_kinds_of_list_tell_the_same(self) -> None:
        world = World(SupportedCredential(credential_type=MEMBER, profile=VC11))
        credential_id = await world.admit()
        world.region.status.revoke(credential_id, "left", person("ann"))
        url = f"{world.region.party.url}/status/1.sl2021"
        world.peers.lists[url] = await world.region.lists.behind(url)
        (checked,) = await world.gent.wallet.check_status()
        assert isinstance(checked, Rejection)
        assert "revoked" in checked.why


class TestSuspending:
    async def test_until_it_is_reinstated(self) -> None:
        world = World()
        credential_id = await world.admit()
        world.clock.forward(30)
        suspended = world.region.status.suspend(credential_id, "under review", person("ann"))
        assert (suspended.suspended_at, suspended.suspended_why) == (world.clock.now(), "under review")
        await world.publish_status()
        (checked,) = await world.gent.wallet.check_status()
        assert isinstance(checked, Rejection)
        assert (checked.status, checked.since) == ("suspended", suspended.suspended_at)
        assert world.region.status.reinstate(credential_id, person("bob")).suspended_at is None
        await world.publish_status()
        (checked,) = await world.gent.wallet.check_status()
        assert isinstance(checked, Credential)
        assert world.region.ledger.events[-2:] == ["suspended", "reinstated"]

    async def test_again_changes_nothing(self) -> None:
        world = World()
        credential_id = await world.admit()
        assert world.region.status.reinstate(credential_id, person("ann")).suspended_at is None
        first = world.region.status.suspend(credential_id, "under review", person("ann"))
        assert world.region.status.suspend(credential_id, "other", person("bob")) == first
        assert [world.region.ledger.events.count(event) for event in ("suspended", "reinstated")] == [1, 0]

    async def test_a_revocation_is_for_ever(self) -> None:
        world = World()
        credential_id = await world.admit()
        world.region.status.suspend(credential_id, "under review", person("ann"))
        world.region.status.revoke(credential_id, "left", person("ann"))
        with pytest.raises(Conflict, match="for ever"):
            world.region.status.reinstate(credential_id, person("ann"))
        await world.publish_status()
        (checked,) = await world.gent.wallet.check_status()
        assert isinstance(checked, Rejection)
        assert checked.status == "revoked"

    async def test_the_older_profile_has_one_status_only(self) -> None:
        world = World(SupportedCredential(credential_type=MEMBER, profile=VC11))
        credential_id = await world.admit()
        with world.region.uow.read() as tx:
            (issued,) = world.region.store.issued_credentials(tx)
        assert read_credential(issued.jwt).body["credentialStatus"]["statusPurpose"] == "revocation"
        with pytest.raises(Conflict, match="without an entry for suspension"):
            world.region.status.suspend(credential_id, "under review", person("ann"))

    async def test_one_that_names_no_list_for_it_stays_as_it_is(self) -> None:
        world = World()
        credential_id = await world.admit()
        with world.region.uow.begin() as tx:
            (issued,) = world.region.store.issued_credentials(tx)
            statement = Statement(
                id="urn:uuid:elder",
                type=MEMBER,
                subject=issued.holder,
                claims={},
                valid_from=issued.at,
                valid_until=issued.valid_until,
                status=[entry_for(f"{world.region.party.url}/status/1", 7)],
            )
            jwt = issue_credential(world.region.party.keyring, statement)
            world.region.store.add_issued(tx, replace(issued, id=statement.id, jwt=jwt, list_id=2))
        with pytest.raises(Conflict, match="without an entry for suspension"):
            world.region.status.suspend(statement.id, "under review", person("ann"))
        assert world.region.status.suspend(credential_id, "under review", person("ann")).suspended_at is not None

    async def test_a_reason_is_needed_and_the_credential_too(self) -> None:
        world = World()
        credential_id = await world.admit()
        with pytest.raises(InvalidInput):
            world.region.status.suspend(credential_id, "  ", person("ann"))
        with pytest.raises(NotFound):
            world.region.status.suspend("urn:uuid:none", "left", person("ann"))
        with pytest.raises(NotFound):
            world.region.status.reinstate("urn:uuid:none", person("ann"))


class TestSchemas:
    """Our messages against the official JSON Schemas."""

    def validator(self, name: str) -> Any:
        from jsonschema import Draft201909Validator  # type: ignore[import-untyped]
        from referencing import Registry
        from referencing.jsonschema import DRAFT201909

        folder = data("dcp/v1.0.1")
        schemas = [json.loads(path.read_text()) for path in folder.glob("*/*-schema.json")]
        schemas += [
            json.loads(path.read_text()) for path in data("dcp/presentation-exchange").glob("*/schemas/*.json")
        ]
        pairs = [(one["$id"], DRAFT201909.create_resource(one)) for one in schemas if "$id" in one]
        context = json.loads((folder / "common/context-schema.json").read_text())
        pairs.append(
            ("https://w3id.org/dspace-dcp/v1.0/common/context-schema.json", DRAFT201909.create_resource(context))
        )
        schema = json.loads(next(folder.glob(f"*/{name}-schema.json")).read_text())
        registry: Any = Registry().with_resources(pairs)
        return Draft201909Validator(schema, registry=registry)

    async def test_all_messages_are_valid(self) -> None:
        world = World()
        application_id = await world.apply()
        _, request = world.peers.requests[-1]
        self.validator("credential-request-message").validate(request)
        token = world.token(world.gent.party, world.region.party)
        self.validator("credential-status").validate(await world.region.receive.status(token, application_id))
        world.region.decide.approve(application_id, "ann")
        self.validator("credential-message").validate(read_object(world.region.tasks()[0].body))
        rejection = credential_message(issuer_pid="1", holder_pid="2", rejection="no")
        self.validator("credential-message").validate(rejection)
        query = presentation_query([f"{BY_TYPE}:{MEMBER}:read"])
        self.validator("presentation-query-message").validate(query)
        await world.deliver()
        access = world.gent.access.grant(world.stranger.did)
        answer = await world.gent.wallet.answer(world.token(world.stranger, world.gent.party, access), query)
        assert answer["presentation"]
        self.validator("presentation-response-message").validate(answer)
