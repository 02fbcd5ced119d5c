"""The values of scenarios. Nothing here reads, stores or computes.

A *model* computes rows from rows. A *template* describes the question of a scenario: goal, inputs by role,
parameters, indicators, and the chain of models and transformations. A *binding* adds the concrete parts: pinned
versions of data and models, values of parameters, change layers. A *run* carries a binding out.

Data travel between steps as *rows*: JSON objects with the same members, one per feature or row of a table. A
geometry is the member ``geometry``, a GeoJSON geometry object in EPSG:4326.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

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
    """A column of an input or output. ``unit`` is a UCUM code, ``quantity`` the IRI of a quantity kind; ``type`` is
    that of its values (``number``, ``integer``, ``text``, ``boolean``, ``json``; empty: not declared); ``decimals``
    is how many decimals are significant; ``minimum`` and ``maximum`` bound the range of validity. Rows may lack a
    column that is not ``required``."""

    name: str
    unit: str | None = None
    quantity: str | None = None
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
    """A transformation of rows: ``definition`` in its ``language`` (``column mapping`` runs here)."""

    iri: str
    version: int
    titles: Texts
    language: str
    definition: Any
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()


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
class BoundInput:
    """The input bound to a role: one file of one version. ``in_place``: the bytes stay with their owner and the model
    visits them; ``sha256`` is then that of the version's file as its record states it."""

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

    @property
    def version_iri(self) -> str:
        return f"{self.iri}#v{self.version}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """A remark that does not stop a run and is attached to its result: a model outside its range of validity, figures
    left out. ``code`` is stable, ``sentence`` is for people, ``facts`` for programs."""

    code: str
    sentence: str
    step: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> tuple[str, ...]:
        """Return the subject of the caveat: caveats with equal subjects differ only in their rows or words."""
        named = tuple(str(self.facts[name]) for name in ("role", "variable") if name in self.facts)
        return (self.step, self.code, *(named or (self.sentence,)))


class State(StrEnum):
    """States of jobs and runs: those of OGC API Processes (statusCode)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def is_final(self) -> bool:
        return self in (State.SUCCESSFUL, State.FAILED, State.DISMISSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One step of one branch. ``outputs`` maps each output role to the SHA-256 of its rows in canonical form, stored
    in the asset store. ``job`` is the URL of the job at another node, once it exists."""

    branch: str
    name: str
    state: State = State.ACCEPTED
    progress: int = 0
    started: datetime | None = None
    finished: datetime | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    caveats: tuple[Caveat, ...] = ()
    job: str | None = None
    agreement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorValue:
    """An indicator of a run. ``before`` is None if the run has no change layers: there is only one branch then."""

    name: str
    before: float | None
    after: float
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The execution of a binding. ``result`` is the SHA-256 over all outputs and indicators: the same binding gives
    the same result, on any node and at any time. ``published`` is the IRI of the dataset made from the result."""

    pid: str
    template: Template
    binding: Binding
    state: State
    by: str
    created: datetime
    updated: datetime
    steps: tuple[StepRun, ...]
    indicators: tuple[IndicatorValue, ...] = ()
    result: str | None = None
    error: Mapping[str, Any] | None = None
    log: tuple[str, ...] = ()
    repeats: str | None = None
    """The run that this one repeats."""
    published: str | None = None

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """Return the caveats of all steps, each once: those with the change layers, if the run has any."""
        return tuple({caveat.about: caveat for step in self.steps for caveat in step.caveats}.values())

    @property
    def progress(self) -> int:
        """Return the progress over all steps, 0 to 100."""
        if self.state is State.SUCCESSFUL or not self.steps:
            return 100 if self.state is State.SUCCESSFUL else 0
        done = sum(100 if step.state is State.SUCCESSFUL else step.progress for step in self.steps)
        return done // len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution of one model at this node: a job of OGC API Processes.

    It runs for ``caller``, the DID of a participant, or ``account``, the login of a person; ``transfer`` is the
    transfer process under whose agreement it runs. ``request`` is the SHA-256 of the execute request, ``result`` of
    the answer, both canonical JSON in the asset store. ``key`` makes a repeated request the same job. ``visited`` are
    the data read by reference for it, each as the agreement about them and the IRI of their version.
    """

    id: str
    model: str
    version: int
    code: str | None
    state: State
    created: datetime
    updated: datetime
    request: str
    caller: str | None = None
    account: str | None = None
    transfer: str | None = None
    agreement: str | None = None
    key: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    progress: int = 0
    message: str = ""
    result: str | None = None
    caveats: tuple[Caveat, ...] = ()
    error: Mapping[str, Any] | None = None
    visited: tuple[tuple[str, str], ...] = ()

    @property
    def owner(self) -> str:
        """Return the owner: a DID, or the login of a person of this node."""
        return self.caller or self.account or ""
