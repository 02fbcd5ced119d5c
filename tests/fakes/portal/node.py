"""A node in memory for its pages, with the content of the demonstration, to look at pages and to test them.

``python -m tests.fakes.portal.node 8123`` serves it on loopback; sign in as ``els`` with ``gent``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from node.base.errors import Conflict, HansaError, InvalidInput, NotAllowed, NotFound, Unauthenticated
from node.base.work import Task
from node.catalogue.access import Access, AccessCode, access_code_of
from node.catalogue.browse import HERE, Connections, Publisher, explain_withdrawal
from node.catalogue.drafts.viewpoints import Viewpoints
from node.catalogue.envelope import remains_of, withdrawal_of
from node.catalogue.links import Link
from node.catalogue.measurement.data_checks import DataCheck
from node.catalogue.measurement.link_model import LinkCheck
from node.catalogue.measurement.profiles import ProfileOverview
from node.catalogue.model import Publication, Record
from node.catalogue.publication.erase import Erasure
from node.catalogue.publication.part_preview import PartTable
from node.catalogue.region.place import OwnPlace
from node.catalogue.region.search import SearchRegion
from node.catalogue.retention import FileStatus, keepings
from node.catalogue.search.hits import CatalogueHit, CatalogueHits
from node.catalogue.search.vocabulary_labels import OntologyLabels
from node.catalogue.searches import OtherLabel, Query
from node.catalogue.visibility import Visibility
from node.dialogue.process import IMPLIED, Exchange, Role
from node.evidence.archive import pack
from node.identity.accounts.secondfactor import Enrolment, SecondFactorNeeded
from node.identity.credentials.credentials import Statement, issue_credential
from node.identity.credentials.revocation import list_url
from node.identity.credentials.status import REVOCATION, SUSPENSION, entry_for
from node.identity.model import (
    ALL_ROLES,
    ANONYMOUS,
    Account,
    Application,
    ApplicationState,
    Browser,
    Caller,
    Credential,
    IssuedCredential,
    Rejection,
    UserRole,
)
from node.identity.periods import PREFIX, KeyKind, KnownKey
from node.identity.roles import UseCase, require
from node.ledger.verification import TEXTS, Check
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.operation.agenda import AgendaItem, AgendaPart, AgendaView
from node.policy.decide import decide, principal_action
from node.policy.document.articles import TERMS
from node.policy.document.rendering import render_body
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.portal.headers import SecurityHeaders
from node.portal.portal import Portal
from node.portal.reasons import whys
from node.portal.settings import PortalSettings
from node.portal.usecases import (
    CatalogueUseCases,
    ChangeUseCases,
    ContractUseCases,
    HarvestUseCases,
    OperationUseCases,
    PeopleUseCases,
    RegionUseCases,
    UseCases,
    WorkUseCases,
)
from node.portal.views.account import Person
from node.portal.views.agreements import AccessRecord, AgreementView
from node.portal.views.assets import Improvement, Quality, QualityPart
from node.portal.views.keys import ListedKeys, listed_keys
from node.portal.views.member_places import MemberPlace, MemberPlaces
from node.portal.views.processes import Conversation, DecisionView, Deliveries, Stuck
from node.portal.views.region import ApplicationView, IssuedTo, Member, NodeFacts
from node.scenarios.transformations.offerable import OfferableTransformation
from node.semantics.model import BBox
from node.semantics.profiles.features_client import MOST, FeatureSet
from node.semantics.profiles.rows_client import RowQuery, TableColumn, TableRows
from node.semantics.profiles.scenes_client import MOST as MOST_OBJECTS
from node.semantics.profiles.scenes_client import ObjectScene
from node.semantics.validation.profiles import overview
from node.transfer.model import Reception, Transfer
from tests.fakes.portal.content import (
    BRUGGE,
    GENT,
    HOMES,
    PLZEN,
    REGION,
    SAMPLE_CSV,
    SEGMENTS,
    demo_records,
    offer_of,
    say,
)
from tests.fakes.portal.data_sources import data_sources, streams
from tests.fakes.portal.harvests import BROKEN_LINK, FakeHistory, FakeLinks, FakeReports, schedules, value_tables
from tests.fakes.portal.limits import demo_limits
from tests.fakes.portal.maps import feature_set
from tests.fakes.portal.membership import (
    FakeAcceptances,
    FakeBlocking,
    FakeEligibility,
    FakeMembership,
    FakeRegionTemplates,
)
from tests.fakes.portal.operation import operation_of
from tests.fakes.portal.partner_streams import FakePartnerStreams, agreement_about_stream
from tests.fakes.portal.people import NoProviders, fake_users
from tests.fakes.portal.questions import demo_questions
from tests.fakes.portal.receipts import FakeReceipts
from tests.fakes.portal.scenarios import FakeScenarios
from tests.fakes.portal.scenes import scene_of, tile_of, town
from tests.fakes.portal.schemas import FakeSchemaHistories
from tests.fakes.portal.shipments import shipments
from tests.fakes.portal.subscribers import FakeSubscribers
from tests.fakes.portal.subscriptions import demo_subscriptions
from tests.fakes.portal.table_questions import FakeTableQuestions, agreement_about_table
from tests.fakes.portal.webhooks import FakeWebhooks
from tests.fakes.stores.drafts import dataset_drafts, joint_changes
from tests.fakes.stores.node_state import MemoryMetaStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.simulator.peer_documents import Participant

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
BASE = "http://127.0.0.1:8101"

JAN = Caller(did=GENT, account="jan", roles=frozenset({UserRole.AUDITOR}))
MEMBER = Credential(
    id="urn:uuid:1",
    types=("MembershipCredential",),
    issuer=REGION,
    subject=BRUGGE,
    claims={"memberOf": REGION},
    valid_from=NOW - timedelta(days=30),
    valid_until=NOW + timedelta(days=300),
)
ELS = Caller(did=GENT, account="els", roles=ALL_ROLES, credentials=(replace(MEMBER, subject=GENT),))
BRUGGE_CALLER = Caller(did=BRUGGE, credentials=(MEMBER,))

COUNTS = f"{BASE}/datasets/traffic-counts"
AGREEMENT = "urn:uuid:0192f3a0-7c1e-7a55-9d7c-3b1f0a6e2c11"
NEGOTIATION = "urn:uuid:0192f3a0-1111-7a55-9d7c-3b1f0a6e2c22"
TRANSFER = "urn:uuid:0192f3a0-2222-7a55-9d7c-3b1f0a6e2c33"
BROKEN = "urn:uuid:0192f3a0-3333-7a55-9d7c-3b1f0a6e2c44"


def demo_agenda() -> AgendaView:
    """Return an agenda with an item of each code."""
    titles = {"en": "Traffic counts", "nl": "Verkeerstellingen"}
    waiting = (
        AgendaItem(
            code="request-negotiation",
            path="/decisions",
            titles=titles,
            facts={"peer": "Plzeň"},
            at=NOW + timedelta(days=2),
        ),
        AgendaItem(code="question", path="/questions", titles=titles, facts={"question": "x"}),
        AgendaItem(code="request-offer", path="/decisions", titles=titles, facts={"peer": "Plzeň"}),
        AgendaItem(
            code="request-application",
            path="/applications",
            name="Rondpunt Logistics",
            facts={"peer": "Rondpunt Logistics", "type": "MembershipCredential"},
        ),
        AgendaItem(code="draft", path="/publish", name="Air quality 2026", at=NOW + timedelta(days=14)),
    )
    ending = (
        AgendaItem(
            code="agreement-ends",
            path="/agreements",
            titles=titles,
            facts={"peer": "Brugge", "agreement": AGREEMENT},
            at=NOW + timedelta(days=9),
        ),
        AgendaItem(
            code="credential-ends",
            path="/about",
            name="MembershipCredential",
            facts={"issuer": "Flanders"},
            at=NOW + timedelta(days=20),
        ),
        AgendaItem(
            code="credential-ended",
            path="/about",
            name="MobilityPartnerCredential",
            facts={"issuer": "Flanders"},
            at=NOW - timedelta(days=2),
        ),
    )
    failing = (
        AgendaItem(code="deliveries", path="/deliveries", facts={"count": 3}),
        AgendaItem(
            code="harvest", path="/imports/ghent", name="ghent", facts={"count": 2, "url": "https://x.example"}
        ),
        AgendaItem(code="peer", path="/members", name="Brno", facts={"url": "https://brno.example", "error": "x"}),
        AgendaItem(
            code="quarantine", path="/members", name="Mallory", facts={"url": "https://m.example", "error": ""}
        ),
    )
    news = (
        AgendaItem(code="question-answered", path="/questions", titles=titles, facts={"question": "x"}, at=NOW),
        AgendaItem(code="question-refused", path="/questions", titles=titles, facts={"question": "x"}, at=NOW),
        AgendaItem(code="question-hidden", path="/questions", titles=titles, facts={"question": "x"}, at=NOW),
        AgendaItem(code="news-changed", path="/subscriptions", titles=titles, facts={"version": 4}, at=NOW),
        AgendaItem(code="news-withdrawn", path="/subscriptions", titles=titles, facts={"version": 2}, at=NOW),
        AgendaItem(code="news-search", path="/subscriptions", name="fiets", facts={"count": 3}),
    )
    return AgendaView(
        news=AgendaPart(items=news, total=6),
        waiting=AgendaPart(items=waiting, total=8),
        ending=AgendaPart(items=ending, total=3),
        failing=AgendaPart(items=failing, total=6),
    )


async def _find_offerable(*_: object, **__: object) -> list[OfferableTransformation]:
    iri = f"{BASE}/transformations/hourly"
    return [OfferableTransformation(iri=iri, titles={"en": "Hourly totals"}, language="SQL", fits=True)]


class _NoImports:
    """Ontologies that import no others."""

    async def closure(self, iri: str, by: Caller) -> None:
        return None


class FakeNode:
    """Everything in dicts and lists, so that tests may change it between two requests."""

    def __init__(self, records: Sequence[Record] | None = None) -> None:
        self.records: dict[str, list[Record]] = {}
        for record in demo_records() if records is None else records:
            self.records.setdefault(record.iri, []).insert(0, record)
        self.rules = Access(clock=StillClock(), situation=_situation)
        self.passwords = {"els": ("gent", ELS), "jan": ("gent", JAN)}
        self.agenda = demo_agenda()
        self.sessions: dict[str, Caller] = {}
        self.people: dict[str, Person] = {}
        self.new_tokens: list[tuple[str, int]] = []
        self.ended: list[str] = []
        self.half: dict[str, str] = {}
        self.scenarios = FakeScenarios()
        self.schedules = schedules(NOW, BASE)
        self.value_tables = value_tables(NOW)
        self.data_sources, self.try_data_source = data_sources(NOW)
        self.streams, self.broker_subscriptions = streams(NOW, self.data_sources)
        self.subscriptions = demo_subscriptions([versions[0] for versions in self.records.values()], NOW)
        self.questions = demo_questions([versions[0] for versions in self.records.values()], GENT, NOW)
        self.imports = _NoImports()
        self.drafts = dataset_drafts(NOW, BASE, self.records, self.record)
        self.limits = demo_limits(self.records, GENT, NOW)
        self.change_several = joint_changes(BASE, self.records, self.drafts, self.rules)
        self.receipts = FakeReceipts(NOW)
        self.shipments = shipments(NOW)
        self.webhooks = FakeWebhooks(NOW)
        self.subscribers = FakeSubscribers(NOW)
        # Their forms are shown only, and say how large a file may be.
        self.draft_mapping = self.reason = self.align = SimpleNamespace()
        self.find_offerable = _find_offerable
        self.publish_ontology = SimpleNamespace(limit=16 << 20)
        self.read_schema = SimpleNamespace(limit=1 << 20)
        self.schema_histories = FakeSchemaHistories(BASE, NOW)
        self.check_data = self.foresee = self.try_transformation = SimpleNamespace(limit=4 << 20)
        self.asked: list[tuple[str, str | None]] = []
        self.retried: list[str] = []
        self.dead_count: list[str] = []
        self.pending = _pending()
        self.applied = _applications()
        self.credentials = _credentials()
        self.ring = _keys()
        self.contracts = [*_agreements(), agreement_about_table(NOW), agreement_about_stream(NOW)]
        self.membership = FakeMembership(NOW, demo_records(), [view.agreement for view in self.contracts[:2]])
        self.blocking = FakeBlocking(NOW, [view.agreement for view in self.contracts[:2]])
        self.place = OwnPlace(MemoryUnitOfWork(), MemoryMetaStore(), lambda *_: cast("Any", None), me=BASE)
        self.table_questions = FakeTableQuestions(self)
        self.partner_streams = FakePartnerStreams(self, NOW)
        self.partner_tables: list[PartTable] = []
        self.maps: dict[str, bytes] = {"segments.geojson": SEGMENTS}
        self.scenes: dict[str, bytes] = {"town.city.json": json.dumps(town()).encode()}
        self.stuck = _stuck()
        self.running = _conversations()
        self.facts = NodeFacts(
            name="Stad Gent",
            did=GENT,
            url=BASE,
            version="0.1.0",
            contact="data@stad.gent.example",
            operator="Stad Gent, Dienst Data en Informatie",
            rulebook="http://127.0.0.1:8100/rulebooks/vlaanderen",
            rulebook_titles=say(en="Rulebook of the Flemish mobility data space", nl="Afsprakenkader Vlaanderen"),
            entries=1284,
            checkpoint_at=NOW - timedelta(minutes=3),
        )

    # the catalogue ----------------------------------------------------------------------------------------
    def _seen(self, caller: Caller) -> list[Record]:
        newest = [versions[0] for versions in self.records.values()]
        return [r for r in newest if not r.withdrawn and (r.audience == "public" or caller.is_person)]

    async def search(self, query: Query, caller: Caller) -> CatalogueHits:
        hits = []
        other_labels = _other_labels(query)
        for record in self._seen(caller):
            if query.text:
                text = " ".join((*record.titles.values(), *record.descriptions.values(), *record.keywords)).lower()
                others = [label.label.lower() for ontology in other_labels for label in ontology.labels]
                if not all(word in text for word in query.text.lower().split()) and not any(
                    label in text for label in others
                ):
                    continue
            hits.append(record)
        facets = _facets(hits)
        if query.nodes:
            hits = [record for record in hits if record.origin in query.nodes or HERE in query.nodes]
        for name, values in (
            ("kind", query.kinds),
            ("theme", query.themes),
            ("keyword", query.keywords),
            ("publisher", query.publishers),
            ("access", query.access),
        ):
            if values:
                hits = [r for r in hits if set(values) & set(_values(r, name))]
        hits.sort(key=lambda r: r.at, reverse=True)
        page = hits[query.offset : query.offset + query.limit]
        return CatalogueHits(
            total=len(hits),
            offset=query.offset,
            limit=query.limit,
            hits=tuple(self._hit(record, query) for record in page),
            facets=facets,
            other_labels=other_labels,
        )

    def _hit(self, record: Record, query: Query) -> CatalogueHit:
        snippet = ""
        description = record.description(query.language)
        for word in query.text.split():
            if word.lower() in description.lower():
                at = description.lower().index(word.lower())
                snippet = f"{description[:at]}«{description[at : at + len(word)]}»{description[at + len(word) :]}"
        return CatalogueHit(
            record=record,
            access=access_code_of(record),
            conditions=self.rules.summary(record, query.language),
            snippet=snippet,
        )

    async def counts(self, caller: Caller) -> dict[str, int]:
        return dict(Counter(record.kind for record in self._seen(caller)))

    async def newest(self, caller: Caller, *, limit: int = 10, language: str = "en") -> Sequence[CatalogueHit]:
        records = sorted(self._seen(caller), key=lambda r: r.at, reverse=True)[:limit]
        return [self._hit(record, Query(language=language)) for record in records]

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        seen = self._seen(caller)
        names = {record.publisher: record.publisher_name for record in seen}
        return [
            Publisher(id=did, name=name, kinds=dict(Counter(r.kind for r in seen if r.publisher == did)))
            for did, name in sorted(names.items(), key=lambda item: item[1])
        ]

    async def record(
        self, iri: str, caller: Caller, *, version: int | None = None, as_of: datetime | None = None
    ) -> Record:
        for record in await self.versions(iri, caller):
            if version is not None and record.version != version:
                continue
            if as_of is not None and record.at > as_of:
                continue
            if record.withdrawn and version is None and as_of is None:
                raise explain_withdrawal(record, None)
            return record
        raise NotFound

    async def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        versions = self.records.get(iri, [])
        if not versions or (versions[0].audience != "public" and not caller.is_person):
            raise NotFound
        return versions

    async def keepings(self, versions: Sequence[Record]) -> dict[int, FileStatus]:
        return keepings(versions, {})

    async def withdraw(self, iri: str, by: Caller, *, reason: str = "") -> None:
        require(by, UseCase.PUBLISH)
        head = self.records[iri][0]
        self.records[iri].insert(0, withdrawal_of(head, reason))

    def require_role(self, by: Caller) -> None:
        require(by, UseCase.ERASE)

    async def erase(self, iri: str, by: Caller, *, reason: str, versions: Collection[int] | None = None) -> Erasure:
        require(by, UseCase.ERASE)
        before = self.records[iri]
        chosen = {record.version for record in before} if versions is None else set(versions)
        head = withdrawal_of(before[0], reason) if versions is None else replace(before[0], version=len(before) + 1)
        kept = [remains_of(one, head.version) if one.version in chosen else one for one in before]
        self.records[iri] = [head, *kept]
        return Erasure(publication=Publication(record=head, created=True), versions=tuple(chosen), files=())

    async def access(self, record: Record, caller: Caller) -> AccessCode:
        return self.rules.code(record, caller)

    async def decision(self, record: Record, caller: Caller) -> Decision | None:
        return self.rules.decision(record, caller)

    async def rdf(self, record: Record, media_type: str) -> str:
        return f"# {media_type}\n{record.nquads.decode()}"

    async def improvements(self, record: Record) -> Sequence[Improvement]:
        step = Improvement(field="spatial", points=20, advice=say(en="say which place it is about"))
        other = replace(step, field="rights", points=10)
        return [step, other, replace(step, points=5)]

    async def data_checks(self, record: Record) -> Sequence[DataCheck]:
        return ()

    async def broken_links(self, record: Record) -> Sequence[LinkCheck]:
        return [BROKEN_LINK.check] if record.kind == "dataset" else []

    async def quality(self, record: Record) -> Quality | None:
        if record.kind != "dataset":
            return None
        parts = (
            ("Findability", "Vindbaarheid", 80, 100, ("Name the period that it covers.", "Noem de periode.")),
            ("Accessibility", "Toegankelijkheid", 100, 100, None),
            ("Interoperability", "Interoperabiliteit", 90, 110, ("Use a format of the EU list.", "")),
            ("Reusability", "Herbruikbaarheid", 75, 75, None),
            ("Context", "Context", 10, 20, ("Say when it was first published.", "Zeg wanneer.")),
        )
        return Quality(
            points=355,
            of=405,
            band=say(en="excellent", nl="uitstekend", cs="výborná"),
            parts=tuple(
                QualityPart(name=say(en=en, nl=nl), points=points, of=of, raise_by=(say(en=hint[0]),) if hint else ())
                for en, nl, points, of, hint in parts
            ),
        )

    async def copies(self, record: Record, caller: Caller) -> Sequence[Record]:
        return [other for other in self._seen(caller) if other.subject == record.subject and other.iri != record.iri]

    async def connections(self, record: Record, caller: Caller) -> Connections:
        others = [one for one in self._seen(caller) if one.iri != record.iri]
        return Connections(
            sources=tuple(_link(one) for one in others if f"<{one.iri}" in record.nquads.decode()),
            users=tuple(_link(one) for one in others if f"<{record.iri}" in one.nquads.decode()),
        )

    async def part_tables(self, record: Record, by: Caller) -> Sequence[PartTable]:
        return self.partner_tables

    async def head(self, record: Record, file: str, limit: int) -> bytes | None:
        return {"traffic-sample.csv": SAMPLE_CSV, "segments.geojson": SEGMENTS}.get(file)

    async def rows(self, record: Record, file: str, query: RowQuery) -> TableRows:
        if file != "traffic-sample.csv":
            raise NotFound
        lines = [line.split(",") for line in SAMPLE_CSV.decode().splitlines()]
        cells = [tuple(line) for line in lines[1:]]
        columns = tuple(
            TableColumn(name=name, numeric=cells[0][at].isdigit(), temporal=name == "time")
            for at, name in enumerate(lines[0])
        )
        groups: tuple[tuple[str, float | None], ...] = (("12", 3), ("9", -1.5), ("", None)) if query.count else ()
        return TableRows(columns=columns, rows=tuple(cells), total=200, groups=groups, more=True, partial=True)

    async def features(self, record: Record, file: str, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        if file not in self.maps:
            raise NotFound
        return feature_set(self.maps[file], most)

    async def scene(self, record: Record, file: str, *, most: int = MOST_OBJECTS) -> ObjectScene:
        if file not in self.scenes:
            raise NotFound
        return scene_of(self.scenes[file], most=most)

    async def scene_tile(self, record: Record, file: str, member: str) -> bytes:
        if file not in self.scenes:
            raise NotFound
        return tile_of(self.scenes[file], member)

    async def scene_file(self, record: Record) -> str:
        return next(iter(self.scenes), "") if record.iri.endswith("/road-network") else ""

    async def ask(self, iri: str, by: Caller, *, purpose: str | None = None) -> Negotiation:
        require(by, UseCase.NEGOTIATE)
        self.asked.append((iri, purpose))
        return next(
            one.process
            for one in self.running
            if isinstance(one.process, Negotiation) and one.process.pid == NEGOTIATION
        )

    async def sparql(self, text: str, caller: Caller, accept: str, *, entailment: str = "") -> tuple[bytes, str]:
        if "SELECT" in text.upper():
            rows = [
                {
                    "asset": {"type": "uri", "value": r.iri},
                    "title": {"type": "literal", "value": title, "xml:lang": tag},
                    "publisher": {"type": "uri", "value": r.publisher},
                }
                for r in self._seen(caller)
                for tag, title in r.titles.items()
            ]
            found = {"head": {"vars": ["asset", "title", "publisher"]}, "results": {"bindings": rows}}
            return json.dumps(found).encode(), "application/sparql-results+json"
        if "ASK" in text.upper():
            return b'{"head": {}, "boolean": true}', "application/sparql-results+json"
        if "DESCRIBE" in text.upper():
            return b"<urn:a> <urn:b> <urn:c> .\n", "text/turtle"
        raise InvalidInput(
            "line 1, column 1: expected SELECT, ASK, CONSTRUCT or DESCRIBE",
            remedy="begin with one of the examples",
        )

    # agreements and decisions -----------------------------------------------------------------------------
    async def agreement_document(self, agreement_id: str, language: str | None) -> str:
        return render_body(BODY, language=language, signatures={GENT: "eyJ…", BRUGGE: "eyJ…"})

    async def accesses(self, agreement_id: str) -> Sequence[AccessRecord]:
        if agreement_id != AGREEMENT:
            return []
        revoked = say(
            en="The membership as mobility partner was revoked by Vlaanderen on 20 November 2026, 09:12 UTC.",
            nl="Het partnerschap mobiliteit is door Vlaanderen ingetrokken op 20 november 2026, 09:12 UTC.",
        )
        mend = say(en="Ask Vlaanderen for it again.", nl="Vraag het opnieuw aan Vlaanderen.")
        return [
            AccessRecord(
                at=NOW - timedelta(minutes=12),
                by=BRUGGE,
                permitted=False,
                what="traffic-counts.csv",
                transfer=TRANSFER,
                reasons=tuple(whys([{"text": revoked, "need": "MobilityPartnerCredential", "remedy": mend}])),
            ),
            AccessRecord(
                at=NOW - timedelta(hours=2),
                by=BRUGGE,
                permitted=True,
                what="traffic-counts.csv",
                size=47_212_544,
                transfer=TRANSFER,
            ),
        ]

    async def confirm(self, agreement_id: str, by: Caller) -> None:
        require(by, UseCase.CONFIRM_DELETION)
        raise NotFound("this agreement does not exist")

    async def export(self, agreement_id: str) -> bytes:
        return pack({"agreement.json": agreement_id.encode()})

    async def own_ledger(self) -> list[Check]:
        return [
            Check(TEXTS.in_all("agreement.signed", party="Stad Gent"), True),
            Check(TEXTS.in_all("agreement.peer-copy"), True, {"": "sha256 4f1c…9a20"}),
            Check(TEXTS.in_all("agreement.peer-proof"), False, {"en": "Stad Brugge does not answer; tried at 09:30"}),
        ]

    async def agreement(self, agreement_id: str) -> list[Check]:
        return await self.own_ledger()

    async def waiting(self, language: str) -> Sequence[DecisionView]:
        return self.pending

    async def count(self) -> int:
        return sum(asked.decision.decided_at is None for asked in self.pending)

    async def decide(self, decision_id: str, *, approve: bool, by: Caller, reason: str | None = None) -> None:
        require(by, UseCase.DECIDE)
        for place, asked in enumerate(self.pending):
            if asked.decision.id == decision_id:
                if asked.decision.decided_at:
                    raise Conflict("somebody already decided this request")
                decided = replace(
                    asked.decision, decided_at=NOW, decided_by=by.account, approved=approve, reason=reason
                )
                self.pending[place] = replace(asked, decision=decided)
                return
        for place, application_card in enumerate(self.applied):
            if application_card.decision == decision_id:
                state = ApplicationState.ISSUED if approve else ApplicationState.REJECTED
                changed = replace(application_card.application, state=state, decided_at=NOW, decided_by=by.account)
                self.applied[place] = replace(application_card, application=changed, decision="")
                return
        raise NotFound

    # work -------------------------------------------------------------------------------------------------
    def revive(self, task_id: str, by: Caller) -> None:
        require(by, UseCase.HANDLE_DELIVERIES)
        if task_id not in {task.id for task in self.stuck}:
            raise NotFound
        self.stuck = [task for task in self.stuck if task.id != task_id]
        self.retried.append(task_id)

    def give_up(self, task_id: str, by: Caller) -> None:
        require(by, UseCase.HANDLE_DELIVERIES)
        if task_id not in {task.id for task in self.stuck}:
            raise NotFound
        self.stuck = [task for task in self.stuck if task.id != task_id]
        self.dead_count.append(task_id)

    # people and members -----------------------------------------------------------------------------------
    async def sign_in(self, login: str, password: str, *, origin: str = "", agent: str = "") -> tuple[Account, str]:
        return self._account(login), self._session(login, password)

    def _session(self, login: str, password: str, *, with_code: bool = False) -> str:
        known, caller = self.passwords.get(login, ("", ANONYMOUS))
        if not known or known != password:
            raise Unauthenticated("wrong")
        if login in self.half.values() and not with_code:
            raise SecondFactorNeeded("pending")
        token = hashlib.sha256(f"{login}{len(self.sessions)}".encode()).hexdigest()
        self.sessions[token] = caller
        return token

    async def sign_out(self, token: str) -> None:
        self.sessions.pop(token, None)

    async def person(self, caller: Caller) -> Person:
        login = str(caller.account)
        return self.people.get(login) or Person(account=replace(self._account(login), roles=caller.roles))

    def _account(self, login: str) -> Account:
        return Account(id="urn:uuid:1", login=login, name="Els", roles=ALL_ROLES, created=NOW)

    async def change_password(
        self, caller: Caller, old: str, new: str, *, keep_tokens: bool, browser: Browser | None = None
    ) -> str:
        known, reset = self.passwords[str(caller.account)]
        if old != known:
            raise NotAllowed("the password is wrong")
        if len(new) < 12:
            raise InvalidInput("a password has 12 to 256 characters")
        self.passwords[str(caller.account)] = (new, reset)
        self.sessions = {token: one for token, one in self.sessions.items() if one.account != caller.account}
        return self._session(str(caller.account), new)

    async def complete(self, pending: str, code: str, *, browser: Browser | None = None) -> str:
        if pending not in self.half:
            raise Unauthenticated("late")
        if code != "123456":
            raise NotAllowed("the code is wrong", facts={"case": "code"})
        return self._session(self.half[pending], "gent", with_code=True)

    async def begin_factor(self, caller: Caller, password: str) -> Enrolment:
        if password != self.passwords[str(caller.account)][0]:
            raise NotAllowed("the password is wrong")
        return await self.pending_factor(caller)

    async def pending_factor(self, caller: Caller) -> Enrolment:
        return Enrolment(secret="JBSWY3DPEHPK3PXP", uri="otpauth://totp/Gent:els?secret=JBSWY3DPEHPK3PXP")

    async def confirm_factor(self, caller: Caller, code: str, session: str) -> Sequence[str]:
        if code != "123456":
            raise NotAllowed("the code is wrong", facts={"case": "code"})
        self.half["pending"] = str(caller.account)
        return ["ABCD-EFGH-IJKL-MNOP"]

    async def remove_factor(self, caller: Caller, password: str, code: str) -> None:
        if code != "123456":
            raise NotAllowed("the code is wrong", facts={"case": "code"})
        self.half.clear()

    async def make_token(
        self,
        caller: Caller,
        label: str,
        days: int,
        password: str,
        code: str,
        *,
        roles: Collection[UserRole] | None = None,
    ) -> str:
        if password != self.passwords[str(caller.account)][0]:
            raise NotAllowed("the password is wrong")
        self.new_tokens.append((label, days))
        return "hansa_" + "x" * 43

    async def end_token(self, caller: Caller, sha256: str) -> None:
        self.ended.append(sha256)

    async def applications(self) -> Sequence[ApplicationView]:
        return self.applied

    async def issued_credentials(self) -> Sequence[IssuedTo]:
        return self.credentials

    def revoke(self, credential_id: str, why: str, by: Caller) -> None:
        self._change_status(credential_id, by, revoked_at=NOW, revoked_why=why)

    def suspend(self, credential_id: str, why: str, by: Caller) -> None:
        self._change_status(credential_id, by, suspended_at=NOW, suspended_why=why)

    def reinstate(self, credential_id: str, by: Caller) -> None:
        self._change_status(credential_id, by, suspended_at=None, suspended_why=None)

    def _change_status(self, credential_id: str, by: Caller, **changes: Any) -> None:
        require(by, UseCase.REVOKE)
        for place, member in enumerate(self.credentials):
            if member.credential.id == credential_id:
                self.credentials[place] = replace(member, credential=replace(member.credential, **changes))
                return
        raise NotFound

    def members(self) -> Sequence[Member]:
        minutes = timedelta(minutes=1)
        return [
            Member(
                id=REGION,
                name="Vlaanderen",
                url="http://127.0.0.1:8100",
                role="region",
                since=NOW - timedelta(days=420),
                seen=NOW - minutes,
                behind=0,
                assets=1,
            ),
            Member(
                id=PLZEN,
                name="Plzeň",
                url="http://127.0.0.1:8102",
                role="partner",
                since=NOW - timedelta(days=40),
                seen=NOW - 2 * minutes,
                behind=4,
                assets=3,
            ),
            Member(
                id=BRUGGE,
                name="Stad Brugge",
                url="http://127.0.0.1:8103",
                since=NOW - timedelta(days=12),
                seen=NOW - 190 * minutes,
                assets=0,
                trouble="no answer since 06:20",
            ),
        ]

    # the application --------------------------------------------------------------------------------------
    async def identify(self, request: Request) -> Caller:
        """Identify a caller by session cookie, or by ``Authorization: Bearer brugge`` for another node."""
        if request.headers.get("authorization") == "Bearer brugge":
            return BRUGGE_CALLER
        token = request.cookies.get("hansa_session")
        if token is None:
            return ANONYMOUS
        if token not in self.sessions:
            raise Unauthenticated("the session has ended")
        return self.sessions[token]


class FakeAgreements:
    """The agreements of a node in memory."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    async def all(self) -> Sequence[AgreementView]:
        return self._node.contracts

    async def running(self, dataset: str) -> Sequence[AgreementView]:
        known = [one for one in self._node.contracts if one.agreement.dataset == dataset]
        return [one for one in known if not one.agreement.ended and one.agreement.role == Role.PROVIDER]

    async def usable(self, dataset: str) -> Sequence[AgreementView]:
        known = [one for one in self._node.contracts if one.agreement.dataset == dataset]
        return [one for one in known if not one.agreement.ended and one.agreement.role == Role.CONSUMER]

    async def get(self, agreement_id: str) -> AgreementView:
        for one in self._node.contracts:
            if one.agreement.id == agreement_id:
                return one
        raise NotFound

    async def ids_about(self, dataset: str) -> frozenset[str]:
        return frozenset(one.agreement.id for one in self._node.contracts if one.agreement.dataset == dataset)

    async def by_id(self, ids: Collection[str]) -> Mapping[str, AgreementView]:
        return {one.agreement.id: one for one in self._node.contracts if one.agreement.id in ids}

    async def document(self, agreement_id: str, language: str | None) -> str:
        return await self._node.agreement_document(agreement_id, language)

    async def accesses(self, agreement_id: str) -> Sequence[AccessRecord]:
        return await self._node.accesses(agreement_id)


