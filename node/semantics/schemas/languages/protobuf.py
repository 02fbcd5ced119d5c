"""Read the messages of Protocol Buffers (proto2, proto3) as JSON Schema of a row.

Names of fields are those of the file; numbers are kept as ``x-protobuf-number``, because a new number breaks readers.
Imports are named and never followed; services and options of the file say nothing about rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from node.semantics.schemas.languages.model import UNIT, Reader, SchemaDocument, choose, schema_fault
from node.semantics.schemas.languages.names import PROTOBUF

NUMBER: Final = "x-protobuf-number"
_TOKEN: Final = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|(?P<token>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.]+|-?\d[\w.+]*|[{}\[\]()<>=;,:+-])""",
    re.DOTALL,
)
_INTEGERS: Final = {
    "int32": "int32",
    "sint32": "int32",
    "sfixed32": "int32",
    "uint32": "uint32",
    "fixed32": "uint32",
    "int64": "int64",
    "sint64": "int64",
    "sfixed64": "int64",
    "uint64": "uint64",
    "fixed64": "uint64",
}
_WELL_KNOWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
    "google.protobuf.StringValue": {"type": ["string", "null"]},
    "google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    "google.protobuf.DoubleValue": {"type": ["number", "null"]},
    "google.protobuf.FloatValue": {"type": ["number", "null"]},
    "google.protobuf.Int32Value": {"type": ["integer", "null"]},
    "google.protobuf.Int64Value": {"type": ["integer", "null"]},
    "google.protobuf.UInt32Value": {"type": ["integer", "null"]},
    "google.protobuf.UInt64Value": {"type": ["integer", "null"]},
}
_LABELS: Final = ("repeated", "optional", "required")
_MOST_TOKENS: Final = 400_000


def read_protobuf(text: str, part: str = "") -> SchemaDocument:
    """Return the message ``part`` of the file ``text``; without it, the last that no other message has as a field."""
    parser = _Parser(text)
    parser.file()
    messages = {name: rules for name, rules in parser.types.items() if rules.get("type") == "object"}
    roots = tuple(name for name in messages if name not in parser.used)
    message = choose(messages, part, roots[-1:], "message")
    definitions = {name: rules for name, rules in parser.types.items() if name != message}
    schema = dict(parser.types[message])
    if parser.used:
        schema["$defs"] = {
            **definitions,
            **({message: parser.types[message]} if message in parser.used else {}),
        }
    return SchemaDocument(
        language=PROTOBUF, schema=schema, part=message, parts=tuple(messages), losses=tuple(parser.losses)
    )


