"""Features in GML as they come from a WFS, checked one by one and written anew, in bounded memory.

Only features of the one layer pass. Of each, columns that the reader may not have are left out, and features outside
its part are. Addresses of the source stay here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.parsers import expat

from node.adapters.datasources.ogc.exceptions import complaint
from node.adapters.datasources.ogc.keywords import shows_its_host
from node.adapters.datasources.ogc.selection import FeatureSelection, Reach
from node.adapters.datasources.ogc.xml import MOST_DEPTH, escape, strict_parser, unusable
from node.base.errors import TooLarge
from node.datasources.errors import DataSourceUnreachable

_MEMBERS: Final = frozenset({"member", "featureMember", "featureMembers"})
_REPORTS: Final = frozenset({"ExceptionReport", "ServiceExceptionReport"})
_COUNTS: Final = ("numberMatched", "numberReturned")
_LINKS: Final = ("next", "previous")
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_MOST_TEXT: Final = 64 * 1024
_MOST_FEATURE: Final = 16 << 20
_MOST_PART: Final = 16 << 20
_MOST_SILENCE: Final = 16 << 20
"""Bytes without an element or a text: a parser keeps them all."""


class MemberStream:
    """One answer with features. Feed it the bytes of the source, and send what it returns."""

    def __init__(
        self,
        selection: FeatureSelection,
        *,
        namespace: str,
        local: str,
        locations: str,
        host: str,
        link: Callable[[str], str],
    ) -> None:
        """``namespace`` and ``local`` name the features. ``locations`` are those of the schemas. ``link`` makes the
        address of another page from the place where it begins."""
        self._selection = selection
        self._name = (namespace, local)
        self._locations = locations
        self._host = host
        self._link = link
        self._parser = strict_parser(prefixes=True)
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartNamespaceDeclHandler = self._declare
        self._namespaces: list[tuple[str, str]] = []
        self._path: list[str] = []
        self._qualified: list[str] = []
        self._text: list[str] = []
        self._text_length = self._silence = 0
        self._hidden = 0
        self._out: list[str] = []
        self._feature: list[str] | None = None
        self._feature_length = self._part_length = 0
        self._reach: Reach | None = None
        self._root: tuple[str, dict[str, str]] | None = None
        self._count = 0
        self._in_member = self._in_feature = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what the reader gets for these bytes. Raises ``DataSourceUnreachable`` for what is no answer with
        features of the layer, and ``InvalidInput`` for an error about the request."""
        self._silence += len(chunk)
        self._parse(chunk, last=False)
        if self._silence > _MOST_SILENCE:
            raise unusable("one of its pieces is too long")
        return b"" if self._selection.leaves_out_features else self._take()

    def close(self) -> bytes:
        """Return the rest, after the last bytes."""
        self._parse(b"", last=True)
        if self._root is not None and self._selection.leaves_out_features:
            name, attributes = self._root
            counts = {"numberMatched": "unknown", "numberReturned": str(self._count)}
            self._out.insert(0, f"<{name}{_attributes({**attributes, **counts})}>")
        return self._take()

    def _parse(self, chunk: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise unusable(f"it is not well-formed in line {error.lineno}") from error

    def _take(self) -> bytes:
        out, self._out = "".join(self._out), []
        return out.encode()

    def _write(self, piece: str) -> None:
        if self._feature is None:
            self._out.append(piece)
            self._part_length += len(piece)
            if self._selection.leaves_out_features and self._part_length > _MOST_PART:
                raise TooLarge("this part has too much for one answer", remedy="ask for fewer features: count=1000")
            return
        self._feature.append(piece)
        self._feature_length += len(piece)
        if self._feature_length > _MOST_FEATURE:
            raise unusable("a feature is too large")

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._namespaces.append((prefix or "", uri or ""))

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._silence = 0
        self._flush()
        namespace, local, full_name = _names(name)
        namespaces, self._namespaces = self._namespaces, []
        depth = len(self._path)
        self._path.append(local)
        self._qualified.append(full_name)
        if depth >= MOST_DEPTH:
            raise unusable("it has too many elements inside each other")
        if self._hidden or self._hides(depth, namespace, local):
            self._hidden += 1
            return
        attributes_out = {f"xmlns:{prefix}" if prefix else "xmlns": uri for prefix, uri in namespaces}
        if depth == 0:
            self._begin(full_name, {**attributes_out, **self._root_attributes(attributes)})
            return
        if depth == 1:
            self._in_member = local in _MEMBERS
            self._feature, self._feature_length = ([], 0) if local in ("member", "featureMember") else (None, 0)
        if depth == 2 and self._in_member:
            self._require_feature(namespace, local)
            self._feature = [] if self._feature is None else self._feature
            self._in_feature = True
            self._reach = Reach() if self._selection.leaves_out_features else None
        for key, value in attributes.items():
            pair = self._attribute(key, value)
            if pair is not None:
                attributes_out[pair[0]] = pair[1]
        if self._reach is not None:
            self._reach.enter(depth, local, attributes, namespace)
        self._write(f"<{full_name}{_attributes(attributes_out)}>")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._selection.leaves_out_features:
            self._root = (name, attributes)
        else:
            self._write(f"<{name}{_attributes(attributes)}>")

    def _hides(self, depth: int, namespace: str, local: str) -> bool:
        if depth == 0:
            if local in _REPORTS:
                raise complaint()
            if local != "FeatureCollection":
                raise DataSourceUnreachable("the data source sends no features")
            return False
        if depth == 1:
            # A frame around all features tells where those lie that are left out.
            return local not in _MEMBERS and (local != "boundedBy" or not self._selection.is_whole)
        if depth == 3 and self._in_member:
            if local == "boundedBy":
                return not self._selection.is_whole
            return not self._selection.shows(local)
        return False

    def _require_feature(self, namespace: str, local: str) -> None:
        if (namespace, local) != self._name:
            raise DataSourceUnreachable(
                "the data source sends features of another layer", remedy="ask its steward: hansa source test"
            )

    def _attribute(self, key: str, value: str) -> tuple[str, str] | None:
        namespace, local, full_name = _names(key)
        if namespace == _XSI and local in ("schemaLocation", "noNamespaceSchemaLocation"):
            return None
        if namespace.startswith("http://www.opengis.net/gml") and local == "id" and not self._selection.shows_ids:
            return full_name, f"f{self._count + 1}.{len(self._feature or ())}"
        if shows_its_host(value, self._host):
            return None
        return full_name, value

    def _root_attributes(self, attributes: Mapping[str, str]) -> dict[str, str]:
        attributes_out = {"xmlns:xsi": _XSI, "xsi:schemaLocation": self._locations}
        for name in ("timeStamp", *_COUNTS):
            value = attributes.get(name, "")
            if value and len(value) < 40 and (name == "timeStamp" or value.isdigit() or value == "unknown"):
                attributes_out[name] = value
        for name in _LINKS:
            if attributes.get(name) and (start := _start_of(attributes[name])) is not None:
                attributes_out[name] = self._link(start)
        return attributes_out

    def _characters(self, data: str) -> None:
        self._silence = 0
        if self._hidden:
            return
        self._text.append(data)
        self._text_length += len(data)
        if self._text_length > _MOST_TEXT:
            self._flush()

    def _flush(self) -> None:
        if not self._text:
            return
        data, self._text, self._text_length = "".join(self._text), [], 0
        if len(self._path) < 3:
            return
        if self._reach is not None:
            self._reach.read(data)
        if not shows_its_host(data.strip(), self._host):
            self._write(escape(data))

    def _end(self, _: str) -> None:
        self._silence = 0
        self._flush()
        self._path.pop()
        full_name, depth = self._qualified.pop(), len(self._path)
        if self._hidden:
            self._hidden -= 1
            return
        self._write(f"</{full_name}>")
        if self._reach is not None:
            self._reach.leave(depth)
        if depth == 2 and self._in_feature:
            feature, reach, self._reach, self._in_feature = self._feature or [], self._reach, None, False
            is_admitted = reach is None or self._selection.admits(reach)
            self._count += is_admitted
            if self._path[-1] == "featureMembers":
                self._feature = None
            if not is_admitted:
                feature.clear()
            elif self._feature is None:
                self._out += feature
        if depth == 1 and self._feature is not None:
            feature, self._feature = self._feature, None
            if len(feature) > 1:
                self._write("".join(feature))


@lru_cache(maxsize=4096)
def _names(name: str) -> tuple[str, str, str]:
    """Return namespace, local name, and the name with its prefix."""
    pieces = name.split("}")
    if len(pieces) == 1:
        return "", pieces[0], pieces[0]
    namespace, local = pieces[0], pieces[1]
    return namespace, local, f"{pieces[2]}:{local}" if len(pieces) > 2 else local


def _attributes(values: Mapping[str, Any]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in values.items())


def _start_of(link: str) -> str | None:
    """Return where the page begins to which a link leads; None if it is no such link."""
    try:
        pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return None
    starts = [value for name, value in pairs if name.lower() == "startindex"]
    if not starts:
        return "0"
    return starts[0] if starts[0].isascii() and starts[0].isdigit() and len(starts[0]) < 16 else None
