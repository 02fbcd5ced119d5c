"""Questions on assets, their answers, the limits, and the port of their store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.base.work import Transaction

LONGEST_QUESTION: Final = 2_000
LONGEST_ANSWER: Final = 4_000
LONGEST_REASON: Final = 500
HOUR: Final = timedelta(hours=1)
PER_PERSON: Final = 10
"""The questions of one person in an hour."""
PER_PARTICIPANT: Final = 60
"""The questions of all people of another node in an hour."""
STRANGERS: Final = 60
"""The questions of all participants without a credential in an hour, together."""
OPEN: Final = 100
"""The questions of one participant, or one person, that may wait for an answer at the same time."""
UNDELIVERED_REMEDY: Final = "ask it again, or write to the contact that the asset names"


class QuestionState(StrEnum):
    """The states of a question: it waits, or has an answer, which may be hidden, or was refused."""

    OPEN = "open"
    ANSWERED = "answered"
    HIDDEN = "hidden"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOutcome:
    """The publisher's act on a question. ``public``: everybody who may see the asset may read question and answer.
    ``reason`` is for a hidden answer and a refusal. ``revision`` counts the acts, ``by`` is the person who acted last
    at the publisher's node."""

    state: QuestionState = QuestionState.OPEN
    public: bool = False
    answer: str = ""
    reason: str = ""
    revision: int = 0
    changed_at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The ways of a question and its answer to people: whether the asker has seen the outcome, whether an e-mail is
    due, when the other node took the last message, and why it did not."""

    seen: bool = False
    mail_due: bool = False
    delivered_at: datetime | None = None
    delivery_fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question on the asset ``iri``, from a person of the node ``asker`` to the node ``publisher`` (DIDs).

    ``login`` is the person at their own node; it is empty at other nodes, and after the account was deleted.
    ``private``: the answer is for the asker only. ``stranger``: the other node showed no credential.
    """

    id: str
    iri: str
    publisher: str
    asker: str
    login: str = ""
    text: str
    private: bool = False
    stranger: bool = False
    at: datetime
    outcome: QuestionOutcome
    progress: Progress = field(default_factory=Progress)

    @property
    def state(self) -> QuestionState:
        return self.outcome.state

    @property
    def is_undelivered(self) -> bool:
        """Return whether the node of the publisher did not take it: nobody there knows it."""
        return self.state is QuestionState.OPEN and bool(self.progress.delivery_fault)

    @property
    def is_public(self) -> bool:
        """Return whether everybody who may see the asset may read it."""
        return self.outcome.public and self.state is QuestionState.ANSWERED

    def public_json(self) -> dict[str, Any]:
        """Return the parts that everybody who may see the asset may read. It names no person."""
        return {
            "id": self.id,
            "iri": self.iri,
            "text": self.text,
            "asker": self.asker,
            "asked": stamp(self.at),
            "publisher": self.publisher,
            "answer": self.outcome.answer,
            "answered": stamp(self.outcome.changed_at),
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it, for the asker and the people of the publisher's node."""
        outcome, progress = self.outcome, self.progress
        return {
            "id": self.id,
            "iri": self.iri,
            "text": self.text,
            "asker": self.asker,
            "person": self.login or None,
            "asked": stamp(self.at),
            "private": self.private,
            "publisher": self.publisher,
            "state": str(outcome.state),
            "public": self.is_public,
            "answer": outcome.answer or None,
            "reason": outcome.reason or None,
            "changed": stamp(outcome.changed_at) if outcome.revision else None,
            "seen": progress.seen,
            "delivered": stamp(progress.delivered_at) if progress.delivered_at else None,
            "deliveryFault": progress.delivery_fault or None,
            "undelivered": self.is_undelivered,
            **({"remedy": UNDELIVERED_REMEDY} if self.is_undelivered else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFilter:
    """The criteria of questions; empty members restrict nothing. ``public``: answered for everybody."""

    iri: str = ""
    publisher: str = ""
    asker: str = ""
    login: str = ""
    text: str = ""
    states: tuple[QuestionState, ...] = ()
    public: bool = False
    strangers: bool = False
    news: bool = False
    since: datetime | None = None


class QuestionStore(Protocol):
    """Questions by their id."""

    def hold(self, tx: Transaction, name: str) -> None:
        """Let others who hold the same name wait for the end of the transaction."""

    def add(self, tx: Transaction, question: Question) -> None:
        """Add a question. Raises ``Conflict`` if its id exists."""

    def get(self, tx: Transaction, question_id: str, *, lock: bool = False) -> Question | None:
        """Return a question, locked until the end of the transaction on request."""

    def save(self, tx: Transaction, question: Question) -> None:
        """Replace a question."""

    def select(
        self, tx: Transaction, criteria: QuestionFilter, *, oldest_first: bool = False, limit: int = 100
    ) -> Sequence[Question]:
        """Return questions, the newest first unless ``oldest_first``."""

    def count(self, tx: Transaction, criteria: QuestionFilter) -> int:
        """Return the number of questions that fit."""

    def with_mail_due(self, tx: Transaction, *, limit: int) -> Sequence[Question]:
        """Return the questions about which an e-mail is due, the oldest first, locked; those that another
        transaction has locked are waited for."""

    def forget_person(self, tx: Transaction, login: str) -> None:
        """Remove the person from the questions that they asked, and from the answers that they gave."""


def clean_text(text: str, *, name: str, longest: int, shortest: int = 2) -> str:
    """Return ``text`` without control characters and outer spaces. Raises ``InvalidInput`` if too short or long."""
    lines = ("".join(map(_plain, line)).rstrip() for line in text.splitlines())
    plain = "\n".join(lines).strip()
    if len(plain) < shortest:
        raise InvalidInput(f"the {name} is empty", remedy="write a sentence", facts={"case": "empty-text"})
    if len(plain) > longest:
        raise InvalidInput(
            f"the {name} has more than {longest} characters",
            remedy="write it shorter",
            facts={"case": "long-text", "count": longest},
        )
    return plain


def _plain(char: str) -> str:
    """Return a character as it is kept: other spaces become spaces, and those that nobody sees are left out."""
    return char if char.isprintable() else " " if char.isspace() else ""
