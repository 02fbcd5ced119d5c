"""Reports of harvests for the publishers of a source: sent by e-mail or given as a link, when a person decides so.

Nothing is sent unasked. What was sent is kept: when, by whom, to whom, about which run. A link works as long as the
node keeps the run, which it does for the newest runs of a source.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from node.base.clock import Clock, moment, stamp
from node.base.errors import Conflict, InvalidInput, NotFound, TooMany
from node.base.ids import new_urn
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Outbox, Task, Transaction, UnitOfWork
from node.catalogue.harvest.kept_report import LineFilter
from node.catalogue.harvest.schedule import Run, RunState
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.harvest.source_state import SourceStates
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, statements, text_of
from node.catalogue.ports import RecordStore
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.mail import TOPIC
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.texts.catalogue import Catalogue
from node.texts.formats import day_text
from node.texts.languages import supported_language
from node.vocab.namespaces import DCAT, DCT, FOAF, VCARD

TEXTS: Final = Catalogue("subscriptions")
MOST: Final = 20
"""Recipients of one report, at most."""
KEPT: Final = 100
"""Sent reports that are remembered for each source."""
READ: Final = 2000
"""Records of a run whose contacts are read."""
RUNS: Final = 50
"""Runs whose contacts are remembered."""
EXAMPLES: Final = 10
"""Records with faults that the e-mail itself names."""
AGAIN: Final = timedelta(minutes=5)
"""The least time between two e-mails about one run to one address."""
_ADDRESS: Final = re.compile(r"[^@\s<>,;:\"]{1,64}@[^@\s<>,;:\"]{1,190}")
_SENT: Final = "harvest-reports."
_LINK: Final = "harvest-report-link."


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An address that records of a run name as contact or publisher, and how many of them do."""

    address: str
    name: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """A report that was sent, or a link that was made (no ``to``). ``key`` is the hash of the link's secret."""

    run: str
    at: str
    by: str
    language: str
    to: Sequence[str]
    key: str = ""

    @property
    def moment(self) -> datetime:
        """Return when it was sent."""
        return moment(self.at)

    def to_json(self) -> dict[str, Any]:
        return {"run": self.run, "at": self.at, "by": self.by, "language": self.language, "to": list(self.to)}


