"""From the path of a data file to its profile: the interface of this package. All reading happens in the cage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.cage.model import AsyncCage, Limits, SyncCage, remedy_against_limits
from node.semantics.profiles.model import Profile

TARGET: Final = "profiles.profile"

LIMITS: Final = Limits(memory=1536 << 20, cpu=60, wall=60.0, answer=8 << 20)
"""The limits of one profile. A table of 100 MB takes a second or two, and 150 MB of memory."""

REMEDY: Final = "draft from a part of the file, or describe it by hand: hansa publish FILE writes a short draft"

OWN_GROUP: Final = "/proc/self/cgroup"
"""DuckDB reads here how much memory its process may have, and does not start if it may not."""


class StoredProfiles:
    """The files of this node, for profiling. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(self, sha256: str, name: str) -> Profile:
        """Return the profile of the stored file. Raises what ``profile`` raises."""
        return await profile(self._cage, await asyncio.to_thread(self._place, sha256), name)


async def profile(cage: AsyncCage, path: Path, name: str) -> Profile:
    """Return the profile of the file at ``path``, which people call ``name``.

    Raises ``InvalidInput`` for a damaged file and for one in an unknown format, with the formats that are known, and
    ``Overloaded`` for a file that needs more memory or time than one request may have.
    """
    order = _order(path, name)
    with remedy_against_limits(REMEDY):
        answer, _ = await cage.call(TARGET, order, limits=LIMITS, readable=[order["path"], OWN_GROUP])
    return Profile.from_json(answer)


def profile_sync(cage: SyncCage, path: Path, name: str) -> Profile:
    """``profile`` for callers without an event loop."""
    order = _order(path, name)
    with remedy_against_limits(REMEDY):
        answer, _ = cage.call_sync(TARGET, order, limits=LIMITS, readable=[order["path"], OWN_GROUP])
    return Profile.from_json(answer)


def _order(path: Path, name: str) -> dict[str, str]:
    return {"path": str(path.resolve()), "name": name}
