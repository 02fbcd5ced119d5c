"""The pages of terms: search over all ontologies, the hierarchy of one, and a page for each term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import InvalidInput
from node.catalogue.meaning.terms import TermMatch, TermTree
from node.identity.roles import UseCase, allowed
from node.portal.drawing.chain import Drawing
from node.portal.drawing.classes import MOST_CLASSES, ClassBox, class_diagram
from node.portal.visit import Visit
from node.vocab.namespaces import local_name

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 50


async def terms(responder: Responder, visit: Visit) -> Response:
    """``GET /terms?q=…``: search for terms; ``?ontology=IRI``: the hierarchy of an ontology."""
    query = visit.request.query_params
    text, ontology = query.get("q", "").strip(), query.get("ontology", "")
    browse = responder.node.catalogue.browse
    trouble, total = None, 0
    matches: Sequence[TermMatch] = ()
    tree = await browse.terms.tree(ontology, visit.caller) if ontology else None
    closure = await browse.imports.closure(ontology, visit.caller) if ontology and not text else None
    if text:
        try:
            total, matches = await browse.terms.search(text, visit.caller, ontology=ontology, limit=SHOWN)
        except InvalidInput as error:
            trouble = visit.explain(error)
    classes = tree.hierarchies.get("class", ()) if tree is not None and not text else ()
    return responder.render(
        visit,
        "terms.html",
        picture=_picture(visit, tree) if tree is not None and classes else None,
        left_out=max(0, len(classes) - MOST_CLASSES),
        status=400 if trouble else 200,
        text=text,
        tree=tree,
        may_publish=allowed(visit.caller, UseCase.PUBLISH),
        imports=closure.imports if closure else (),
        total=total,
        matches=matches,
        trouble=trouble,
    )


def _picture(visit: Visit, tree: TermTree) -> Drawing:
    """Return the classes of an ontology with their properties as a picture."""
    entries = tree.hierarchies["class"]
    labels = {entry.term.iri: entry.term.label(visit.language) for entry in entries}
    boxes, iris = [], set[str]()
    for entry in entries[:MOST_CLASSES]:
        iri = entry.term.iri
        # A class may stand below several others: its properties are written once.
        properties = () if iri in iris else tree.properties.get(iri, ())
        iris.add(iri)
        lines = [
            (term.label(visit.language), ", ".join(labels.get(value) or local_name(value) for value in term.range))
            for term in properties
        ]
        href = visit.url("/term", iri=iri)
        boxes.append(ClassBox(name=labels[iri], href=href, depth=entry.depth, properties=lines))
    return class_diagram(boxes)


async def term(responder: Responder, visit: Visit) -> Response:
    """``GET /term?iri=…``: one term."""
    browse = responder.node.catalogue.browse
    view = await browse.terms.term(visit.request.query_params.get("iri", ""), visit.caller)
    fields = await browse.fields(view.term.iri, visit.caller)
    return responder.render(
        visit,
        "term.html",
        view=view,
        term=view.term,
        record=view.ontology,
        fields=fields,
        may_draft=allowed(visit.caller, UseCase.PUBLISH),
    )
