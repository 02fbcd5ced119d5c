"""Errors of a database in the words of data sources: its own words may name hosts, users and values."""

from __future__ import annotations

from types import TracebackType

from node.base.errors import HansaError, InvalidInput, NotFound
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, DataSourceUnreachable


class DatabaseErrors:
    """Translates errors of the driver into errors of ``node.datasources.errors``."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, HansaError):
            return
        import psycopg

        match error:
            case psycopg.errors.InsufficientPrivilege() | psycopg.errors.InvalidAuthorizationSpecification():
                raise _refusal() from error
            case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedColumn():
                raise NotFound(
                    "the database has no such table", remedy="hansa source test lists its tables"
                ) from error
            case TimeoutError() | psycopg.errors.QueryCanceled() | psycopg.errors.ConnectionTimeout():
                raise DataSourceSlow("the database did not answer in time", remedy="ask for fewer rows") from error
            case psycopg.DataError():
                raise InvalidInput(
                    "the database does not understand a value of the query", remedy="check the parameters"
                ) from error
            case psycopg.OperationalError() if _says_password(error):
                raise _refusal() from error
            case psycopg.Error() | OSError():
                raise DataSourceUnreachable(
                    "the database does not answer, or ended the query", remedy="try again later"
                ) from error


def _says_password(error: Exception) -> bool:
    # The server's code is not known before a connection exists.
    text = str(error)
    return "authentication failed" in text or "no password supplied" in text or "no pg_hba.conf entry" in text


def _refusal() -> DataSourceRefuses:
    return DataSourceRefuses(
        "the database refuses the credentials of this node, or the rights to this table",
        remedy="its steward gives new ones: hansa source add",
    )
