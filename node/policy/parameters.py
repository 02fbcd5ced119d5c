"""Parameters of policy templates: a steward's values, converted to right operands.

YAML passes dates as dates, forms pass them as text; both are read. A day as the end of a term means its last second
in UTC, as its beginning midnight in UTC: other connectors compare instants, so the offer has instants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from node.policy.labels import purpose_names, purposes
from node.policy.rules import Value
from node.policy.terms import credential_type
from node.policy.values import duration, moment
from node.vocab.namespaces import XSD

_REMEDIES: Final = {
    "until": "a day such as 2027-12-31, or a moment with its zone such as 2027-12-31T18:00:00+01:00",
    "from": "a day such as 2027-01-01, or a moment with its zone such as 2027-01-01T08:00:00+01:00",
    "duration": "an ISO 8601 duration such as P30D (30 days) or P6M (6 months)",
    "boolean": "true or false",
    "integer": "a whole number, 1 or more",
    "credential": "a credential type such as MobilityPartnerCredential",
    "purposes": "one or more of: {choices}, or IRIs of purposes",
    "did": "a DID such as did:web:region.example",
    "texts": "one or more values",
}
_DID: Final = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a template."""

    name: str
    type: str
    required: bool = False
    default: Any = None
    label: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def remedy(self) -> str:
        """Return a sentence that describes the values allowed for the parameter."""
        return _REMEDIES[self.type].format(choices=", ".join(purpose_names()))

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"name": self.name, "type": self.type, "required": self.required}
        if self.default is not None:
            members["default"] = self.default
        if self.type == "purposes":
            members["choices"] = list(purpose_names())
        return {**members, "label": self.label, "remedy": self.remedy}

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> Parameter:
        return cls(
            name=name,
            type=data["type"],
            required=data.get("required", False),
            default=data.get("default"),
            label=data["label"],
        )


def read_value(parameter: Parameter, value: Any) -> Any:
    """Return ``value`` as the offer has it. Raises ``ValueError`` with the end of a sentence about the parameter."""
    return _READERS[parameter.type](value)


def _until(value: Any) -> dict[str, str]:
    return _moment(value, "23:59:59")


def _from(value: Any) -> dict[str, str]:
    return _moment(value, "00:00:00")


def _duration(value: Any) -> str:
    text = _text(value)
    if duration(Value(text)) is None:
        raise ValueError(f"is not a duration: {text[:40]}")
    return text


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text in {"true", "yes", "on", "1"}:
        return True
    if text in {"false", "no", "off", "0"}:
        return False
    raise ValueError("is not true or false")


def _integer(value: Any) -> str:
    text = str(value).strip() if not isinstance(value, bool) else ""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise ValueError(f"is not a whole number above 0: {str(value)[:40]}")
    return str(int(text))


def _credential(value: Any) -> str:
    return credential_type(_text(value))


def _did(value: Any) -> str:
    text = _text(value)
    if not _DID.fullmatch(text):
        raise ValueError(f"is not a DID: {text[:80]}")
    return text


def _purposes(value: Any) -> list[str]:
    return list(dict.fromkeys(iri for name in _texts(value) for iri in _purpose(name)))


def _moment(value: Any, clock: str) -> dict[str, str]:
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        text = zoned.isoformat().replace("+00:00", "Z")
    elif isinstance(value, date):
        text = f"{value.isoformat()}T{clock}Z"
    else:
        text = _text(value)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            text += f"T{clock}Z"
        elif re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+", text):
            text += "Z"
    if "T" not in text or moment(Value(text)) is None:
        raise ValueError(f"is not a day or a moment: {str(value)[:40]}")
    return {"@value": text, "@type": XSD + "dateTime"}


def _purpose(name: str) -> tuple[str, ...]:
    matches = purposes(name)
    if len(matches) == 1 and ":" not in matches[0]:
        raise ValueError(f"is not a purpose that this node knows: {name[:80]}")
    return matches


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a string")
    return value.strip()


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list | tuple) else [value]
    unique = list(dict.fromkeys(_text(item) for item in items))
    if not unique:
        raise ValueError("is empty")
    return unique


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "until": _until,
    "from": _from,
    "duration": _duration,
    "boolean": _boolean,
    "integer": _integer,
    "credential": _credential,
    "did": _did,
    "purposes": _purposes,
    "texts": _texts,
}
