"""What is typed and shown of runs and layers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.cli.bindings import whole, whole_layer
from node.cli.output import save
from node.cli.run_progress import log_line, short

FIRST = "urn:uuid:01a1f91a-135f-7881-b7b6-defcce16c5c4"
SECOND = "urn:uuid:01a1f91b-0000-7881-b7b6-aaaace16c5c4"


def client(*ids: str) -> Any:
    return SimpleNamespace(scenarios=SimpleNamespace(layers=lambda: [{"id": one} for one in ids]))


def test_a_layer_is_known_by_the_end_of_its_id() -> None:
    assert whole_layer(client(FIRST, SECOND), "defcce16c5c4") == FIRST


def test_a_layer_is_known_by_its_name_also_where_another_ends_in_it() -> None:
    assert whole_layer(client("school-streets", "streets"), "streets") == "streets"


def test_an_end_that_several_layers_share_says_nothing() -> None:
    with pytest.raises(InvalidInput, match="2 change layers end in ce16c5c4"):
        whole_layer(client(FIRST, SECOND), "ce16c5c4")


@pytest.mark.parametrize("name", [FIRST, "0" * 64, "nothing-known"])
def test_whole_ids_hashes_and_what_is_not_known_are_left_to_the_node(name: str) -> None:
    assert whole_layer(client(SECOND), name) == name


def test_ids_are_shown_short_and_names_whole() -> None:
    assert short(FIRST) == "ce16c5c4"
    assert short("school-streets") == "school-streets"


def test_the_log_tells_the_time_of_the_day() -> None:
    assert log_line("2026-11-20T13:16:24.528561Z after: stop (at 12:00)") == "13:16:24  after: stop (at 12:00)"
    assert log_line("going on") == "going on"


def test_a_run_that_is_not_there_is_told_as_such() -> None:
    runs = SimpleNamespace(scenarios=SimpleNamespace(runs=lambda limit: [{"pid": FIRST}, {"pid": SECOND}]))
    known: Any = runs
    assert whole(known, "defcce16c5c4") == FIRST
    with pytest.raises(InvalidInput, match="there is no run nope"):
        whole(known, "nope")
    with pytest.raises(InvalidInput, match="2 runs end in ce16c5c4"):
        whole(known, "ce16c5c4")


def test_where_nothing_can_be_written_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written: No such file or directory"):
        save(tmp_path / "nowhere" / "x.csv", b"")
    save(tmp_path / "x.csv", b"a\n")
    assert (tmp_path / "x.csv").read_bytes() == b"a\n"
