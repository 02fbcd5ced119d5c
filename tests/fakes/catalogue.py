"""A catalogue in memory: one node's records, ledger, views and feed, with a quick stand-in for ``describe``.

Stores, graph and index are those in memory unless a test brings others. What somebody may see is decided where
it is decided in the product, in the use cases above them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pyoxigraph import Dataset

from node.base.changes import Changes
from node.base.errors import HansaError, RemoteFault
from node.base.jsons import canonical
from node.catalogue.access import Access
from node.catalogue.browse import Browse
from node.catalogue.dsp import DspCatalogue
from node.catalogue.feed.chains import Chains
from node.catalogue.feed.pages import Feed
from node.catalogue.feed.waits import Waits
from node.catalogue.model import NodeFacts, Record, Settlement
from node.catalogue.nquads import iri_term, line, literal_term
from node.catalogue.ports import Graph, RecordStore, SearchIndex
from node.catalogue.publication.catalogue import PLURALS, Catalogue
from node.catalogue.publication.erase import EraseVersions, Erasure
from node.catalogue.publication.publish import Publish
from node.catalogue.publication.submission_check import SubmissionCheck
from node.catalogue.publication.version_writer import VersionWriter
from node.catalogue.publication.withdraw import Withdraw
from node.catalogue.query import Ask
from node.catalogue.search.cursors import Cursors
from node.catalogue.versions.storage import VersionStorage
from node.catalogue.views import GraphView, SearchView
from node.catalogue.visibility import Visibility
from node.identity.jose import b64url
from node.identity.model import ALL_ROLES, Caller, Credential, DidDocument
from node.identity.periods import KeyKind, KnownKey
from node.ledger.ports import LedgerStore
from node.ledger.usecases import LedgerWriter, Sequencer
from node.policy.visible import AudienceRule
from node.semantics.documents import canonical as canonical_form
from node.semantics.documents import parse
from node.semantics.model import CheckedDescription, File, Finding, Submission
from node.vocab.namespaces import DCAT, DCT, FOAF, HANSA_MODEL, RDF
from tests.fakes.graph import MemoryGraph
from tests.fakes.keys import public_jwk
from tests.fakes.search import MemorySearchIndex
from tests.fakes.stores.assets import MemoryAssets
from tests.fakes.stores.ledger import MemoryLedgerStore, log_signer, number_everything
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.view_updates import catch_up

REGION = "did:web:region.example"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RULES = (
    AudienceRule(name="members", credential_type="MembershipCredential", issuers=(REGION,)),
    AudienceRule(name="mobility", credential_type="MobilityPartnerCredential", issuers=(REGION,)),
)


class TickingClock:
    """A clock that moves on by a millisecond each time it is read."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


