"""Uses of an agreement are counted one by one, whoever counts: many threads, and two processes on one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.adapters.sql.engine import connect
from node.adapters.sql.negotiation import SqlAgreementStore, SqlUseStore
from node.adapters.sql.work import SqlUnitOfWork
from node.base.errors import NotAllowed
from node.negotiation.model import Agreement
from node.negotiation.uses import Tally, Use, Uses, limits_uses, most_uses
from node.policy.terms import COUNT
from node.transfer.deletion.model import Deletion
from node.vocab.namespaces import XSD
from tests.fakes.clock import FixedClock
from tests.stores import Stores

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def permission(most: int | None, action: str = "odrl:use") -> dict[str, Any]:
    bound = {"@value": str(most), "@type": f"{XSD}decimal"}
    at_most = {"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": bound}
    return {"action": action, **({"constraint": [at_most]} if most is not None else {})}


def agreement(*bounds: int | None) -> Agreement:
    body = {"@id": "urn:a", "@type": "Agreement", "permission": [permission(one) for one in bounds]}
    return Agreement(
        id="urn:a", negotiation="urn:n", dataset="urn:x", provider="did:web:p", consumer="did:web:c", role="provider",
        body=body, sha256="ab" * 32, signatures={}, at=NOW, finalized=NOW,
    )  # fmt: skip


def up_to(most: int) -> Callable[[Mapping[str, Any]], None]:
    def permit(facts: Mapping[str, Any]) -> None:
        if facts[COUNT] > most:
            raise NotAllowed("used up")

    return permit


def test_a_use_is_counted_once(stores: Stores) -> None:
    uses, agreed = Uses(stores.uses, stores.agreements, FixedClock(NOW)), agreement(2)
    with stores.uow.begin() as tx:
        stores.agreements.add(tx, agreed)
        assert uses.facts(tx, agreed) == {COUNT: 0}
        assert uses.facts(tx, agreed, "t1") == {COUNT: 1}
        assert uses.take(tx, agreed, "t1", up_to(2)) == 1
        assert uses.take(tx, agreed, "t1", up_to(2)) is None, "the same transfer again"
        assert uses.facts(tx, agreed, "t1") == {COUNT: 1}
        assert uses.take(tx, agreed, "t2", up_to(2)) == 2
        with pytest.raises(NotAllowed):
            uses.take(tx, agreed, "t3", up_to(2))
        stores.uses.add(tx, Use(agreement="urn:other", use="t1", at=NOW))
    with stores.uow.read() as tx:
        assert uses.tally(tx, agreed) == Tally(count=2, most=2)
        assert uses.facts(tx, agreed, "t3") == {COUNT: 3}
        assert uses.facts(tx, agreed, "t2") == {COUNT: 2}, "what has begun may go on"
        assert stores.uses.count(tx, "urn:other") == 1


def test_nothing_is_kept_of_agreements_that_do_not_say_how_often(stores: Stores) -> None:
    uses, agreed = Uses(stores.uses, stores.agreements, FixedClock(NOW)), agreement(None)
    with stores.uow.begin() as tx:
        stores.agreements.add(tx, agreed)
        assert (uses.facts(tx, agreed, "t"), uses.take(tx, agreed, "t", up_to(0)), uses.tally(tx, agreed)) == (
            {},
            None,
            None,
        )
        uses.note(tx, agreed.id, "t")
        assert stores.uses.count(tx, agreed.id) == 0


@pytest.mark.parametrize(
    ("bounds", "most"), [((3,), 3), ((3, 5), 5), ((3, None), None), ((2.5,), 2), ((0,), 0)], ids=str
)
def test_the_most_uses(bounds: tuple[Any, ...], most: int | None) -> None:
    body = agreement(*bounds).body
    assert limits_uses(body)
    assert most_uses(body) == most


@pytest.mark.parametrize("processes", [1, 2])
def test_of_many_at_once_only_as_many_as_agreed(database_stores: Stores, processes: int) -> None:
    """Two engines share nothing but the database, as two processes do."""
    url = database_stores.uow.engine.url
    engines = [connect(url.render_as_string(hide_password=False)) for _ in range(processes)]
    agreed = agreement(5)
    with SqlUnitOfWork(engines[0]).begin() as tx:
        SqlAgreementStore().add(tx, agreed)
    numbers: list[int | None] = []
    start = threading.Barrier(16)

    def use(number: int) -> None:
        uow = SqlUnitOfWork(engines[number % processes])
        uses = Uses(SqlUseStore(), SqlAgreementStore(), FixedClock(NOW))
        start.wait()
        try:
            with uow.begin() as tx:
                # Each transfer asks twice, as a resumption does.
                numbers.append(uses.take(tx, agreed, f"t{number // 2}", up_to(5)))
        except NotAllowed:
            numbers.append(0)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one for one in numbers if one) == [1, 2, 3, 4, 5]
    assert len(numbers) == 16
    with SqlUnitOfWork(engines[0]).read() as tx:
        assert SqlUseStore().count(tx, agreed.id) == 5
    for engine in engines:
        engine.dispose()


def test_the_newest_confirmation_of_a_deletion_is_kept(stores: Stores) -> None:
    first = Deletion(agreement="urn:a", at=NOW, by="anna", statement="a.b.c")
    with stores.uow.begin() as tx:
        assert stores.deletions.get(tx, "urn:a") is None
        stores.deletions.put(tx, first)
        stores.deletions.put(tx, replace(first, told=NOW, untold="", statement="d.e.f"))
    with stores.uow.read() as tx:
        assert stores.deletions.get(tx, "urn:a") == replace(first, told=NOW, statement="d.e.f")
        assert stores.deletions.get(tx, "urn:b") is None
