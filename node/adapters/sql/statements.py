"""Runs statements of SQLAlchemy in a transaction; those of the stores are compiled once.

A statement that is stored in a module or a store is the same object at each call. Its text, and the conversion of its
parameters and columns, are computed at the second call; from then on it runs on the driver's own connection. That
takes a fraction of the processor time, and a negotiation runs more than a hundred statements. For lists of values,
there is one text for each length. Statements that are put together for one call are left to SQLAlchemy.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, Final
from weakref import ref

from sqlalchemy import Executable
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TupleType

from node.adapters.sql.columns import Convert, from_driver, to_driver
from node.adapters.sql.drivers import Driver, driver_of
from node.adapters.sql.faults import fault_of_driver

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
_LEFT_ALONE: Final = ("insert_prefetch", "update_prefetch", "literal_execute_params")
"""Aspects that SQLAlchemy computes at each call: values that it makes itself."""

_new_row: Final[Any] = tuple.__new__
"""Makes a row of a named tuple: its own ways to do so are written in Python."""

MOST_LENGTHS: Final = 64
"""A statement is compiled for so many lengths of its lists; for further lengths SQLAlchemy runs it."""


class Rows:
    """The result of a compiled statement: the part of SQLAlchemy's ``Result`` that the stores use."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def one_or_none(self) -> Any:
        if len(self._rows) > 1:
            raise MultipleResultsFound("more than one row")
        return self.first()

    def one(self) -> Any:
        if not self._rows:
            raise NoResultFound("no row")
        return self.one_or_none()

    def scalar_one_or_none(self) -> Any:
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalars(self) -> list[Any]:
        return [row[0] for row in self._rows]


class CompiledStatement:
    """The text of a statement for one set of parameters, and how parameters and columns are converted."""

    def __init__(self, statement: Any, compilation: SQLCompiler, dialect: Dialect, values: Mapping[str, Any]) -> None:
        """``values`` are those of one call: the lists of other calls must have the same lengths."""
        state = compilation.construct_expanded_state(values)
        self.text = state.statement
        within = {
            place: (name, number)
            for name, places in state.parameter_expansion.items()
            for number, place in enumerate(places)
        }
        self._values: list[tuple[str | None, Convert | None, Any]] = []
        self._lists: list[tuple[int, str, int, Convert | None]] = []
        for place in state.positiontup or ():
            name, number = within.get(place, (place, None))
            bind = compilation.binds[name]
            convert = to_driver(bind.type, dialect)
            if not bind.required:
                value: Any = bind.value
                value = value if number is None else value[number]
                self._values.append((None, None, convert(value) if convert else value))
            elif number is None:
                self._values.append((bind.key, convert, None))
            else:
                self._lists.append((len(self._values), bind.key, number, convert))
                self._values.append((None, None, None))
        columns = list(statement.exported_columns) if _gives_rows(statement) else []
        self._row = _row_of([column.name for column in columns]) if columns else None
        converts = [from_driver(column.type, dialect) for column in columns]
        self._converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values of the parameters in the order of their places."""
        row = [
            (values[key] if convert is None else convert(values[key])) if key is not None else fixed
            for key, convert, fixed in self._values
        ]
        for place, key, number, convert in self._lists:
            value = values[key][number]
            row[place] = value if convert is None else convert(value)
        return row

    def rows(self, driver_rows: list[Any]) -> list[Any]:
        """Return the driver's rows, with their columns converted and named."""
        make = self._row
        if make is None or not driver_rows:
            return driver_rows
        converts, named_rows = self._converts, []
        for row in driver_rows:
            columns = list(row)
            for place, convert in converts:
                columns[place] = convert(columns[place])
            named_rows.append(_new_row(make, columns))
        return named_rows


class Form:
    """A statement with parameters of certain names, compiled for each length that its lists of values have."""

    def __init__(self, statement: Any, compilation: SQLCompiler, dialect: Dialect) -> None:
        self._statement = statement
        self._compilation = compilation
        self._dialect = dialect
        binds = {bind.key: bind for bind in compilation.binds.values()}
        self.lists = tuple(key for key, bind in binds.items() if bind.expanding and bind.required)
        self._by_lengths: dict[tuple[int, ...], CompiledStatement] = {}

    def compile_for(self, values: Mapping[str, Any]) -> CompiledStatement | None:
        """Return the statement for these values; None if its lists have had too many lengths already."""
        lengths = tuple([len(values[key]) for key in self.lists]) if self.lists else ()
        statement = self._by_lengths.get(lengths)
        if statement is None and len(self._by_lengths) < MOST_LENGTHS:
            statement = CompiledStatement(self._statement, self._compilation, self._dialect, values)
            self._by_lengths[lengths] = statement
        return statement


