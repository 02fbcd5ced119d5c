"""Read the rows of a JSON file one after the other, with flat memory: the items of an array, the properties of the
features of a GeoJSON collection; any other object is one row by itself."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json

MOST: Final = 16 << 20
"""Characters of one value that are read at once: a row, or a member beside the rows."""
_PIECE: Final = 1 << 18
_BLANK: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()


def is_collection(file: BinaryIO) -> bool:
    """Return whether a file is a GeoJSON collection, by the members at its top."""
    file.seek(0)
    reader = _Reader(file)
    if reader.peek() != "{":
        return False
    members: dict[str, Any] = {}
    for name in reader.members():
        if name == "features":
            return members.get("type", "FeatureCollection") == "FeatureCollection" and reader.peek() == "["
        members[name] = reader.value()
    return False


def rows(file: BinaryIO) -> Iterator[Any]:
    """Yield the rows of ``file`` from its beginning. Raises ``InvalidInput`` if it cannot be read."""
    features = is_collection(file)
    file.seek(0)
    reader = _Reader(file)
    if features:
        for name in reader.members():
            if name != "features":
                reader.value()
                continue
            for feature in reader.items():
                yield feature.get("properties") or {} if isinstance(feature, dict) else feature
    elif reader.peek() == "[":
        yield from reader.items()
    else:
        yield reader.value()
    if reader.peek():
        raise InvalidInput(
            "there is more text after the end of the JSON", remedy="remove that text, or write one list of all rows"
        )


class _Reader:
    """Reads a text from its beginning to its end, only as far as necessary."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character that is not blank; nothing at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def value(self) -> Any:
        """Return the next value, read strictly. Raises ``InvalidInput`` if it is not a value or is larger than
        ``MOST``."""
        self.peek()
        size = _PIECE
        while True:
            while len(self._text) - self._at < size and self._more():
                pass
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended or isinstance(error, RecursionError):
                    raise InvalidInput(
                        f"it cannot be read as JSON: {error}",
                        remedy="correct the file, and check it with a JSON parser",
                    ) from error
            else:
                # A number may continue in the part that has not been read yet.
                if end < len(self._text) or self._ended:
                    value = read_json(self._text[self._at : end])
                    self._at = end
                    return value
            size *= 4
            if size > MOST:
                raise InvalidInput(f"a value in it has more than {MOST} characters", remedy="shorten the value")

    def items(self) -> Iterator[Any]:
        """Yield the items of the array that begins here."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Yield the names of the members of the object that begins here; read each value before the next name."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise InvalidInput(
                    "it cannot be read as JSON: a name is not a string", remedy="write names in double quotes"
                )
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def _take(self, characters: str) -> str:
        character = self.peek()
        if not character or character not in characters:
            raise InvalidInput(
                f"it cannot be read as JSON: {characters[-1]} is missing",
                remedy="save the file as JSON again, to its end",
            )
        self._at += 1
        return character

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._file.read(_PIECE)
        self._ended = not piece
        try:
            text = self._decode.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise InvalidInput("it is not in UTF-8", remedy="save the file as UTF-8") from error
        self._text = self._text[self._at :] + text
        self._at = 0
        return bool(text) or not self._ended
