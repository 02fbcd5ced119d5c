"""What the pages need from the node, in one port, and the views that it answers with.

``Node`` is implemented over the use cases by whoever builds the node; ``tests/fakes/portal_node.py`` holds an
implementation in memory. Rules for implementers: every method answers only what ``caller`` may see; something
that exists but not for this caller raises ``NotFound``, exactly like something that does not exist; a person
without the role that an action needs meets ``NotAllowed``. Texts in several languages are dicts from language
tag to text; the pages choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from node.base.work import Task
from node.catalogue.access import AccessCode
from node.catalogue.browse import Connections, Found, FoundPage, Publisher
from node.catalogue.model import Query, Record
from node.dialogue.process import Exchange
from node.identity.accounts.secondfactor import Enrolment
from node.identity.model import Account, ApiToken, Application, Caller, Issued
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.negotiation.uses import Tally
from node.policy.model import Decision
from node.portal.reasons import Why
from node.transfer.deletions import Due
from node.transfer.model import Reception, Transfer

Texts = dict[str, str]
"""Language tag → text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPart:
    """One dimension of the score, and sentences that say what would raise it."""

    name: Texts
    points: int
    of: int
    raise_by: tuple[Texts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The score of a description (MQA: 405 points in five dimensions) and its band in words."""

    points: int
    of: int
    band: Texts
    parts: tuple[QualityPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """An agreement as the pages show it. ``kind`` is that of its asset, where the agreement says it.

    ``now`` is the decision that an access would meet at this moment; None where that could not be found out.
    ``barred``: the other party is blocked at this node, so every access is refused. ``uses`` is how often it was
    used, where it says how often it may be; ``deletion`` how its deletion stands, where it asks for that."""

    agreement: Agreement
    title: Texts
    provider_name: str
    consumer_name: str
    kind: str = ""
    now: Decision | None = None
    barred: bool = False
    uses: Tally | None = None
    deletion: Due | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessMade:
    """One access under an agreement, as the ledger keeps it; ``reasons`` say why where it was refused."""

    at: datetime
    by: str
    permitted: bool
    what: str
    size: int | None = None
    transfer: str = ""
    reasons: tuple[Why, ...] = ()
    entry: str = ""
    seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A decision that a person has to take or took: about which asset, under which conditions in words."""

    decision: PendingDecision
    titles: Texts
    iri: str = ""
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An application for a credential. ``decision`` is the id to give to ``Node.decide``; empty once decided."""

    application: Application
    name: str
    decision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTo:
    """A credential that this node issued, with the name of its holder."""

    issued: Issued
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A dead letter: what could not be delivered to whom, after all attempts."""

    task: Task
    peer_name: str

    @property
    def of_process(self) -> bool:
        """Whether a process (``task.subject``) waits for it."""
        return "process" in self.task.headers or self.task.topic in ("receive", "push")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A negotiation or a transfer with its messages, oldest first; ``stuck`` is what of it was given up.

    ``decision``: a person here has to decide."""

    process: Negotiation | Transfer
    peer_name: str
    titles: Texts
    exchanges: tuple[Exchange, ...] = ()
    reception: Reception | None = None
    stuck: tuple[Stuck, ...] = ()
    decision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What has not left yet: how many tasks wait, and those that were given up (dead letters)."""

    waiting: int
    stuck: tuple[Stuck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that this node follows or has admitted. ``behind`` counts entries not yet read of its feed.

    ``quarantined`` tells that it signed two different histories, and that nothing more is taken from it;
    ``evidence`` is the command that shows them, for those who may.
    """

    id: str
    name: str
    url: str
    role: str = "member"
    since: datetime | None = None
    seen: datetime | None = None
    behind: int | None = None
    assets: int | None = None
    blocked: str = ""
    trouble: str = ""
    quarantined: bool = False
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of a verification in words, and how it came out."""

    name: Texts
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """Who runs this node, and what it is. ``rulebook`` is the IRI of the rulebook in force; ``refuses_models`` says
    why no code of models runs at this node, where none does."""

    name: str
    did: str
    url: str
    version: str
    contact: str = ""
    operator: str = ""
    rulebook: str = ""
    rulebook_titles: Texts = field(default_factory=dict)
    issuer: bool = False
    entries: int = 0
    checkpoint_at: datetime | None = None
    refuses_models: str = ""
    protocol: str = "2025-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody's own account, their API tokens, and the longest term of a new one, in days. ``recovery_codes`` are
    left; ``factor_required`` tells that their roles work with a second factor only.
    """

    account: Account
    tokens: Sequence[ApiToken] = ()
    token_days: int = 365
    recovery_codes: int = 0
    factor_required: bool = False


class Node(Protocol):
    """Everything that the pages read or do."""

    # the catalogue ----------------------------------------------------------------------------------------
    async def search(self, query: Query, caller: Caller) -> FoundPage:
        """A page of results."""

    async def counts(self, caller: Caller) -> dict[str, int]:
        """Kind → number of assets."""

    async def newest(self, caller: Caller, limit: int, language: str) -> Sequence[Found]:
        """The assets that changed last, newest first."""

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        """Who publishes what the caller may see, by name."""

    async def record(
        self, iri: str, caller: Caller, *, version: int | None = None, as_of: datetime | None = None
    ) -> Record:
        """The newest version, that version, or the newest at that moment. Raises ``NotFound``."""

    async def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        """All versions, newest first. Raises ``NotFound``."""

    async def access(self, record: Record, caller: Caller) -> AccessCode:
        """The access code of the record for this caller, as in ``Found.access``."""

    async def decision_for(self, record: Record, caller: Caller) -> Decision | None:
        """What the contract policy answers to this caller now; None where nothing is offered.

        For a person of this node and somebody else's asset: what this node would be answered, with the
        credentials that it holds.
        """

    async def conditions_in_words(self, record: Record, language: str) -> Sequence[str]:
        """The conditions of the offer, one sentence each."""

    async def rdf(self, record: Record, media_type: str) -> str:
        """The description as text in ``text/turtle``, ``application/ld+json`` …"""

    async def quality(self, record: Record, caller: Caller) -> Quality | None:
        """The score, and what would raise it; None where the kind has no score."""

    async def connections(self, record: Record, caller: Caller) -> Connections:
        """The assets that the description points at, and those that point at it."""

    async def head(self, record: Record, file: str, caller: Caller, limit: int) -> bytes | None:
        """The first ``limit`` bytes of an *open* file, for a preview; None where there is none to show."""

    async def ask(self, record: Record, purpose: str | None, caller: Caller) -> str:
        """Begin a negotiation with the provider for this node; the pid of the process."""

    async def sparql(self, text: str, caller: Caller, accept: str) -> tuple[bytes, str]:
        """Evaluate a query: (body, media type). Raises ``InvalidInput``, ``Overloaded``, ``TooLarge``."""

    # agreements and decisions -----------------------------------------------------------------------------
    async def agreements(self, caller: Caller) -> Sequence[Agreed]:
        """Newest first."""

    async def agreement(self, agreement_id: str, caller: Caller) -> Agreed:
        """One, with ``now``. Raises ``NotFound``."""

    async def agreement_document(self, agreement_id: str, language: str | None) -> str:
        """The readable document as HTML, in one language or (None) in those of both parties: ``render_body``."""

    async def confirm_deletion(self, agreement_id: str, caller: Caller) -> None:
        """Delete what was received under it, and confirm it to the provider. Raises ``NotAllowed``."""

    async def agreement_evidence(self, agreement_id: str, caller: Caller) -> bytes:
        """The agreement with its evidence, a zip archive. Raises ``NotFound``."""

    async def accesses(self, agreement_id: str, caller: Caller) -> Sequence[AccessMade]:
        """What this node, as the provider, gave or refused; newest first."""

    async def transfers_under(self, agreement_id: str, caller: Caller) -> Sequence[Conversation]:
        """The transfers under it, newest first, without their messages. Raises ``NotFound``."""

    async def verify(self, agreement_id: str | None, caller: Caller) -> Sequence[Check]:
        """Check signatures, hashes and proofs, of an agreement or (None) of the whole ledger."""

    async def decisions(self, caller: Caller, language: str) -> Sequence[Asked]:
        """Open ones, oldest first; then those taken lately, newest first."""

    async def decide(self, decision_id: str, approve: bool, reason: str, caller: Caller) -> None:
        """Take a decision. Raises ``Conflict`` where it is taken already, ``NotAllowed``, ``NotFound``."""

    # work -------------------------------------------------------------------------------------------------
    async def processes(self, caller: Caller) -> Sequence[Conversation]:
        """Negotiations and transfers without their messages, the last changed first."""

    async def process(self, pid: str, caller: Caller) -> Conversation:
        """One with its messages. Raises ``NotFound``."""

    async def deliveries(self, caller: Caller) -> Deliveries:
        """What waits and what is stuck."""

    async def retry(self, task_id: str, caller: Caller) -> None:
        """Put a dead letter back into the queue. Raises ``NotFound``, and ``Conflict`` where it cannot be sent."""

    async def give_up(self, task_id: str, caller: Caller) -> None:
        """Give a dead letter up for good: what waits for it ends. Raises ``NotFound``."""

    # people and members -----------------------------------------------------------------------------------
    async def sign_in(self, login: str, password: str, *, origin: str = "") -> str:
        """A session token. Raises ``Unauthenticated``, ``TooMany`` or ``SecondFactorNeeded``."""

    async def complete_sign_in(self, pending: str, code: str) -> str:
        """A session token for a sign-in that waited for a code. Raises ``Unauthenticated`` where none waits any more,
        ``NotAllowed`` for a wrong code, ``TooMany``."""

    async def sign_out(self, token: str) -> None:
        """End the session; an unknown token is left alone."""

    async def person(self, caller: Caller) -> Person:
        """The reader's own account."""

    async def change_password(self, caller: Caller, old: str, new: str, *, keep_tokens: bool) -> str:
        """Change the reader's own password, which ends all their sessions; the token of a new one.

        Raises ``NotAllowed`` for a wrong old one, ``InvalidInput`` for an unfit new one, ``TooMany``.
        """

    async def make_token(self, caller: Caller, label: str, days: int, password: str, code: str) -> str:
        """A new API token of the reader. Raises as ``change_password``, and ``SecondFactorNeeded``."""

    async def begin_factor(self, caller: Caller, password: str) -> Enrolment:
        """Set up a second factor. Raises ``NotAllowed``, ``TooMany``, ``Conflict``."""

    async def pending_factor(self, caller: Caller) -> Enrolment:
        """The one that is being set up. Raises ``NotFound``."""

    async def confirm_factor(self, caller: Caller, code: str, session: str) -> Sequence[str]:
        """It counts from now on, and ``session`` was opened with it: the recovery codes. Raises ``NotAllowed``,
        ``NotFound``, ``TooMany``."""

    async def remove_factor(self, caller: Caller, password: str, code: str) -> None:
        """Remove the reader's own second factor. Raises ``NotAllowed``, ``TooMany``."""

    async def end_token(self, caller: Caller, sha256: str) -> None:
        """End one of the reader's own API tokens. Raises ``NotFound``."""

    async def applications(self, caller: Caller) -> Sequence[Applied]:
        """Applications for credentials of this node, open ones first."""

    async def issued(self, caller: Caller) -> Sequence[IssuedTo]:
        """Credentials that this node issued, newest first."""

    async def revoke(self, credential_id: str, reason: str, caller: Caller) -> None:
        """Revoke a credential. Raises ``NotFound``, ``Conflict``, ``NotAllowed``."""

    async def members(self, caller: Caller) -> Sequence[Member]:
        """Nodes that this node follows or has admitted."""

    async def node_facts(self) -> NodeFacts:
        """Who runs this node."""


OpenApi = dict[str, Any]
"""An OpenAPI document as FastAPI makes it."""
