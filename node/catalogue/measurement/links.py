"""The addresses in a description that people follow, and the points for those that work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from node.catalogue.measurement.link_model import LinkPoints, LinkState, LinkUse, RecordLink, host_of
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, statements
from node.semantics.metrics import METRICS, band
from node.vocab.namespaces import DCAT, DCT

MOST: Final = 1000
"""The addresses of a record that are checked, at most."""
WHOLE: Final = 1000
"""The share of all files, in thousandths."""
_USES: Final = {
    f"{DCAT}accessURL": LinkUse.ACCESS,
    f"{DCAT}downloadURL": LinkUse.DOWNLOAD,
    f"{DCAT}landingPage": LinkUse.PAGE,
    f"{DCAT}endpointURL": LinkUse.PAGE,
    f"{DCT}license": LinkUse.LICENCE,
}
_OF_METRIC: Final = {"accessUrlStatusCode": LinkUse.ACCESS, "downloadUrlStatusCode": LinkUse.DOWNLOAD}


def links_of(record: Record, base: str) -> list[RecordLink]:
    """Return the addresses in a description, each use once. ``base`` is the public address of this node."""
    triples = [
        (statement.subject, iri_of(statement.predicate), statement.object)
        for statement in statements(record.nquads)
        if is_iri(statement.predicate)
    ]
    subject = f"<{record.subject}>"
    files: dict[str, int] = {}
    for about, property_, value in triples:
        if about == subject and property_ == f"{DCAT}distribution":
            files.setdefault(value, len(files))
    uses: dict[tuple[LinkUse, int, str], None] = {}
    for about, property_, value in triples:
        use = _USES.get(property_)
        if use is not None and is_iri(value) and (about == subject or about in files):
            uses[(use, files.get(about, -1), iri_of(value))] = None
    links = [
        RecordLink(use=use, file=file, address=address, checked=bool(host_of(address)) and not is_own(address, base))
        for use, file, address in uses
    ]
    # A file without an address has no link that works: it counts, too.
    empty = [
        RecordLink(use=use, file=file, address="", checked=False)
        for file in files.values()
        for use in (LinkUse.ACCESS, LinkUse.DOWNLOAD)
        if not any(link.file == file and link.use is use for link in links)
    ]
    return [*links, *empty][:MOST]


def is_own(address: str, base: str) -> bool:
    """Return whether this node serves ``address`` itself."""
    return address == base or address.startswith(f"{base}/")


def shares(
    links: Sequence[RecordLink], state_of: Callable[[str], LinkState], base: str
) -> tuple[int | None, int | None]:
    """Return the shares of files with a working access address and a working download address, in thousandths.

    A share is None if the record has no files, more links than are checked, or a file about which nothing is known.
    """
    if len(links) >= MOST:
        return None, None
    return _share(links, LinkUse.ACCESS, state_of, base), _share(links, LinkUse.DOWNLOAD, state_of, base)


def _share(links: Sequence[RecordLink], use: LinkUse, state_of: Callable[[str], LinkState], base: str) -> int | None:
    files: dict[int, list[LinkState]] = {}
    for link in links:
        if link.use is use and link.file >= 0:
            files.setdefault(link.file, []).append(_state(link, state_of, base))
    answers = [
        True if LinkState.WORKS in states else None if LinkState.UNKNOWN in states else False
        for states in files.values()
    ]
    return None if not answers or None in answers else WHOLE * answers.count(True) // len(answers)


def _state(link: RecordLink, state_of: Callable[[str], LinkState], base: str) -> LinkState:
    if not link.address:
        return LinkState.BROKEN
    if is_own(link.address, base):
        return LinkState.WORKS
    return state_of(link.address) if link.checked else LinkState.UNKNOWN


def with_links(score: Mapping[str, Any], points: LinkPoints | None) -> Mapping[str, Any]:
    """Return a stored score (``node.semantics.quality.Score.to_json``) with the points for links that work."""
    if points is None or not score:
        return score
    total = int(score["points"])
    dimensions = {name: list(pair) for name, pair in score["dimensions"].items()}
    gains = {gain["metric"]: gain for gain in score["raise"]}
    for metric in METRICS:
        use = _OF_METRIC.get(metric.name)
        share = points.access if use is LinkUse.ACCESS else points.download
        if use is None or share is None:
            continue
        before = metric.points - int(gains.pop(metric.name, {"points": 0})["points"])
        points_now = metric.points * share // WHOLE
        total += points_now - before
        dimensions[metric.dimension][0] += points_now - before
        if points_now < metric.points:
            gains[metric.name] = {
                "metric": metric.name,
                "points": metric.points - points_now,
                "field": metric.field,
            }
    steps = sorted(gains.values(), key=lambda gain: -int(gain["points"]))
    return {**score, "points": total, "band": band(total), "dimensions": dimensions, "raise": steps}
