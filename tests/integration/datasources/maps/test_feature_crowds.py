"""Many who ask for features of a stored file at once: pages of 25,000, exact counts, and the end in the middle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.maps.test_feature_queries import ITEMS, get, ids
from tests.integration.datasources.test_table_queries import counted_offer, open_table
from tests.nodes import Running, Start, publish, until

MANY = b"number,kind,lon,lat\n" + b"".join(
    b"%d,%s,%.4f,%.4f\n" % (n, b"berth" if n % 2 else b"depot", 3 + n / 100_000, 51 + n / 100_000)
    for n in range(1, 25_001)
)


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any
) -> Iterator[tuple[Running, Running]]:
    from tests.nodes import running

    home = tmp_path_factory.mktemp("feature-crowds")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def test_sixty_four_ask_for_pages_of_a_large_file_at_once(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    features = open_table(partner, str(publish(city, "many", data=MANY)["iri"]))
    before = len(accesses(city, features.agreement))

    def page(number: int) -> httpx2.Response:
        for _ in range(20):
            answer = get(features, ITEMS, limit=100, offset=number * 390, filter="kind = 'berth' OR kind = 'depot'")
            if answer.status_code not in (429, 503):
                return answer
            time.sleep(float(answer.headers["retry-after"]))
        return answer

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(page, range(64)))
    for number, answer in enumerate(answers):
        assert ids(answer) == list(range(number * 390 + 1, number * 390 + 101))
        assert answer.json()["numberMatched"] == 25_000
    assert len(accesses(city, features.agreement)) == before + 64


def test_the_last_ten_uses_are_given_to_ten_of_sixty_four(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = str(
        publish(city, "few", data=MANY[:3000].rpartition(b"\n")[0] + b"\n", conditions=counted_offer(10))["iri"]
    )
    features = open_table(partner, iri)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: get(features, ITEMS, limit=1), range(64)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] <= 10
    while statuses[200] < 10 and get(features, ITEMS, limit=1).status_code == 200:
        statuses[200] += 1
    assert statuses[200] == 10
    assert get(features, ITEMS, limit=1).status_code == 403
    assert set(statuses) <= {200, 403, 429, 503}
    uses = sorted(event["use"] for event in accesses(city, features.agreement) if event.get("use"))
    assert uses == list(range(1, 11))


def test_the_end_in_the_middle_of_paging_is_said_with_the_next_page(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    features = open_table(partner, str(publish(city, "ending", data=MANY)["iri"]))
    first = get(features, ITEMS, limit=1000)
    following = next(link["href"] for link in first.json()["links"] if link["rel"] == "next")
    with city.client() as client:
        pid = until(
            "it has started",
            lambda: [
                one["pid"] for one in client.transfers(state="STARTED") if one["agreementId"] == features.agreement
            ],
        )[0]
        client.steer(pid, "suspend", reason="maintenance")
    answer = get(features, following.removeprefix(features.endpoint))
    assert answer.status_code == 403, "at once"
    assert "maintenance" in answer.json()["detail"]
    assert answer.json()["reasons"]
