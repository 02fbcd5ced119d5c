"""Drafts in a local folder: for each its bytes in ``ID.data``, and everything else in ``ID.json``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from node.base.disk import sync_folder
from node.base.errors import NotFound
from node.catalogue.drafts.model import Answers, DatasetDraft
from node.exchange.intake import fill
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.resumable import too_large
from node.exchange.spool import PartFile, disk_fault

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FolderDrafts:
    """``DraftStore`` over a folder, which is made for the first draft."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def take_in(self, draft_id: str, chunks: AsyncIterator[bytes], *, limit: int) -> tuple[str, int]:
        try:
            await off_loop(self._make_folder)
            part = await open_off_loop(PartFile, PartFile.close, self._place(draft_id, "data"))
            try:
                return await _fill(part, chunks, limit)
            except BaseException:
                await off_loop(part.path.unlink, missing_ok=True)
                raise
            finally:
                await off_loop(part.close)
        except OSError as error:
            raise disk_fault("the file could not be stored", error) from error

    def path(self, draft_id: str) -> Path:
        path = self._place(draft_id, "data")
        if not path.is_file():
            raise NotFound("this draft does not exist")
        return path

    def save(self, draft: DatasetDraft) -> None:
        self._write(self._place(draft.id, "json"), draft.to_json())

    def draft(self, draft_id: str) -> DatasetDraft | None:
        try:
            text = self._place(draft_id, "json").read_text("utf-8")
        except (FileNotFoundError, NotFound):
            return None
        return DatasetDraft.from_json(json.loads(text))

    def drafts(self) -> Sequence[DatasetDraft]:
        names = [path.stem for path in self._root.glob("*.json")] if self._root.is_dir() else []
        drafts = [self.draft(name) for name in names if _ID.fullmatch(name)]
        return [draft for draft in drafts if draft is not None]

    def remove(self, draft_id: str) -> None:
        # The draft first: bytes without a draft are removed later, a draft without bytes could not be published.
        for ending in ("json", "data"):
            self._place(draft_id, ending).unlink(missing_ok=True)

    def remember(self, account: str, answers: Answers) -> None:
        self._write(self._last(account), dict(answers))

    def recall(self, account: str) -> Answers:
        try:
            answers: Answers = json.loads(self._last(account).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return answers

    def remove_rest(self, before: float) -> int:
        rest = [
            path
            for path in (self._root.iterdir() if self._root.is_dir() else ())
            if path.suffix in (".data", ".new") and not path.with_name(f"{path.name.partition('.')[0]}.json").exists()
        ]
        old = [path for path in rest if path.lstat().st_mtime < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _write(self, target: Path, members: Mapping[str, Any]) -> None:
        fresh = target.with_suffix(f".{threading.get_native_id()}.new")
        try:
            self._make_folder()
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                json.dump(members, file, ensure_ascii=False)
                file.flush()
                # After a power cut the name must not stand for an empty file.
                os.fsync(file.fileno())
            fresh.replace(target)
            sync_folder(self._root)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise disk_fault("the draft could not be saved", error) from error

    def _last(self, account: str) -> Path:
        return self._root / f"{hashlib.sha256(account.encode()).hexdigest()[:32]}.last"

    def _make_folder(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _place(self, draft_id: str, ending: str) -> Path:
        if not _ID.fullmatch(draft_id):
            raise NotFound("this draft does not exist")
        return self._root / f"{draft_id}.{ending}"


async def _fill(part: PartFile, chunks: AsyncIterator[bytes], limit: int) -> tuple[str, int]:
    sha256 = await fill(part, chunks, limit=limit, too_large=too_large(limit))
    await off_loop(part.sync)
    return sha256, part.size