class FakeProcesses:
    """The processes of a node in memory, and what is stuck."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    async def newest(self) -> Sequence[Conversation]:
        return self._node.running

    async def get(self, pid: str) -> Conversation:
        for one in self._node.running:
            if one.process.pid == pid:
                return one
        raise NotFound

    async def under(self, agreement_id: str) -> Sequence[Conversation]:
        return [one for one in self._node.running if getattr(one.process, "agreement", None) == agreement_id]

    async def deliveries(self) -> Deliveries:
        stuck = (Stuck(task=task, peer_name="Stad Brugge") for task in self._node.stuck)
        return Deliveries(waiting=3, dead_messages=tuple(stuck))


class FakeKeys:
    """The keys of a node in memory."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    async def all_keys(self, caller: Caller) -> ListedKeys:
        return listed_keys(sorted(self._node.ring, key=lambda key: key.state != "in use"), caller)

    async def replace(
        self, in_use: Mapping[KeyKind, str], password: str, code: str, by: Caller
    ) -> Sequence[KnownKey]:
        require(by, UseCase.CHANGE_KEYS)
        if not in_use:
            raise InvalidInput("no key is named")
        if password != self._node.passwords[str(by.account)][0]:
            raise NotAllowed("the password is wrong")
        ring = self._node.ring
        if not {key.id for key in ring if key.state == "in use"}.issuperset(in_use.values()):
            return []
        new_keys = []
        for kind, old in in_use.items():
            ring = [replace(key, until=NOW) if key.id == old else key for key in ring]
            number = sum(key.kind is kind for key in ring) + 1
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": "n" * 43}
            new_keys.append(KnownKey(id=f"{PREFIX[kind]}{number}", kind=kind, jwk=jwk, since=NOW))
        self._node.ring = [*ring, *new_keys]
        return new_keys


