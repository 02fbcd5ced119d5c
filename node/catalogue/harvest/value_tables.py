"""Value tables: the code that each of a source's own values means, completed once by a steward.

Every import and every harvest counts the values of its source that are on no code list. A steward chooses codes for
them; from then on the repair rule ``own-value`` replaces them, and the next harvest examines all records again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.harvest.schedule import ScheduleStore
from node.identity.model import Caller as Person
from node.identity.roles import UseCase, require

MOST: Final = 2000
"""Values of a source that are kept, those of the most records; and choices."""

Choices = Mapping[str, Mapping[str, str]]
"""Name of a field → a source's own value → the IRI that it means."""


class ValueCount(NamedTuple):
    """A source's own value: the name of its field, its text as it came, and the number of records that have it."""

    field: str
    text: str
    records: int


class Choice(NamedTuple):
    """The code, label or IRI that a steward chooses for a value; empty to take the choice back."""

    field: str
    text: str
    value: str


class ValueRow(NamedTuple):
    """A line of a value table: a value, the number of records that have it, and the IRI that is chosen, if any."""

    field: str
    text: str
    records: int
    iri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueTable:
    """The table of one source. ``counts`` are those of its last complete reading; ``by`` and ``at`` say who changed
    the choices last, and when."""

    source: str
    counts: Sequence[ValueCount] = ()
    choices: Choices = field(default_factory=dict)
    by: str = ""
    at: datetime | None = None

    def rows(self) -> list[ValueRow]:
        """Return a row for each value: those without a choice first, then the most frequent ones."""
        records = {(count.field, count.text): count.records for count in self.counts}
        iris = {(name, text): iri for name, choices in self.choices.items() for text, iri in choices.items()}
        keys = {**records, **iris}
        rows = [ValueRow(name, text, records.get((name, text), 0), iris.get((name, text), "")) for name, text in keys]
        return sorted(rows, key=lambda row: (bool(row.iri), -row.records, row.field, row.text))

    @property
    def open_values(self) -> int:
        """Return how many values have no choice."""
        return sum(not self.choices.get(count.field, {}).get(count.text) for count in self.counts)


class TableSize(NamedTuple):
    """The name of a source, how many values its table has, and how many of them have no choice."""

    source: str
    values: int
    open_values: int


class ValueTableStore(Protocol):
    """Value tables by the name of their source."""

    def table(self, tx: Transaction, source: str, *, lock: bool = False) -> ValueTable | None:
        """Return the table of a source; with ``lock`` there is one, and nobody else changes it until the transaction
        ends."""

    def sizes(self, tx: Transaction) -> Sequence[TableSize]:
        """The sizes of all tables that have values, by source."""

    def save_table(self, tx: Transaction, table: ValueTable) -> None:
        """Set or replace."""


class ValueTables:
    """Reads and completes value tables. Synchronous: call it in a thread."""

    def __init__(self, uow: UnitOfWork, store: ValueTableStore, schedules: ScheduleStore, clock: Clock) -> None:
        self._uow = uow
        self._store = store
        self._schedules = schedules
        self._clock = clock

    def all(self, by: Person) -> Sequence[TableSize]:
        """Return the sizes of the tables of all sources. Raises ``NotAllowed``."""
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.read() as tx:
            return self._store.sizes(tx)

    def table(self, source: str, by: Person) -> ValueTable:
        """Return the table of ``source``, the name of a source of records or of a scheduled harvest.

        Raises ``NotAllowed``, ``NotFound``.
        """
        require(by, UseCase.SCHEDULE_HARVESTS)
        with self._uow.read() as tx:
            return self._require(tx, source)

    @taken_in_turn
    def choose(self, source: str, choices: Sequence[Choice], by: Person) -> ValueTable:
        """Note which codes values of ``source`` mean: all ``choices``, or none of them.

        Raises ``NotAllowed``, ``NotFound``, and ``InvalidInput`` for an unknown field or code.
        """
        require(by, UseCase.SCHEDULE_HARVESTS)
        codes = [(choice.field, choice.text.strip(), _code(choice)) for choice in choices]
        with self._uow.begin() as tx:
            name = self._require(tx, source).source
            table = self._store.table(tx, name, lock=True) or ValueTable(source=name)
            new = {field_name: dict(members) for field_name, members in table.choices.items()}
            for field_name, text, iri in codes:
                members = new.setdefault(field_name, {})
                members.pop(text, None)
                if iri:
                    members[text] = iri
            new = {field_name: dict(sorted(members.items())) for field_name, members in new.items() if members}
            if sum(map(len, new.values())) > MOST:
                raise InvalidInput(f"a table has {MOST} choices at most", remedy="leave out values of few records")
            if new != table.choices:
                table = replace(table, choices=new, by=by.name, at=self._clock.now())
                self._store.save_table(tx, table)
        return table

    def choices(self, source: str) -> Choices:
        """Return the codes that are chosen for the own values of ``source``."""
        with self._uow.read() as tx:
            table = self._store.table(tx, source)
        return {} if table is None else table.choices

    @taken_in_turn
    def count(self, source: str, records: Counter[tuple[str, str]]) -> None:
        """Note how many records of ``source`` have each of its own values, after it was read to its end."""
        most = sorted(records.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]
        counts = tuple(ValueCount(*key, number) for key, number in most)
        with self._uow.begin() as tx:
            table = self._store.table(tx, source)
            if (table.counts if table is not None else ()) == counts:
                return
            table = self._store.table(tx, source, lock=True) or ValueTable(source=source)
            self._store.save_table(tx, replace(table, counts=counts))

    def _require(self, tx: Transaction, source: str) -> ValueTable:
        table = self._store.table(tx, source)
        if table is None and self._schedules.source(tx, source) is not None:
            runs = self._schedules.runs(tx, source, 10)
            name = next((run.opened["source"] for run in runs if run.opened.get("source")), None)
            table = None if name is None else self._store.table(tx, name) or ValueTable(source=name)
        if table is None:
            raise NotFound("no values of such a source are known", remedy="hansa harvest values")
        return table


def _code(choice: Choice) -> str:
    """Return the IRI of a choice; empty to take it back."""
    # Here, since the code lists are large, and most nodes never need them for this.
    from node.semantics.harvest.rules.value_fields import LONGEST, field_named

    value_field, text = field_named(choice.field), choice.text.strip()
    if not 0 < len(text) <= LONGEST:
        raise InvalidInput(f"a value has 1 to {LONGEST} characters", remedy="hansa harvest values")
    try:
        return value_field.choice(choice.value) if choice.value.strip() else ""
    except InvalidInput as error:
        raise InvalidInput(f"{text}: {error.detail}", remedy=error.remedy) from error
