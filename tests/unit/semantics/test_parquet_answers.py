"""An answer as Parquet keeps the types of its columns, and is bounded like the other forms."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from node.adapters.profiles.answers.parquet import PLACE
from node.adapters.profiles.table_queries import ask, forget, open_table
from node.base.errors import InvalidInput

TABLE = "number,kind,day,fare,place\n1,berth,2026-01-10,1.25,POINT (3.7 51)\n2,,2026-02-10,2.50,\n"
LIMITS = {"most_rows": 50, "most_bytes": 8 << 20}
WHOLE: dict[str, Any] = {"columns": None, "rows": [], "forms": [], "group": "", "key": ""}


def message(tmp_path: Path, sql: str, **members: Any) -> dict[str, Any]:
    path = tmp_path / "table.csv"
    if not path.exists():
        path.write_text(TABLE)
    return {**WHOLE, **LIMITS, "path": str(path), "name": path.name, "sql": sql, "form": "parquet", **members}


def read(tmp_path: Path, body: bytes) -> tuple[dict[str, str], list[Any]]:
    """Return the types of the columns of a file, and its rows."""
    path = tmp_path / "answer.parquet"
    path.write_bytes(body)
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        columns = engine.execute(f"DESCRIBE FROM '{path}'").fetchall()
        # Moments with a zone become Python's only with a library more.
        cells = ", ".join(f'"{name}"::TIMESTAMP' if "ZONE" in kind else f'"{name}"' for name, kind, *_ in columns)
        return {row[0]: row[1] for row in columns}, engine.execute(f"SELECT {cells} FROM '{path}'").fetchall()


def test_types_are_kept(tmp_path: Path) -> None:
    sql = """SELECT number, kind, day, fare::DECIMAL(9, 2) AS fare, place, sum(number) OVER () AS total,
        12345678901234567890.12::DECIMAL(30, 2) AS long, day::TIMESTAMP AS began,
        TIMESTAMPTZ '2026-01-01 12:00:00+02' AS moment, [number, NULL] AS list, {'a': day} AS record, NULL AS nothing,
        number > 1 AS late, 'x'::BLOB AS bytes, INTERVAL 1 DAY AS pause, [sum(number) OVER ()] AS sums,
        TIME '12:30:00' AS clock, 'é'::ENUM ('é') AS word, '{"a": 1}'::JSON AS document
        FROM data ORDER BY number"""
    facts, (body,) = ask(message(tmp_path, sql), [])
    types, rows = read(tmp_path, body)
    assert types == {
        "number": "BIGINT",
        "kind": "VARCHAR",
        "day": "DATE",
        "fare": "DECIMAL(9,2)",
        "place": "VARCHAR",
        "total": "DECIMAL(38,0)",
        "long": "DECIMAL(30,2)",
        "began": "TIMESTAMP",
        "moment": "TIMESTAMP WITH TIME ZONE",
        "list": "BIGINT[]",
        "record": "STRUCT(a DATE)",
        "nothing": "VARCHAR",
        "late": "BOOLEAN",
        "bytes": "BLOB",
        "pause": "VARCHAR",
        "sums": "VARCHAR",
        "clock": "TIME",
        "word": "VARCHAR",
        "document": "VARCHAR",
    }
    day = datetime.date(2026, 1, 10)
    assert rows[0][:8] == (
        *(1, "berth", day, decimal.Decimal("1.25"), "POINT (3.7 51)", decimal.Decimal(3)),
        *(decimal.Decimal("12345678901234567890.12"), datetime.datetime(2026, 1, 10)),
    )
    moment = datetime.datetime(2026, 1, 1, 10)
    assert rows[0][8:] == (
        *(moment, [1, None], {"a": day}, None, False, b"x", "1 day", "[3]"),
        *(datetime.time(12, 30), "é", '{"a": 1}'),
    )
    assert (rows[1][1], rows[1][4]) == (None, None)
    assert (facts["rowCount"], facts["more"], len(facts["columns"])) == (2, False, 19)


def test_an_answer_without_rows_has_its_columns(tmp_path: Path) -> None:
    facts, (body,) = ask(message(tmp_path, "SELECT number, day FROM data WHERE false"), [])
    assert read(tmp_path, body) == ({"number": "BIGINT", "day": "DATE"}, [])
    assert (facts["rowCount"], facts["more"]) == (0, False)


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    facts, (body,) = ask(message(tmp_path, 'SELECT 1 AS a, 2 AS A, 3 AS a, 4 AS "a 2" FROM data LIMIT 1'), [])
    assert list(read(tmp_path, body)[0]) == ["a", "A_1", "a_2", "a 2"]
    assert [column["name"] for column in facts["columns"]] == ["a", "A_1", "a_2", "a 2"]


def test_it_has_the_first_rows_of_an_answer_that_is_too_large(tmp_path: Path) -> None:
    facts, (body,) = ask(message(tmp_path, "SELECT range AS n FROM range(51)"), [])
    assert (facts["rowCount"], facts["more"]) == (50, True)
    assert [row[0] for row in read(tmp_path, body)[1]] == list(range(50))
    text = "array_to_string([md5((range * 1000 + x)::VARCHAR) FOR x IN range(100)], '')"
    wide = f"SELECT range AS n, {text} AS t FROM range(50)"
    facts, (body,) = ask(message(tmp_path, wide, most_bytes=30_000), [])
    assert facts["more"]
    assert 1 <= facts["rowCount"] < 50
    assert len(body) <= 30_000
    assert [row[0] for row in read(tmp_path, body)[1]] == list(range(facts["rowCount"]))
    with pytest.raises(InvalidInput, match="first row of the answer alone") as error:
        ask(message(tmp_path, wide, most_bytes=1000), [])
    assert error.value.facts == {"ran": True}
    # The table of the child still answers.
    assert ask(message(tmp_path, "SELECT count(*) AS n FROM data", form="csv"), [])[1] == [b"n\r\n2\r\n"]


def test_a_number_too_large_for_any_type_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="failed while it ran"):
        ask(message(tmp_path, "SELECT 170141183460469231731687303715884105727::HUGEINT AS n"), [])


def test_the_engine_writes_and_reads_no_other_file(tmp_path: Path) -> None:
    opened = open_table(message(tmp_path, ""))
    try:
        ask(message(tmp_path, "SELECT 1 AS n"), [])
        for place in (str(tmp_path / "x.parquet"), "memory://other.parquet", "answer.parquet"):
            with pytest.raises(duckdb.Error, match="disabled by configuration"):
                opened.engine.execute(f"COPY data TO '{place}' (FORMAT parquet)")
        with pytest.raises(duckdb.Error, match="disabled by configuration"):
            opened.engine.execute(f"SELECT * FROM read_text('{tmp_path / 'table.csv'}')")
        assert opened.engine.execute(f"SELECT * FROM read_text('{PLACE}')").fetchall() == []
        with pytest.raises(duckdb.Error, match="answer"):
            opened.engine.execute("SELECT * FROM answer")
    finally:
        forget()


def test_concealed_columns_stay_concealed(tmp_path: Path) -> None:
    part = {"columns": ["number", "kind"], "rows": [["number", "eq", "1"]]}
    _, (body,) = ask(message(tmp_path, "SELECT * FROM data", **part), [])
    assert read(tmp_path, body) == ({"number": "BIGINT", "kind": "VARCHAR"}, [(1, "berth")])
    with pytest.raises(InvalidInput):
        ask(message(tmp_path, "SELECT fare FROM data", **part), [])


def test_a_parquet_file_that_is_read_in_place_gives_places_as_text(tmp_path: Path) -> None:
    source = tmp_path / "source.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"COPY (SELECT 1 AS n, 'POINT (1 2)'::GEOMETRY AS place) TO '{source}' (FORMAT parquet)")
    about = {"path": str(source), "name": source.name}
    _, (body,) = ask(message(tmp_path, "SELECT *, typeof(place) AS kind FROM data", **about), [])
    types, rows = read(tmp_path, body)
    assert types == {"n": "INTEGER", "place": "VARCHAR", "kind": "VARCHAR"}
    assert rows[0][:2] == (1, "POINT (1 2)")
    forget()
