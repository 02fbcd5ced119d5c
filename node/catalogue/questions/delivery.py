"""Messages about questions between two nodes: the question to the publisher's node, the outcome to the asker's.

They go through the outbox, under the tokens that nodes send each other (DCP 1.0 §4.3). A message names no person.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import HansaError
from node.base.jsons import read_object
from node.base.work import Transaction
from node.catalogue.questions.model import LONGEST_REASON, Question, QuestionStore

TOPIC: Final = "question"
QUESTIONS_PATH: Final = "/notices/questions"
OUTCOMES_PATH: Final = "/notices/outcomes"


class QuestionPost:
    """Sends questions and outcomes to other nodes, and notes what became of them."""

    def __init__(
        self, store: QuestionStore, outbox_writer: OutboxWriter, clock: Clock, *, address_of: Callable[[str], str]
    ) -> None:
        """``address_of`` returns the public URL of a participant. Raises ``HansaError`` if its DID names none."""
        self._store = store
        self._outbox_writer = outbox_writer
        self._clock = clock
        self._address_of = address_of

    def address(self, did: str) -> str:
        """Return the public URL of a participant. Raises ``HansaError`` if its DID names none."""
        return self._address_of(did)

    def send_question(self, tx: Transaction, question: Question) -> None:
        """Send a question to the node of its publisher."""
        body = {"id": question.id, "iri": question.iri, "text": question.text, "private": question.private}
        self._send(tx, question, question.publisher, QUESTIONS_PATH, body)

    def send_outcome(self, tx: Transaction, question: Question) -> None:
        """Send the publisher's act to the node of the asker."""
        outcome = question.outcome
        body = {
            "id": question.id,
            "state": str(outcome.state),
            "public": outcome.public,
            "answer": outcome.answer,
            "reason": outcome.reason,
            "revision": outcome.revision,
        }
        self._send(tx, question, question.asker, OUTCOMES_PATH, body)

    def _send(self, tx: Transaction, question: Question, peer: str, path: str, body: dict[str, Any]) -> None:
        self._outbox_writer.deliver(
            tx,
            topic=TOPIC,
            lane=peer,
            subject=question.id,
            body=json.dumps(body).encode(),
            due=self._clock.now(),
            headers={"url": self._address_of(peer) + path, "peer": peer, "message": "question on an asset"},
        )

    def note_answer(self, tx: Transaction, subject: str, *, refusal: str = "") -> None:
        """Note that the other node took the last message about a question, or why it never will."""
        question = self._store.get(tx, subject, lock=True)
        if question is not None:
            delivered_at = None if refusal else self._clock.now()
            progress = replace(question.progress, delivered_at=delivered_at, delivery_fault=refusal)
            self._store.save(tx, replace(question, progress=progress))


def refusal_of(status: int, body: bytes) -> str:
    """Return why the other node refused a message: the detail of its problem document, or else the status."""
    try:
        detail = str(read_object(body).get("detail") or "")
    except HansaError:
        detail = ""
    plain = " ".join("".join(char if char.isprintable() else " " for char in detail).split())
    return plain[:LONGEST_REASON] or f"status {status}"