class SendReports:
    """Sends reports of runs, and reads them for those who have a link. Synchronous: call it in a thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        notes: Notes,
        records: RecordStore,
        outbox: Outbox,
        schedules: Schedules,
        states: SourceStates,
        letters: Letters | None,
        clock: Clock,
        name: str,
        base: str,
        wake: Callable[[], None],
    ) -> None:
        """``letters`` is None if this node sends no e-mails; ``name`` and ``base`` are its name and address."""
        self._uow = uow
        self._notes = notes
        self._records = records
        self._outbox = outbox
        self._schedules = schedules
        self._states = states
        self._letters = letters
        self._clock = clock
        self._name = name
        self._base = base
        self._wake = wake
        self._known_contacts: OrderedDict[str, list[Contact]] = OrderedDict()

    @property
    def sends_mail(self) -> bool:
        """Return whether this node sends e-mails."""
        return self._letters is not None

    def contacts(self, name: str, run_id: str, by: Caller) -> list[Contact]:
        """Return the addresses that the new, changed and refused records of a run name, those of most records first;
        if they name none, those of all records of the source. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        run = self._schedules.run(name, run_id)
        if not run.ended:
            return self._contacts(run)
        # A page about the run asks each time, and the records of a run that has ended are many and the same.
        contacts = self._known_contacts.get(run.id)
        if contacts is None:
            contacts = self._known_contacts[run.id] = self._contacts(run)
            if len(self._known_contacts) > RUNS:
                self._known_contacts.popitem(last=False)
        return contacts

    def _contacts(self, run: Run) -> list[Contact]:
        lines, _, _ = self._schedules.reports.lines(run.id, LineFilter(limit=READ), "en")
        contacts = self._contacts_in(line["address"] for line in lines if line["address"])
        # A run that found nothing new has no lines, but somebody is to hear of what it still refuses.
        return contacts or self._contacts_in(islice(self._addresses(run.source), READ))

    def _addresses(self, name: str) -> Iterator[str]:
        """Yield the addresses of the records that the source listed when it was read last."""
        url = self._schedules.source(name)[0].url
        state = self._states.source(url)
        for page in state.pages if state else ():
            listed = self._states.page(url, page)
            yield from listed.records if listed else ()

    def _contacts_in(self, addresses: Iterable[str]) -> list[Contact]:
        names: dict[str, str] = {}
        counts: Counter[str] = Counter()
        iris = list(addresses)  # before the transaction: reading them may be one of its own
        with self._uow.read() as tx:
            for iri in iris:
                record = self._records.get(tx, iri)
                for address, title in contacts_of(record) if record is not None else ():
                    names.setdefault(address, title)
                    counts[address] += 1
        return [
            Contact(address=address, name=names[address], records=number)
            for address, number in counts.most_common(100)
        ]

    def history(self, name: str, by: Caller) -> list[SentReport]:
        """Return what was sent about a source, newest first. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        self._schedules.source(name)
        with self._uow.read() as tx:
            return self._read(tx, name)[::-1]

    @taken_in_turn
    def send(self, name: str, run_id: str, to: Sequence[str], language: str, by: Caller) -> tuple[SentReport, str]:
        """Send the report of a run that has ended, and return what was sent and the link to the report.

        Without addresses only the link is made. Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``, ``TooMany``,
        and ``Conflict`` if the run has not ended or this node sends no e-mails.
        """
        require(by, UseCase.SCHEDULE_HARVESTS)
        addresses = _valid_addresses(to)
        run = self._schedules.run(name, run_id)
        if run.state in (RunState.QUEUED, RunState.RUNNING):
            raise Conflict("this run has not ended yet", remedy=f"hansa harvest list {word(name)}")
        letters = self._letters
        if addresses and letters is None:
            raise Conflict(
                "this node sends no e-mails",
                remedy="make a link and send it yourself, or ask the operator to set mail_server",
                facts={"case": "no-report-mail"},
            )
        language, now, secret = supported_language(language), self._clock.now(), secrets.token_urlsafe(32)
        link = f"{self._base}/reports/{secret}"
        report = SentReport(run=run.id, at=stamp(now), by=by.name, language=language, to=addresses, key=_hash(secret))
        source = self._schedules.source(name)[0]
        examples = self._examples(run, language) if addresses else []
        with self._uow.begin() as tx:
            earlier = self._read(tx, name)
            for address in addresses:
                if any(_is_recent(item, run, address, now) for item in earlier):
                    raise TooMany(f"this report was sent to {address} a moment ago", remedy="wait five minutes")
            self._keep(tx, name, [*earlier, report])
            self._notes.put(tx, f"{_LINK}{report.key}", json.dumps([name, run.id, language]))
            for address in addresses if letters is not None else ():
                assert letters is not None
                lines = self._lines(run, source.url, language, now, examples, link)
                subject = TEXTS.say(language, "report.subject", name=self._name, source=name)
                self._queue(tx, letters.sender, address, letters.plain(address, subject, lines, now), now)
            tx.after_commit(self._wake)
        return report, link

    def open(self, secret: str) -> tuple[str, Run, str]:
        """Return the source, the run and the language of a link. Raises ``NotFound``."""
        with self._uow.read() as tx:
            text = self._notes.get(tx, f"{_LINK}{_hash(secret)}") if len(secret) <= 100 else None
        if text:
            name, run_id, language = json.loads(text)
            try:
                return name, self._schedules.run(name, run_id), language
            except NotFound:
                pass
        raise NotFound("this report is no longer kept", remedy="ask the node that sent the link for a newer one")

    def _examples(self, run: Run, language: str) -> list[str]:
        lines, _, more = self._schedules.reports.lines(run.id, LineFilter(outcome="faults", limit=EXAMPLES), language)
        texts = []
        for line in lines:
            faults = [line["error"], *(finding["message"] for finding in line["findings"][:3])]
            reason = "; ".join(" ".join(fault.split())[:200] for fault in faults if fault)
            texts.append(f"- {' '.join((line['title'] or line['iri'] or line['address']).split())[:200]}: {reason}")
        return [*texts, *(["- …"] if more else []), *([""] if texts else [])]

    def _lines(
        self, run: Run, url: str, language: str, now: datetime, examples: Sequence[str], link: str
    ) -> list[str]:
        counts = {outcome: run.counts.get(outcome, 0) for outcome in _COUNTS}
        day = day_text(run.ended or now, UTC, language)
        return [
            TEXTS.say(language, "report.text", name=self._name, url=url, day=day),
            TEXTS.say(language, "report.counts", **counts),
            "",
            *examples,
            TEXTS.say(language, "report.link"),
            link,
            "",
            TEXTS.say(language, "report.why", name=self._name),
        ]

    def _read(self, tx: Transaction, name: str) -> list[SentReport]:
        text = self._notes.get(tx, f"{_SENT}{name}")
        return [SentReport(**members) for members in json.loads(text)] if text else []

    def _keep(self, tx: Transaction, name: str, reports: list[SentReport]) -> None:
        for report in reports[:-KEPT]:
            self._notes.put(tx, f"{_LINK}{report.key}", "")
        self._notes.put(tx, f"{_SENT}{name}", json.dumps([asdict(report) for report in reports[-KEPT:]]))

    def _queue(self, tx: Transaction, sender: str, recipient: str, message: bytes, now: datetime) -> None:
        task_id = new_urn()
        headers = {"sender": sender, "recipient": recipient}
        self._outbox.put(
            tx,
            Task(id=task_id, topic=TOPIC, lane=TOPIC, subject=task_id, body=message, headers=headers, due=now),
        )


_COUNTS: Final = ("new", "changed", "unchanged", "repaired", "refused", "withdrawn")


def contacts_of(record: Record) -> list[tuple[str, str]]:
    """Return (address, name) of the contact points and publishers of a record that have an e-mail address."""
    values: dict[str, list[tuple[str, str]]] = {}
    for statement in statements(record.nquads):
        if is_iri(statement.predicate):
            values.setdefault(statement.subject, []).append((iri_of(statement.predicate), statement.object))
    about = values.get(f"<{record.subject}>", [])
    contacts: dict[str, str] = {}
    for property_, mail, title in ((f"{DCAT}contactPoint", "hasEmail", "fn"), (f"{DCT}publisher", "mbox", "name")):
        space = VCARD if mail == "hasEmail" else FOAF
        for node in (value for name, value in about if name == property_):
            own = values.get(node, [])
            names = [_text(value) for name, value in own if name == f"{space}{title}"]
            for address in (_text(value) for name, value in own if name == f"{space}{mail}"):
                if _ADDRESS.fullmatch(address):
                    contacts.setdefault(address, names[0] if names else "")
    return list(contacts.items())


def _text(term: str) -> str:
    text = iri_of(term) if is_iri(term) else text_of(term)
    return text.strip().removeprefix("mailto:")


def _valid_addresses(to: Sequence[str]) -> list[str]:
    addresses = list(dict.fromkeys(address.strip() for address in to if address.strip()))
    if len(addresses) > MOST:
        raise InvalidInput(f"a report is sent to {MOST} addresses at most", remedy="send it in several steps")
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise InvalidInput(
                f"{address[:100]!r} is not an e-mail address",
                remedy="write it as name@city.example",
                facts={"case": "mail"},
            )
    return addresses


def _is_recent(report: SentReport, run: Run, address: str, now: datetime) -> bool:
    return report.run == run.id and address in report.to and abs(now - moment(report.at)) < AGAIN


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", errors="replace")).hexdigest()
