"""A question in SQL is read by the engine before it runs: one query, over one table, with known functions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from node.adapters.profiles import sql_words
from node.adapters.profiles.sql_check import read_question
from node.adapters.profiles.table_queries import ask
from node.base.errors import InvalidInput

WHOLE = {"columns": None, "rows": [], "forms": [], "group": "", "key": ""}
"""The part of an agreement that gives everything as it is."""
GOOD = (
    "SELECT * FROM data ORDER BY a DESC;",
    "SELECT * FROM data -- a comment",
    "SELECT a, a FROM DATA",
    "DESCRIBE data",
    "SUMMARIZE data",
    "FROM data",
    "TABLE data",
    "VALUES (1), (2)",
    "WITH x AS (SELECT 1 AS y) FROM x",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 9) SELECT max(i) FROM t",
    "SELECT sum(a) OVER (PARTITION BY b ORDER BY a), row_number() OVER (), lag(a) OVER (ORDER BY a) FROM data",
    "SELECT a::DECIMAL(5, 2), TRY_CAST(a AS INT), a BETWEEN 1 AND 2, CASE WHEN a = 1 THEN b END FROM data",
    "SELECT (SELECT 1), EXISTS (SELECT 1), a IN (1, 2), NOT a = 1, [x + 1 FOR x IN [1]], {'k': 1} FROM data",
    "SELECT * EXCLUDE (a), COLUMNS('b'), 'x' COLLATE nocase, extract(year FROM now()), b LIKE 'x%' FROM data",
    "SELECT count(*) FILTER (a > 1), median(a), string_agg(b, ',' ORDER BY a) FROM data GROUP BY ROLLUP (b)",
    "SELECT DISTINCT ON (a) * FROM data QUALIFY row_number() OVER () = 1",
    "SELECT * FROM data d LEFT JOIN data e USING (a), unnest([1]), generate_series(1, 2) LIMIT 10 OFFSET 2",
    "SELECT a FROM data UNION ALL BY NAME SELECT 1 AS a",
    "SELECT coalesce(a, 1), greatest(a, 2), nullif(a, 1), round(a, 2), strftime(current_date, '%Y') FROM data",
)
BAD = (
    "SELECT 1; SELECT 2",
    "SELECT 1) t; DROP TABLE data; SELECT * FROM (SELECT 1",
    "DROP TABLE data",
    "INSERT INTO data VALUES (1)",
    "WITH x AS (INSERT INTO data VALUES (1) RETURNING *) SELECT 1",
    "WITH x AS (DELETE FROM data RETURNING *) SELECT * FROM x",
    "UPDATE data SET a = 1",
    "COPY data TO '/tmp/x'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/x.db'",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA version",
    "SET threads = 4",
    "RESET threads",
    "CALL pragma_version()",
    "CREATE SECRET (TYPE s3)",
    "CREATE MACRO f(x) AS x",
    "PREPARE x AS SELECT 1",
    "BEGIN",
    "CHECKPOINT",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "SHOW TABLES",
    "DESCRIBE duckdb_views",
    "SUMMARIZE pg_class",
    "SELECT * FROM read_csv('x')",
    "SELECT * FROM 'x.csv'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM glob('*')",
    "SELECT (SELECT content FROM read_text('x'))",
    "SELECT 1 WHERE EXISTS (FROM glob('*'))",
    "DESCRIBE SELECT * FROM read_csv('x')",
    "SELECT * FROM data JOIN read_blob('x') ON true",
    "SELECT * FROM sniff_csv('x')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('data')",
    "SELECT * FROM json_execute_serialized_sql('x')",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM main.data",
    "SELECT * FROM memory.main.data",
    "SELECT * FROM data AT (VERSION => 1)",
    "SELECT current_setting('allowed_paths')",
    "SELECT getvariable('x')",
    "SELECT main.upper('x')",
    "SELECT nextval('x')",
    "SELECT setseed(0.1)",
    "SELECT pg_sleep(10)",
    "SELECT sleep_ms(10)",
    "SELECT write_log('x')",
    "SELECT current_query()",
    "SELECT version()",
    "WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views",
    'WITH "x.csv" AS (SELECT 1) SELECT * FROM "x.csv"',
    "SELECT $1",
    "SELECT ?",
    "PIVOT data ON a",
    "SELECT",
    "",
    "-- nothing",
    "\0",
    "SELECT '\ud800'",
)


@pytest.mark.parametrize("sql", GOOD)
def test_a_question_becomes_a_relation(sql: str) -> None:
    engine = duckdb.connect()
    engine.execute("CREATE TABLE data AS SELECT 1 AS a, 'x' AS b")
    engine.execute(f"SELECT * FROM {read_question(sql)}").fetchall()


@pytest.mark.parametrize("sql", BAD)
def test_anything_else_is_refused_with_a_remedy(sql: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_question(sql)
    assert refusal.value.remedy


def test_the_functions_exist_and_are_harmless_by_the_engines_own_account() -> None:
    rows = duckdb.execute("SELECT function_name, function_type, stability FROM duckdb_functions()").fetchall()
    values = {name: stability for name, kind, stability in rows if kind in ("scalar", "aggregate", "window", "macro")}
    syntax = {"coalesce", "current_date", "current_timestamp", "if", "json"}
    assert sorted(sql_words.FUNCTIONS - values.keys() - syntax) == []
    changing = {name for name in sql_words.FUNCTIONS if values.get(name) == "VOLATILE"}
    assert changing <= {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}
    tables = {name for name, kind, _ in rows if kind in ("table", "table_macro")}
    files = {name for name in tables if any(word in name for word in ("read", "scan", "glob", "sniff", "parquet"))}
    assert not (files | {name for name in tables if name.startswith(("duckdb_", "pragma_"))}) & (
        sql_words.FUNCTIONS | sql_words.TABLE_FUNCTIONS | sql_words.OPERATORS
    )


def test_no_table_of_the_engine_can_be_named() -> None:
    own = duckdb.execute("SELECT DISTINCT view_name FROM duckdb_views() WHERE internal").fetchall()
    assert len(own) > 20
    for (name,) in own:
        with pytest.raises(InvalidInput):
            read_question(f"SELECT * FROM {name}")
        if not name.startswith(("duckdb_", "pg_", "pragma_", "sqlite_")):
            # Only with its schema in front, which is refused.
            with pytest.raises(InvalidInput):
                read_question(f"SELECT * FROM information_schema.{name}")


def test_an_answer_has_values_of_json(tmp_path: object) -> None:
    path = f"{tmp_path}/t.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("a,b\n1,x\n2,\n")
    message = {"path": path, "name": "t.csv", **WHOLE, "form": "json"}
    sql = (
        "SELECT a, b, 1.5 AS d, 'inf'::DOUBLE AS i, {'k': [1, NULL]} AS s, TIMESTAMP '2026-01-01 10:00:00' AS t, "
        "TIMESTAMPTZ '2026-01-01 10:00:00+02' AS z, DATE '2026-01-31' AS day, 'x'::BLOB AS x, true AS y, "
        "123456789012345678901234567890::HUGEINT AS h FROM data ORDER BY a DESC LIMIT 1"
    )
    facts, (body,) = ask({**message, "sql": sql, "most_rows": 10, "most_bytes": 1000}, [])
    assert b'[2,null,1.5,"inf",{"k":[1,null]},"2026-01-01T10:00:00","2026-01-01T08:00:00+00:00","2026-01-31"' in body
    assert b'"eA==",true,123456789012345678901234567890]' in body
    assert facts["rowCount"] == 1
    facts, (body,) = ask({**message, "sql": "FROM data", "most_rows": 1, "most_bytes": 1000}, [])
    assert (facts["rowCount"], facts["more"]) == (1, True)
    facts, (body,) = ask({**message, "sql": "FROM data", "most_rows": 9, "most_bytes": 9}, [])
    assert (facts["rowCount"], facts["more"]) == (1, True)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_row_that_fits_into_no_answer_is_refused_with_a_remedy(tmp_path: Path, form: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,{'x' * 500}\n2,y\n", "utf-8")
    message = {"path": str(path), "name": "t.csv", **WHOLE, "form": form, "most_rows": 9}
    with pytest.raises(InvalidInput) as refusal:
        ask({**message, "sql": "FROM data ORDER BY a", "most_bytes": 400}, [])
    assert "the first row of the answer alone has more than 400 bytes" in refusal.value.detail
    assert "fewer columns" in refusal.value.remedy
    assert refusal.value.facts["ran"], "it is a use, as each question that read the table"
    for sql in ("SELECT a FROM data ORDER BY a", "SELECT a, substr(b, 1, 9) AS b FROM data ORDER BY a"):
        facts, _ = ask({**message, "sql": sql, "most_bytes": 400}, [])
        assert (facts["rowCount"], facts["more"]) == (2, False)
    facts, _ = ask({**message, "sql": "FROM data ORDER BY a DESC", "most_bytes": 400}, [])
    assert (facts["rowCount"], facts["more"]) == (1, True)
    facts, _ = ask({**message, "sql": "FROM data WHERE a > 2", "most_bytes": 400}, [])
    assert (facts["rowCount"], facts["more"]) == (0, False)
