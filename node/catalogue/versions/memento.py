"""Versions of an asset as mementos (RFC 7089): the asset's IRI is its own TimeGate, a version is a memento.

A program asks for the asset with ``Accept-Datetime`` and is sent to the version of that time; the TimeMap lists all
versions. All of it shows a caller exactly the versions that it may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from node.base.errors import InvalidInput, NotFound
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.catalogue.representations import VARY as VARY_WITHOUT_TIME
from node.catalogue.visibility import absent
from node.identity.model import Caller

LINK_FORMAT: Final = "application/link-format"
"""The media type of a TimeMap (RFC 6690, RFC 7089 §5)."""
VARY: Final = f"{VARY_WITHOUT_TIME}, Accept-Datetime"
"""The headers of a request that an answer at the address of an asset depends on."""
_SECOND: Final = timedelta(microseconds=999_999)


class Mementos:
    """The versions of assets by time, for a caller."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse

    async def at(self, iri: str, caller: Caller, time: datetime) -> Record:
        """Return the version that was valid at ``time``; for a time before the first version, the first one
        (RFC 7089 §4.5.3). Raises ``NotFound``, also for a time at which the asset was withdrawn."""
        # A header has whole seconds, and a version is younger by a fraction than the time that is stated for it.
        try:
            return await self._browse.record(iri, caller, as_of=time.replace(microsecond=0) + _SECOND)
        except NotFound:
            first = (await self.versions(iri, caller))[-1]
            if first.at <= time:
                raise
            return first

    async def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        """Return the versions with a description, newest first. Raises ``NotFound`` if there are none."""
        versions = [record for record in await self._browse.versions(iri, caller) if not record.withdrawn]
        if not versions:
            raise absent()
        return versions


def time_of(header: str) -> datetime:
    """Return the time in an ``Accept-Datetime`` header (RFC 7089 §2.1.1). Raises ``InvalidInput``."""
    try:
        time = parsedate_to_datetime(header)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not header.strip().endswith("GMT"):
        raise InvalidInput(
            "Accept-Datetime is not a date of HTTP", remedy="write it as Fri, 20 Nov 2026 12:00:00 GMT"
        )
    return time


def http_date(time: datetime) -> str:
    """Return ``time`` as HTTP writes it."""
    return format_datetime(time.astimezone(UTC), usegmt=True)


def address(record: Record) -> str:
    """Return the address of this version."""
    return f"{record.iri}?version={record.version}"


def links(record: Record, *, relations: str = "memento") -> str:
    """Return the ``Link`` header of an answer that leads to ``record`` or shows it. ``relations`` of the version."""
    return ", ".join(
        [
            f'<{record.iri}>; rel="original timegate"',
            f'<{_timemap(record.iri)}>; rel="timemap"; type="{LINK_FORMAT}"',
            f'<{address(record)}>; rel="{relations}"; datetime="{http_date(record.at)}"',
        ]
    )


def headers(record: Record, *, is_newest: bool, link: str | None) -> dict[str, str]:
    """Return the headers of an answer about ``record``; ``link`` is the ``Link`` that it has already. An answer about
    the asset as it is now is no memento, because it will change (RFC 7089 §2.1.2)."""
    own = links(record, relations="latest-version memento" if is_newest else "memento")
    members = {"Link": f"{link}, {own}" if link else own, "Vary": VARY}
    return members if is_newest else {**members, "Memento-Datetime": http_date(record.at)}


def timemap(iri: str, versions: Sequence[Record]) -> str:
    """Return the TimeMap of an asset; ``versions`` are newest first, and at least one."""
    first, last = versions[-1], versions[0]
    entries = [
        f'<{iri}>; rel="original timegate"',
        f'<{_timemap(iri)}>; rel="self"; type="{LINK_FORMAT}"'
        f'; from="{http_date(first.at)}"; until="{http_date(last.at)}"',
    ]
    for record in reversed(versions):
        relations = ["first"] * (record is first) + ["last"] * (record is last) + ["memento"]
        entries.append(f'<{address(record)}>; rel="{" ".join(relations)}"; datetime="{http_date(record.at)}"')
    return ",\n".join(entries) + "\n"


def _timemap(iri: str) -> str:
    return f"{iri}/timemap"
