"""The time for which the files of earlier versions are kept, as the publisher of an asset declares it.

Without a declaration they are kept for ever. The newest version with a description decides; a version that itself
declared a longer time keeps that. The version in the catalogue keeps its files, whatever is declared. Files that an
agreement in force or an open transfer needs stay longer (``node.transfer.deletion.old_versions``).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import Gone, InvalidInput
from node.catalogue.model import RETENTION, Record
from node.catalogue.statements import Statements
from node.vocab.namespaces import HANSA

KEPT_VERSIONS: Final = f"{HANSA}keptVersions"
KEPT_FOR: Final = f"{HANSA}keptFor"
_DECLARATIONS: Final = (KEPT_VERSIONS.encode(), KEPT_FOR.encode())
MOST_VERSIONS: Final = 1_000_000
LEAST: Final = timedelta(hours=1)
"""Files stay at least this long after a newer version: who began with the version before has that time to go on."""

CURRENT, ALWAYS, COUNTED, UNTIL, REMOVED = "current", "always", "counted", "until", "removed"
_PERIOD: Final = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,7})H)?(?:\d{1,9}M)?(?:[\d.]{1,20}S)?)?"
)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A declaration: the files of this many ``versions`` before the newest are kept, and those of a version for a
    ``period`` (xsd:duration) after a newer one. If both are declared, either is enough to keep them."""

    versions: int | None = None
    period: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the members of ``Record.extra`` under ``RETENTION``."""
        members: dict[str, Any] = {} if self.versions is None else {"versions": self.versions}
        return {**members, "period": self.period} if self.period else members


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """The time of the files of a version: ``state`` is CURRENT, ALWAYS, COUNTED (as long as it is among so many
    ``versions`` before the newest), UNTIL (the moment ``at``, which may be over), or REMOVED (at ``at``)."""

    state: str
    at: datetime | None = None
    versions: int | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether the declared time is over."""
        return self.state == UNTIL and self.at is not None and self.at <= now

    def to_json(self) -> dict[str, Any]:
        """Return the members for the API."""
        return {
            "state": self.state,
            **({"at": stamp(self.at)} if self.at is not None else {}),
            **({"versions": self.versions} if self.versions is not None else {}),
        }


def retention_of(record: Record) -> Retention | None:
    """Return the declaration that a version carries; None if it has none that can be understood."""
    members = record.extra.get(RETENTION)
    if not isinstance(members, dict):
        return None
    versions, period = members.get("versions"), members.get("period", "")
    if isinstance(versions, bool) or not isinstance(versions, int) or versions < 0:
        versions = None
    if not isinstance(period, str) or not _PERIOD.fullmatch(period):
        period = ""
    return None if versions is None and not period else Retention(versions=versions, period=period)


def stated_retention(record: Record) -> Retention | None:
    """Return the declaration in the description of ``record``; None if there is none. Raises ``InvalidInput``."""
    if not any(name in record.nquads for name in _DECLARATIONS):
        return None
    statements = Statements(record)
    numbers, periods = statements.own(KEPT_VERSIONS), statements.own(KEPT_FOR)
    if not numbers and not periods:
        return None
    subject = f"<{record.subject}>"
    number, period = statements.value(subject, KEPT_VERSIONS), statements.text(subject, KEPT_FOR) or ""
    is_number = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MOST_VERSIONS
    if len(numbers) > 1 or (numbers and not is_number):
        raise InvalidInput(
            "keep_versions is not a number of versions",
            remedy=f"write one whole number from 0 to {MOST_VERSIONS}: keep_versions: 3",
            facts={"field": "keep_versions"},
        )
    if len(periods) > 1 or (periods and not _PERIOD.fullmatch(period)):
        raise InvalidInput(
            "keep_for is not a period", remedy="write one, such as P90D or P1Y", facts={"field": "keep_for"}
        )
    return Retention(versions=number if is_number else None, period=period)


def keepings(versions: Sequence[Record], removals: Mapping[int, datetime]) -> dict[int, FileStatus]:
    """Return for each of ``versions`` (newest first) with stored files whether these are kept. ``removals`` are the
    moments of those that were removed here."""
    versions_with_files = [record for record in versions if not record.withdrawn]
    if not versions_with_files:
        return {}
    general, is_current = retention_of(versions_with_files[0]), not versions[0].withdrawn
    answers: dict[int, FileStatus] = {}
    for place, record in enumerate(versions_with_files):
        if not any(file.sha256 for file in record.files):
            continue
        if record.version in removals:
            answers[record.version] = FileStatus(state=REMOVED, at=removals[record.version])
        elif is_current and place == 0:
            answers[record.version] = FileStatus(state=CURRENT)
        elif general is None:
            answers[record.version] = FileStatus(state=ALWAYS)
        else:
            later = versions_with_files[:place][::-1]
            # A version that only says that others were erased has the files of the one before: it ages no other.
            since = [each.at for each in later if not each.erases] or [each.at for each in later]
            since += [] if is_current else [versions[0].at]
            answers[record.version] = _keeping(since, [general, *_own(record)])
    return answers


def require_not_removed(record: Record, removals: Mapping[int, datetime]) -> None:
    """Raise ``Gone`` if the files of this version are among ``removals``."""
    moment = removals.get(record.version)
    if moment is not None:
        day = f"{moment:%Y-%m-%d}"
        raise Gone(
            f"the files of version {record.version} were removed on {day}: the publisher keeps files of earlier "
            "versions for a limited time",
            remedy="get the newest version, or ask the publisher",
            facts={"case": "files-removed", "version": record.version, "day": day},
        )


def _own(record: Record) -> Iterator[Retention]:
    own = retention_of(record)
    if own is not None:
        yield own


def _keeping(since: Sequence[datetime], declarations: Sequence[Retention]) -> FileStatus:
    """Return the longest time of ``declarations``. ``since`` are the moments of what came after the version, oldest
    first: each makes it one older."""
    counts = [each.versions for each in declarations if each.versions is not None and each.versions >= len(since)]
    if counts:
        return FileStatus(state=COUNTED, versions=max(counts))
    ends = [since[0] + LEAST]
    for declaration in declarations:
        if declaration.versions is not None:
            ends.append(since[declaration.versions])
        if declaration.period:
            ends.append(after_period(since[0], declaration.period))
    return FileStatus(state=UNTIL, at=max(ends))


def after_period(moment: datetime, period: str) -> datetime:
    """Return ``moment`` plus ``period``; the end of the calendar, if that is later. Minutes and seconds of the period
    count as one hour."""
    match = _PERIOD.fullmatch(period)
    if match is None:
        return _LAST
    years, months, days, hours = (int(part or 0) for part in match.groups())
    month = moment.month - 1 + months + 12 * years
    year, month = moment.year + month // 12, month % 12 + 1
    if year >= _LAST.year:
        return _LAST
    start = moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))
    rest = timedelta(days=days, hours=hours + 1 if re.search(r"T.*[MS]", period) else hours)
    return start + rest if rest < _LAST - start else _LAST