class Statements:
    """The compiled statements of one database, by statement and names of its parameters."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = _by_place(dialect)
        self._known: dict[int, tuple[ref[Any], dict[tuple[str, ...], Form | None]]] = {}
        """By the number of the object, which another may get once the statement is gone."""

    def form(self, statement: Any, names: tuple[str, ...]) -> Form | None:
        """Return the form for parameters of these names; None at its first use, or if SQLAlchemy must run it."""
        number = id(statement)
        entry = self._known.get(number)
        if entry is None or entry[0]() is not statement:
            self._known[number] = (ref(statement, lambda _: self._known.pop(number, None)), {})
            return None
        forms = entry[1]
        try:
            return forms[names]
        except KeyError:
            form = forms[names] = self._form(statement, names)
            return form

    def _form(self, statement: Any, names: tuple[str, ...]) -> Form | None:
        if not (statement.is_select or statement.is_dml):
            return None
        compilation = statement.compile(dialect=self._dialect, column_keys=list(names))
        if any(getattr(compilation, aspect) for aspect in _LEFT_ALONE) or not _plain(statement, compilation, names):
            return None
        return Form(statement, compilation, self._dialect)


class TransactionStatements:
    """Statements within one transaction."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements
        self._driver: Driver | None = None
        self.notes: dict[tuple[str, str], Any] = {}
        """The stores' notes about rows that they have read or written in this transaction, by table and key."""

    @property
    def dialect(self) -> Dialect:
        """Return the SQLAlchemy dialect of the database."""
        return self._connection.dialect

    def execute(self, statement: Executable, parameters: Parameters = None) -> Rows | CursorResult[Any]:
        """As ``sqlalchemy.engine.Connection.execute``. Raises errors of SQLAlchemy, or the ``LocalFault`` that an
        error of the driver stands for."""
        several = type(parameters) is not dict and isinstance(parameters, Sequence)
        sample: Mapping[str, Any] = (parameters[0] if several else parameters) or {}  # type: ignore[index,assignment]
        form = self._statements.form(statement, tuple(sample))
        compilation = form.compile_for(sample) if form is not None and not (several and form.lists) else None
        if compilation is None:
            return self._connection.execute(statement, parameters)
        if self._driver is None:
            self._driver = driver_of(self._connection)
        rows: Any = parameters if several else None
        all_rows: list[Any] = []
        try:
            if rows is not None:
                count = self._driver.run_each(compilation.text, [compilation.parameters(row) for row in rows])
            else:
                all_rows, count = self._driver.run(compilation.text, compilation.parameters(sample))
        except self.dialect.loaded_dbapi.Error as error:
            # As ``translated``: the driver's message may quote values, which must not be in a log.
            fault = fault_of_driver(error)
            fault.add_note(f"SQL: {compilation.text}")
            raise fault.with_traceback(error.__traceback__) from None
        return Rows(compilation.rows(all_rows), count)


def _plain(statement: Any, compilation: SQLCompiler, names: tuple[str, ...]) -> bool:
    """Return whether the parameters only need their places, and the columns have usable names."""
    binds = [compilation.binds[place] for place in compilation.positiontup or ()]
    if any(bind.callable is not None or (bind.expanding and isinstance(bind.type, TupleType)) for bind in binds):
        return False
    if any(not bind.required and bind.key in names for bind in binds):
        return False  # The parameter replaces a value in the statement.
    if not _gives_rows(statement):
        return " RETURNING " not in str(compilation)
    columns = [column.name for column in statement.exported_columns]
    usable = all(name.isidentifier() and not iskeyword(name) and not name.startswith("_") for name in columns)
    return usable and len(set(columns)) == len(columns)


def _by_place(dialect: Dialect) -> Dialect:
    """Return the dialect that finds a statement's parameters by their places."""
    if dialect.name != "postgresql":
        return dialect
    numbered: Dialect = type(dialect)(paramstyle="numeric_dollar")  # type: ignore[call-arg]
    return numbered


def _gives_rows(statement: Any) -> bool:
    return bool(statement.is_select) or len(statement.exported_columns) > 0


def _row_of(names: Sequence[str]) -> Any:
    """Return a class of rows in which ``node.adapters.sql.rows.build`` finds the columns."""
    plain: Any = namedtuple("Row", names)  # type: ignore[misc]
    return type("Row", (plain,), {"__slots__": (), "_mapping": property(plain._asdict)})
