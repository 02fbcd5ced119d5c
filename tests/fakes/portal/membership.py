"""The membership of the node in memory: a region with credentials in each state, and its terms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from node.base.clock import stamp
from node.base.errors import Conflict, InvalidInput, NotFound, PeerUnreachable
from node.catalogue.accession import SentApplication
from node.catalogue.model import Record, RecordTitles
from node.catalogue.region.terms import OfferedRulebook, RegionTerms
from node.identity.blocks import Block
from node.identity.model import Caller, Credential, Rejection
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.operation.region.acceptances import Acceptance, RulebookAcceptances
from node.operation.region.departure import Departure, EndingUse
from node.operation.region.eligibility import EligibilityReport, Prospect
from node.operation.region.membership import IssuerPart, OwnCredential
from node.operation.region.participants import AgreementInForce, ParticipantStatus
from node.policy.gallery import RegionOffer, RegionTemplate
from node.policy.model import Nature, Reason

FLANDERS = "did:web:127.0.0.1%3A8100"
ADDRESS = "http://127.0.0.1:8100"
_STATES = ("valid", "revoked", "suspended", "expired", "unknown", "invalid")


ELSEWHERE = "https://brno.example/datasets/noise"
"""A dataset that only the region's catalogue has."""


class FakeMembership:
    """A node that belongs to Flanders, and to nothing once it has left."""

    def __init__(self, now: datetime, records: Sequence[Record], agreements: Sequence[Agreement]) -> None:
        self.now = now
        self.rulebook = next(record for record in records if record.kind == "rulebook")
        self.agreements = agreements
        self.assets = [record for record in records if record.kind == "dataset"][:2]
        self.joined = True
        self.applications: list[tuple[str, str, str | None]] = []
        self.reasons: list[str] = []

    def region(self) -> str | None:
        return FLANDERS if self.joined else None

    async def catalogue(self, method: str, path: str, _: bytes, __: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Answer as the catalogue of the region: with the first two datasets, and one that is not known here."""
        assert (method, path.partition("?")[0]) == ("GET", "/api/catalogue/search")
        query = parse_qs(path.partition("?")[2])
        hits = [
            {
                "iri": record.iri,
                "kind": record.kind,
                "title": record.title(query["lang"][0]),
                "description": record.description(query["lang"][0]),
                "publisherName": record.publisher_name,
                "origin": record.origin,
                "access": "request",
                "conditions": "members; a person must approve",
                "version": record.version,
                "at": stamp(self.now),
            }
            for record in self.assets
        ]
        hits.append({**hits[0], "iri": ELSEWHERE, "title": "Noise <b>by</b> night", "origin": "did:web:brno.example"})
        return 200, "application/json", json.dumps({"total": 43, "hits": hits}).encode()

    async def issuers(self) -> list[IssuerPart]:
        if not self.joined:
            return []
        rulebook = {"iri": self.rulebook.iri, "version": 1, "sha256": "ab" * 32}
        states = ("REQUESTED", "RECEIVED", "ISSUED", "REJECTED", "FAILED", "WITHDRAWN")
        return [
            IssuerPart(
                did=FLANDERS,
                name="Flanders",
                is_region=True,
                credentials=tuple(self._credential(state) for state in _STATES),
                requests=tuple(self._request(state) for state in states),
                rulebook=rulebook,
            ),
            IssuerPart(did="did:web:water.example", name="", is_region=False, requests=(self._request("RECEIVED"),)),
        ]

    def _credential(self, state: str) -> OwnCredential:
        credential = Credential(
            id=f"urn:uuid:{state}",
            types=("MobilityPartnerCredential" if state == "invalid" else "MembershipCredential",),
            issuer=FLANDERS,
            subject="did:web:127.0.0.1%3A8101",
            claims={"memberOf": FLANDERS, "legalName": "Stad <Gent>", "rulebookVersion": "1", "role": "member"},
            valid_from=self.now - timedelta(days=100),
            valid_until=None if state == "unknown" else self.now + timedelta(days=265),
        )
        if state in ("valid", "unknown"):
            return OwnCredential(credential=credential, is_checked=state == "valid")
        status = state if state != "invalid" else ""
        since = self.now - timedelta(days=3) if status else None
        rejection = Rejection.of(credential, "its status cannot be told", since=since, status=status)
        return OwnCredential(credential=credential, rejection=rejection, is_replaced=state == "expired")

    def _request(self, state: str) -> dict[str, Any]:
        return {
            "holder_pid": f"urn:uuid:{state}",
            "issuer": FLANDERS,
            "issuer_pid": None,
            "credential_type": "MembershipCredential",
            "at": self.now - timedelta(days=2),
            "state": state,
            "reason": "please apply with your legal name" if state == "REJECTED" else None,
        }

    async def terms(self, region: str, by: Caller) -> RegionTerms:
        require(by, UseCase.JOIN)
        if region not in (ADDRESS, FLANDERS):
            raise PeerUnreachable("the node does not answer", remedy="check the address")
        rulebook = OfferedRulebook(
            iri=self.rulebook.iri,
            version=1,
            sha256="ab" * 32,
            publisher="Flanders",
            titles=self.rulebook.titles,
            descriptions=self.rulebook.descriptions,
            nquads=self.rulebook.nquads,
        )
        types = ("MembershipCredential", "MobilityPartnerCredential")
        return RegionTerms(address=ADDRESS, did=FLANDERS, credential_types=types, rulebook=rulebook)

    async def join(
        self, region: str, credential_type: str, by: Caller, *, rulebook: str | None = None
    ) -> SentApplication:
        require(by, UseCase.JOIN)
        if rulebook != "ab" * 32:
            raise Conflict("another version", facts={"case": "rulebook-changed", "version": 1})
        self.applications.append((region, credential_type, rulebook))
        return SentApplication(issuer=FLANDERS, holder_pid="urn:uuid:new", rulebook=None)

    async def foresee(self, issuer: str, by: Caller) -> Departure:
        require(by, UseCase.JOIN)
        if not self.joined or issuer not in ("", FLANDERS):
            raise Conflict("this node belongs to no region")
        parts = (await self.issuers())[0]
        return Departure(
            issuer=FLANDERS,
            is_region=True,
            credentials=tuple(own.credential for own in parts.credentials),
            requests=parts.requests[:2],
            agreements=tuple(EndingUse(agreement=agreement, transfers=1) for agreement in self.agreements),
            assets=tuple(RecordTitles(record.iri, record.audience, record.titles) for record in self.assets),
            asset_count=len(self.assets),
        )

    async def leave(self, issuer: str, reason: str, by: Caller) -> Departure:
        departure = await self.foresee(issuer, by)
        self.joined = False
        self.reasons.append(reason)
        return departure


class FakeBlocking:
    """Blocks in memory."""

    def __init__(self, now: datetime, agreements: Sequence[Agreement]) -> None:
        self.now = now
        self.agreements = agreements
        stranger = "did:web:mallory.example"
        self.blocks = {stranger: Block(did=stranger, reason="passed <data> on", at=now, by="els")}

    async def foresee(self, did: str, by: Caller) -> ParticipantStatus:
        require(by, UseCase.BLOCK)
        agreements = tuple(AgreementInForce(agreement=agreement, transfers=1) for agreement in self.agreements)
        return ParticipantStatus(did=did, name="", block=self.blocks.get(did), agreements=agreements)

    async def block(self, did: str, reason: str, by: Caller) -> tuple[Block, int]:
        require(by, UseCase.BLOCK)
        if not reason.strip():
            raise InvalidInput("a block needs a reason")
        self.blocks[did] = Block(did=did, reason=reason, at=self.now, by=by.name)
        return self.blocks[did], 1

    async def unblock(self, did: str, by: Caller) -> Block:
        require(by, UseCase.BLOCK)
        return self.blocks.pop(did)

    async def all(self) -> Sequence[Block]:
        return list(self.blocks.values())


class FakeEligibility:
    """Participants with every outcome, for any asset."""

    def __init__(self, records: Mapping[str, Sequence[Record]]) -> None:
        self._records = records

    async def of(self, iri: str, by: Caller) -> EligibilityReport:
        require(by, UseCase.PUBLISH)
        if iri not in self._records:
            raise NotFound
        return await self.of_record(self._records[iri][0], by)

    async def under(self, conditions: object, by: Caller, *, record: Record | None = None) -> EligibilityReport:
        del conditions
        return await self.of_record(record or next(iter(self._records.values()))[0], by)

    async def of_record(self, record: Record, by: Caller) -> EligibilityReport:
        require(by, UseCase.PUBLISH)
        lacking = Reason(
            rule="permission[0].constraint[0]",
            operand="x",
            nature=Nature.FACT,
            met=False,
            text={"en": "The recipient must hold the credential MobilityPartner of Flanders."},
        )
        outcomes = ("yes", "approval", "no", "no", "unknown", "unseen", "blocked")
        return EligibilityReport(
            record=record,
            prospects=tuple(
                Prospect(
                    did=f"did:web:city{number}.example",
                    name=f"Stad <Brugge> {number}",
                    outcome=outcome,
                    shown=number != 3,
                    missing=(lacking,) if outcome == "no" else (),
                )
                for number, outcome in enumerate(outcomes)
            ),
            omitted=1,
        )


class FakeAcceptances:
    """Two members: one accepted the newest version, one an earlier one."""

    def __init__(self, iri: str, now: datetime) -> None:
        members = (("Stad <Brugge>", 0, True), ("Plzeň", 1, False))
        self._acceptances = tuple(
            Acceptance(
                holder=f"did:web:{name[:4].lower()}.example",
                name=name,
                version=version,
                at=now if version else None,
                must_accept=must_accept,
            )
            for name, version, must_accept in members
        )
        self._iri = iri

    async def read(self) -> RulebookAcceptances:
        return RulebookAcceptances(iri=self._iri, version=1, acceptances=self._acceptances)


class FakeRegionTemplates:
    """Two templates of the region: one with a value that members fill in, one that is an ODRL policy."""

    def __init__(self, region: str, name: str) -> None:
        self._offer = RegionOffer(
            region=region,
            name=name,
            version=3,
            templates=(
                RegionTemplate(
                    name="mobility-two-years",
                    label={"en": "Mobility for two years", "de": "Mobilität für zwei Jahre"},
                    explanation={"en": "Partners may plan mobility with it."},
                    conditions={"template": "mobility-partners", "until": "2028-12-31"},
                ),
                RegionTemplate(
                    name="research",
                    label={"en": "Research <b>only</b>"},
                    explanation={},
                    conditions={"permission": [{"action": "odrl:use"}]},
                ),
            ),
        )

    def offer(self) -> RegionOffer:
        return self._offer

    def require_region(self, by: Caller) -> None:
        require(by, UseCase.PUBLISH)

    def publish(self, template: RegionTemplate, by: Caller, *, follows: int | None = None) -> RegionOffer:
        require(by, UseCase.PUBLISH)
        return self._offer

    def withdraw(self, name: str, by: Caller, *, follows: int | None = None) -> RegionOffer:
        require(by, UseCase.PUBLISH)
        return self._offer
