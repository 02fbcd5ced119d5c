"""Received data of a node in memory, in every state that a page shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final
from weakref import finalize

from node.base.errors import Conflict, NotFound
from node.dialogue.process import Role
from node.exchange.manifest import Manifest, Seal
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.portal.views.processes import Conversation
from node.portal.views.receipts import ReceivedData
from node.semantics.conversions import Wish
from node.semantics.model import BBox
from node.semantics.profiles.features_client import MOST, FeatureSet
from node.semantics.profiles.rows_client import RowQuery, TableColumn, TableRows
from node.semantics.profiles.scenes_client import MOST as MOST_OBJECTS
from node.semantics.profiles.scenes_client import ObjectScene
from node.transfer.deletion.model import Due
from node.transfer.model import Reception, Transfer
from tests.fakes.portal.content import GENT, PLZEN, SEGMENTS, offer_of, say
from tests.fakes.portal.maps import feature_set
from tests.fakes.portal.scenes import scene_of, town

DONE: Final = "urn:uuid:0192f3a0-5555-7a55-9d7c-3b1f0a6e2c01"
LIVE: Final = "urn:uuid:0192f3a0-5555-7a55-9d7c-3b1f0a6e2c02"
FAILED: Final = "urn:uuid:0192f3a0-5555-7a55-9d7c-3b1f0a6e2c03"
DELETED: Final = "urn:uuid:0192f3a0-5555-7a55-9d7c-3b1f0a6e2c04"
UNSIGNED: Final = "urn:uuid:0192f3a0-5555-7a55-9d7c-3b1f0a6e2c05"
CONTENT: Final = b"segment,vehicles\n1,200\n"


class FakeReceipts:
    """``DataReceipts`` in a dictionary."""

    def __init__(self, now: datetime, *, text: str = "") -> None:
        """``text`` stands where others may write."""
        self._now, self._text = now, text
        self._folder = Path(mkdtemp())
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self.items = {
            DONE: self._item(DONE, "done", received=48_000_000),
            LIVE: replace(self._item(LIVE, "receiving", received=12_300_000), manifest=None),
            FAILED: replace(self._item(FAILED, "failed", process="TERMINATED"), manifest=None, is_here=False),
            DELETED: replace(self._item(DELETED, "done", received=48_000_000), is_here=False),
            UNSIGNED: replace(self._item(UNSIGNED, "done", received=9_000), manifest=None, deletion=None),
        }

    def _item(self, pid: str, state: str, *, process: str = "STARTED", received: int = 0) -> ReceivedData:
        dataset = "http://127.0.0.1:8102/datasets/receptors"
        name = self._text or "receptors.csv"
        transfer = Transfer(
            pid=pid,
            role=Role.CONSUMER,
            peer=PLZEN,
            peer_pid="urn:uuid:1",
            peer_address="http://127.0.0.1:8102/dsp",
            version="2025-1",
            state=process,
            created=self._now,
            updated=self._now,
            agreement="https://plzen.example/agreements/7",
            dataset=dataset,
            format="HttpData-PULL",
            reason=[self._text or "the agreement has ended"] if process == "TERMINATED" else [],
        )
        reception = Reception(
            transfer=pid,
            state=state,
            name=name,
            media_type="text/html",
            sealed=True,
            expected=48_000_000,
            received=received,
            at=self._now - timedelta(minutes=4),
            error=self._text or None,
            path="x",
        )
        agreement = Agreement(
            id=transfer.agreement,
            negotiation="urn:uuid:2",
            dataset=dataset,
            provider=PLZEN,
            consumer=GENT,
            role="consumer",
            body={**(offer_of(dataset, "mobility") or {}), "@type": "Agreement", "@id": transfer.agreement},
            sha256="0" * 64,
            signatures={},
            at=self._now,
            finalized=self._now,
        )
        manifest = Manifest(
            transfer="urn:uuid:1",
            agreement=agreement.id,
            asset=dataset,
            version=3,
            name=name,
            media_type="text/csv",
            size=47_998_011,
            sha256="4f1c2b7d9e6a5c3b1d0f8e7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c",
            sealed=Seal(recipient="age1x", size=48_000_000),
            provider=PLZEN,
            consumer=GENT,
            issued=self._now - timedelta(minutes=5),
            record_sha256="0" * 64,
        )
        due = Due(
            agreement=agreement.id,
            dataset=dataset,
            peer=PLZEN,
            role="consumer",
            within="P30D",
            received=self._now,
            due=self._now + timedelta(days=30),
            overdue=False,
            confirmation=None,
        )
        titles = say(en=self._text or "Noise receptors", cs=self._text or "Místa příjmu hluku")
        conversation = Conversation(
            process=transfer, peer_name=self._text or "Plzeň", titles=titles, reception=reception
        )
        return ReceivedData(
            conversation=conversation, agreement=agreement, manifest=manifest, deletion=due, is_here=True
        )

    async def begin(
        self,
        agreement_id: str,
        by: Caller,
        *,
        file: str | None = None,
        version: int | None = None,
        wish: Wish | None = None,
    ) -> Transfer:
        require(by, UseCase.RECEIVE)
        if agreement_id != "https://plzen.example/agreements/7":
            raise Conflict("the agreement is not in force", remedy="x", facts={"case": "agreement-ended"})
        transfer = self.items[LIVE].conversation.process
        assert isinstance(transfer, Transfer)
        return transfer

    async def page(self, by: Caller, number: int = 1) -> tuple[Sequence[ReceivedData], bool]:
        require(by, UseCase.READ_RECEIVED)
        items = list(self.items.values())
        return items[(number - 1) * 20 : number * 20], len(items) > number * 20

    async def get(self, pid: str) -> ReceivedData:
        if pid not in self.items:
            raise NotFound
        return self.items[pid]

    async def file(self, pid: str, by: Caller) -> tuple[Path, Reception]:
        require(by, UseCase.READ_RECEIVED)
        item = await self.get(pid)
        if item.reception is None or not item.is_here or item.state != "done":
            raise NotFound
        path = self._folder / "content"
        path.write_bytes(CONTENT)
        return path, item.reception

    async def features(self, pid: str, by: Caller, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        await self.file(pid, by)
        return feature_set(SEGMENTS, most)

    async def scene(self, pid: str, by: Caller, *, most: int = MOST_OBJECTS) -> ObjectScene:
        await self.file(pid, by)
        return scene_of(json.dumps(town()).encode(), most=most)

    async def scene_tile(self, pid: str, by: Caller, member: str) -> bytes:
        await self.file(pid, by)
        raise NotFound

    async def has_scene(self, item: ReceivedData) -> bool:
        return item.has_file

    async def rows(self, pid: str, by: Caller, query: RowQuery) -> TableRows:
        path, _ = await self.file(pid, by)
        header, *lines = (line.split(",") for line in path.read_text("utf-8").splitlines())
        columns = tuple(TableColumn(name=self._text or name, numeric=True) for name in header)
        groups = ((self._text or "1", 1.0),) if query.count else ()
        return TableRows(columns=columns, rows=tuple(map(tuple, lines)), total=len(lines), groups=groups)
