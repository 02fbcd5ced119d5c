"""The texts of e-mails about subscriptions: plain text, in the language of the person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from node.catalogue.model import PUBLIC, Record
from node.catalogue.subscriptions.model import News, SubscriptionView
from node.texts.catalogue import Catalogue
from node.texts.languages import pick

TEXTS: Final = Catalogue("subscriptions")


class Letters:
    """Writes e-mails of the node ``name`` at the public URL ``base``, from the address ``sender``.

    Titles of assets that are not public are left out: an e-mail passes through the hands of others.
    """

    def __init__(self, *, name: str, base: str, sender: str) -> None:
        self._name = name
        self._base = base
        self.sender = sender

    def confirmation(self, recipient: str, secret: str, language: str, at: datetime) -> bytes:
        """Return the message that asks the owner of an address whether they want e-mails."""
        lines = [
            TEXTS.say(language, "confirm.text", name=self._name),
            "",
            self._link(secret),
            "",
            TEXTS.say(language, "confirm.otherwise"),
        ]
        return self._message(recipient, TEXTS.say(language, "confirm.subject", name=self._name), lines, at)

    def digest(
        self, recipient: str, secret: str, language: str, at: datetime, views: Sequence[SubscriptionView]
    ) -> bytes:
        """Return the message with the news of ``views``."""
        count = sum(len(view.news) for view in views)
        lines = [TEXTS.say(language, "digest.text", count, name=self._name), ""]
        for view in views:
            lines += [*self._part(view, language), ""]
        lines += [
            TEXTS.say(language, "digest.all"),
            f"{self._base}/subscriptions",
            "",
            TEXTS.say(language, "digest.stop"),
            self._link(secret),
        ]
        return self._message(
            recipient,
            TEXTS.say(language, "digest.subject", count, name=self._name),
            lines,
            at,
            stop=self._link(secret),
        )

    def questions(self, recipient: str, secret: str, language: str, at: datetime, count: int) -> bytes:
        """Return the message that ``count`` questions wait for an answer."""
        lines = [TEXTS.say(language, "questions.text", count, name=self._name), f"{self._base}/questions"]
        subject = TEXTS.say(language, "questions.subject", count, name=self._name)
        return self._notice(recipient, secret, language, at, subject, lines)

    def outcome(
        self, recipient: str, secret: str, language: str, at: datetime, record: Record | None, state: str
    ) -> bytes:
        """Return the message that a question of the recipient on ``record`` was answered, refused or hidden."""
        title = _title(record, language) if record is not None else TEXTS.say(language, "digest.hidden")
        lines = [TEXTS.say(language, f"question.{state}", title=title), f"{self._base}/questions"]
        subject = TEXTS.say(language, "question.subject", name=self._name)
        return self._notice(recipient, secret, language, at, subject, lines)

    def plain(self, recipient: str, subject: str, lines: Sequence[str], at: datetime) -> bytes:
        """Return a message that is sent once, because a person of this node decided so."""
        return self._message(recipient, subject, lines, at)

    def _notice(
        self, recipient: str, secret: str, language: str, at: datetime, subject: str, lines: Sequence[str]
    ) -> bytes:
        stop = self._link(secret)
        end = ["", TEXTS.say(language, "digest.stop"), stop]
        return self._message(recipient, subject, [*lines, *end], at, stop=stop)

    def _part(self, view: SubscriptionView, language: str) -> Iterator[str]:
        if not view.subscription.iri:
            yield TEXTS.say(language, "digest.search", label=view.subscription.label)
        for item in view.news:
            yield f"- {self._line(item, language)}"
            yield f"  {self._address(item.record.iri)}"
        if view.more:
            yield f"- {TEXTS.say(language, 'digest.more')}"

    def _line(self, item: News, language: str) -> str:
        title = _title(item.record, language)
        return TEXTS.say(language, f"digest.{item.kind}", title=title, version=item.record.version)

    def _address(self, iri: str) -> str:
        return iri if iri.startswith(f"{self._base}/") else f"{self._base}/record?iri={quote(iri, safe='')}"

    def _link(self, secret: str) -> str:
        return f"{self._base}/subscriptions/mail/{secret}"

    def _message(self, recipient: str, subject: str, lines: Sequence[str], at: datetime, *, stop: str = "") -> bytes:
        # Imported here: many nodes never write an e-mail.
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import format_datetime, make_msgid

        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(at)
        message["Message-ID"] = make_msgid(domain=urlsplit(self._base).hostname)
        message["Auto-Submitted"] = "auto-generated"
        if stop:
            message["List-Unsubscribe"] = f"<{stop}>"
        message.set_content("\n".join(lines) + "\n")
        return message.as_bytes()


def _title(record: Record, language: str) -> str:
    if record.audience != PUBLIC:
        return TEXTS.say(language, "digest.hidden")
    return " ".join(pick(record.titles, language)[0].split()) or record.iri
