"""A table under contract is asked instead of fetched: each question is checked, bounded, counted and recorded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import httpx2
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from node.semantics.profiles import table_queries_client
from node.transfer.queries import answers
from node.vocab.dsp import PULL, QUERY
from tests.integration.datasources.live_data import accesses
from tests.nodes import Running, agree, described, publish, receive, running, until

TABLE = b"number,kind,guard,passed\n" + b"".join(
    b"%d,%s,guard-%d,%d\n" % (number, b"berth" if number % 2 else b"secret-depot", number, number * 7)
    for number in range(1, 101)
)
PART = {"columns": ["number", "passed"], "rows": [{"column": "kind", "value": "berth"}]}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("questions")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@dataclass
class Opened:
    """A table that a partner may ask."""

    iri: str
    agreement: str
    transfer: str
    endpoint: str
    authorization: str

    def ask(self, sql: str, *, headers: dict[str, str] | None = None, token: str | None = None) -> httpx2.Response:
        """Ask as any client with the token."""
        sent = {"Authorization": token or self.authorization, "Content-Type": "application/sql", **(headers or {})}
        with httpx2.Client(timeout=60, trust_env=False) as client:
            return client.post(self.endpoint, content=sql.encode(), headers=sent)

    def rows(self, sql: str) -> list[list[Any]]:
        answer = self.ask(sql)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])


def open_table(partner: Running, iri: str, *, file: str | None = None) -> Opened:
    agreement = str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        pid = client.transfer(agreement, format=QUERY, file=file)["pid"]
        until("it has started", lambda: client.transfer_state(pid, wait=1)["state"] == "STARTED")
        access = client.live_access(pid)
    return Opened(iri, agreement, pid, access["endpoint"], access["authorization"])


def share(city: Running, slug: str, conditions: Any = "open", data: bytes = TABLE) -> str:
    return str(publish(city, slug, data=data, conditions=conditions)["iri"])


@pytest.fixture(scope="module")
def whole(nodes: tuple[Running, Running]) -> Opened:
    return open_table(nodes[1], share(nodes[0], "whole"))


@pytest.fixture(scope="module")
def part(nodes: tuple[Running, Running]) -> Opened:
    return open_table(nodes[1], share(nodes[0], "part", {"template": "open", "part": PART}))


def test_a_table_is_asked_with_address_and_token(whole: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    answer = whole.ask("SELECT kind, count(*) AS n, sum(passed) AS total FROM data GROUP BY kind ORDER BY kind")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json() == {
        "columns": [
            {"name": "kind", "type": "VARCHAR"},
            {"name": "n", "type": "BIGINT"},
            {"name": "total", "type": "HUGEINT"},
        ],
        "rowCount": 2,
        "more": False,
        "partial": False,
        "rows": [["berth", 50, 17500], ["secret-depot", 50, 17850]],
    }
    (event,) = accesses(nodes[0], whole.agreement)[before:]
    assert (event["outcome"], event["asked"].split()[0]) == ("started", "SELECT")
    assert event["asked"].endswith("ORDER BY kind")
    assert event["recipient"] == nodes[1].did


def test_answers_come_as_csv_and_say_whether_there_are_more(whole: Opened) -> None:
    answer = whole.ask("SELECT number, kind FROM data ORDER BY number LIMIT 2", headers={"Accept": "text/csv"})
    assert answer.text == "number,kind\r\n1,berth\r\n2,secret-depot\r\n"
    assert (answer.headers["hansa-rows"], answer.headers["hansa-more"]) == ("2", "false")
    with httpx2.Client(timeout=60, trust_env=False) as client:
        crowd = client.post(
            whole.endpoint,
            json={"sql": "SELECT a.number FROM data a, data b, data c", "form": "csv"},
            headers={"Authorization": whole.authorization},
        )
    assert crowd.headers["hansa-more"] == "true"
    assert len(crowd.text.splitlines()) == 50_001


PARQUET = "application/vnd.apache.parquet"


def test_answers_come_as_parquet_with_their_types(whole: Opened, nodes: Any, tmp_path: Path) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    sql = "SELECT kind, sum(passed) AS total, DATE '2026-01-10' AS day FROM data GROUP BY kind ORDER BY kind"
    answer = whole.ask(sql, headers={"Accept": PARQUET})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == PARQUET
    assert (answer.headers["hansa-rows"], answer.headers["hansa-more"]) == ("2", "false")
    path = tmp_path / "answer.parquet"
    path.write_bytes(answer.content)
    rows = duckdb.sql(f"SELECT kind, total, typeof(total), day, typeof(day) FROM '{path}'").fetchall()
    assert [row[:3] for row in rows] == [
        ("berth", 17500, "DECIMAL(38,0)"),
        ("secret-depot", 17850, "DECIMAL(38,0)"),
    ]
    assert {row[4] for row in rows} == {"DATE"}
    (event,) = accesses(nodes[0], whole.agreement)[before:]
    assert (event["outcome"], event["asked"]) == ("started", sql)


def test_a_form_that_there_is_not_is_refused_before_the_table_is_read(whole: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    refusal = whole.ask("SELECT 1", headers={"Accept": "application/vnd.apache.arrow.stream"})
    assert refusal.status_code == 406
    assert "application/json, text/csv, application/vnd.apache.parquet" in refusal.json()["remedy"]
    assert len(accesses(nodes[0], whole.agreement)) == before
    for accept, media_type in (("*/*", "application/json"), ("text/csv, */*", "text/csv")):
        assert whole.ask("SELECT 1", headers={"Accept": accept}).headers["content-type"].startswith(media_type)


def test_a_part_as_parquet_is_the_part(part: Opened, nodes: Any, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    with nodes[1].client() as client:
        path.write_bytes(client.ask_parquet(part.agreement, "SELECT * FROM data"))
        with pytest.raises(Refusal, match="guard"):
            client.ask_parquet(part.agreement, "SELECT guard FROM data")
    assert duckdb.sql(f"SELECT count(*), min(number), max(number) FROM '{path}'").fetchall() == [(50, 1, 99)]
    assert duckdb.sql(f"FROM '{path}'").columns == ["number", "passed"]
    assert b"guard-" not in path.read_bytes()


def test_the_own_node_and_the_terminal_give_parquet(
    part: Opened, nodes: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    partner = nodes[1]
    headers = {"Accept": PARQUET, "Authorization": f"Bearer {partner.token}"}
    with partner.http() as web:
        url = f"/api/agreements/{part.agreement}/query"
        answer = web.post(url, json={"sql": "SELECT * FROM data LIMIT 1"}, headers=headers)
        assert (answer.status_code, answer.content[:4]) == (200, b"PAR1"), answer.text
        assert web.post(url, json={"sql": "SELECT 1"}, headers={**headers, "Accept": "image/png"}).status_code == 406
    target = tmp_path / "out.parquet"
    words = ["query", part.iri, "SELECT max(number) AS last FROM data"]
    reach = ["--node", str(partner.folder)]
    assert run([*words, "--format", "parquet", "-o", str(target), *reach]) == DONE
    assert duckdb.sql(f"FROM '{target}'").fetchall() == [(99,)]
    assert run([*words, "-o", str(tmp_path / "by-name.parquet"), *reach]) == DONE
    assert (tmp_path / "by-name.parquet").read_bytes()[:4] == b"PAR1"
    for more in (["--format", "parquet"], ["--format", "parquet", "--csv"], ["--features", "--format", "parquet"]):
        assert run([*words, *more, *reach]) != DONE
    assert "-o answer.parquet" in capfd.readouterr().err


def test_of_a_part_there_is_nothing_else(part: Opened, nodes: Any) -> None:
    assert part.rows("SELECT count(*), min(number), max(number) FROM data") == [[50, 1, 99]]
    assert [row[0] for row in part.rows("DESCRIBE data")] == ["number", "passed"]
    for hidden in ("guard", "kind", "data.kind", "COLUMNS('g.*')"):
        refusal = part.ask(f"SELECT {hidden} FROM data")
        assert refusal.status_code == 400, refusal.text
        assert "guard-" not in refusal.text
        assert "depot" not in refusal.text
    assert part.rows("SELECT count(*) FROM data WHERE number % 2 = 0") == [[0]]
    event = accesses(nodes[0], part.agreement)[-1]
    assert event["part"] == {"columns": ["number", "passed"], "rows": ["kind eq berth"]}


FORMS = {
    "conceal": {"guard": "pseudonym", "passed": "bins 100", "kind": "suppress"},
    "group": {"size": 15, "columns": ["passed"]},
}


def test_columns_come_in_another_form_and_small_groups_not_at_all(nodes: Any) -> None:
    iri = share(nodes[0], "forms", {"template": "open", "part": FORMS})
    first, second = open_table(nodes[1], iri), open_table(nodes[1], iri)
    # 14 or 15 numbers have their multiple of 7 in the same hundred; the groups of 14 are left out.
    sizes = Counter(number * 7 // 100 * 100 for number in range(1, 101))
    groups = [[hundred, size] for hundred, size in sorted(sizes.items()) if size >= 15]
    assert 0 < len(groups) < len(sizes)
    assert first.rows("SELECT passed, count(*) FROM data GROUP BY 1 ORDER BY 1") == groups
    assert first.rows("SELECT count(kind), count(DISTINCT guard) = count(*) FROM data") == [[0, True]]
    names = [{row[0] for row in table.rows("SELECT guard FROM data")} for table in (first, first, second)]
    assert names[0] == names[1]
    assert names[0].isdisjoint(names[2]), "the pseudonyms of two agreements must not be joined"
    assert all(len(name) == 32 and "guard" not in name for name in names[0])
    assert first.rows("SELECT count(*) FROM data WHERE guard LIKE 'guard%' OR passed % 100 <> 0") == [[0]]
    event = accesses(nodes[0], first.agreement)[-1]
    assert event["part"] == {
        "concealed": ["guard pseudonym", "passed bins 100", "kind suppress"],
        "smallestGroup": "15 passed",
    }


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{path}')",
        "SELECT * FROM '{path}'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT (SELECT content FROM read_text('{folder}/hansa.toml'))",
        "COPY data TO '/tmp/never.csv'",
        "ATTACH '/tmp/never.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET memory_limit = '10GB'",
        "CALL pragma_version()",
        "CREATE TABLE x AS SELECT 1",
        "DROP TABLE data",
        "INSERT INTO data SELECT * FROM data",
        "WITH x AS (DELETE FROM data RETURNING *) SELECT * FROM x",
        "SELECT 1; SELECT 2",
        "SELECT current_setting('allowed_paths')",
        "SELECT * FROM duckdb_settings()",
        "SELECT sql FROM duckdb_views",
        "SELECT * FROM information_schema.tables",
        "SELECT pg_sleep(60)",
        "SELECT $1",
        "",
        "SELECT '" + "x" * 4000 + "'",
    ],
)
@pytest.mark.parametrize("which", ["whole", "part"])
def test_what_is_no_question_is_refused_and_is_no_use(
    sql: str, which: str, nodes: Any, request: pytest.FixtureRequest
) -> None:
    table: Opened = request.getfixturevalue(which)
    city = nodes[0]
    path = city.node.parts.assets.place(hashlib.sha256(TABLE).hexdigest())
    before = len(accesses(city, table.agreement))
    refusal = table.ask(sql.replace("{path}", str(path)).replace("{folder}", str(city.folder)))
    assert (refusal.status_code, refusal.json()["code"]) == (400, "invalid-input"), refusal.text
    assert refusal.json()["remedy"]
    assert "guard-" not in refusal.text
    assert len(accesses(city, table.agreement)) == before
    assert not Path("/tmp/never.csv").exists()


def test_a_question_that_fails_after_it_read_the_table_is_recorded(part: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], part.agreement))
    refusal = part.ask("SELECT CASE WHEN max(number) = 99 THEN CAST('yes' AS INTEGER) END FROM data")
    assert refusal.status_code == 400
    assert "failed while it ran" in refusal.json()["detail"]
    assert "/" not in refusal.json()["detail"]
    assert len(accesses(nodes[0], part.agreement)) == before + 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(i) FROM range(100000000) t(i)",
        "SELECT count(*) FROM data a, data b, data c, data d, data e, data f",
    ],
)
def test_what_takes_too_much_is_stopped_and_recorded(
    sql: str, whole: Opened, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    with monkeypatch.context() as patch:
        patch.setattr(table_queries_client, "LIMITS", replace(table_queries_client.LIMITS, cpu=5))  # 15 end alike
        refusal = whole.ask(sql)
    assert (refusal.status_code, refusal.json()["code"]) == (503, "overloaded"), refusal.text
    assert "GROUP BY" in refusal.json()["remedy"]
    assert len(accesses(nodes[0], whole.agreement)) == before + 1
    assert whole.rows("SELECT count(*) FROM data") == [[100]]


def test_a_part_of_a_file_is_asked_and_the_file_stays_closed(part: Opened, nodes: Any) -> None:
    ended = receive(nodes[1], part.agreement)
    assert (ended["state"], ended["code"]) == ("TERMINATED", "format-not-offered")
    assert QUERY in json.dumps(ended["reason"])
    # Nor does the token of the question open the bytes.
    with httpx2.Client(timeout=30, trust_env=False) as client:
        for place in ("data", "live"):
            address = part.endpoint.replace("/query/", f"/{place}/")
            assert client.get(address, headers={"Authorization": part.authorization}).status_code == 404


def test_other_tokens_ask_nothing(whole: Opened, part: Opened) -> None:
    assert whole.ask("SELECT 1", token=part.authorization).status_code == 404
    assert whole.ask("SELECT 1", token="Bearer nonsense").status_code == 404
    with httpx2.Client(timeout=30, trust_env=False) as client:
        assert client.post(whole.endpoint, content=b"SELECT 1").status_code == 401
        assert client.get(whole.endpoint).status_code == 401
        asked = client.get(whole.endpoint, params={"query": "x"}, headers={"Authorization": whole.authorization})
        assert asked.status_code == 405


def test_uses_are_counted_question_by_question(nodes: Any) -> None:
    city, partner = nodes
    table = open_table(partner, share(city, "counted", {"offer": counted_offer(2)}))
    assert table.ask("SELECT nothing FROM data").status_code == 400
    assert table.rows("SELECT 1") == [[1]]
    assert table.rows("SELECT 2") == [[2]]
    refusal = table.ask("SELECT 3")
    assert refusal.status_code == 403, refusal.text
    assert refusal.json()["reasons"]
    events = accesses(city, table.agreement)
    assert [event.get("use") for event in events if event["outcome"] == "started"] == [1, 2]
    assert events[-1]["outcome"] == "refused"
    assert events[-1]["asked"] == "SELECT 3"


def counted_offer(uses: int) -> dict[str, Any]:
    constraint = {"leftOperand": "count", "operator": "lteq", "rightOperand": str(uses)}
    return {"permission": [{"action": "use", "constraint": [constraint]}]}


def test_a_suspended_transfer_answers_nothing_and_a_later_version_answers_from_its_own_file(nodes: Any) -> None:
    city, partner = nodes
    iri = share(city, "moving")
    table = open_table(partner, iri)
    assert table.rows("SELECT count(*) FROM data") == [[100]]
    publish(city, "moving", data=TABLE + b"101,berth,guard-101,1\n")
    assert table.rows("SELECT count(*) FROM data") == [[101]]
    assert accesses(city, table.agreement)[-1]["version"] == 2
    with city.client() as client:
        pid = next(
            entry["pid"] for entry in client.transfers(state="STARTED") if entry["agreementId"] == table.agreement
        )
        client.steer(pid, "suspend", reason="maintenance")
    refusal = table.ask("SELECT count(*) FROM data")
    assert refusal.status_code == 403
    assert "guard-101" not in refusal.text


def test_parquet_is_asked_whole_and_in_part(nodes: Any, tmp_path: Path) -> None:
    city, partner = nodes
    path = tmp_path / "counts.parquet"
    duckdb.execute(
        "COPY (SELECT i AS n, 'k' || i % 3 AS kind, DATE '2026-01-01' + i::INT AS day, {'a': [i]} AS s "
        f"FROM range(1000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    for slug, conditions, count in (
        ("parquet", "open", 1000),
        (
            "parquet-part",
            {
                "template": "open",
                "part": {
                    "columns": ["n", "day"],
                    "period": {"column": "day", "from": "2026-02-01", "until": "2026-02-28"},
                },
            },
            28,
        ),
    ):
        with city.client() as client:
            client.upload(path)
            body = path.read_bytes()
            file = {"name": path.name, "mediaType": "application/vnd.apache.parquet", "size": len(body)}
            files = [{**file, "sha256": hashlib.sha256(body).hexdigest()}]
            iri = client.publish({"fields": described(slug), "files": files, "conditions": conditions})["iri"]
        table = open_table(partner, str(iri))
        assert table.rows("SELECT count(*) FROM data") == [[count]]
    assert table.rows("SELECT min(day), max(day) FROM data") == [["2026-02-01", "2026-02-28"]]
    assert table.ask("SELECT s FROM data").status_code == 400


def test_sealed_tables_and_boxes_are_refused_when_they_are_published(nodes: Any) -> None:
    with pytest.raises(Refusal, match="cannot give a part"):
        share(nodes[0], "boxed", {"template": "open", "part": {"box": [3, 50, 4, 52]}})


def test_values_of_another_type_than_the_column_match_no_row(nodes: Any) -> None:
    typed = {"template": "open", "part": {"rows": [{"column": "number", "operator": "lt", "value": "many"}]}}
    assert open_table(nodes[1], share(nodes[0], "typed", typed)).rows("SELECT count(*) FROM data") == [[0]]


def test_too_many_in_a_minute_are_told_when_to_come_back(
    whole: Opened, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "PER_MINUTE", 1)
    refusal = [whole.ask("SELECT 1") for _ in range(2)][-1]
    assert (refusal.status_code, refusal.json()["code"]) == (429, "too-many-requests")
    assert int(refusal.headers["retry-after"]) > 0


def test_the_formats_in_the_catalogue_say_what_can_be_had(whole: Opened, part: Opened, nodes: Any) -> None:
    from node.catalogue.deliverability import OWN

    stores = nodes[0].node.parts.stores
    with stores.uow.read() as tx:
        records = [stores.catalogue.records.get(tx, table.iri) for table in (whole, part)]
    formats = [OWN.formats(record) for record in records if record is not None]
    assert formats[0][0] == PULL
    assert formats[0][-1] == QUERY
    assert formats[1] == (QUERY,)


def test_a_person_asks_through_the_own_node(part: Opened, nodes: Any, capsys: pytest.CaptureFixture[str]) -> None:
    city, partner = nodes
    before = len(accesses(city, part.agreement))
    with partner.client() as client:
        answer = client.ask(part.agreement, "SELECT max(number) AS last FROM data")
        assert (answer["rows"], answer["more"]) == ([[99]], False)
        assert client.ask_csv(part.agreement, "SELECT max(number) AS last FROM data") == b"last\r\n99\r\n"
        with pytest.raises(Refusal, match="the provider: the query cannot be answered") as refusal:
            client.ask(part.agreement, "SELECT guard FROM data")
        assert refusal.value.http_status == 400
        assert "number" in str(refusal.value.problem["remedy"])
        with pytest.raises(Refusal) as unknown:
            client.ask("urn:uuid:unknown", "SELECT 1")
        assert unknown.value.http_status == 404
    assert len(accesses(city, part.agreement)) == before + 2
    capsys.readouterr()
    assert (
        run(["query", part.iri, "SELECT number FROM data ORDER BY 1 LIMIT 2", "--node", str(partner.folder)]) == DONE
    )
    assert capsys.readouterr().out.split() == ["number", "1", "3"]
    assert run(["--json", "query", part.iri, "SELECT 1 AS x", "--node", str(partner.folder)]) == DONE
    assert json.loads(capsys.readouterr().out)["rows"] == [[1]]
    assert run(["query", part.iri, "DROP TABLE data", "--node", str(partner.folder)]) != DONE
    assert "one SELECT" in capsys.readouterr().err
    assert run(["query", part.iri, "--node", str(partner.folder)]) != DONE


def test_many_who_ask_first_open_one_transfer(nodes: Any) -> None:
    city, partner = nodes
    agreement = str(agree(partner, share(city, "crowd"))["agreementId"])

    def ask(number: int) -> Any:
        with partner.client() as client:
            return client.ask(agreement, f"SELECT count(*) + {number} FROM data")["rows"][0][0] - number

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {100}
    with partner.client() as client:
        transfers = [entry for entry in client.transfers() if entry["agreementId"] == agreement]
    assert [entry["format"] for entry in transfers] == [QUERY]


def test_an_expired_token_is_renewed_and_what_cannot_be_asked_says_why(nodes: Any) -> None:
    city, partner = nodes
    iri = share(city, "renewed")
    agreement = str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        assert client.ask(agreement, "SELECT 1")["rows"] == [[1]]
        pid = next(entry["pid"] for entry in client.transfers() if entry["agreementId"] == agreement)
        with city.client() as office:
            theirs = next(entry["pid"] for entry in office.transfers() if entry["agreementId"] == agreement)
            office.steer(theirs, "suspend", reason="maintenance")
            until("it is paused", lambda: client.transfer_state(pid)["state"] == "SUSPENDED")
        with pytest.raises(Refusal, match="paused"):
            client.ask(agreement, "SELECT 1")
