"""The snapshot of the feed's chains: it gives what the ledger gives, or nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.adapters.chain_snapshot import NAME, ChainSnapshot
from node.catalogue.feed import chains as chains_module
from node.catalogue.feed.chains import Chains
from node.catalogue.model import PUBLIC
from node.ledger.model import Entry
from node.ledger.usecases import Sequencer
from tests.fakes.clock import FixedClock
from tests.fakes.stores.ledger import log_signer
from tests.stores import Stores
from tests.unit.catalogue.test_chains import ME, NOON, version

AUDIENCES = [PUBLIC, "members", "staff"]
RESTARTS = {1: 10, 2: 30}


def filled(stores: Stores, count: int, first: int = 0) -> None:
    """Number so many versions, of all audiences, with what retracts earlier ones."""
    chance = random.Random(first)
    with stores.uow.begin() as tx:
        for seq in range(first, first + count):
            entry = version(
                seq,
                f"asset {seq % 17}",
                seq,
                chance.choice(AUDIENCES),
                withdrawn=chance.random() < 0.1,
                opens=chance.random() < 0.1,
            )
            stores.ledger.append(tx, Entry(**{name: getattr(entry, name) for name in ENTRY}, seq=None))
    sequencer = Sequencer(stores.uow, stores.ledger, log_signer(), FixedClock(NOON), "gent.example")
    while sequencer.run(500):
        pass


ENTRY = ("id", "kind", "subject", "at", "by", "body")


def entries(stores: Stores, first: int = 0) -> Sequence[Entry]:
    with stores.uow.read() as tx:
        return stores.ledger.since(tx, first, limit=10_000)


def snapshot(stores: Stores, folder: Path, *, me: str = ME, epoch: int = 2) -> ChainSnapshot:
    return ChainSnapshot(folder, me=me, epoch=epoch, uow=stores.uow, ledger=stores.ledger)


def chains_of(store: ChainSnapshot | None) -> Chains:
    return Chains(me=ME, epoch=2, restarts=RESTARTS, snapshots=store)


def whole(chains: Chains) -> list[object]:
    """Return everything that the feed asks of the chains."""
    facts: list[object] = [chains.position(), names := chains.audiences(None)]
    for name in names:
        size = chains.size(name)
        numbers = range(-(-size // chains_module.PAGE))
        facts += [size, chains.root(name, size), chains.restarts(name), chains.retractions(name)]
        facts += [chains.leaves(name, 0, size), [chains.page(name, number) for number in numbers]]
    return facts


def chains_with_snapshot(stores: Stores, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Chains:
    """Return chains that have stored their snapshot at their end."""
    monkeypatch.setattr(chains_module, "CLOSING", 1)
    first = chains_of(snapshot(stores, folder))
    assert first.position() == 0
    first.apply(entries(stores))
    first.close()
    return first


def test_a_start_continues_where_the_last_one_ended(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(stores, 250)
    first = chains_with_snapshot(stores, tmp_path, monkeypatch)
    again = chains_of(snapshot(stores, tmp_path))
    assert again.position() == 250
    assert whole(again) == whole(first)
    filled(stores, 60, first=250)
    again.apply(entries(stores, 250))
    fresh = chains_of(None)
    fresh.apply(entries(stores))
    assert whole(again) == whole(fresh)


def test_a_snapshot_of_another_history_is_not_taken(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a ledger that was set back, of another node, of before a restart."""
    filled(stores, 30)
    chains_with_snapshot(stores, tmp_path, monkeypatch)
    text = (tmp_path / NAME).read_text("ascii")
    assert snapshot(stores, tmp_path).newest() is not None
    assert snapshot(stores, tmp_path, me="did:web:other").newest() is None
    assert snapshot(stores, tmp_path, epoch=3).newest() is None
    for key, other in (
        ('"position":30', '"position":31'),
        ('"position":30', '"position":29'),
        ('"format":1', '"format":0'),
    ):
        (tmp_path / NAME).write_text(text.replace(key, other), "ascii")
        assert snapshot(stores, tmp_path).newest() is None


@pytest.mark.parametrize("damage", ["", "{}", "[]", "7", "cut off", "not JSON", "missing line", "\xff"])
def test_a_damaged_snapshot_is_read_as_none(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    filled(stores, 30)
    chains_with_snapshot(stores, tmp_path, monkeypatch)
    text = (tmp_path / NAME).read_text("ascii")
    lines = text.splitlines(keepends=True)
    texts = {
        "cut off": text[:-20],
        "not JSON": lines[0] + "{\n",
        "missing line": "".join(lines[:1] + lines[2:]),
    }
    (tmp_path / NAME).write_bytes(texts.get(damage, damage).encode("latin-1"))
    again = chains_of(snapshot(stores, tmp_path))
    assert again.position() == 0
    again.apply(entries(stores))
    assert again.position() == 30


def test_a_file_that_cannot_be_written_costs_the_snapshot_only(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(stores, 30)
    folder = tmp_path / "data"
    (folder / NAME).mkdir(parents=True)
    chains = chains_with_snapshot(stores, folder, monkeypatch)
    assert chains.position() == 30
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_a_rebuild_does_not_take_the_snapshot(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(stores, 30)
    chains_with_snapshot(stores, tmp_path, monkeypatch)
    again = chains_of(snapshot(stores, tmp_path))
    again.rebuild()
    assert again.position() == 0


def test_snapshots_are_written_in_proportion_to_what_is_published(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains_module, "LEAST", 20)
    filled(stores, 100)
    chains = chains_of(snapshot(stores, tmp_path))
    written = 0
    for entry in entries(stores):
        chains.apply([entry])
        if (tmp_path / NAME).exists():
            written += 1
            (tmp_path / NAME).unlink()
    assert written == 5
