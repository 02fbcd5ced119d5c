"""The same description in a real child of the cage: the answer comes out whole, and faults keep their class."""

from __future__ import annotations

import sys

import pytest

from node.base.errors import InvalidInput
from node.cage.cage import Cage
from node.cage.targets import TARGETS
from node.semantics.description.door import TARGET, describe
from node.semantics.model import Submission
from tests.unit.semantics.descriptions import BASE, GOOD, ME, NAME, fields, file, of_fields

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage is built on Linux")


def test_the_target_is_in_the_table() -> None:
    assert TARGETS[TARGET] == "node.semantics.in_cage:describe"


async def test_inside_and_outside_the_cage_are_the_same() -> None:
    cage = Cage(width=1)
    try:
        inside = await describe(
            cage,
            Submission(fields=fields(GOOD), files=(file("counts.csv"),)),
            base=BASE,
            me=ME,
            my_name=NAME,
        )
        with pytest.raises(InvalidInput, match="line 1"):
            await describe(
                cage,
                Submission(document=b"<a> <b> .", media_type="text/turtle"),
                base=BASE,
                me=ME,
                my_name=NAME,
            )
    finally:
        await cage.stop()
    assert inside == await of_fields(GOOD, "counts.csv")