class FakeMembers:
    """The nodes that a node in memory follows."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node
        self.own_place = node.place

    async def all(self, caller: Caller) -> Sequence[Member]:
        return self._node.members()

    async def places(self, members: Sequence[Member]) -> Sequence[MemberPlace]:
        catalogue: Any = self._node
        return await MemberPlaces(catalogue).places(members)


def use_cases(node: FakeNode) -> UseCases:
    """Return the use cases that pages call, over a node in memory."""

    async def facts() -> NodeFacts:
        return node.facts

    async def sparql(text: str, caller: Caller, accept: str, *, entailment: str = "") -> tuple[bytes, str]:
        # Looked up at each call: tests put others in its place.
        return await node.sparql(text, caller, accept, entailment=entailment)

    vars(sparql)["is_partial"] = False
    parts: Any = node  # It stands for every use case whose methods it has.
    return UseCases(
        catalogue=CatalogueUseCases(
            browse=parts,
            access=node.rules,
            assets=parts,
            sparql=cast("Any", sparql),
            viewpoints=Viewpoints(
                visibility=Visibility([], GENT), access=node.rules, region=lambda: REGION, clock=StillClock()
            ),
            drafts=node.drafts,
            harvests=HarvestUseCases(
                schedules=node.schedules,
                reports=cast("Any", FakeReports()),
                value_tables=node.value_tables,
                quality=cast("Any", FakeHistory()),
                profiles=ProfileOverview(Path(), overview(Path(), ("geodcat-ap",), ())),
                links=cast("Any", FakeLinks()),
            ),
            changes=ChangeUseCases(several=node.change_several, withdraw=parts, erase=parts),
            subscriptions=cast("Any", node.subscriptions),
            subscription_mail=cast("Any", node.subscriptions.mail),
            meaning=parts,
        ),
        contracts=ContractUseCases(
            acquire=parts,
            limits=node.limits,
            agreements=cast("Any", FakeAgreements(node)),
            table_questions=node.table_questions.use_case(FakeAgreements(node)),
            partner_streams=node.partner_streams.use_case(FakeAgreements(node)),
            subscribers=node.subscribers.use_case(FakeAgreements(node)),
            proofs=parts,
            confirm_deletion=parts.confirm,
            decisions=parts,
            questions=parts,
        ),
        work=WorkUseCases(
            processes=cast("Any", FakeProcesses(node)),
            data_receipts=cast("Any", node.receipts),
            shipments=node.shipments,
            webhooks=cast("Any", node.webhooks),
            questions=node.questions.use_cases(),
            letters=parts,
        ),
        people=PeopleUseCases(
            sign_in=parts, provider_sign_in=cast("Any", NoProviders()), account=parts, users=fake_users(NOW)
        ),
        region=RegionUseCases(
            admissions=parts,
            credentials=parts,
            members=cast("Any", FakeMembers(node)),
            membership=cast("Any", node.membership),
            read=cast("Any", node.membership),
            join=cast("Any", node.membership),
            leave=cast("Any", node.membership),
            blocking=cast("Any", node.blocking),
            eligibility=cast("Any", FakeEligibility(node.records)),
            search=SearchRegion(node.membership.catalogue, node.membership.region),
            acceptances=cast("Any", FakeAcceptances(node.membership.rulebook.iri, NOW)),
            templates=cast("Any", FakeRegionTemplates(REGION, "Region <Flanders>")),
        ),
        operation=OperationUseCases(
            data_sources=node.data_sources,
            streams=node.streams,
            broker_subscriptions=node.broker_subscriptions,
            try_data_source=node.try_data_source,
            facts=facts,
            agenda=cast("Any", FakeAgenda(node)),
            **operation_of(NOW),
            keys=cast("Any", FakeKeys(node)),
            replace_keys=cast("Any", FakeKeys(node)),
        ),
        scenarios=node.scenarios.use_cases() if node.scenarios else None,
    )


class FakeAgenda:
    """The agenda that a test or the demonstration sets."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    async def of(self, by: Caller) -> AgendaView:
        return self._node.agenda


