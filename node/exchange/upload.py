"""Files that people send to this node, before they describe them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from node.base.errors import TooLarge
from node.exchange.names import safe_name
from node.exchange.ports import AssetStore, StoredBytes
from node.identity.model import Caller
from node.identity.roles import UseCase, require


class Upload:
    """Accepts files of at most ``limit`` bytes each."""

    def __init__(self, assets: AssetStore, limit: int) -> None:
        self._assets = assets
        self._limit = limit

    async def __call__(
        self,
        name: str,
        chunks: AsyncIterator[bytes],
        by: Caller,
        *,
        size: int | None = None,
        trial: bool = False,
    ) -> tuple[str, StoredBytes]:
        """Store the bytes of ``chunks``. Nothing of them is read before ``by`` has been authorised.

        ``size`` is the stated length, if there is one. With ``trial`` the file is deleted after a day, unless it is
        published or sent again without. Return the name that the file may have, and the stored bytes'
        hash and size. Raises ``NotAllowed``, ``InvalidInput`` for an unusable name, ``TooLarge``.
        """
        require(by, UseCase.PUBLISH)
        fit = safe_name(name)
        if size is not None and size > self._limit:
            raise TooLarge(
                f"this node accepts files of at most {self._limit} bytes", remedy="split the data into several files"
            )
        return fit, await self._assets.take_in(chunks, limit=self._limit, trial=trial)
