"""Layers over large tables: their pages read an outline once, and find rows by name."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from node.base.errors import InvalidInput, NotAllowed
from node.portal.runs.edits import cells
from node.portal.views.drawn_layers import DrawnLayers, LayerView
from tests.unit.scenarios.desk import DATASET, ELS, LARGE, Desk, csv_file
from tests.unit.scenarios.desk import desk as open_desk
from tests.unit.scenarios.records import record
from tests.unit.semantics.descriptions import BASE

TARGET = f"{BASE}/datasets/streets"
MANY = ("segmentId,length,name\n" + "".join(f"s{n},{n},{'' if n < 150 else 'late'}\n" for n in range(300))).encode()
ROW = {"segmentId": "s250", "length": 250, "name": "late"}
CHANGE = {"op": "update", "id": "s250", "before": {"length": 250}, "set": {"length": 500}}


async def large() -> tuple[Desk, DrawnLayers]:
    assert len(MANY) > LARGE
    desk = await open_desk()
    await desk.publish(DATASET, ("streets.csv", MANY))
    return desk, DrawnLayers(desk.layers, desk.library, desk.runs)


def form(view: LayerView, feature: str) -> list[tuple[str, str, str]]:
    return [(cell.name, cell.shape, cell.value) for cell in cells(view.rows, view.layer, feature, view.shapes)]


async def test_a_draft_has_the_first_rows_and_those_that_are_named() -> None:
    desk, drawn = await large()
    whole = await drawn.draft(TARGET, ELS)
    part = await drawn.draft(TARGET, ELS, names=["s250", "", "nobody"])
    assert len(whole.rows) == 300
    assert part.rows == [*whole.rows[:120], ROW]
    assert replace(part, rows=whole.rows, shapes=None) == whole
    assert form(part, "s250") == form(whole, "s250") == [("length", "number", "250"), ("name", "text", "late")]
    assert form(part, "s1") == form(whole, "s1")
    assert desk.cage.calls == 1


async def test_an_outline_is_made_once_also_for_many_at_the_same_time() -> None:
    desk, drawn = await large()
    views = await asyncio.gather(*(drawn.draft(TARGET, ELS, names=[f"s{n}"]) for n in range(20)))
    assert [len(view.rows) for view in views] == [120] * 20
    assert desk.cage.calls == 1


async def test_a_small_file_is_read_whole() -> None:
    desk = await open_desk()
    drawn = DrawnLayers(desk.layers, desk.library, desk.runs)
    view = await drawn.draft(TARGET, ELS, names=[])
    assert (len(view.rows), view.shapes, desk.cage.calls) == (3, None, 0)


async def test_a_stored_layer_has_the_rows_that_it_changes() -> None:
    desk, drawn = await large()
    body = {"title": "A", "reason": "B", "target": "dataset/streets", "operations": [CHANGE]}
    layer = (await desk.layers.save(body, ELS)).layer
    whole = await drawn.get(layer.id, ELS)
    part = await drawn.get(layer.id, ELS, names=["s299"])
    assert part.rows == [*whole.rows[:120], whole.rows[299], ROW]
    assert replace(part, rows=whole.rows, shapes=None) == whole
    # A newer version is compared as a whole.
    await desk.publish(DATASET, ("streets.csv", MANY.replace(b"s250,250", b"s250,251")))
    (clash,) = (await drawn.get(layer.id, ELS, names=[])).clashes
    assert (clash.id, clash.seen, clash.now, clash.meant) == ("s250", 250, 251, 500)


async def test_a_layer_with_a_key_of_its_own_or_many_changes_is_read_with_all_rows() -> None:
    desk, drawn = await large()
    body = {"title": "A", "reason": "B", "target": "dataset/streets"}
    change = {"op": "update", "id": "250", "set": {"name": "other"}}
    other_key = (await desk.layers.save({**body, "key": "length", "operations": [change]}, ELS)).layer
    assert len((await drawn.get(other_key.id, ELS, names=[])).rows) == 300
    changes = [{"op": "update", "id": f"s{n}", "set": {"length": 1}} for n in range(201)]
    many = (await desk.layers.save({**body, "operations": changes}, ELS)).layer
    assert len((await drawn.get(many.id, ELS, names=[])).rows) == 300


async def test_what_cannot_be_drawn_is_refused_as_before() -> None:
    desk, drawn = await large()
    await desk.publish(DATASET, ("streets.csv", b"length\n" + b"7\n" * LARGE))
    with pytest.raises(InvalidInput, match="have no key"):
        await drawn.draft(TARGET, ELS, names=[])
    with pytest.raises(NotAllowed):
        await drawn.draft(TARGET, replace(ELS, roles=frozenset()), names=[])


async def test_a_file_that_is_not_a_table_of_text_is_read_whole() -> None:
    desk, drawn = await large()
    data = b'[{"id": "a", "n": 1}' + b" " * LARGE + b"]"
    desk.assets.keep(data)
    file = csv_file(data, "streets.json", "application/json")
    desk.shelf.put(await record(DATASET, file))
    view = await drawn.draft(TARGET, ELS, names=[])
    assert (view.rows, view.shapes, desk.cage.calls) == ([{"id": "a", "n": 1}], None, 0)