class _Parser(Reader):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.types: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self._text = text
        self._tokens: list[tuple[str, int]] = []
        self._package = ""
        self._place = 0
        self._scan(text)

    def _scan(self, text: str) -> None:
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._fault(f"{text[place]!r} is not expected", place)
            if match["token"]:
                self._tokens.append((match["token"], match.start()))
                if len(self._tokens) > _MOST_TOKENS:
                    raise schema_fault(PROTOBUF, "the file is too long")
            place = match.end()

    def _fault(self, why: str, place: int | None = None) -> Exception:
        if place is None:
            place = self._tokens[min(self._place, len(self._tokens) - 1)][1] if self._tokens else 0
        return schema_fault(PROTOBUF, f"line {self._text.count(chr(10), 0, place) + 1}: {why}")

    def _peek(self) -> str:
        return self._tokens[self._place][0] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._fault("the file ends too early")
        self._place += 1
        return token

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._fault(f"{token} is expected, and not {self._peek()[:40] or 'the end'}")
        self._place += 1

    def file(self) -> None:
        """Read all messages of the file, and replace names of types by references."""
        while self._peek():
            word = self._next()
            if word == "package":
                self._package = self._next()
                self._expect(";")
            elif word == "import":
                name = self._next()
                name = self._next() if name in ("public", "weak") else name
                if not name.strip("\"'").startswith("google/protobuf/"):
                    self.lose("", f"import {name}")
                self._expect(";")
            elif word == "message":
                self._message("", 0)
            elif word == "enum":
                self._enum("")
            elif word in ("service", "extend"):
                self.lose("", word)
                self._skip_block()
            elif word != ";":
                self._skip_statement()
        for name, rules in self.types.items():
            for field in rules.get("properties", {}).values():
                self._link(field, name)

    def _message(self, scope: str, depth: int) -> None:
        name = f"{scope}.{self._next()}".lstrip(".")
        self.count(depth)
        properties: dict[str, Any] = {}
        obligatory: list[str] = []
        self.types[name] = {"type": "object", "properties": properties}
        self._expect("{")
        self._members(name, properties, obligatory, depth)
        if obligatory:
            self.types[name]["required"] = obligatory

    def _members(self, name: str, properties: dict[str, Any], obligatory: list[str], depth: int) -> None:
        while self._peek() != "}":
            word = self._next()
            if word == "message":
                self._message(name, depth + 1)
            elif word == "enum":
                self._enum(name)
            elif word == "oneof":
                self.lose(name, f"oneof {self._next()}")
                self._expect("{")
                self._members(name, properties, obligatory, depth + 1)
            elif word in ("reserved", "extensions", "option"):
                self._skip_statement()
            elif word in ("extend", "group"):
                self.lose(name, word)
                self._skip_block()
            elif word != ";":
                self._field(word, name, properties, obligatory, depth)
        self._expect("}")

    def _field(self, word: str, scope: str, properties: dict[str, Any], obligatory: list[str], depth: int) -> None:
        self.count(depth)
        label = word if word in _LABELS else ""
        kind = self._next() if label else word
        if kind == "map" and self._peek() == "<":
            self._expect("<")
            self._next()
            self._expect(",")
            rules: dict[str, Any] = {"type": "object", "additionalProperties": self._type(self._next())}
            self._expect(">")
        else:
            rules = self._type(kind)
        name = self._next()
        self._expect("=")
        number = self._next()
        if not number.isdigit():
            raise self._fault(f"{number[:40]} is not the number of a field")
        if label == "repeated":
            rules = {"type": "array", "items": rules}
        elif label == "required":
            obligatory.append(name)
        rules[NUMBER] = int(number)
        if self._peek() == "[":
            self._options(rules)
        self._expect(";")
        properties[name] = rules

    def _options(self, rules: dict[str, Any]) -> None:
        self._expect("[")
        words: list[str] = []
        while self._peek() != "]":
            piece = self._next()
            if piece == ",":
                words = []
            elif piece not in "()=":
                words.append(piece)
                if len(words) == 2 and words[0].rpartition(".")[2] in ("unit", "ucum"):
                    rules[UNIT] = words[1].strip("\"'")
        self._expect("]")

    def _type(self, kind: str) -> dict[str, Any]:
        if kind in _INTEGERS:
            form = _INTEGERS[kind]
            return {"type": "integer", "format": form, **({"minimum": 0} if form.startswith("u") else {})}
        if kind in ("double", "float"):
            return {"type": "number", **({"format": "float"} if kind == "float" else {})}
        if kind == "bool":
            return {"type": "boolean"}
        if kind in ("string", "bytes"):
            return {"type": "string", **({"format": "binary"} if kind == "bytes" else {})}
        if kind.lstrip(".") in _WELL_KNOWN:
            return dict(_WELL_KNOWN[kind.lstrip(".")])
        return {"$ref": kind}

    def _link(self, rules: dict[str, Any], scope: str) -> None:
        """Replace the name of a type by a reference: from the innermost scope outwards."""
        for inner in (rules.get("items"), rules.get("additionalProperties")):
            if isinstance(inner, dict):
                self._link(inner, scope)
        name = rules.get("$ref")
        if not isinstance(name, str):
            return
        short = name.lstrip(".").removeprefix(f"{self._package}.")
        pieces = scope.split(".")
        for length in range(len(pieces), -1, -1):
            target = ".".join([*pieces[:length], short])
            if target in self.types:
                if self.types[target].get("type") == "object":
                    self.used.add(target)
                    rules["$ref"] = f"#/$defs/{target}"
                else:
                    del rules["$ref"]
                    rules.update(self.types[target])
                return
        del rules["$ref"]
        self.lose(scope, f"type {name}")

    def _enum(self, scope: str) -> None:
        name = f"{scope}.{self._next()}".lstrip(".")
        self._expect("{")
        values: list[str] = []
        while self._peek() != "}":
            word = self._next()
            if word in ("option", "reserved"):
                self._skip_statement()
            elif word != ";":
                values.append(word)
                self._skip_statement()
        self._expect("}")
        self.types[name] = {"type": "string", "enum": values}

    def _skip_statement(self) -> None:
        """Skip to the next semicolon, or over one block."""
        while self._peek() and self._peek() != ";":
            if self._peek() == "{":
                self._skip_block()
                return
            self._place += 1
        self._expect(";")

    def _skip_block(self) -> None:
        while self._peek() != "{":
            self._next()
        depth = 0
        while True:
            piece = self._next()
            depth += (piece == "{") - (piece == "}")
            if depth == 0:
                return
