"""What is left of a reception whose transfer has ended: nothing, unless it was received as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.transfer.receiving.leftovers import discard_left
from tests.fakes.provider import CONSUMER_PID
from tests.unit.transfer.test_reception import SOURCE, Rig


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    """One that has received all of it."""
    new_rig = Rig(tmp_path)
    await new_rig.publish(SOURCE)
    assert (await new_rig.run()).state == "done"
    return new_rig


def known_as(rig: Rig, state: str) -> None:
    with rig.work.begin() as tx:
        rig.receptions.put(tx, replace(rig.known(), state=state, path=None))


async def test_what_was_received_as_a_whole_stays(rig: Rig) -> None:
    before = rig.files()
    assert len(before) == 2
    await discard_left(rig.receiver(), CONSUMER_PID)
    assert rig.files() == before
    assert rig.known().state == "done"


@pytest.mark.parametrize("state", ["receiving", "verifying", "failed"])
async def test_files_that_nobody_has_recorded_go(rig: Rig, state: str) -> None:
    """Killed after they had their names, or after the end was recorded and before they were removed."""
    known_as(rig, state)
    (rig.folder / f"{CONSUMER_PID.removeprefix('urn:uuid:')}.part").write_bytes(b"more")
    await discard_left(rig.receiver(), CONSUMER_PID)
    assert rig.files() == {}
    assert rig.known().state == "failed"


async def test_a_beginning_of_which_nothing_is_recorded_goes(tmp_path: Path) -> None:
    """Killed after the file was opened, and before its reception was noted."""
    rig = Rig(tmp_path)
    rig.folder.mkdir(exist_ok=True)
    (rig.folder / f"{CONSUMER_PID.removeprefix('urn:uuid:')}.part").write_bytes(b"more")
    await discard_left(rig.receiver(), CONSUMER_PID)
    assert rig.files() == {}
    with rig.work.read() as tx:
        assert rig.receptions.get(tx, CONSUMER_PID) is None


async def test_nothing_to_discard(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await discard_left(rig.receiver(), CONSUMER_PID)
    assert rig.files() == {}
