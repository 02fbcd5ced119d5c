"""How long files of earlier versions are kept, by what the versions declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.catalogue.envelope import withdrawal_of
from node.catalogue.model import ERASES, RETENTION, Record
from node.catalogue.retention import LEAST, FileStatus, after_period, keepings, retention_of
from node.semantics.model import File
from tests.contract.stores.test_records import record

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 31, tzinfo=UTC)


def versions(*declarations: dict[str, Any] | None) -> list[Record]:
    """One version a day, with these declarations, newest first."""
    members: dict[str, Any] = {"files": (File(name="a.csv", media_type="text/csv", size=3, sha256="22" * 32),)}
    extras = [{} if stated is None else {RETENTION: stated} for stated in declarations]
    numbered = enumerate(extras, 1)
    return [record("a", number, at=FIRST + number * DAY, extra=extra, **members) for number, extra in numbered][::-1]


def until(moment: datetime) -> FileStatus:
    return FileStatus(state="until", at=moment)


def test_the_newest_declaration_decides_and_a_longer_one_of_the_version_itself() -> None:
    assert {kept.state for kept in keepings(versions(None, None), {}).values()} == {"current", "always"}
    # What was not declared then was not promised.
    assert keepings(versions(None, None, {"versions": 0}), {})[1] == until(FIRST + 2 * DAY + LEAST)
    assert keepings(versions({"period": "P1Y"}, {"versions": 0}), {})[1] == until(datetime(2027, 2, 2, tzinfo=UTC))
    assert keepings(versions({"versions": 0}, {"versions": 0}, None), {})[1].state == "always"


def test_a_count_and_a_period_are_each_enough() -> None:
    both = {"versions": 1, "period": "P10D"}
    times = keepings(versions(both, both, both), {})
    assert times[2] == FileStatus(state="counted", versions=1)
    assert times[1] == until(FIRST + 2 * DAY + 10 * DAY)


def test_a_version_that_only_says_that_others_were_erased_ages_no_version() -> None:
    notice = {"versions": 1, "erases": [1]}
    *newer, erased = versions({"versions": 1}, {"versions": 1}, {"versions": 1}, notice)
    times = keepings([*(replace(each, extra=_extra(each.extra)) for each in newer), erased], {})
    assert [times[number].state for number in (4, 3, 2)] == ["current", "counted", "counted"]
    assert times[1] == until(FIRST + 3 * DAY)
    period = {"period": "P10D"}
    later = [replace(each, extra=_extra(each.extra)) for each in versions(period, {**period, "erases": [1]})]
    assert keepings(later, {})[1] == until(FIRST + 2 * DAY + 10 * DAY)


def _extra(stated: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(stated[RETENTION])
    erases = members.pop("erases", None)
    return {RETENTION: members, **({ERASES: erases} if erases else {})}


def test_a_withdrawn_asset_has_earlier_versions_only() -> None:
    records = versions({"versions": 1}, {"versions": 1})
    withdrawn = replace(withdrawal_of(records[0]), at=FIRST + 5 * DAY)
    times = keepings([withdrawn, *records], {})
    assert times[2].state == "counted"
    assert times[1] == until(FIRST + 5 * DAY)


def test_a_removal_is_told_with_its_day() -> None:
    assert keepings(versions(None, None), {1: FIRST})[1] == FileStatus(state="removed", at=FIRST)


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("P1M", datetime(2026, 2, 28, tzinfo=UTC)),
        ("P1Y2M3D", datetime(2027, 4, 3, tzinfo=UTC)),
        ("PT36H", datetime(2026, 2, 1, 12, tzinfo=UTC)),
        ("PT5M", datetime(2026, 1, 31, 1, tzinfo=UTC)),
        ("P9999Y", datetime(9999, 1, 1, tzinfo=UTC)),
        ("P999999D", datetime(4763, 12, 28, tzinfo=UTC)),
    ],
)
def test_periods_are_added_by_the_calendar(period: str, end: datetime) -> None:
    assert after_period(FIRST, period) == end


@pytest.mark.parametrize("stated", [None, 3, {}, {"versions": True}, {"versions": -1}, {"period": "P"}])
def test_declarations_of_other_nodes_that_make_no_sense_are_none(stated: Any) -> None:
    assert retention_of(record("a", extra={RETENTION: stated})) is None
