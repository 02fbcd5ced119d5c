"""The node's own keys, as their page lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from node.base.plaintext import word
from node.identity.model import Caller
from node.identity.periods import KnownKey
from node.identity.roles import UseCase, allowed
from node.identity.rotation import ChangeKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKeys:
    """All keys, those in use first. ``revoking`` has the command that revokes a key, by its id; for a reader who may
    not change keys it is empty, and ``may_change`` is false."""

    keys: Sequence[KnownKey]
    may_change: bool
    revoking: Mapping[str, str]

    @property
    def earlier(self) -> list[KnownKey]:
        """Return the keys that were replaced or revoked."""
        return [key for key in self.keys if key.state != "in use"]


def listed_keys(keys: Sequence[KnownKey], caller: Caller) -> ListedKeys:
    """Return ``keys`` as ``caller`` sees them."""
    may_change = allowed(caller, UseCase.CHANGE_KEYS)
    commands = {key.id: f'hansa keys revoke {word(key.id)} --as-of now --reason "…"' for key in keys}
    return ListedKeys(keys=keys, may_change=may_change, revoking=commands if may_change else {})


class NodeKeys:
    """The keys of this node; every caller here is a person of this node, and may therefore read them."""

    def __init__(self, change: ChangeKeys) -> None:
        self._change = change

    async def all_keys(self, caller: Caller) -> ListedKeys:
        """Return all keys."""
        return listed_keys(await run_sync(self._change.all), caller)
