"""Names of places in a stream, for readers who go on later."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from node.base.errors import HansaError, InvalidInput
from node.policy.portion import Portion

_MARK: Final = b"stream:"
_SUBJECT_MARK: Final = b"subject:"
_LONGEST: Final = 2000


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
        return self._sealed_text(_MARK, str(number))

    def number(self, text: str, portion: Portion) -> int:
        """Return the number that a cursor stands for. Raises ``InvalidInput``."""
        plain = self._plain_text(_MARK, text) if portion.rows else text
        if plain is None or not (plain.isascii() and plain.isdigit() and len(plain) < 19):
            raise InvalidInput("this is no place in the stream", remedy="give the cursor or the id of an event")
        return int(plain)

    def subject_text(self, subject: str) -> str:
        """Return the cursor after a subject that the reader may not see."""
        return self._sealed_text(_SUBJECT_MARK, subject)

    def subject(self, text: str) -> str:
        """Return the subject that such a cursor stands for. Raises ``InvalidInput``: by subjects of its own choice, a
        reader would find out those that it may not see."""
        subject = self._plain_text(_SUBJECT_MARK, text)
        if subject is None:
            raise InvalidInput("this is no place in the list", remedy="follow next, or leave out subject")
        return subject

    def _sealed_text(self, mark: bytes, plain: str) -> str:
        return base64.urlsafe_b64encode(self._seal(mark + plain.encode())).decode().rstrip("=")

    def _plain_text(self, mark: bytes, text: str) -> str | None:
        if len(text) > _LONGEST:
            return None
        try:
            plain = self._unseal(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (HansaError, ValueError, binascii.Error):
            return None
        return plain.removeprefix(mark).decode("utf-8", "replace") if plain.startswith(mark) else None
