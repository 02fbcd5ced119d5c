"""The rows that a child of the cage reads for a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from node.base.errors import HansaError, InvalidInput, LocalFault
from node.datasources.table_reader import TableReader


class Child:
    """A cage whose child says that a table has these columns."""

    def __init__(self, columns: list[list[str]]) -> None:
        self.columns = columns

    async def call(self, *_: Any, **__: Any) -> tuple[dict[str, Any], list[bytes]]:
        return {"columns": self.columns, "count": 1, "more": False}, [b"\n"]


@pytest.mark.parametrize(("columns", "error"), [([], InvalidInput), ([["a", "text); DROP TABLE x; --"]], LocalFault)])
async def test_a_file_without_columns_is_refused_and_not_tried_again(
    tmp_path: Path, columns: list[list[str]], error: type[HansaError]
) -> None:
    with pytest.raises(error) as raised:
        async for _ in TableReader(cast("Any", Child(columns))).pieces(tmp_path / "x", "", "reader"):
            pass
    assert raised.value.remedy or error is LocalFault
