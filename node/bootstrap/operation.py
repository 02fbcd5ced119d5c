"""What the operator's end points tell and check, put together."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request

from node import __version__
from node.adapters.egress import Lane
from node.base.errors import HansaError, InvalidInput, NotFound, PeerUnreachable
from node.bootstrap.node import HansaNode
from node.bootstrap.parts import Parts, Stores
from node.bootstrap.people import verify_signature
from node.evidence.collection import ExportAgreement
from node.evidence.proof import ProveAgreement
from node.identity.did import base_url
from node.identity.model import Application, Issued, UserRole
from node.ledger.checkpoints import LogKey
from node.ledger.verification import verify_all
from node.settings import SCRAPER_WORDS, scraper_token


class IssuerView:
    """What an issuer node tells its people."""

    def __init__(self, parts: Parts) -> None:
        self._stores = parts.stores

    def issued(self) -> list[Issued]:
        with self._stores.uow.read() as tx:
            return list(self._stores.identity.issued(tx))

    def applications(self) -> list[Application]:
        with self._stores.uow.read() as tx:
            return list(self._stores.identity.applications(tx))


class Proofs:
    """What a running node can verify."""

    def __init__(self, node: HansaNode) -> None:
        self._node = node
        parts = node.parts
        self._prove = ProveAgreement(
            uow=parts.stores.uow,
            agreements=parts.stores.agreements,
            notes=parts.stores.meta,
            peers=node.people.peers,
            get=self._get,
            verify_jws=verify_signature,
            clock=parts.clock,
            me=parts.me,
            allow_loopback=parts.settings.allow_loopback,
        )
        self._export = ExportAgreement(
            uow=parts.stores.uow,
            agreements=parts.stores.agreements,
            negotiations=parts.stores.negotiations,
            records=parts.stores.records,
            ledger=parts.stores.ledger,
            notes=parts.stores.meta,
            keyring=parts.keyring,
            own_document=lambda: node.people.document.raw,
            evidence=self._prove.evidence,
            clock=parts.clock,
            me=parts.me,
        )

    async def own_ledger(self) -> list[dict[str, Any]]:
        """Everything hashed again and compared with what was signed."""
        return await run_sync(lambda: ledger_checks(self._node.parts))

    async def agreement(self, agreement_id: str) -> list[dict[str, Any]]:
        """The agreement's checks, here and at the other party."""
        return [check.to_json() for check in await self._prove.prove(agreement_id)]

    async def export(self, agreement_id: str) -> bytes:
        """The agreement with all its evidence, as one file."""
        return await self._export.export(agreement_id)

    async def _get(self, url: str, did: str) -> bytes:
        answer = await self._node.parts.egress.request(
            "GET",
            url,
            headers={"Authorization": f"Bearer {self._node.people.tokens.bearer(did)}"},
            lane=Lane.MESSAGES,
        )
        if answer.status == 404:
            raise NotFound("the other party does not show it")
        if not answer.ok:
            raise PeerUnreachable(f"the other party answers {answer.status}")
        return answer.body


def ledger_checks(parts: Parts) -> list[dict[str, Any]]:
    """Hash the ledger of an opened node again."""
    return checks_of(parts.stores, parts.log_keys)


def checks_of(stores: Stores, keys: Sequence[LogKey]) -> list[dict[str, Any]]:
    """Hash a ledger again; one check for the whole, or one for each discrepancy."""
    with stores.uow.read() as tx:
        size = stores.ledger.size(tx)
    found = verify_all(stores.uow, stores.ledger, keys)
    if not found:
        return [{"what": "the ledger is as it was signed", "sound": True, "detail": f"{size} entries"}]
    return [
        {
            "what": f"entry {one.position}: {one.trouble}",
            "sound": False,
            "detail": one.message + (f" ({one.entry})" if one.entry else ""),
        }
        for one in found
    ]


