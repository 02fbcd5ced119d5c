"""What the pages of scenarios need from the node, in one port, and the views that it answers with.

``Scenarios`` is implemented over the use cases by whoever builds the node; ``tests/fakes/portal_scenarios.py``
holds an implementation in memory. The rules are those of ``node.portal.ports``: every method answers only what
``caller`` may see, and what exists but not for this caller raises ``NotFound``.

A binding is asked for as JSON in the form that ``node.scenarios.runs.request`` reads: ``{"scenario", "version",
"inputs": {role: {"dataset", "version", "file", "inPlace"}}, "parameters", "layers"}``.

*Of* names rows by where they come from, as wires do (``node.scenarios.model.Step``): ``network`` for an input of
the template by its role, ``noise.levels`` for an output of a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from node.catalogue.model import Record
from node.identity.model import Caller
from node.scenarios.findings import Bound, Finding
from node.scenarios.model import Layer, Port, Rows, Run, Template, Texts

__all__ = (
    "AGAIN",
    "CANCEL",
    "PUBLISH",
    "Bound",
    "Candidate",
    "Clash",
    "Drawn",
    "Finding",
    "Scenarios",
    "Watched",
)

CANCEL, AGAIN, PUBLISH = "cancel", "again", "publish"
"""What a person may do with a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file of a version of a dataset that an input may be bound to.

    ``how`` it can be used: ``own``, ``open``, ``agreement`` (received under one), ``place`` (the bytes stay with
    their owner, who runs the model on them). ``doubt`` is a sentence where something is known to be in the way.
    """

    iri: str
    version: int
    file: str
    titles: Texts
    origin_name: str
    how: str = "own"
    newest: bool = True
    doubt: str = ""

    @property
    def in_place(self) -> bool:
        return self.how == "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A run as its page shows it: with its layers in the order in which they are stacked, what this person may do
    (``CANCEL``, ``AGAIN``, ``PUBLISH``), and the conditions, one sentence each, that a result inherits."""

    run: Run
    layers: tuple[Layer, ...] = ()
    may: frozenset[str] = frozenset()
    inherits: tuple[Texts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """An operation whose author saw another value than the data have now: three values (digest §5)."""

    id: str
    field: str
    seen: Any
    now: Any
    wanted: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A layer as its page shows it. ``rows`` are those of the version that it was made for, unchanged; ``titles``
    name the dataset; ``newest`` is the number of its newest version, against which ``clashes`` were sought."""

    layer: Layer
    rows: Rows
    titles: Texts
    newest: int
    clashes: tuple[Clash, ...] = ()
    runs: tuple[Run, ...] = ()
    may_edit: bool = False


class Scenarios(Protocol):
    """Everything that the pages of scenarios read or do."""

    # templates and bindings -------------------------------------------------------------------------------
    async def template(self, iri: str, caller: Caller, *, version: int | None = None) -> Template:
        """The template that a record of kind ``scenario`` describes. Raises ``NotFound``, ``InvalidInput``."""

    async def candidates(self, port: Port, caller: Caller) -> Sequence[Candidate]:
        """What an input may be bound to, the likeliest first."""

    async def check(self, wanted: Mapping[str, Any], caller: Caller) -> Bound:
        """Pin and check a binding without running it. Raises ``InvalidInput`` for JSON of another form."""

    async def start(self, wanted: Mapping[str, Any], caller: Caller) -> str:
        """Bind and run; the pid. Raises as ``check``, and ``DoesNotFit`` with the findings."""

    # runs -------------------------------------------------------------------------------------------------
    async def runs(
        self, caller: Caller, *, template: str | None = None, uses: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Newest first: all, those of a template, or those that use a model, dataset or transformation."""

    async def run(self, pid: str, caller: Caller) -> Watched:
        """One. Raises ``NotFound``."""

    async def rows(self, pid: str, branch: str, of: str, caller: Caller) -> Rows:
        """Rows of a run: of an input (in the branch ``after`` with its layers), or of an output that is there.

        Raises ``NotFound`` for what is not there yet, ``NotAllowed`` for what stays with its owner.
        """

    async def bundle(self, pid: str, caller: Caller) -> bytes:
        """The run as an RO-Crate, zipped. Raises ``NotFound``."""

    async def cancel(self, pid: str, caller: Caller) -> None:
        """Stop a run. Raises ``Conflict`` where it has ended, ``NotAllowed``, ``NotFound``."""

    async def again(self, pid: str, caller: Caller) -> str:
        """Run the same binding once more; the pid of the new run."""

    async def publish(self, pid: str, titles: Texts, conditions: Mapping[str, Any], caller: Caller) -> str:
        """Publish the result as a dataset under ``conditions`` (``{"template": …}``); its IRI.

        Raises ``NotAllowed`` naming the input where its conditions are stricter, ``Conflict`` where it is
        published already.
        """

    # change layers ----------------------------------------------------------------------------------------
    async def layers(self, caller: Caller, *, target: str | None = None) -> Sequence[Layer]:
        """The newest state of each layer, last changed first: all, or those of a dataset."""

    async def layer(self, layer_id: str, caller: Caller) -> Drawn:
        """One, to be looked at or edited. Raises ``NotFound``, ``NotAllowed`` (data that cannot be read here)."""

    async def changeable(self, record: Record, caller: Caller) -> Sequence[str]:
        """The names of the files of ``record`` for which this person may draft a layer: what the person's role allows
        and this node can read now."""

    async def draft(
        self, target: str, caller: Caller, *, version: int | None = None, file: str | None = None
    ) -> Drawn:
        """A layer for a dataset that is not kept yet: empty ``id``, ``title`` and ``operations``, the key found.

        Raises ``NotFound``, ``NotAllowed``, ``InvalidInput`` (several files, or nothing that names a row).
        """

    async def save_layer(self, layer: Layer, caller: Caller, *, after: str = "") -> Layer:
        """Keep a layer: a draft that has got operations (the node gives the id), or another state of one that was
        read with the hash ``after``. The node fills in author, moment and hash.

        Raises ``Conflict`` where somebody else changed it meanwhile, ``InvalidInput`` where it changes nothing or
        does not fit the version that it is for, ``NotAllowed``.
        """
