"""Many ask a table under contract at once, on both stores: none of their uses is lost, none is given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.test_table_queries import PART, TABLE, counted_offer, open_table, share
from tests.nodes import Running, Start, publish

CALLERS = 64


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, start: Start) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("crowds")
    with start(home / "city") as city, start(home / "partner") as partner:
        yield city, partner


def test_sixty_four_ask_two_tables_at_once(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    whole = open_table(partner, share(city, "whole"))
    part = open_table(partner, share(city, "part", {"template": "open", "part": PART}))

    def ask(number: int) -> int:
        table = (whole, part)[number % 2]
        return int(table.rows(f"SELECT count(*) + {number} FROM data")[0][0]) - number

    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(pool.map(ask, range(CALLERS))) == [100, 50] * (CALLERS // 2)
    for table, remainder in ((whole, 0), (part, 1)):
        questions = Counter(event["asked"] for event in accesses(city, table.agreement))
        numbers = range(remainder, CALLERS, 2)
        assert questions == {f"SELECT count(*) + {number} FROM data": 1 for number in numbers}


def test_the_last_ten_uses_are_given_to_ten_of_sixty_four(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    table = open_table(partner, share(city, "last-ten", {"offer": counted_offer(15)}))
    for number in range(5):
        assert table.rows(f"SELECT {number}") == [[number]]

    def ask(number: int) -> tuple[int, str]:
        answer = table.ask(f"SELECT {number} + count(*) FROM data")
        return answer.status_code, answer.text

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(ask, range(CALLERS)))
    assert Counter(status for status, _ in answers) == {200: 10, 403: CALLERS - 10}
    for status, text in answers:
        # Those who come too late learn nothing of the table.
        assert ('"rows":' in text) == (status == 200)
    events = accesses(city, table.agreement)
    assert sorted(event["use"] for event in events if event["outcome"] == "started") == list(range(1, 16))
    # Many refusals of one transfer share entries, which say how many they stand for.
    assert any(event["outcome"] == "refused" for event in events)


def test_a_table_that_lost_a_column_of_the_part_gives_nothing(nodes: tuple[Running, Running]) -> None:
    """A record from before publishing compared its part with its table."""
    city, partner = nodes
    iri = share(city, "older", {"template": "open", "part": PART})
    table = open_table(partner, iri)
    publish(
        city,
        "other",
        data=b"\n".join(line.rpartition(b",")[0] for line in TABLE.splitlines()).replace(b"kind", b"sort"),
    )
    stores = city.node.parts.stores
    with stores.uow.begin() as tx:
        records = stores.catalogue.records
        head, other = records.get(tx, iri), records.get(tx, f"{city.url}/datasets/other")
        assert head is not None
        assert other is not None
        file = replace(other.files[0], name=head.files[0].name)
        records.add(tx, replace(head, version=head.version + 1, entry=f"{head.entry}-later", files=(file,)))
    before = len(accesses(city, table.agreement))
    for sql in ("SELECT count(*) FROM data", "DESCRIBE data", "SELECT 1"):
        refusal = table.ask(sql)
        assert (refusal.status_code, refusal.json()["code"]) == (400, "invalid-input"), refusal.text
        assert refusal.json()["remedy"] == "ask the provider for a new offer"
        assert "columns of the part" in refusal.json()["detail"]
        assert "guard" not in refusal.text
    # Nothing was learned: that is no use.
    assert len(accesses(city, table.agreement)) == before
