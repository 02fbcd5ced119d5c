"""Drafts of descriptions, from what data files say about themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from node.base.clock import Clock
from node.base.errors import InvalidInput, Overloaded, TooLarge
from node.cage.model import has_full_queue
from node.catalogue.drafts.answers import first_answers
from node.catalogue.drafts.model import DatasetDraft, DraftStore
from node.identity.model import Caller
from node.semantics.codelists.filetypes import MEDIA_TYPE_OF, file_type
from node.semantics.model import File
from node.semantics.profiles.model import Profile

Profiled = Callable[[Path, str], Awaitable[Profile]]
"""Profiles the file at a path, which people call by a name (``node.semantics.profiles.cage_client.profile``)."""


class DraftOfFile:
    """Makes drafts from files."""

    def __init__(self, store: DraftStore, profile_of: Profiled, clock: Clock) -> None:
        self._store = store
        self._profile_of = profile_of
        self._clock = clock

    async def __call__(self, draft_id: str, name: str, sha256: str, size: int, by: Caller) -> DatasetDraft:
        """Return the draft of ``by`` whose bytes are in the store. Raises ``Overloaded`` if many files are being
        profiled; a file that cannot be profiled makes a draft without columns."""
        profile, unread = None, ""
        try:
            profile = await self._profile_of(await asyncio.to_thread(self._store.path, draft_id), name)
        except (InvalidInput, TooLarge) as error:
            unread = error.detail
        except Overloaded as error:
            if has_full_queue(error):
                raise  # In a moment the file can be profiled: without that, nobody asks about personal data.
            unread = error.detail
        code = file_type(name)
        media_type = MEDIA_TYPE_OF.get(code.code, "") if code else ""
        file = File(name=name, media_type=media_type or "application/octet-stream", size=size, sha256=sha256)
        draft = DatasetDraft(
            id=draft_id,
            account=str(by.account),
            at=self._clock.now(),
            file=file,
            profile=profile,
            unread=unread,
        )
        last = await asyncio.to_thread(self._store.recall, draft.account)
        return replace(draft, answers=first_answers(draft, last))
