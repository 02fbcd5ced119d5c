"""The page on which a person publishes an ontology: its file, or its address on the web."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from node.base.errors import (
    Conflict,
    ForbiddenAddress,
    HansaError,
    InvalidDescription,
    InvalidInput,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    TooMany,
    UnsupportedMediaType,
)
from node.catalogue.drafts.ontology_documents import OntologyOrder
from node.catalogue.drafts.originals import OriginalDescription
from node.catalogue.model import Publication
from node.catalogue.nquads import text_of
from node.catalogue.publication.submission_check import is_about_breaking
from node.catalogue.statements import Statements
from node.exchange.names import safe_name
from node.portal.forms import check_csrf
from node.portal.pages.meaning.mappings import finding_words
from node.portal.uploads import read_upload
from node.portal.visit import Visit
from node.semantics.model import Finding
from node.vocab.namespaces import DCAT

if TYPE_CHECKING:
    from node.portal.responder import Responder

_AUDIENCES: Final = ("public", "members", "internal")


async def form(responder: Responder, visit: Visit) -> Response:
    """``GET /ontology/publish``: choose a file, or name an address."""
    return _page(responder, visit, {})


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /ontology/publish``: publish the ontology, or only check it, and say what is wrong with it."""
    publish_ontology = responder.node.catalogue.meaning.publish_ontology
    publish_ontology.require_role(visit.caller)
    upload = await read_upload(visit.request)
    # Before a byte of the file is read.
    check_csrf(responder.settings.secret, visit.session, upload.fields)
    fields = upload.fields
    order = OntologyOrder(
        url=fields.get("url", "").strip(),
        name=safe_name(upload.name) if upload.name else "",
        chunks=upload.chunks,
        fields=_additions(fields),
        conditions="open" if "open" in fields else "",
        audience=fields.get("audience", ""),
        is_trial="check" in fields,
        allow_breaking="breaking" in fields,
    )
    try:
        publication = await publish_ontology(order, visit.caller)
    except (InvalidDescription, InvalidInput, Conflict, TooLarge, TooMany, UnsupportedMediaType) as error:
        return _page(responder, visit, fields, error=error)
    except (ForbiddenAddress, PeerUnreachable, Overloaded) as error:
        return _page(responder, visit, fields, error=error)
    if order.is_trial:
        fields_after = {**_of_header(publication, visit.language), **{k: text for k, text in fields.items() if text}}
        return _page(responder, visit, fields_after, trial=publication)
    return responder.go(visit, visit.asset(publication.record, done="ontology-published"))


def _of_header(publication: Publication, language: str) -> dict[str, str]:
    """Return the controls of the form with what the ontology says of itself."""
    description = OriginalDescription(publication.record, language)
    version = Statements(publication.record).own(f"{DCAT}version")
    header = {name: description.answers.get(name, "") for name in ("license", "contact.name", "contact.email")}
    return header | {"version": text_of(version[0]) if version else ""}


def _additions(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the description that the form fills; empty ones are left out."""
    additions: dict[str, Any] = {
        name: text for name in ("license", "version") if (text := fields.get(name, "").strip())
    }
    contact = {name: text for name in ("name", "email") if (text := fields.get(f"contact.{name}", "").strip())}
    return additions | ({"contact": contact} if contact else {})


def _page(
    responder: Responder,
    visit: Visit,
    fields: Mapping[str, str],
    *,
    error: HansaError | None = None,
    trial: Publication | None = None,
) -> Response:
    refusal = error.findings if isinstance(error, InvalidDescription) else ()
    findings = [Finding.from_json(finding) for finding in refusal] + list(trial.findings if trial else ())
    return responder.render(
        visit,
        "ontology.html",
        status=200 if error is None else error.status,
        fields=fields,
        trial=trial,
        faults=[finding_words(visit, finding) for finding in findings if finding.severity == "violation"],
        remarks=[finding_words(visit, finding) for finding in findings if finding.severity == "warning"],
        breaks=is_about_breaking(refusal),
        audiences=_AUDIENCES,
        limit=responder.node.catalogue.meaning.publish_ontology.limit,
        trouble=None if error is None else visit.explain(error),
    )
