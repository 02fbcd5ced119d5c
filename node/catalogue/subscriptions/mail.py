"""E-mails about subscriptions: an address that its owner confirms, and at most one digest a day."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, InvalidInput, LocalFault, NotFound, TooMany
from node.base.ids import new_urn
from node.base.work import Outbox, Task, Transaction, UnitOfWork
from node.catalogue.search.cursors import SecretBox
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.model import Subscriber, SubscriptionStore
from node.catalogue.subscriptions.usecases import DigestNews, Subscriptions, login_of
from node.identity.model import Caller
from node.texts.languages import supported_language

TOPIC: Final = "mail"
BETWEEN_DIGESTS: Final = timedelta(days=1)
BETWEEN_QUESTIONS: Final = timedelta(minutes=5)
"""The time after which the owner of an address may be asked again: a person must not flood somebody else."""

_MARK: Final = b"subscription-mail\0"
_LONGEST: Final = 254
_LONGEST_SECRET: Final = 1000
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)


WriteNotice = Callable[[str, str, str], bytes]
"""(address, secret of the link that stops e-mails, language) → the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOwner:
    """The person and address behind the link in an e-mail; ``confirmed`` is when the address was."""

    login: str
    address: str
    confirmed: datetime | None


class SubscriptionMail:
    """Keeps addresses for e-mail and queues messages; the worker sends them.

    Without ``letters`` the operator configured no mail server, and people cannot give an address. The links in
    messages hold the person and the address, encrypted by the node: they end when the person gives another address.
    """

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: SubscriptionStore,
        outbox: Outbox,
        subscriptions: Subscriptions,
        letters: Letters | None,
        box: SecretBox,
        person: Callable[[str], Caller],
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """``person`` returns the person with an account, and their present roles."""
        self._uow = uow
        self._store = store
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._letters = letters
        self._box = box
        self._person = person
        self._clock = clock
        self._wake = wake

    @property
    def is_available(self) -> bool:
        """Return whether this node sends e-mails."""
        return self._letters is not None

    async def of(self, by: Caller) -> Subscriber:
        """Return what the node knows about the e-mails of the caller."""
        login = login_of(by)

        def read() -> Subscriber | None:
            with self._uow.read() as tx:
                return self._store.subscriber(tx, login)

        return await run_sync(read) or Subscriber(login=login)

    async def set_address(self, address: str, by: Caller, *, language: str) -> None:
        """Ask the owner of ``address`` to confirm it; digests are sent to it from then on, in ``language``.

        Raises ``InvalidInput`` for what is not an address, ``TooMany`` if somebody was asked a moment ago,
        ``Conflict`` if this node sends no e-mails.
        """
        login, letters = login_of(by), self._letters
        if letters is None:
            raise Conflict(
                "this node sends no e-mails",
                remedy="ask its operator to set mail_server, or use the feed",
                facts={"case": "no-mail"},
            )
        if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
            raise InvalidInput(
                "this is not an e-mail address", remedy="write it as name@city.example", facts={"case": "mail"}
            )
        new_language = supported_language(language)

        def save() -> None:
            now = self._clock.now()
            with self._uow.begin() as tx:
                subscriber = self._store.hold(tx, login)
                # The clock of another process may be ahead of ours.
                if subscriber.mail_asked is not None and abs(now - subscriber.mail_asked) < BETWEEN_QUESTIONS:
                    raise TooMany(
                        "an e-mail was sent a moment ago", remedy="look for it, or try again in five minutes"
                    )
                request = replace(
                    subscriber,
                    mail=address,
                    mail_confirmed=None,
                    mail_asked=now,
                    mail_due=None,
                    language=new_language,
                )
                self._store.save_subscriber(tx, request)
                message = letters.confirmation(address, self._secret(login, address), new_language, now)
                self._queue(tx, letters, login, address, message, now)

        await run_sync(save)
        self._wake()

    async def owner(self, secret: str) -> MailOwner:
        """Return the person and address behind a link. Raises ``NotFound``."""

        def read() -> MailOwner:
            with self._uow.read() as tx:
                subscriber = self._subscriber(tx, secret)
            return MailOwner(login=subscriber.login, address=subscriber.mail, confirmed=subscriber.mail_confirmed)

        return await run_sync(read)

    async def confirm(self, secret: str) -> None:
        """Confirm the address behind a link: digests begin. Raises ``NotFound``."""

        def save() -> None:
            now = self._clock.now()
            with self._uow.begin() as tx:
                known = self._subscriber(tx, secret, hold=True)
                if known.mail_confirmed is None:
                    self._store.save_subscriber(tx, replace(known, mail_confirmed=now, mail_due=now))

        await run_sync(save)

    async def stop(self, secret: str) -> None:
        """End the e-mails to the address behind a link. Raises ``NotFound``."""

        def save() -> None:
            with self._uow.begin() as tx:
                self._store.save_subscriber(tx, _without_mail(self._subscriber(tx, secret, hold=True)))

        await run_sync(save)

    async def remove(self, by: Caller) -> None:
        """End the e-mails to the caller."""
        login = login_of(by)

        def save() -> None:
            with self._uow.begin() as tx:
                self._store.save_subscriber(tx, _without_mail(self._store.hold(tx, login)))

        await run_sync(save)

    async def queue_due(self) -> int:
        """Queue the digests that are due and have news; return how many. A person gets at most one a day."""
        if self._letters is None:
            return 0

        def read() -> list[Subscriber]:
            with self._uow.read() as tx:
                return list(self._store.with_mail_due(tx, self._clock.now()))

        count = 0
        for subscriber in await run_sync(read):
            by = await run_sync(self._person, subscriber.login)
            if not (by.roles or by.withheld):
                continue  # The account is blocked.
            news = await self._subscriptions.news_for_digest(by)
            if news.views:
                count += await run_sync(self._queue_digest, subscriber, news)
        if count:
            self._wake()
        return count

    def queue_notice(self, tx: Transaction, login: str, now: datetime, write: WriteNotice) -> bool:
        """Queue a message of another kind to the person; return whether they have a confirmed address."""
        letters, subscriber = self._letters, self._store.subscriber(tx, login)
        if letters is None or subscriber is None or subscriber.mail_confirmed is None:
            return False
        message = write(subscriber.mail, self._secret(login, subscriber.mail), subscriber.language)
        self._queue(tx, letters, login, subscriber.mail, message, now)
        return True

    def _queue_digest(self, subscriber: Subscriber, news: DigestNews) -> bool:
        letters, now = self._letters, self._clock.now()
        assert letters is not None, "without letters nothing is due"
        secret = self._secret(subscriber.login, subscriber.mail)
        message = letters.digest(subscriber.mail, secret, subscriber.language, now, news.views)
        with self._uow.begin() as tx:
            if self._store.hold(tx, subscriber.login) != subscriber:
                return False  # Stopped, another address, or queued by another process in the meantime.
            self._subscriptions.mark_mailed(tx, subscriber.login, news)
            self._store.save_subscriber(tx, replace(subscriber, mail_due=now + BETWEEN_DIGESTS))
            self._queue(tx, letters, subscriber.login, subscriber.mail, message, now)
        return True

    def _queue(
        self, tx: Transaction, letters: Letters, login: str, address: str, message: bytes, now: datetime
    ) -> None:
        self._outbox.put(
            tx,
            Task(
                id=new_urn(),
                topic=TOPIC,
                lane=TOPIC,
                subject=f"{TOPIC}:{login}:{stamp(now)}",
                body=message,
                headers={"sender": letters.sender, "recipient": address},
                due=now,
            ),
        )

    def _secret(self, login: str, address: str) -> str:
        plain = _MARK + login.encode() + b"\0" + address.encode()
        return base64.urlsafe_b64encode(self._box.wrap(plain)).decode("ascii").rstrip("=")

    def _subscriber(self, tx: Transaction, secret: str, *, hold: bool = False) -> Subscriber:
        subscriber = None
        try:
            if len(secret) <= _LONGEST_SECRET:
                envelope = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
                plain = self._box.unwrap(envelope)
                if plain.startswith(_MARK):
                    login, _, address = plain.removeprefix(_MARK).decode().partition("\0")
                    subscriber = self._store.subscriber(tx, login)
                    if subscriber is not None and hold:
                        subscriber = self._store.hold(tx, login)
                    subscriber = subscriber if subscriber is not None and subscriber.mail == address else None
        except (ValueError, LocalFault):
            subscriber = None
        if subscriber is None:
            raise NotFound("this link is no longer valid", remedy="see the page Subscriptions of the node")
        return subscriber


def _without_mail(subscriber: Subscriber) -> Subscriber:
    return replace(subscriber, mail="", mail_confirmed=None, mail_due=None)
