"""Provenance of a published result, as PROV-O: statements that go into its record, and are signed with it.

The run is an activity, and so is each of its steps. They *used* versions (``<asset>#vN``) of data, models and the
template, and change layers; they were *associated with* the nodes that carried them out; agreements that allowed them
*influenced* them. It makes no statements about those assets themselves: each has a record of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from node.base.clock import stamp
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, iri_term, is_iri, line, literal_term
from node.catalogue.statements import Statements
from node.policy.portion import Portion
from node.policy.terms import CONCEALED, SMALLEST_GROUP
from node.scenarios.model import AFTER, BoundInput, BoundStep, BoundWindow, Layer
from node.scenarios.run_model import Run, StepRun
from node.scenarios.runs.trace import why
from node.vocab.namespaces import DCAT, DCT, PROV, RDF, RDFS, XSD

__all__ = ["layer_iri", "maker_of", "provenance", "step_iri", "why"]

_TYPE: Final = f"<{RDF}type>"


MayName = Callable[[str, int], bool]
"""(IRI, version) → whether a label may contain the title of that asset."""


def provenance(
    run: Run,
    iri: str,
    *,
    by: str,
    layers: Sequence[Layer] = (),
    may_name: MayName = lambda iri, version: True,
    limits: Mapping[str, Portion] = MappingProxyType({}),
) -> list[str]:
    """Return the statements (N-Quads, one per line, without line ends, sorted) about the result published as ``iri``.

    ``by`` is the DID of the node that ran it; ``layers`` are those of the run's binding. Labels contain only titles
    of assets that ``may_name`` allows. ``limits`` are the parts that agreements give, by their ids: columns that the
    run had in another form are named under the same condition. Raises ``InvalidInput`` for an address that is not an
    IRI.
    """
    return sorted({*_statements(run, iri, by, layers, may_name), *_concealments(run, may_name, limits)})


def maker_of(record: Record) -> str:
    """Return the run that made the result in ``record``; empty if it is not a result."""
    return next((iri_of(term) for term in Statements(record).own(f"{PROV}wasGeneratedBy") if is_iri(term)), "")


def layer_iri(layer: str, sha256: str) -> str:
    """Return the IRI of a state of a change layer."""
    name = layer if ":" in layer else f"urn:hansa:layer:{layer}"
    return f"{name}#{sha256}"


def _statements(run: Run, iri: str, by: str, layers: Sequence[Layer], may_name: MayName) -> Iterator[str]:
    result, activity, node = iri_term(iri), iri_term(run.pid), iri_term(by)
    template = iri_term(f"{run.template.iri}#v{run.binding.version}")
    title = _title(run) if may_name(run.template.iri, run.binding.version) else "a scenario"
    yield line(result, _TYPE, f"<{DCAT}Dataset>")
    yield line(result, _TYPE, f"<{PROV}Entity>")
    yield line(result, _prov("wasGeneratedBy"), activity)
    yield line(activity, _TYPE, f"<{PROV}Activity>")
    yield line(activity, f"<{RDFS}label>", literal_term(f"Run of {title}", language="en"))
    yield line(activity, _prov("startedAtTime"), _moment(run.created))
    yield line(activity, _prov("endedAtTime"), _moment(run.updated))
    yield line(activity, _prov("wasAssociatedWith"), node)
    yield line(activity, _prov("used"), template)
    association = iri_term(f"{run.pid}#association")
    yield line(activity, _prov("qualifiedAssociation"), association)
    yield line(association, _TYPE, f"<{PROV}Association>")
    yield line(association, _prov("agent"), node)
    yield line(association, _prov("hadPlan"), template)
    if run.result:
        yield line(activity, f"<{DCT}identifier>", literal_term(f"sha256:{run.result}"))
    for bound_input in run.binding.inputs:
        entity = iri_term(bound_input.version_iri)
        yield line(activity, _prov("used"), entity)
        yield line(result, _prov("wasDerivedFrom"), entity)
        if bound_input.agreement:
            yield line(activity, _prov("wasInfluencedBy"), iri_term(bound_input.agreement))
        if bound_input.window is not None:
            yield from _window(activity, bound_input, bound_input.window)
    yield from _layers(activity, run, layers)
    for step in run.steps:
        bound = next(one for one in run.binding.steps if one.name == step.name)
        yield from _step(run, activity, step, bound, may_name)


def _concealments(run: Run, may_name: MayName, limits: Mapping[str, Portion]) -> Iterator[str]:
    """Yield statements about the columns of inputs that the run had in another form: of its use of a version, since
    the version itself has them as they are."""
    for bound in run.binding.inputs:
        portion = limits.get(bound.agreement or "")
        if portion is None or not (portion.forms or portion.group) or not may_name(bound.iri, bound.version):
            continue
        use = iri_term(f"{run.pid}#use-{quote(bound.role, safe='')}")
        yield line(iri_term(run.pid), _prov("qualifiedUsage"), use)
        yield line(use, _TYPE, f"<{PROV}Usage>")
        yield line(use, _prov("entity"), iri_term(bound.version_iri))
        for concealment in portion.forms:
            yield line(use, f"<{CONCEALED}>", literal_term(concealment.text))
        if portion.group is not None:
            yield line(use, f"<{SMALLEST_GROUP}>", literal_term(portion.group.text))


def _window(activity: str, bound: BoundInput, window: BoundWindow) -> Iterator[str]:
    """Yield statements about the window of a stream: the version says which stream, the window which observations."""
    entity = iri_term(bound.file_iri)
    label = f"{window.count} observations from {stamp(window.start)} to {stamp(window.end)}"
    yield line(activity, _prov("used"), entity)
    yield line(entity, _TYPE, f"<{PROV}Entity>")
    yield line(entity, f"<{RDFS}label>", literal_term(label, language="en"))
    yield line(entity, f"<{DCT}identifier>", literal_term(f"sha256:{bound.sha256}"))
    yield line(entity, _prov("specializationOf"), iri_term(bound.version_iri))


def _layers(activity: str, run: Run, layers: Sequence[Layer]) -> Iterator[str]:
    for layer in layers:
        entity = iri_term(layer_iri(layer.id, layer.sha256))
        yield line(activity, _prov("used"), entity)
        yield line(entity, _TYPE, f"<{PROV}Entity>")
        yield line(entity, f"<{RDFS}label>", literal_term(layer.title))
        yield line(entity, f"<{DCT}identifier>", literal_term(f"sha256:{layer.sha256}"))
        yield line(entity, _prov("wasDerivedFrom"), iri_term(f"{layer.target}#v{layer.version}"))
        if layer.reason:
            yield line(entity, f"<{DCT}description>", literal_term(layer.reason))
    known = {layer.sha256 for layer in layers}
    for sha256 in run.binding.layers:
        if sha256 not in known:
            yield line(activity, _prov("used"), iri_term(layer_iri("unnamed", sha256)))


def _step(run: Run, activity: str, step: StepRun, bound: BoundStep, may_name: MayName) -> Iterator[str]:
    part = iri_term(step_iri(run, step))
    uses = iri_term(bound.version_iri)
    titles = bound.card.titles
    title = titles.get("en") or next(iter(titles.values()), bound.name)
    title = title if may_name(bound.iri, bound.version) else bound.kind
    branch = "with the changes" if step.branch == AFTER and run.binding.layers else step.branch
    label = f"{step.name}: {title}, version {bound.version}" + (f" ({branch})" if run.binding.layers else "")
    yield line(activity, f"<{DCT}hasPart>", part)
    yield line(part, _TYPE, f"<{PROV}Activity>")
    yield line(part, f"<{RDFS}label>", literal_term(label, language="en"))
    yield line(part, _prov("used"), uses)
    yield line(activity, _prov("used"), uses)
    yield line(part, _prov("wasAssociatedWith"), iri_term(bound.origin))
    if step.started:
        yield line(part, _prov("startedAtTime"), _moment(step.started))
    if step.finished:
        yield line(part, _prov("endedAtTime"), _moment(step.finished))
    for agreement in sorted({iri for iri in (bound.agreement, step.agreement) if iri}):
        yield line(part, _prov("wasInfluencedBy"), iri_term(agreement))
    wiring = next((iri.wiring for iri in run.template.steps if iri.name == step.name), {})
    for source in sorted(set(wiring.values())):
        before = next(
            (iri for iri in run.steps if (iri.branch, iri.name) == (step.branch, source.partition(".")[0])), None
        )
        data = next((iri for iri in run.binding.inputs if iri.role == source), None)
        if data is not None:
            yield line(part, _prov("used"), iri_term(data.version_iri))
        elif before is not None:
            yield line(part, _prov("wasInformedBy"), iri_term(step_iri(run, before)))


def step_iri(run: Run, step: StepRun) -> str:
    """Return the IRI of one step of one branch of a run."""
    return f"{run.pid}#{step.branch}-{step.name}"


def _title(run: Run) -> str:
    titles = run.template.titles
    return titles.get("en") or next(iter(titles.values()), run.template.iri)


def _prov(name: str) -> str:
    return f"<{PROV}{name}>"


def _moment(at: datetime) -> str:
    return literal_term(stamp(at), datatype=f"{XSD}dateTime")