async def node_facts(node: HansaNode) -> dict[str, Any]:
    """Who this node is and how it stands."""
    parts = node.parts
    stores = parts.stores

    def read() -> tuple[int, dict[str, int], int]:
        with stores.uow.read() as tx:
            return stores.ledger.size(tx), stores.records.count(tx), stores.outbox.waiting(tx)

    size, kinds, waiting = await run_sync(read)
    return {
        "did": parts.me,
        "name": parts.settings.name,
        "url": parts.base,
        "version": __version__,
        "epoch": node.node.epoch,
        "store": "sqlite" if parts.settings.embedded else "postgresql",
        "ledger": size,
        "records": kinds,
        "waiting": waiting,
        "views": node.following.positions,
        "region": node.people.allegiance.region or None,
        "rulebook": await run_sync(node.rulebook),
        "issuer": parts.settings.issuer,
        "wrong": node.health(),
        "limited": node.limited(),
    }


async def readiness(node: HansaNode) -> dict[str, str]:
    """What keeps the node from being ready, by name."""
    stores = node.parts.stores

    def size() -> int:
        with stores.uow.read() as tx:
            return stores.ledger.size(tx)

    try:
        async with asyncio.timeout(2):
            numbered = await run_sync(size)
    except (TimeoutError, HansaError) as error:
        return {"database": f"{type(error).__name__}"}
    behind = {name: numbered - at for name, at in node.following.positions.items() if numbered - at > 1000}
    return {f"view {name}": f"{count} entries behind" for name, count in behind.items()}


def admit_scraper(node: HansaNode) -> Callable[[Request], Awaitable[None]]:
    """Who may read the metrics: whoever brings the token of the settings (``metrics_token`` or the first line of
    ``metrics_token_file``), and people with the role operator or auditor.

    Raises ``InvalidInput`` where the file cannot be read: a monitor that is locked out is noticed late.
    """
    settings = node.parts.settings
    token = settings.metrics_token
    if settings.metrics_token_file is not None:
        token = _first_line(settings.metrics_token_file)
    wanted = f"Bearer {token}".encode() if token else b""

    async def admit(request: Request) -> None:
        brought = request.headers.getlist("authorization")
        if wanted and len(brought) == 1 and hmac.compare_digest(brought[0].encode("latin-1"), wanted):
            return
        await node.callers.person(request, UserRole.OPERATOR, UserRole.AUDITOR)

    return admit


def _first_line(path: Path) -> str:
    try:
        token = path.read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"metrics_token_file {path} cannot be read: {error}") from error
    if not scraper_token(token):
        raise InvalidInput(
            f"metrics_token_file {path} holds no such text: {SCRAPER_WORDS}",
            remedy="openssl rand -hex 32 makes one",
        )
    return token


async def gauges(node: HansaNode) -> dict[str, tuple[str, float]]:
    """Metrics: the state of queue, ledger and views."""
    stores = node.parts.stores

    def read() -> tuple[int, int, int]:
        with stores.uow.read() as tx:
            return stores.ledger.size(tx), stores.outbox.waiting(tx), stores.outbox.given_up(tx)

    size, waiting, dead = await run_sync(read)
    found = {
        "ledger_entries": ("Numbered entries of the ledger.", float(size)),
        "outbox_waiting": ("Tasks that wait or run.", float(waiting)),
        "outbox_dead": ("Dead letters.", float(dead)),
        "outbox_running": ("Tasks that run.", float(node.worker.busy)),
        "healthy": ("1 where nothing is wrong.", 0.0 if node.health() else 1.0),
    }
    for name, at in node.following.positions.items():
        found[f"view_{name}_behind"] = (f"Entries that the {name} view has not taken.", float(max(size - at, 0)))
    return found


class ToRegion:
    """Requests to the region, as this node."""

    def __init__(self, node: HansaNode) -> None:
        self._node = node

    async def __call__(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        region = self._node.people.allegiance.region
        if not region:
            raise InvalidInput("this node belongs to no region", remedy="join one: hansa join https://…")
        base = base_url(region, allow_loopback_http=self._node.parts.settings.allow_loopback)
        answer = await self._node.parts.egress.request(
            method,
            base + path,
            headers={**headers, "Authorization": f"Bearer {self._node.people.tokens.bearer(region)}"},
            body=body or None,
            lane=Lane.MESSAGES,
            max_bytes=20 << 20,
        )
        return answer.status, answer.headers.get("Content-Type", "application/json"), answer.body
