"""The rows of a Parquet file, for transformations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.relations import close_access, connect, engine_errors, sql_text
from node.base.errors import InvalidInput, TooLarge

MOST_ROWS: Final = 1_000_000


def read_file(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``transformations.parquet``: the rows (JSON) of the Parquet file at ``path``. What JSON has no value
    for, such as a moment, is a text. Raises ``InvalidInput`` if it is damaged, and ``TooLarge``."""
    path = str(Path(message["path"]))
    with connect() as engine:
        engine.execute(f"SET allowed_paths = [{sql_text(path)}]")
        close_access(engine)
        try:
            table = engine.execute("SELECT * FROM read_parquet(?) LIMIT ?", [path, MOST_ROWS + 1])
            names = [column[0] for column in table.description or ()]
            rows = [dict(zip(names, map(_plain, row), strict=True)) for row in table.fetchall()]
        except engine_errors() as error:
            raise InvalidInput("the Parquet file is damaged", remedy="write it again") from error
    if len(rows) > MOST_ROWS:
        raise TooLarge(f"there are more than {MOST_ROWS} rows", remedy="split the data into parts")
    return {"count": len(rows)}, [json.dumps(rows, default=str).encode()]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | bool | int | float | list | dict) else str(value)
