"""Names of places in a stream, for readers who go on later."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from node.base.errors import HansaError, InvalidInput
from node.policy.portion import Portion

_MARK: Final = b"stream:"
_LONGEST: Final = 500


class Cursors:
    """Cursors are the numbers of observations. For a reader who gets some rows only they are sealed: the numbers that
    are left out would tell how many observations there are."""

    def __init__(self, *, seal: Callable[[bytes], bytes], unseal: Callable[[bytes], bytes]) -> None:
        """``unseal`` raises a ``HansaError`` for bytes that were not sealed here."""
        self._seal = seal
        self._unseal = unseal

    def text(self, number: int, portion: Portion) -> str:
        """Return the cursor after the observation of this number."""
        if not portion.rows:
            return str(number)
        return base64.urlsafe_b64encode(self._seal(_MARK + str(number).encode())).decode().rstrip("=")

    def number(self, text: str, portion: Portion) -> int:
        """Return the number that a cursor stands for. Raises ``InvalidInput``."""
        plain = self._plain_text(text) if portion.rows and len(text) <= _LONGEST else text
        if plain is None or not (plain.isascii() and plain.isdigit() and len(plain) < 19):
            raise InvalidInput("this is no place in the stream", remedy="give the cursor or the id of an event")
        return int(plain)

    def _plain_text(self, text: str) -> str | None:
        try:
            plain = self._unseal(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (HansaError, ValueError, binascii.Error):
            return None
        return plain.removeprefix(_MARK).decode("ascii", "replace") if plain.startswith(_MARK) else None
