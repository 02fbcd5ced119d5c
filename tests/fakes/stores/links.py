"""Link checks in memory (``node.catalogue.measurement.link_model.LinkStore``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.catalogue.measurement.link_model import LinkCheck, LinkPoints, LinkState, LinkUse, RecordLink
from tests.fakes.stores.work import memory


class MemoryLinkStore:
    """Links by record, checks by address, points by record and day."""

    def versions(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        rows = memory(tx).rows("record_links")
        return {iri: rows[iri][0] for iri in iris if iri in rows}

    def replace(
        self, tx: Transaction, iri: str, version: int, links: Sequence[RecordLink], now: datetime, *, source: str = ""
    ) -> None:
        memory(tx).put("record_links", iri, (version, tuple(links)))
        memory(tx).put("link_sources", iri, source)
        for link in links:
            if link.checked and link.address not in memory(tx).rows("link_checks"):
                check = LinkCheck(address=link.address, host=link.host, due=now)
                memory(tx).put("link_checks", link.address, check)
        self._drop_unused(tx)

    def between(self, tx: Transaction, after: str, until: str) -> Mapping[str, int]:
        rows = memory(tx).rows("record_links")
        return {iri: rows[iri][0] for iri in rows if after < iri and (not until or iri <= until)}

    def drop(self, tx: Transaction, iris: Collection[str]) -> None:
        for iri in iris:
            memory(tx).drop("record_links", iri)
            for key in [key for key in memory(tx).rows("link_points") if key[0] == iri]:
                memory(tx).drop("link_points", key)
        self._drop_unused(tx)

    def links(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[RecordLink]]:
        rows = memory(tx).rows("record_links")
        return {iri: list(rows[iri][1]) for iri in iris if iri in rows and rows[iri][1]}

    def checks(self, tx: Transaction, addresses: Collection[str]) -> Mapping[str, LinkCheck]:
        rows = memory(tx).rows("link_checks")
        return {address: rows[address] for address in addresses if address in rows}

    def listing(
        self,
        tx: Transaction,
        *,
        state: LinkState | None = None,
        source: str = "",
        after: str = "",
        limit: int = 100,
    ) -> Sequence[LinkCheck]:
        rows = sorted(memory(tx).rows("link_checks").values(), key=lambda check: check.address)
        own = self._addresses_by_source(tx).get(source, set()) if source else {check.address for check in rows}
        return [
            check for check in rows if check.address > after and check.address in own and state in (None, check.state)
        ][:limit]

    def counts(self, tx: Transaction) -> Mapping[LinkState, int]:
        return Counter(check.state for check in memory(tx).rows("link_checks").values())

    def counts_by_source(self, tx: Transaction) -> Mapping[str, Mapping[LinkState, int]]:
        checks = memory(tx).rows("link_checks")
        return {
            source: Counter(checks[address].state for address in addresses if address in checks)
            for source, addresses in sorted(self._addresses_by_source(tx).items())
            if source
        }

    def _addresses_by_source(self, tx: Transaction) -> dict[str, set[str]]:
        addresses: dict[str, set[str]] = {}
        for iri, (_, links) in memory(tx).rows("record_links").items():
            source = memory(tx).rows("link_sources")[iri]
            addresses.setdefault(source, set()).update(link.address for link in links)
        return addresses

    def due_hosts(self, tx: Transaction, now: datetime, limit: int) -> Sequence[str]:
        first: dict[str, datetime] = {}
        for check in memory(tx).rows("link_checks").values():
            if check.due <= now:
                first[check.host] = min(check.due, first.get(check.host, check.due))
        return sorted(first, key=lambda host: (first[host], host))[:limit]

    def due(self, tx: Transaction, host: str, now: datetime, limit: int) -> Sequence[LinkCheck]:
        rows = [check for check in memory(tx).rows("link_checks").values() if check.host == host and check.due <= now]
        return sorted(rows, key=lambda check: (check.due, check.address))[:limit]

    def save(self, tx: Transaction, check: LinkCheck) -> None:
        if check.address in memory(tx).rows("link_checks"):
            memory(tx).put("link_checks", check.address, check)

    def hasten(self, tx: Transaction, now: datetime, iri: str = "") -> int:
        addresses = {link.address for link in self.links(tx, [iri]).get(iri, ())}
        rows = list(memory(tx).rows("link_checks").values())
        late = [check for check in rows if check.due > now and (not iri or check.address in addresses)]
        for check in late:
            self.save(tx, replace(check, due=now))
        return len(late)

    def records_with(
        self, tx: Transaction, address: str, *, uses: Collection[LinkUse] = (), after: str = "", limit: int = 100
    ) -> Sequence[str]:
        rows = sorted(memory(tx).rows("record_links").items())
        return [
            iri
            for iri, (_, links) in rows
            if iri > after and any(link.address == address and (not uses or link.use in uses) for link in links)
        ][:limit]

    def save_points(self, tx: Transaction, points: LinkPoints) -> None:
        memory(tx).put("link_points", (points.iri, points.day.isoformat()), points)

    def points_of(self, tx: Transaction, iri: str) -> Sequence[LinkPoints]:
        return [points for key, points in sorted(memory(tx).rows("link_points").items()) if key[0] == iri]

    def points(
        self, tx: Transaction, *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[LinkPoints]:
        return [points for key, points in sorted(memory(tx).rows("link_points").items()) if key > after][:limit]

    def last_change(self, tx: Transaction) -> str:
        rows = memory(tx).rows("link_points")
        return f"{len(rows)} {max((points.at for points in rows.values()), default=None)}"

    def _drop_unused(self, tx: Transaction) -> None:
        used = {link.address for _, links in memory(tx).rows("record_links").values() for link in links}
        for address in [address for address in memory(tx).rows("link_checks") if address not in used]:
            memory(tx).drop("link_checks", address)
