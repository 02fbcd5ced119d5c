"""The values of scenarios. Nothing here reads, stores or computes.

A *model* computes rows from rows. A *template* describes the question of a scenario: goal, inputs by role,
parameters, indicators, and the chain of models and transformations. A *binding* adds the concrete parts: pinned
versions of data and models, values of parameters, change layers. A *run* carries a binding out (``run_model``).

Data travel between steps as *rows*: JSON objects with the same members, one per feature or row of a table. A
geometry is the member ``geometry``, a GeoJSON geometry object in EPSG:4326.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from node.base.clock import stamp

Row = Mapping[str, Any]
Rows = Sequence[Row]
Texts = Mapping[str, str]
"""Language tag → text."""

GEOMETRY: Final = "geometry"

BEFORE: Final = "before"
AFTER: Final = "after"
"""The two branches of a run: without the change layers, and with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A column of an input or output. ``unit`` is a UCUM code, ``quantity`` the IRI of a quantity kind, ``codes``
    that of the list of its codes; ``type`` is that of its values (``number``, ``integer``, ``text``, ``boolean``,
    ``json``; empty: not declared); ``decimals`` is how many decimals are significant; ``minimum`` and ``maximum``
    bound the range of validity. Rows may lack a column that is not ``required``."""

    name: str
    unit: str | None = None
    quantity: str | None = None
    codes: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    required: bool = True
    type: str = ""
    description: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output, by role. ``schemas`` are IRIs that its rows conform to; ``step`` is its resolution in time,
    ``grain`` in space (metres); ``crs`` are its possible coordinate systems (``EPSG:4326``); ``key`` are the members
    that together identify a row, if declared."""

    role: str
    variables: tuple[Variable, ...] = ()
    schemas: tuple[str, ...] = ()
    crs: tuple[str, ...] = ()
    step: timedelta | None = None
    grain: float | None = None
    extent: tuple[float, float, float, float] | None = None
    required: bool = True
    titles: Texts = field(default_factory=dict)
    key: tuple[str, ...] = ()

    def variable(self, name: str) -> Variable | None:
        return next((one for one in self.variables if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that may be set. ``values`` lists the allowed ones, if they are few. ``type`` is as for a variable;
    ``many``: it is a list of such values; ``required``: it has no default and must be given."""

    name: str
    unit: str | None = None
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[Any, ...] = ()
    type: str = ""
    many: bool = False
    required: bool = False
    description: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as its card describes it. ``code`` is the SHA-256 of the function that the owner's node runs,
    ``endpoint`` is a process of OGC API Processes that is called instead; without either, the model is only
    described."""

    iri: str
    version: int
    origin: str
    titles: Texts
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parameters: tuple[Parameter, ...] = ()
    release: str = ""
    code: str | None = None
    endpoint: str | None = None
    deterministic: bool = False
    validity: Texts = field(default_factory=dict)
    guideline: Texts = field(default_factory=dict)
    descriptions: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """A transformation of rows: ``definition`` in its ``language``. ``example`` has rows as ``input``, and possibly
    as ``output``. ``deterministic`` is False only if its owner says that the same rows may give another result."""

    iri: str
    version: int
    titles: Texts
    language: str
    definition: Any
    example: Any = None
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    deterministic: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A link of the chain: the model or transformation that it uses, and the sources of its inputs. ``wiring`` maps
    each input role of it to a role of the template, or to ``step.output``."""

    name: str
    uses: str
    wiring: Mapping[str, str]
    position: int
    titles: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """A figure that shows whether the goal is met. ``better`` is ``lower`` or ``higher``. ``definition``:
    ``{"of": "step.output", "sum"|"mean"|"max"|"min"|"count": column, "where": {column: condition}}``."""

    name: str
    titles: Texts
    unit: str | None = None
    better: str = ""
    decimals: int | None = None
    target: float | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A scenario without its data."""

    iri: str
    version: int
    origin: str
    titles: Texts
    goal: Texts
    inputs: tuple[Port, ...]
    parameters: tuple[Parameter, ...]
    indicators: tuple[Indicator, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundWindow:
    """The window of a stream that is an input: the ``count`` observations from ``start`` to before ``end`` that had
    arrived at ``position`` (``node.datasources.streams.windows``)."""

    start: datetime
    end: datetime
    position: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundInput:
    """The input bound to a role: one file of one version, or a ``window`` of a stream, with its canonical bytes.

    ``in_place``: the bytes stay with their owner and the model visits them; ``sha256`` is then that of the version's
    file as its record states it."""

    role: str
    iri: str
    version: int
    file: str
    sha256: str
    media_type: str
    origin: str
    titles: Texts
    in_place: bool = False
    agreement: str | None = None
    origin_name: str = ""
    window: BoundWindow | None = None

    @property
    def version_iri(self) -> str:
        return f"{self.iri}#v{self.version}"

    @property
    def file_iri(self) -> str:
        """Return the IRI of the file of the version, or of the window of the stream."""
        file = f"{self.version_iri}/{quote(self.file, safe='')}"
        return f"{file}?window={self.period}&sha256={self.sha256}" if self.window else file

    @property
    def period(self) -> str:
        """Return the period of the window as ISO 8601 writes it; empty for a file."""
        return f"{stamp(self.window.start)}/{stamp(self.window.end)}" if self.window else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundStep:
    """The pinned version of a step's model or transformation, with its card at that time. ``origin`` is the DID of
    the node that runs it; ``sha256`` is that of the code, or of the record if there is no code."""

    name: str
    iri: str
    version: int
    sha256: str
    origin: str
    card: Model | Transformation
    agreement: str | None = None
    origin_name: str = ""

    @property
    def version_iri(self) -> str:
        return f"{self.iri}#v{self.version}"

    @property
    def kind(self) -> str:
        """Return ``model`` or ``transformation``."""
        return "model" if isinstance(self.card, Model) else "transformation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A template bound to pinned versions. ``key`` is the hash of all that determines the result: template, versions,
    hashes of inputs and layers, parameters. Agreements and environment are not part of it."""

    template: str
    version: int
    template_sha256: str
    inputs: tuple[BoundInput, ...]
    steps: tuple[BoundStep, ...]
    parameters: Mapping[str, Any]
    layers: tuple[str, ...]
    """SHA-256 of each layer, in the order of the stack."""
    key: str

    @property
    def pins(self) -> tuple[BoundInput | BoundStep, ...]:
        """Return all pinned catalogue versions, beside the template."""
        return (*self.inputs, *self.steps)


class OperationType(StrEnum):
    """The type of an operation of a change layer."""

    UPDATE = "update"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One edit of one feature or row, named by ``id`` (the value of the layer's key).

    ``before`` holds the values that the author saw: if they have changed, the operation is in conflict.
    ``set`` gives new values, or ``{"factor": number}`` to multiply; ``unset`` removes members; ``geometry`` moves.
    """

    op: OperationType
    id: str
    before: Mapping[str, Any] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    geometry: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A user's what-if changes to a version of a dataset, kept apart from the data."""

    id: str
    title: str
    target: str
    """The IRI of the dataset."""
    version: int
    file: str
    target_sha256: str
    key: str
    """The member that identifies a row."""
    author: str
    reason: str
    operations: tuple[Operation, ...]
    at: datetime
    sha256: str = ""
