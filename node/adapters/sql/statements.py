"""Running statements of SQLAlchemy in a transaction; those of the stores are compiled once.

A statement that a module or a store keeps is the same object at each call. On SQLite its text, and how its parameters
and columns are converted, are worked out at the second call; from then on it runs on the driver's own connection.
That takes a fraction of the processor time, and a negotiation runs more than a hundred statements. Everything else is
left to SQLAlchemy: statements that are put together for one call, lists of values, PostgreSQL.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from keyword import iskeyword
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Executable
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler

from node.adapters.sql.faults import fault_of_driver

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Convert = Callable[[Any], Any]

_LEFT_ALONE: Final = ("insert_prefetch", "update_prefetch", "post_compile_params", "literal_execute_params")
"""What SQLAlchemy works out at each call: values that it makes itself, and lists of values."""


class Rows:
    """What a compiled statement gave, as the part of SQLAlchemy's ``Result`` that the stores use."""

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


class Compiled:
    """The text of a statement for one set of parameters, and how parameters and columns are converted."""

    def __init__(self, statement: Any, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = str(compiled)
        self._values: list[tuple[str | None, Convert | None, Any]] = []
        for place in compiled.positiontup or ():
            bind = compiled.binds[place]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._values.append((bind.key, convert, None))
            else:
                self._values.append((None, None, convert(bind.value) if convert else bind.value))
        columns = list(statement.exported_columns) if _gives_rows(statement) else []
        self._row = _row_of([column.name for column in columns]) if columns else None
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """The values of the parameters in the order of their places."""
        return [
            fixed if key is None else values[key] if convert is None else convert(values[key])
            for key, convert, fixed in self._values
        ]

    def rows(self, fetched: list[Any]) -> list[Any]:
        """What the driver gave, with its columns converted and by their names."""
        make = self._row
        if make is None:
            return fetched
        converts, named_rows = self._converts, []
        for row in fetched:
            columns = list(row)
            for place, convert in converts:
                columns[place] = convert(columns[place])
            named_rows.append(make._make(columns))
        return named_rows


class Statements:
    """The statements of one database that were compiled, by statement and names of its parameters."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: WeakKeyDictionary[Any, dict[tuple[str, ...], Compiled | None]] = WeakKeyDictionary()

    def compiled(self, statement: Any, names: tuple[str, ...]) -> Compiled | None:
        """The compiled statement; None at its first use, and where it is SQLAlchemy's to run."""
        forms = self._known.get(statement)
        if forms is None:
            self._known[statement] = {}
            return None
        if names not in forms:
            forms[names] = self._compile(statement, names)
        return forms[names]

    def _compile(self, statement: Any, names: tuple[str, ...]) -> Compiled | None:
        if not (statement.is_select or statement.is_dml):
            return None
        compiled = statement.compile(dialect=self._dialect, column_keys=list(names))
        if any(getattr(compiled, aspect) for aspect in _LEFT_ALONE) or not _plain(statement, compiled, names):
            return None
        return Compiled(statement, compiled, self._dialect)


class Running:
    """Statements within one transaction."""

    def __init__(self, connection: Connection, statements: Statements | None) -> None:
        """``statements``: those that are compiled; None where SQLAlchemy runs them all."""
        self._connection = connection
        self._statements = statements
        self._driver: Any = None

    @property
    def dialect(self) -> Dialect:
        """How the database is spoken to."""
        return self._connection.dialect

    def execute(self, statement: Executable, parameters: Parameters = None) -> Rows | CursorResult[Any]:
        """As ``sqlalchemy.engine.Connection.execute``. Raises errors of SQLAlchemy, or the ``LocalFault`` that an
        error of the driver stands for."""
        if self._statements is None or isinstance(parameters, Sequence):
            return self._connection.execute(statement, parameters)
        by_name = parameters or {}
        compiled = self._statements.compiled(statement, tuple(by_name))
        if compiled is None:
            return self._connection.execute(statement, parameters)
        if self._driver is None:
            self._driver = self._connection.connection.dbapi_connection
        values = compiled.parameters(by_name)
        try:
            cursor = self._driver.execute(compiled.text, values)
            fetched = cursor.fetchall() if cursor.description is not None else []
        except self.dialect.loaded_dbapi.Error as error:
            # As ``translated``: what the driver says may quote values, which no log should hold.
            fault = fault_of_driver(error)
            fault.add_note(f"SQL: {compiled.text}")
            raise fault.with_traceback(error.__traceback__) from None
        return Rows(compiled.rows(fetched), cursor.rowcount)


def _plain(statement: Any, compiled: SQLCompiler, names: tuple[str, ...]) -> bool:
    """Whether each parameter has one place or more and nothing else is needed, and the columns have usable names."""
    binds = [compiled.binds[place] for place in compiled.positiontup or ()]
    if any(bind.expanding or bind.callable is not None for bind in binds):
        return False
    if any(not bind.required and bind.key in names for bind in binds):
        return False  # A parameter that takes the place of a value in the statement.
    if not _gives_rows(statement):
        return " RETURNING " not in str(compiled)
    columns = [column.name for column in statement.exported_columns]
    usable = all(name.isidentifier() and not iskeyword(name) and not name.startswith("_") for name in columns)
    return usable and len(set(columns)) == len(columns)


def _gives_rows(statement: Any) -> bool:
    return bool(statement.is_select) or len(statement.exported_columns) > 0


def _row_of(names: Sequence[str]) -> Any:
    """A class of rows by whose columns ``node.adapters.sql.rows.build`` finds them."""
    plain: Any = namedtuple("Row", names)  # type: ignore[misc]
    return type("Row", (plain,), {"__slots__": (), "_mapping": property(plain._asdict)})