class StillClock:
    """Always the same moment."""

    def now(self) -> datetime:
        return NOW


def application(node: FakeNode, settings: PortalSettings | None = None, **options: Any) -> Starlette:
    """Return the portal as an application, with stand-ins for the other routes that it needs."""
    chosen = settings or PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32, issuer=True)
    portal = Portal(
        use_cases(node),
        node.identify,
        chosen,
        clock=StillClock(),
        openapi=lambda: OPENAPI,
        **options,
    )

    async def record(request: Request) -> Response:
        iri = f"{chosen.public_url}/{request.path_params['plural']}/{request.path_params['slug']}"
        return await portal.record_page(request, iri, await _caller(request))

    async def sparql(request: Request) -> Response:
        return await portal.sparql_page(request, await _caller(request))

    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("secret particulars")

    async def _caller(request: Request) -> Caller:
        try:
            return await node.identify(request)
        except Unauthenticated:
            return ANONYMOUS

    async def on_error(request: Request, error: Exception) -> Response:
        return await portal.error_page(request, error)

    async def plain(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def news(request: Request) -> Response:
        """The events of a run, which another door sends: the state, once."""
        return Response("retry: 300\nevent: run\ndata: {}\n\n", media_type="text/event-stream")

    app = Starlette(
        routes=[
            *portal.routes,
            Route("/api/runs/{pid:path}/events", news),
            Route("/sparql", sparql),
            Route("/broken", broken),
            Route("/health", plain),
            Route("/{plural}/{slug}", record),
        ],
        exception_handlers={HansaError: on_error, HTTPException: on_error, Exception: on_error},
    )
    app.add_middleware(SecurityHeaders)
    return app


# content -------------------------------------------------------------------------------------------------


def _keys() -> list[KnownKey]:
    """One key of each kind in use, one replaced, one revoked."""
    day = timedelta(days=1)
    signing, ledger, sealing = (
        KnownKey(id=f"{PREFIX[kind]}1", kind=kind, jwk={"kty": "OKP", "crv": curve, "x": kind.value[0] * 43})
        for kind, curve in zip(KeyKind, ("Ed25519", "Ed25519", "X25519"), strict=True)
    )
    handover = (
        "data.gent.example/handover\nfrom #log-1 to #log-2\n\n— data.gent.example one\n— data.gent.example two\n"
    )
    return [
        replace(signing, until=NOW - day, revoked=NOW - 2 * day, reason="A laptop was stolen from the town hall."),
        replace(ledger, until=NOW - 30 * day),
        replace(sealing, until=NOW - 30 * day),
        replace(signing, id="#key-2", since=NOW - day),
        replace(ledger, id="#log-2", since=NOW - 30 * day, handover=handover),
        replace(sealing, id="#seal-2", since=NOW - 30 * day),
    ]


def _link(record: Record) -> Link:
    return Link(iri=record.iri, predicate="http://purl.org/dc/terms/relation", kind=record.kind, titles=record.titles)


def _values(record: Record, facet: str) -> tuple[str, ...]:
    match facet:
        case "kind":
            return (record.kind,)
        case "theme":
            return record.themes
        case "keyword":
            return record.keywords
        case "publisher":
            return (record.publisher,)
        case _:
            return (str(access_code_of(record)),)


def _facets(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    return {
        name: dict(Counter(value for record in records for value in _values(record, name)))
        for name in ("kind", "theme", "publisher", "access", "keyword")
    }


def _situation(caller: Caller, at: datetime, provider: str) -> Situation:
    issuers: dict[str, tuple[str, ...]] = {"MembershipCredential": (REGION,), "MobilityPartnerCredential": (REGION,)}
    return Situation(caller=caller, at=at, provider=provider, issuers=issuers)


def _decided(conditions: str, caller: Caller) -> Decision:
    policy = parse(offer_of(COUNTS, conditions))
    return decide(policy, _situation(caller, NOW, GENT), action=principal_action(policy))


def _pending() -> list[DecisionView]:
    return [
        DecisionView(
            decision=PendingDecision(
                id="urn:uuid:0192f3b0-aaaa-7a55-9d7c-3b1f0a6e2c55",
                kind="use",
                subject=NEGOTIATION,
                peer=PLZEN,
                peer_name="Plzeň",
                summary=say(
                    en="Plzeň wants to run the traffic assignment model for its own streets.",
                    nl="Plzeň wil het verkeersmodel laten lopen voor de eigen straten.",
                ),
                details={"purpose": "https://w3id.org/dpv#PublicPolicyMaking", "role": "consumer"},
                at=NOW - timedelta(hours=5),
                due=NOW + timedelta(days=2),
            ),
            titles=say(en="Traffic assignment", nl="Verkeerstoedeling"),
            iri=f"{BASE}/models/traffic-assignment",
            conditions=("It may be run, not copied.", "Only for public tasks.", "Results name Gent as source."),
        ),
        DecisionView(
            decision=PendingDecision(
                id="urn:uuid:0192f3b0-bbbb-7a55-9d7c-3b1f0a6e2c66",
                kind="use",
                subject=BROKEN,
                peer="did:web:rondpunt.example",
                peer_name="Rondpunt Logistics",
                summary=say(en="Rondpunt Logistics wants the counts to advise its customers."),
                details={},
                at=NOW - timedelta(days=3),
                decided_at=NOW - timedelta(days=2),
                decided_by="els",
                approved=False,
                reason="Advising customers is not mobility planning. The open sample serves you.",
            ),
            titles=say(en="Traffic counts", nl="Verkeerstellingen"),
        ),
    ]


def _applications() -> list[ApplicationView]:
    accession = {
        "legalName": "Stad Brugge",
        "contact": "mobiliteit@brugge.example",
        "rulebook": "http://127.0.0.1:8100/rulebooks/vlaanderen",
        "version": 3,
        "sha256": "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab",
    }
    return [
        ApplicationView(
            application=Application(
                id="app-1",
                holder=BRUGGE,
                holder_pid="urn:uuid:1",
                credential_type="MobilityPartnerCredential",
                accession=accession,
                state=ApplicationState.RECEIVED,
                at=NOW - timedelta(minutes=50),
            ),
            name="Stad Brugge",
            decision="dec-app-1",
        ),
        ApplicationView(
            application=Application(
                id="app-0",
                holder=PLZEN,
                holder_pid="urn:uuid:2",
                credential_type="MembershipCredential",
                accession={**accession, "legalName": "Statutární město Plzeň"},
                state=ApplicationState.ISSUED,
                at=NOW - timedelta(days=41),
                decided_by="els",
                decided_at=NOW - timedelta(days=40),
            ),
            name="Plzeň",
        ),
    ]


def _credential_text(number: int, holder: str, kind: str) -> str:
    """A credential as a JWT whose signature nobody checks here, with its places in both status lists."""
    statement = Statement(
        id=f"urn:uuid:0192f3c0-000{number}-7a55-9d7c-3b1f0a6e2c77",
        type=kind,
        subject=holder,
        claims={},
        valid_from=NOW - timedelta(days=40),
        valid_until=NOW + timedelta(days=325),
        status=[
            entry_for(list_url(BASE, 1, purpose=purpose), number, purpose=purpose)
            for purpose in (REVOCATION, SUSPENSION)
        ],
    )
    return issue_credential(Participant("gent.example").keyring, statement)


def _credentials() -> list[IssuedTo]:
    def issued_to(number: int, holder: str, name: str, kind: str, **more: Any) -> IssuedTo:
        issued = IssuedCredential(
            id=f"urn:uuid:0192f3c0-000{number}-7a55-9d7c-3b1f0a6e2c77",
            holder=holder,
            type=kind,
            jwt=_credential_text(number, holder, kind),
            list_id=1,
            index=number,
            at=NOW - timedelta(days=40 - number),
            valid_until=NOW + timedelta(days=325),
            **more,
        )
        return IssuedTo(credential=issued, name=name)

    return [
        issued_to(1, GENT, "Stad Gent", "MembershipCredential"),
        issued_to(
            2,
            PLZEN,
            "Plzeň",
            "MembershipCredential",
            suspended_at=NOW - timedelta(days=2),
            suspended_why="The list of contacts is under review.",
        ),
        issued_to(3, PLZEN, "Plzeň", "MobilityPartnerCredential"),
        issued_to(
            4,
            BRUGGE,
            "Stad Brugge",
            "MobilityPartnerCredential",
            revoked_at=NOW - timedelta(minutes=18),
            revoked_why="The mandate of the signatory has expired.",
        ),
    ]


def _agreements() -> list[AgreementView]:
    body = {"@id": AGREEMENT, "@type": "Agreement"}
    first = Agreement(
        id=AGREEMENT,
        negotiation=NEGOTIATION,
        dataset=f"{BASE}/datasets/traffic-counts",
        provider=GENT,
        consumer=BRUGGE,
        role="provider",
        body=body,
        sha256="4f1c2b7d9e6a5c3b1d0f8e7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c",
        signatures={GENT: "eyJ…", BRUGGE: "eyJ…"},
        at=NOW - timedelta(hours=3),
        finalized=NOW - timedelta(hours=3),
        entry="entry-77",
    )
    rejected = Rejection(
        types=("MobilityPartnerCredential",), issuer=REGION, why="revoked", since=NOW - timedelta(minutes=18)
    )
    blocked = _decided("mobility", replace(BRUGGE_CALLER, rejections=(rejected,)))
    second = replace(
        first,
        id="https://plzen.example/agreements/7",
        dataset="http://127.0.0.1:8102/models/road-noise",
        provider=PLZEN,
        consumer=GENT,
        role="consumer",
    )
    third = replace(
        first, id="urn:uuid:0192f3a0-9999-7a55-9d7c-3b1f0a6e2c99", ended=NOW, ended_why="term over", role="consumer"
    )
    counts = say(en="Traffic counts Gent", nl="Verkeerstellingen Gent")
    return [
        AgreementView(
            agreement=first, title=counts, provider_name="Stad Gent", consumer_name="Stad Brugge", now=blocked
        ),
        AgreementView(
            agreement=second,
            title=say(en="Road noise", cs="Hluk ze silniční dopravy"),
            provider_name="Plzeň",
            consumer_name="Stad Gent",
            now=_decided("members", BRUGGE_CALLER),
        ),
        AgreementView(agreement=third, title=counts, provider_name="Plzeň", consumer_name="Stad Gent"),
    ]


def _stuck() -> list[Task]:
    return [
        Task(
            id="task-1",
            topic="dsp",
            lane="did:web:127.0.0.1%3A8103",
            subject=TRANSFER,
            body=b"{}",
            due=NOW - timedelta(minutes=20),
            attempts=12,
            last_error="The other node does not answer: connection refused (127.0.0.1:8103)",
            headers={"process": "transfer process", "message": "TransferStartMessage"},
            dead=True,
        )
    ]


def _conversations() -> list[Conversation]:
    offer = {"@type": "Offer", "permission": [{"action": "odrl:use"}]}
    shared: dict[str, Any] = {
        "peer": BRUGGE,
        "peer_pid": "urn:uuid:77aa",
        "peer_address": "http://127.0.0.1:8103/dsp/2025-1",
        "version": "2025-1",
        "created": NOW - timedelta(hours=3, minutes=2),
        "updated": NOW - timedelta(hours=3),
    }
    agreed = Negotiation(
        pid=NEGOTIATION,
        role=Role.PROVIDER,
        state="FINALIZED",
        dataset=f"{BASE}/datasets/traffic-counts",
        offer=offer,
        offered_by="provider",
        agreement={"@id": AGREEMENT},
        **shared,
    )
    broken = Negotiation(
        pid=BROKEN,
        role=Role.PROVIDER,
        state="TERMINATED",
        dataset=f"{BASE}/datasets/traffic-counts",
        offer=offer,
        offered_by="consumer",
        code="refused",
        reason=[
            {
                "rule": "permission[0].constraint[0]",
                "text": say(
                    en="The user is a mobility partner, admitted by Vlaanderen: missing.",
                    nl="De gebruiker is partner mobiliteit: ontbreekt.",
                ),
                "met": False,
                "need": "MobilityPartnerCredential",
                "have": "MobilityPartnerCredential, revoked",
                "since": "2026-11-20T09:12:00+00:00",
                "remedy": say(
                    en="Ask Vlaanderen to admit you again.", nl="Vraag Vlaanderen om u opnieuw toe te laten."
                ),
            }
        ],
        **shared,
    )
    transfer = Transfer(
        pid=TRANSFER,
        role=Role.CONSUMER,
        state="STARTED",
        agreement=AGREEMENT,
        dataset=f"{BASE}/datasets/traffic-counts",
        format="HttpData-PULL",
        **shared,
    )
    titles = say(en="Traffic counts Gent", nl="Verkeerstellingen Gent")
    names: dict[str, Any] = {"peer_name": "Stad Brugge", "titles": titles}
    return [
        Conversation(
            process=agreed,
            exchanges=(
                _exchange(0, False, "ContractRequestMessage", {"offer": offer}, 201),
                _exchange(1, True, "ContractAgreementMessage", {"agreement": {"@id": AGREEMENT}}, IMPLIED),
                _exchange(2, False, "ContractAgreementVerificationMessage", {}, 200),
                _exchange(3, True, "ContractNegotiationEventMessage:FINALIZED", {"eventType": "FINALIZED"}, 200),
            ),
            **names,
        ),
        Conversation(
            process=transfer,
            exchanges=(
                _exchange(0, True, "TransferRequestMessage", {"agreementId": AGREEMENT}, 201),
                _exchange(
                    1,
                    False,
                    "TransferStartMessage",
                    {
                        "dataAddress": {
                            "endpoint": "http://127.0.0.1:8101/data/1",
                            "endpointProperties": [
                                {"name": "authorization", "value": "very-secret-token"},
                                {"name": "authType", "value": "bearer"},
                            ],
                        }
                    },
                    200,
                ),
            ),
            reception=Reception(
                transfer=TRANSFER,
                state="receiving",
                name="traffic-counts.csv",
                media_type="text/csv",
                sealed=True,
                expected=47_212_544,
                received=18_885_017,
                at=NOW,
            ),
            **names,
        ),
        Conversation(
            process=broken,
            exchanges=(
                _exchange(0, False, "ContractRequestMessage", {"offer": offer}, 201),
                _exchange(1, True, "ContractNegotiationTerminationMessage", {"code": "refused"}, 500),
            ),
            **names,
        ),
    ]


def _exchange(number: int, outgoing: bool, message: str, members: dict[str, Any], status: int) -> Exchange:
    body = json.dumps(
        {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": message.partition(":")[0], **members}
    )
    return Exchange(
        pid=NEGOTIATION,
        at=NOW - timedelta(hours=3) + timedelta(seconds=2 * number),
        outgoing=outgoing,
        message=message,
        message_id=None,
        body_sha256=hashlib.sha256(body.encode()).hexdigest(),
        body=body.encode(),
        answer_status=status,
        answer=b"" if status < 300 else b'{"@type": "ContractNegotiationError", "code": "refused"}',
    )


BODY: dict[str, Any] = {
    **{
        name: value
        for name, value in offer_of(COUNTS, "mobility").items()
        if name in ("profile", "permission", "prohibition", "obligation")
    },
    "@id": AGREEMENT,
    "@type": "Agreement",
    "target": COUNTS,
    "assigner": GENT,
    "assignee": BRUGGE,
    "timestamp": "2026-11-20T06:30:00Z",
    TERMS: {
        "provider": {
            "name": "Stad Gent",
            "contact": "data@stad.gent.example",
            "did": GENT,
            "signatory": {"name": "Els Peeters", "role": "head of data", "decision": "mandate of 3 March 2026"},
        },
        "consumer": {"name": "Stad Brugge", "contact": "mobiliteit@brugge.example", "did": BRUGGE},
        "asset": {
            "title": say(nl="Verkeerstellingen Gent", en="Traffic counts Gent"),
            "iri": COUNTS,
            "version": 3,
            "sha256": "4f1c" * 16,
            "kind": "dataset",
        },
        "rulebook": {"iri": "http://127.0.0.1:8100/rulebooks/vlaanderen", "version": 3, "sha256": "9c56" * 16},
        "languages": ["nl", "cs"],
        "sealed": True,
    },
}


def _other_labels(query: Query) -> tuple[OntologyLabels, ...]:
    """The ontology of mobility has other labels for one word."""
    if not query.widens or "lawaai" not in query.text.lower():
        return ()
    labels = tuple(
        OtherLabel(words="lawaai", label=label, language=language)
        for label, language in (("geluid", "nl"), ("road traffic noise", "en"), ("hluk", "cs"))
    )
    iri = f"{HOMES[GENT]}/ontologies/mobility"
    titles = {"en": "Mobility and noise ontology", "nl": "Ontologie mobiliteit en geluid"}
    return (OntologyLabels(words="lawaai", ontology=iri, titles=titles, labels=labels),)


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Hansa", "version": "0.1.0"},
    "paths": {
        "/api/catalogue/search": {
            "get": {
                "tags": ["catalogue"],
                "summary": "Search the catalogue",
                "description": "Hits that the caller may see, with counts by facet.",
                "parameters": [
                    {"name": "q", "in": "query", "schema": {"type": "string"}, "description": "Words"},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "format": "int32"}},
                ],
                "responses": {"200": {"description": "A page of hits"}},
            }
        },
        "/api/negotiations": {
            "post": {
                "tags": ["agreements"],
                "summary": "Ask a provider for an agreement",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                "responses": {"202": {"description": "Asked"}, "403": {"description": "Not allowed"}},
            }
        },
    },
    "components": {
        "schemas": {
            "Ask": {
                "type": "object",
                "required": ["dataset"],
                "properties": {
                    "dataset": {"type": "string", "format": "iri", "description": "The IRI of the asset"},
                    "purpose": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            }
        }
    },
}


if __name__ == "__main__":
    import uvicorn

    node = FakeNode([]) if "--empty" in sys.argv else FakeNode()
    # Fixed sessions, so that a browser can be given a cookie instead of typing a password.
    node.sessions |= {"els-session": ELS, "jan-session": JAN}
    uvicorn.run(application(node), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