class SigningKeys:
    """The signing half of a ``KeyRing``; the same seed gives the same key."""

    def __init__(self, did: str, seed: str = "") -> None:
        self.did = did
        number = int.from_bytes(hashlib.sha256((seed or did).encode()).digest(), "big") >> 8 | 1
        self._key = derive_private_key(number, SECP256R1())

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        head = canonical({"alg": "ES256", "kid": f"{self.did}#key-1", **header})
        text = f"{b64url(head)}.{b64url(payload)}"
        r, s = decode_dss_signature(self._key.sign(text.encode(), ECDSA(SHA256())))
        return f"{text}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def known_keys(self) -> Sequence[KnownKey]:
        numbers = self._key.public_key().public_numbers()
        x, y = (b64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        return (KnownKey(id="#key-1", kind=KeyKind.SIGNING, jwk=jwk),)

    def document(self) -> DidDocument:
        method = {
            "id": f"{self.did}#key-1",
            "type": "JsonWebKey2020",
            "controller": self.did,
            "publicKeyJwk": public_jwk(self),
        }
        raw = {"id": self.did, "verificationMethod": [method], "assertionMethod": [method["id"]]}
        return DidDocument(id=self.did, raw=raw)


@dataclass
class CatalogueNode:
    """One node. ``settle`` numbers entries and lets the views follow; publishing does it by itself."""

    base: str
    name: str = "Gent"
    clock: TickingClock = field(default_factory=TickingClock)
    rules: Sequence[AudienceRule] = RULES
    epoch: int = 0
    restarts: Mapping[int, int] | None = None
    did: str = ""
    assets: set[str] = field(default_factory=set)
    uow: Any = field(default_factory=MemoryUnitOfWork)
    records: RecordStore = field(default_factory=MemoryRecordStore)
    ledger: LedgerStore = field(default_factory=MemoryLedgerStore)
    graph: Graph = field(default_factory=MemoryGraph)
    index: SearchIndex = field(default_factory=MemorySearchIndex)
    describing: Callable[[Submission, str], Awaitable[CheckedDescription]] | None = None

    def __post_init__(self) -> None:
        authority = self.base.partition("://")[2].replace(":", "%3A").replace("/", ":")
        self.did = self.did or f"did:web:{authority}"
        self.facts = NodeFacts(
            did=self.did,
            name=self.name,
            base=self.base,
            dsp=f"{self.base}/dsp/2025-1",
            region=REGION,
            epoch=self.epoch,
        )
        self.append = LedgerWriter(self.ledger, self.clock)
        self.sequencer = Sequencer(self.uow, self.ledger, log_signer(), self.clock, "gent.example")
        self.keys = SigningKeys(self.did)
        self.visibility = Visibility(self.rules, self.did)
        # A node of a later epoch was restored, unless a test says otherwise from a backup without entries.
        restarts = dict.fromkeys(range(1, self.epoch + 1), 0) if self.restarts is None else self.restarts
        self.waits = Waits(Changes(alone=True))
        self.chains = Chains(report_change=self.waits.tell, me=self.did, epoch=self.epoch, restarts=restarts)
        self.views = (
            GraphView(uow=self.uow, records=self.records, graph=self.graph),
            SearchView(uow=self.uow, records=self.records, index=self.index, me=self.did),
            self.chains,
        )
        self.versions = VersionStorage(append=self.append, erase=self.ledger.erase, records=self.records)
        self.catalogue = catalogue = Catalogue(
            uow=self.uow,
            versions=self.versions,
            records=self.records,
            keyring=self.keys,  # type: ignore[arg-type]
            clock=self.clock,
            node=self.facts,
            region=lambda: REGION,
        )
        self.publishing = Publish(
            check=SubmissionCheck(
                catalogue=catalogue, has_asset=self.assets.__contains__, visibility=self.visibility
            ),
            writer=VersionWriter(catalogue),
            describe=self.describing or self.describe,
            describe_all=self.describe_all,
            wait_for_views=self.settled,
        )
        self.withdrawing = Withdraw(catalogue=catalogue, wait_for_views=self.settled)
        self.bytes = MemoryAssets()
        self.erasing = EraseVersions(
            catalogue=catalogue, ledger=self.ledger, assets=self.bytes, wait_for_views=self.settled
        )
        self.ask = Ask(
            graph=self.graph,
            uow=self.uow,
            records=self.records,
            visibility=self.visibility,
        )
        self.browse = Browse(
            uow=self.uow,
            records=self.records,
            index=self.index,
            visibility=self.visibility,
            access=Access(clock=self.clock),
            cursors=Cursors(self.keys),
            ask=self.ask,
        )
        self.dsp = DspCatalogue(uow=self.uow, records=self.records, visibility=self.visibility, node=self.facts)
        self.feed = Feed(
            uow=self.uow,
            records=self.records,
            chains=self.chains,
            visibility=self.visibility,
            keyring=self.keys,  # type: ignore[arg-type]
            clock=self.clock,
            node=self.facts,
            waits=self.waits,
            ledger_size=self.ledger.size,
        )

    @property
    def steward(self) -> Caller:
        return Caller(did=self.did, account="els", roles=ALL_ROLES)

    async def publish(self, slug: str, **fields: Any) -> Record:
        """Publish the dataset ``slug``; ``fields`` as ``describe`` below reads them, or of ``Submission``."""
        of_submission = {name: fields.pop(name) for name in ("conditions", "audience", "files") if name in fields}
        if of_submission.get("conditions") and "files" not in of_submission:
            self._make_deliverable(slug, fields, of_submission)
        submission = Submission(fields={"slug": slug, "title": {"en": slug}, **fields}, **of_submission)
        more = {"earlier_versions": fields["earlier_versions"]} if "earlier_versions" in fields else {}
        return (await self.publishing.publish(submission, self.steward, **more)).record

    def _make_deliverable(self, slug: str, fields: dict[str, Any], of_submission: dict[str, Any]) -> None:
        """Make an offered asset deliverable: give a model code, and any other asset a file with stored bytes."""
        if fields.get("kind") == "model":
            about = iri_term(f"{self.base}/{PLURALS['model']}/{slug}")
            code = line(about, iri_term(f"{HANSA_MODEL}codeSha256"), literal_term("ab" * 32))
            fields["lines"] = (*fields.get("lines", ()), code)
        else:
            self.assets.add("cd" * 32)
            file = File(name="data.bin", media_type="application/octet-stream", size=7, sha256="cd" * 32)
            of_submission["files"] = (file,)

    async def withdraw(self, iri: str) -> Record:
        return (await self.withdrawing.withdraw(iri, self.steward)).record

    async def erase(self, iri: str, *versions: int, reason: str = "it names a child") -> Erasure:
        """Erase these versions; without any, all."""
        return await self.erasing.erase(iri, self.steward, reason=reason, versions=versions or None)

    async def settled(self, entry: str) -> Settlement:
        self.settle()
        with self.uow.read() as tx:
            found = self.ledger.get(tx, entry)
        return Settlement(position=found and found.seq)

    def settle(self) -> None:
        number_everything(self.sequencer)
        catch_up(self.uow, self.ledger, self.views, batch=50)

    async def describe_all(
        self, submissions: Sequence[Submission], owner: str
    ) -> list[CheckedDescription | HansaError]:
        results: list[CheckedDescription | HansaError] = []
        for submission in submissions:
            try:
                results.append(await (self.describing or self.describe)(submission, owner))
            except RemoteFault as fault:
                results.append(fault)
        return results

    async def describe(self, submission: Submission, owner: str = "") -> CheckedDescription:
        """Titles, descriptions, keywords, ``links`` (property, IRI), ``notes``; without a title it is refused."""
        fields = submission.fields or {}
        kind = submission.kind or fields.get("kind", "dataset")
        iri = submission.iri or f"{self.base}/{PLURALS[kind]}/{fields['slug']}"
        titles, descriptions = fields.get("title") or {}, fields.get("description", {})
        about = iri_term(iri)
        lines = [line(about, iri_term(f"{RDF}type"), iri_term(f"{DCAT}Dataset"))]
        for name, texts in (("title", titles), ("description", descriptions)):
            lines += [
                line(about, iri_term(f"{DCT}{name}"), literal_term(text, language=language))
                for language, text in texts.items()
            ]
        lines += [line(about, iri_term(predicate), iri_term(target)) for predicate, target in fields.get("links", ())]
        lines += [
            line(about, iri_term(f"{DCAT}contactPoint"), f"_:n{number}")
            + "\n"
            + line(f"_:n{number}", iri_term(f"{FOAF}name"), literal_term(note))
            for number, note in enumerate(fields.get("notes", ()))
        ]
        lines += fields.get("lines", ())
        dataset: Dataset = parse("\n".join(lines).encode(), "application/n-quads", base=iri)
        nquads, sha256 = canonical_form(dataset)
        findings = () if titles else (NO_TITLE,)
        return CheckedDescription(
            iri=iri,
            kind=kind,
            titles=titles,
            descriptions=descriptions,
            publisher=fields.get("publisher", self.did),
            publisher_name=fields.get("publisherName", self.name),
            keywords=tuple(fields.get("keywords", ())),
            themes=(),
            nquads=nquads,
            sha256=sha256,
            findings=findings,
            conditions=fields.get("conditions"),
            audience=None,
            bbox=fields.get("bbox"),
        )

    async def sparql(self, text: str, caller: Caller, **more: Any) -> list[dict[str, str]]:
        body, _ = await self.ask(text, caller, "application/sparql-results+json", **more)
        rows = json.loads(body)["results"]["bindings"]
        return [{name: value["value"] for name, value in row.items()} for row in rows]


NO_TITLE = Finding(
    severity="violation",
    message="The description has no title.",
    remedy="add title: …",
    rule="title",
    field="title",
)


def participant(did: str, *types: str) -> Caller:
    """Return a peer with credentials of these types from the region."""
    credentials = tuple(
        Credential(
            id=f"urn:{did}:{name}", types=(name,), issuer=REGION, subject=did, valid_from=START, valid_until=None
        )
        for name in types
    )
    return Caller(did=did, credentials=credentials)


MEMBER = participant("did:web:brugge.example", "MembershipCredential")
PARTNER = participant("did:web:plzen.example", "MembershipCredential", "MobilityPartnerCredential")
STRANGER = participant("did:web:stranger.example")
