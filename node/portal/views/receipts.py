"""Data that this node received under agreements, as its pages show them: progress, verification, and the file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anyio.to_thread import run_sync

from node.base.errors import NotFound
from node.dialogue.process import Role
from node.exchange.manifest import Manifest, read_kept
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.portal.views.processes import Conversation, Processes
from node.semantics.conversions import Wish
from node.semantics.model import BBox
from node.semantics.profiles.features_client import MOST, FeatureSet, StoredFeatures
from node.semantics.profiles.rows_client import RowQuery, StoredTables, TableRows
from node.semantics.profiles.scenes_client import HEAD, ObjectScene, StoredScenes, is_scene, may_be_scene
from node.semantics.profiles.scenes_client import MOST as MOST_OBJECTS
from node.transfer import machine
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.model import Due
from node.transfer.model import Reception, Transfer
from node.transfer.overview import Overview
from node.transfer.requests import TransferRequests

LISTED: Final = 20
"""The number of transfers on a page of the list."""
MOST_PAGES: Final = 500

_Terms = dict[str, tuple[Agreement, Due | None]]

_LIVE: Final = frozenset({"requested", "paused", "receiving", "verifying"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedData:
    """A transfer to this node. ``manifest`` has the statements that the provider signed about the bytes, if it sent
    them; ``is_here`` is whether the file is still here; ``deletion`` is what the agreement demands about it."""

    conversation: Conversation
    agreement: Agreement
    manifest: Manifest | None = None
    deletion: Due | None = None
    is_here: bool = False

    @property
    def reception(self) -> Reception | None:
        return self.conversation.reception

    @property
    def state(self) -> str:
        """Return ``requested``, ``paused``, ``receiving``, ``verifying``, ``done`` (received and verified),
        ``unsigned`` (received, and nothing to verify it with), ``deleted`` or ``failed``."""
        reception, transfer = self.reception, self.conversation.process
        if reception is not None and reception.state == "done":
            return "deleted" if not self.is_here else "unsigned" if self.manifest is None else "done"
        if transfer.state in machine.TABLE.terminal or (reception is not None and reception.state == "failed"):
            return "failed"
        if transfer.state == machine.SUSPENDED:
            return "paused"
        return reception.state if reception is not None else "requested"

    @property
    def has_file(self) -> bool:
        """Return whether the received file can be downloaded."""
        return self.state in ("done", "unsigned")

    @property
    def is_live(self) -> bool:
        """Return whether it may change by itself."""
        return self.state in _LIVE


class DataReceipts:
    """The data that this node received, and the way to more."""

    def __init__(
        self,
        overview: Overview,
        processes: Processes,
        requests: TransferRequests,
        duties: DeletionDuties,
        *,
        folder: Path,
        tables: StoredTables,
        features: StoredFeatures,
        scenes: StoredScenes,
    ) -> None:
        """``folder`` is that of received files; ``tables`` reads those of them that are tables, ``features`` those
        with places, ``scenes`` those with objects in three dimensions."""
        self._overview = overview
        self._processes = processes
        self._requests = requests
        self._duties = duties
        self._folder = folder
        self._tables = tables
        self._features = features
        self._scenes = scenes
        self._beginning = threading.Lock()

    async def begin(
        self,
        agreement_id: str,
        by: Caller,
        *,
        file: str | None = None,
        version: int | None = None,
        wish: Wish | None = None,
    ) -> Transfer:
        """Request the data under an agreement; return the transfer that is under way if there is one. ``version`` is
        the number of an earlier version of the asset, ``wish`` the format that the file is converted to.

        Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` for an agreement that is not in force.
        """
        self._requests.require_role(by)
        return await run_sync(self._begin, agreement_id, by, file, version, wish)

    def _begin(
        self, agreement_id: str, by: Caller, file: str | None, version: int | None, wish: Wish | None
    ) -> Transfer:
        # A second click is the same request, also at the same moment.
        with self._beginning:
            agreement = self._overview.agreement(agreement_id)
            for transfer, reception in self._overview.transfers_under(agreement, ended=False):
                ends = reception is not None and reception.state in ("done", "failed")
                content = (file, version, wish.text if wish is not None else None)
                is_same = (transfer.file, transfer.asset_version, transfer.wish) == content
                if transfer.role is Role.CONSUMER and is_same and not ends:
                    return transfer
            return self._requests.request(agreement_id, by, file=file, version=version, wish=wish)

    async def page(self, by: Caller, number: int = 1) -> tuple[Sequence[ReceivedData], bool]:
        """Return a page of what was received or is under way, newest first, and whether there are more pages. Raises
        ``NotAllowed``."""
        return await run_sync(self._page, by, min(max(number, 1), MOST_PAGES))

    def _page(self, by: Caller, number: int) -> tuple[Sequence[ReceivedData], bool]:
        receptions = self._overview.newest_receptions(by, LISTED + 1, offset=(number - 1) * LISTED)
        terms: _Terms = {}
        items = [self._read(self._processes.summary(*received), terms) for received in receptions[:LISTED]]
        return items, len(receptions) > LISTED and number < MOST_PAGES

    async def get(self, pid: str) -> ReceivedData:
        """Return a transfer to this node. Raises ``NotFound``."""
        conversation = await self._processes.get(pid)
        return await run_sync(self._read, conversation, {})

    async def file(self, pid: str, by: Caller) -> tuple[Path, Reception]:
        """Return the received file and its reception. Raises ``NotAllowed``, and ``NotFound`` if it is not here."""
        reception = await run_sync(self._overview.received_bytes, pid, by)
        path = self._folder / str(reception.path)
        if not await run_sync(path.is_file):
            raise NotFound("the received file was deleted", remedy="get the asset again")
        return path, reception

    async def rows(self, pid: str, by: Caller, query: RowQuery) -> TableRows:
        """Return rows of a received table. Raises the errors of ``file`` and of reading a table."""
        path, reception = await self.file(pid, by)
        return await self._tables.read(path, reception.name, query)

    async def features(self, pid: str, by: Caller, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        """Return features of a received file for a map. Raises the errors of ``file`` and of reading features."""
        path, reception = await self.file(pid, by)
        return await self._features.read(path, reception.name, box, most=most)

    async def scene(self, pid: str, by: Caller, *, most: int = MOST_OBJECTS) -> ObjectScene:
        """Return objects of a received file. Raises the errors of ``file`` and of reading a scene."""
        path, reception = await self.file(pid, by)
        return await self._scenes.read(path, reception.name, most=most)

    async def scene_tile(self, pid: str, by: Caller, member: str) -> bytes:
        """Return a tile of a received set of tiles. Raises the errors of ``file`` and of reading it."""
        path, reception = await self.file(pid, by)
        return await self._scenes.tile(path, reception.name, member)

    async def has_scene(self, item: ReceivedData) -> bool:
        """Return whether a received file that is here has a view in 3D."""
        reception = item.reception
        if reception is None or not item.has_file or not may_be_scene(reception.name, ""):
            return False
        path = self._folder / str(reception.path)
        return is_scene(reception.name, "", await run_sync(_head, path))

    def _read(self, conversation: Conversation, terms: _Terms) -> ReceivedData:
        """Return the data of a transfer. ``terms`` are those that were read already, by agreement."""
        transfer, reception = conversation.process, conversation.reception
        if not isinstance(transfer, Transfer) or transfer.role is not Role.CONSUMER:
            raise NotFound(
                "there is no such transfer to this node", remedy="for all transfers, see hansa transfer list"
            )
        if transfer.agreement not in terms:
            agreement = self._overview.agreement(transfer.agreement)
            terms[agreement.id] = agreement, self._duties.of(agreement)
        agreement, deletion = terms[transfer.agreement]
        done = reception is not None and reception.state == "done" and reception.path is not None
        return ReceivedData(
            conversation=conversation,
            agreement=agreement,
            manifest=read_kept(reception.manifest) if reception and reception.manifest else None,
            deletion=deletion,
            is_here=bool(done and reception and (self._folder / str(reception.path)).is_file()),
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
