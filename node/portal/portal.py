"""The portal as a whole: its routes, and the three pages that other endpoints call."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from node.base.clock import Clock, SystemClock
from node.base.errors import HansaError, NotFound
from node.identity.model import Caller
from node.portal import headers
from node.portal.pages import (
    about,
    account,
    asset,
    binding,
    catalogue,
    edits,
    erasures,
    files,
    harvests,
    imports,
    keys,
    layers,
    operation,
    profile,
    receipts,
    runs,
    sparql,
    stories,
    versions,
    work,
)
from node.portal.pages.data import (
    brokers,
    links,
    maps,
    partner_streams,
    quality,
    received_tables,
    scenes,
    shipments,
    sources,
    subscribers,
    table_questions,
    tables,
    values,
    webhooks,
)
from node.portal.pages.meaning import alignments, fairness, mappings, ontologies, reasoner, registry, schemas, terms
from node.portal.pages.meaning.files import DATA_CHECK, FORESIGHT, TRIAL
from node.portal.pages.people import invitations, providers, questions, subscriptions, users
from node.portal.pages.publication import draft_check, drafts, joint_changes, limits, policy_editor
from node.portal.pages.regions import eligibility
from node.portal.pages.regions import search as region_search
from node.portal.pages.regions.routes import regional
from node.portal.responder import HERE, Identify, Responder
from node.portal.settings import PortalSettings
from node.portal.usecases import UseCases

KEEP: Final = "public, max-age=31536000, immutable"

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Portal:
    """All pages of a node.

    ``routes`` go into the application (below the prefix of ``public_url``, if the node has one). Three pages
    are served at addresses that belong to other endpoints, which call them if ``prefers_page`` is true:
    ``record_page`` for record IRIs, ``sparql_page`` for ``/sparql``, ``error_page`` for errors.
    """

    def __init__(
        self,
        node: UseCases,
        identify: Identify,
        settings: PortalSettings,
        *,
        openapi: Callable[[], dict[str, Any]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.responder = Responder(node, identify, settings, clock or SystemClock(), openapi=openapi)

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes of the portal's own pages and static files."""
        page = self.responder.endpoint
        people = {"people": True}
        form = {"people": True, "form": True}
        table: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/", page(catalogue.start)),
            ("GET", "/search", page(catalogue.results)),
            ("GET", "/search/region", page(region_search.search, **people)),
            ("POST", "/search/region/ask", page(region_search.ask, **form)),
            ("GET", "/search.csv", page(catalogue.results_csv)),
            ("GET", "/search.rss", page(catalogue.results_rss)),
            ("GET", "/search.atom", page(catalogue.results_atom)),
            ("GET", "/record", page(asset.record_by_iri)),
            ("GET", "/record/changes", page(versions.differences)),
            ("GET", "/terms", page(terms.terms)),
            ("GET", "/term", page(terms.term)),
            ("GET", "/ontology/fairness", page(fairness.fairness)),
            ("GET", "/record/foresee", page(FORESIGHT.form, **people)),
            ("POST", "/record/foresee", page(FORESIGHT.answer, **people)),
            ("GET", "/transformation/try", page(TRIAL.form, **people)),
            ("POST", "/transformation/try", page(TRIAL.answer, **people)),
            ("GET", "/transformation/draft", page(mappings.draft, **people)),
            ("POST", "/transformation/draft", page(mappings.publish, **people)),
            ("GET", "/ontology/align", page(alignments.draft, **people)),
            ("POST", "/ontology/align", page(alignments.publish, **people)),
            ("GET", "/ontology/publish", page(ontologies.form, **people)),
            ("POST", "/ontology/publish", page(ontologies.publish, **people)),
            ("GET", "/ontology/reason", page(reasoner.form, **people)),
            ("POST", "/ontology/reason", page(reasoner.answer, **form)),
            ("GET", "/schema/convert", page(schemas.form, **people)),
            ("POST", "/schema/convert", page(schemas.answer, **people)),
            ("GET", "/schema/registry", page(registry.registry)),
            ("GET", "/schema/check", page(DATA_CHECK.form, **people)),
            ("POST", "/schema/check", page(DATA_CHECK.answer, **people)),
            ("GET", "/record/table", page(tables.table)),
            ("GET", "/record/table.csv", page(tables.table_csv)),
            ("GET", "/record/groups.csv", page(tables.groups_csv)),
            ("GET", "/record/table.json", page(tables.table_json)),
            ("GET", "/record/map", page(maps.record_map)),
            ("GET", "/record/map.geojson", page(maps.record_features)),
            ("GET", "/record/3d", page(scenes.record_view)),
            ("GET", "/record/3d.json", page(scenes.record_objects)),
            ("GET", "/record/3d/tile", page(scenes.record_tile)),
            ("POST", "/record/ask", page(asset.ask, **form)),
            ("POST", "/record/edit", page(edits.edit, **form)),
            ("GET", "/record/withdraw", page(edits.withdrawal, **people)),
            ("POST", "/record/withdraw", page(edits.withdraw, **form)),
            ("GET", "/record/eligibility", page(eligibility.eligibility, **people)),
            ("GET", "/record/limits", page(limits.show, **people)),
            ("POST", "/record/limits", page(limits.change, **form)),
            ("GET", "/record/erase", page(erasures.erasure, **people)),
            ("POST", "/record/erase", page(erasures.erase, **form)),
            ("GET", "/record.{ending:str}", page(asset.record_as)),
            ("GET", "/sign-in", page(account.sign_in_form)),
            ("POST", "/sign-in", page(account.sign_in, form=True)),
            ("GET", "/sign-in/code", page(account.code_form)),
            ("POST", "/sign-in/code", page(account.complete, form=True)),
            ("POST", "/sign-out", page(account.sign_out, **form)),
            ("GET", "/account", page(profile.account, **people)),
            ("POST", "/account/password", page(profile.change_password, **form)),
            ("POST", "/account/tokens", page(profile.make_token, **form)),
            ("POST", "/account/second-factor", page(profile.begin_factor, **form)),
            ("POST", "/account/second-factor/confirm", page(profile.confirm_factor, **form)),
            ("POST", "/account/second-factor/remove", page(profile.remove_factor, **form)),
            ("POST", "/account/tokens/{sha256:str}/end", page(profile.end_token, **form)),
            ("POST", "/account/sessions/end", page(profile.end_other_sessions, **form)),
            ("POST", "/account/sessions/{sha256:str}/end", page(profile.end_session, **form)),
            ("POST", "/account/language", page(profile.set_language, **form)),
            ("GET", "/agreements", page(work.agreements, **people)),
            # An id may be an IRI with slashes in it, so the longer path is tried first.
            ("GET", "/agreements/{id:path}/document", page(work.agreement_document, **people)),
            ("GET", "/agreements/{id:path}/evidence.zip", page(files.agreement_zip, **people)),
            ("GET", "/agreements/{id:path}/ask", page(table_questions.form, **people)),
            ("POST", "/agreements/{id:path}/ask", page(table_questions.answer, **form)),
            ("GET", "/agreements/{id:path}/stream", page(partner_streams.stream, **people)),
            ("POST", "/agreements/{id:path}/stream", page(partner_streams.open_stream, **form)),
            ("POST", "/agreements/{id:path}/bridges", page(partner_streams.begin_bridge, **form)),
            ("POST", "/agreements/{id:path}/bridges/{bridge:str}/end", page(partner_streams.end_bridge, **form)),
            ("GET", "/agreements/{id:path}", page(work.agreement, **people)),
            ("POST", "/agreements/{id:path}/get", page(receipts.get_data, **form)),
            ("GET", "/received", page(receipts.receipts, **people)),
            ("GET", "/received/{pid:path}/file", page(receipts.content, **people)),
            ("GET", "/received/{pid:path}/map", page(maps.received_map, **people)),
            ("GET", "/received/{pid:path}/map.geojson", page(maps.received_features, **people)),
            ("GET", "/received/{pid:path}/3d", page(scenes.received_view, **people)),
            ("GET", "/received/{pid:path}/3d.json", page(scenes.received_objects, **people)),
            ("GET", "/received/{pid:path}/3d/tile", page(scenes.received_tile, **people)),
            ("GET", "/received/{pid:path}/table", page(received_tables.table, **people)),
            ("GET", "/received/{pid:path}/table.csv", page(received_tables.table_csv, **people)),
            ("GET", "/received/{pid:path}/groups.csv", page(received_tables.groups_csv, **people)),
            ("GET", "/received/{pid:path}/manifest", page(receipts.manifest, **people)),
            ("POST", "/received/{pid:path}/send", page(shipments.send, **form)),
            ("GET", "/shipments", page(shipments.shipments, **people)),
            ("POST", "/shipments/orders/{id:str}/stop", page(shipments.stop, **form)),
            ("POST", "/shipments/{id:str}/retry", page(shipments.retry, **form)),
            ("POST", "/shipments/{id:str}/removed", page(shipments.note_removal, **form)),
            ("GET", "/received/{pid:path}", page(receipts.receipt, **people)),
            ("POST", "/agreements/{id:path}/confirm-deletion", page(work.confirm_deletion, **form)),
            ("GET", "/decisions", page(work.decisions, **people)),
            ("POST", "/decisions/{id:path}", page(work.decide, **form)),
            ("GET", "/processes", page(work.processes, **people)),
            ("GET", "/processes/{pid:path}", page(work.process, **people)),
            ("GET", "/deliveries", page(work.deliveries, **people)),
            ("POST", "/deliveries/{id:path}/retry", page(work.retry, **form)),
            ("POST", "/deliveries/{id:path}/give-up", page(work.give_up, **form)),
            ("GET", "/operate", page(operation.health, **people)),
            ("GET", "/operate/settings", page(operation.settings, **people)),
            ("GET", "/operate/storage", page(operation.storage, **people)),
            ("GET", "/operate/audit", page(operation.audit, **people)),
            ("GET", "/operate/audit.csv", page(operation.audit_csv, **people)),
            ("GET", "/operate/audit.jsonl", page(operation.audit_signed, **people)),
            ("GET", "/operate/audit.log", page(operation.audit_log, **people)),
            ("GET", "/operate/audit/{number}", page(operation.audit_entry, **people)),
            ("GET", "/imports", page(imports.imports, **people)),
            ("POST", "/imports/sources", page(harvests.add, **form)),
            ("GET", "/imports/values/table", page(values.table, **people)),
            ("POST", "/imports/values/table", page(values.choose, **form)),
            ("GET", "/quality", page(quality.quality, **people)),
            ("GET", "/quality.csv", page(quality.quality_csv, **people)),
            ("GET", "/quality.nt", page(quality.quality_nt, **people)),
            ("GET", "/quality/profiles/{name:str}", page(quality.profile, **people)),
            ("GET", "/quality/links", page(links.links, **people)),
            ("POST", "/quality/links", page(links.check_again, **form)),
            ("GET", "/webhooks", page(webhooks.webhooks, **people)),
            ("POST", "/webhooks", page(webhooks.add, **form)),
            ("GET", "/webhooks/{name:str}", page(webhooks.webhook, **people)),
            ("GET", "/webhooks/{name:str}/test", page(webhooks.webhook, **people)),
            ("POST", "/webhooks/{name:str}/test", page(webhooks.test, **form)),
            ("POST", "/webhooks/{name:str}/pause", page(webhooks.pause, **form)),
            ("POST", "/webhooks/{name:str}/resume", page(webhooks.resume, **form)),
            ("POST", "/webhooks/{name:str}/retry", page(webhooks.retry, **form)),
            ("POST", "/webhooks/{name:str}/remove", page(webhooks.remove, **form)),
            ("GET", "/subscribers", page(subscribers.subscribers, **people)),
            ("GET", "/subscribers/{key:str}/resend", page(subscribers.subscribers, **people)),
            ("POST", "/subscribers/{key:str}/resend", page(subscribers.send_again, **form)),
            ("POST", "/subscribers/{key:str}/end", page(subscribers.end, **form)),
            ("GET", "/sources", page(sources.sources, **people)),
            ("POST", "/sources", page(sources.add, **form)),
            ("POST", "/sources/{name:str}/test", page(sources.test, **form)),
            ("POST", "/sources/{name:str}/remove", page(sources.remove, **form)),
            ("POST", "/sources/{name:str}/streams", page(brokers.connect, **form)),
            ("POST", "/sources/{name:str}/streams/{stream:str}/remove", page(brokers.disconnect, **form)),
            ("GET", "/imports/{name:str}", page(harvests.source, **people)),
            ("GET", "/imports/{name:str}/report.csv", page(harvests.report_csv, **people)),
            ("POST", "/imports/{name:str}/reports", page(harvests.send_report, **form)),
            ("GET", "/reports/{secret:str}", page(harvests.open_report)),
            ("POST", "/imports/{name:str}/run", page(harvests.run_now, **form)),
            ("POST", "/imports/{name:str}/pause", page(harvests.pause, **form)),
            ("POST", "/imports/{name:str}/resume", page(harvests.resume, **form)),
            ("POST", "/imports/{name:str}/remove", page(harvests.remove, **form)),
            ("GET", "/publish", page(drafts.drafts, **people)),
            ("POST", "/publish/file", page(drafts.begin, **people)),
            ("POST", "/publish/uploads/{id:str}/remove", page(drafts.remove_upload, **form)),
            ("GET", "/publish/{id:str}", page(drafts.draft, **people)),
            ("POST", "/publish/{id:str}", page(drafts.answer, **people)),
            ("POST", "/publish/{id:str}/check", page(draft_check.check_answers, **people)),
            ("GET", "/publish/{id:str}/conditions", page(policy_editor.show, **people)),
            ("POST", "/publish/{id:str}/conditions", page(policy_editor.change, **people)),
            ("GET", "/publish/{id:str}/preview", page(drafts.preview, **people)),
            ("POST", "/publish/{id:str}/publish", page(drafts.publish, **form)),
            ("POST", "/publish/{id:str}/renew", page(edits.renew, **form)),
            ("POST", "/publish/{id:str}/remove", page(drafts.remove, **form)),
            ("GET", "/changes", page(joint_changes.choose, **people)),
            ("POST", "/changes", page(joint_changes.change, **people)),
            ("GET", "/keys", page(keys.keys, **people)),
            ("POST", "/keys/replace", page(keys.replace, **form)),
            ("GET", "/about", page(about.about)),
            ("GET", "/docs/api", page(about.api_docs)),
            ("GET", "/portal/{edition:str}/map/{name:str}", self._map_file),
            ("GET", "/portal/{edition:str}/{name:str}", self._static),
        ]
        table += regional(page)
        table += self._of_people()
        if self.responder.node.scenarios is not None:
            table += self._of_scenarios()
        return [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]

    def _of_people(self) -> list[tuple[str, str, Callable[[Request], Any]]]:
        page = self.responder.endpoint
        people = {"people": True}
        form = {"people": True, "form": True}
        return [
            ("GET", "/users", page(users.users, **people)),
            ("POST", "/users", page(users.invite, **form)),
            ("GET", "/users/{login:str}", page(users.user, **people)),
            ("POST", "/users/{login:str}/roles", page(users.set_roles, **form)),
            ("POST", "/users/{login:str}/link", page(users.make_link, **form)),
            ("POST", "/users/{login:str}/block", page(users.block, **form)),
            ("POST", "/users/{login:str}/unblock", page(users.unblock, **form)),
            ("POST", "/users/{login:str}/sessions/end", page(users.end_sessions, **form)),
            ("POST", "/users/{login:str}/tokens/{sha256:str}/end", page(users.end_token, **form)),
            ("POST", "/users/{login:str}/second-factor/remove", page(users.remove_factor, **form)),
            ("POST", "/users/{login:str}/remove", page(users.remove, **form)),
            ("GET", "/questions", page(questions.questions, **people)),
            ("POST", "/questions", page(questions.ask, **form)),
            ("POST", "/questions/seen", page(questions.mark_seen, **form)),
            ("POST", "/questions/{id:path}", page(questions.act, **form)),
            ("GET", "/subscriptions", page(subscriptions.subscriptions, **people)),
            ("POST", "/subscriptions", page(subscriptions.add, **form)),
            ("POST", "/subscriptions/seen", page(subscriptions.mark_seen, **form)),
            ("POST", "/subscriptions/feed", page(subscriptions.make_feed, **form)),
            ("POST", "/subscriptions/feed/end", page(subscriptions.end_feed, **form)),
            ("GET", "/subscriptions/feed/{secret:str}.atom", page(subscriptions.feed)),
            ("POST", "/subscriptions/mail", page(subscriptions.set_address, **form)),
            ("POST", "/subscriptions/mail/end", page(subscriptions.end_mail, **form)),
            ("GET", "/subscriptions/mail/{secret:str}", page(subscriptions.letter)),
            ("POST", "/subscriptions/mail/{secret:str}", page(subscriptions.answer_letter, form=True)),
            ("POST", "/subscriptions/{id:str}/end", page(subscriptions.end, **form)),
            ("GET", "/sign-in/with/{provider:str}", page(providers.begin)),
            ("GET", "/sign-in/with/{provider:str}/callback", page(providers.complete)),
            ("POST", "/sign-in/with/{provider:str}/logout", page(providers.end_sessions)),
            ("GET", "/invitation/{secret:str}", page(invitations.invitation)),
            ("POST", "/invitation", page(invitations.accept, form=True)),
        ]

    def _of_scenarios(self) -> list[tuple[str, str, Callable[[Request], Any]]]:
        page = self.responder.endpoint
        people = {"people": True}
        form = {"people": True, "form": True}
        return [
            ("GET", "/runs", page(runs.runs, **people)),
            ("GET", "/runs/compare", page(runs.compare, **people)),
            ("GET", "/runs/{pid:path}/table.csv", page(files.table_csv, **people)),
            ("GET", "/runs/{pid:path}/map.geojson", page(files.map_geojson, **people)),
            ("GET", "/runs/{pid:path}/crate.zip", page(files.crate_zip, **people)),
            ("POST", "/runs/{pid:path}/cancel", page(runs.cancel, **form)),
            ("POST", "/runs/{pid:path}/again", page(runs.again, **form)),
            ("POST", "/runs/{pid:path}/publish", page(runs.publish, **form)),
            ("GET", "/runs/{pid:path}", page(runs.run, **people)),
            ("GET", "/record/story", page(stories.story)),
            ("GET", "/record/story.html", page(stories.file)),
            ("GET", "/record/story/embed", self.responder.framed_endpoint(stories.embed)),
            ("GET", "/scenario/bind", page(binding.bind, **people)),
            ("POST", "/scenario/start", page(binding.start, **form)),
            ("GET", "/layers", page(layers.layers, **people)),
            ("GET", "/layers/new", page(layers.new, **people)),
            ("POST", "/layers/new", page(layers.create, **form)),
            ("GET", "/layers/{id:path}", page(layers.layer, **people)),
            ("POST", "/layers/{id:path}", page(layers.edit, **form)),
        ]

    async def record_page(self, request: Request, iri: str, caller: Caller) -> Response:
        """Return the page of the asset ``iri``, or the error page if it cannot be shown."""
        visit = await self.responder.visit(request, caller)
        try:
            return await asset.record_page(self.responder, visit, iri, is_its_address=True)
        except HansaError as error:
            return self.responder.error(visit, error)

    async def sparql_page(self, request: Request, caller: Caller) -> Response:
        """Return the query page, with the results of ``?query=`` if it is set."""
        visit = await self.responder.visit(request, caller)
        try:
            return await sparql.sparql_page(self.responder, visit)
        except HansaError as error:
            return self.responder.error(visit, error)

    async def error_page(self, request: Request, error: Exception) -> Response:
        """Return the page for any error: HansaError, Starlette's HTTPException, or an internal error (500)."""
        return self.responder.error(await self.responder.visit(request), error)

    async def _map_file(self, request: Request) -> Response:
        files = self.responder.settings.maps
        file = files.file(request.path_params["name"]) if files else None
        if file is None:
            return await self.error_page(request, NotFound())
        current = request.path_params["edition"] == self.responder.edition
        response = FileResponse(file.path, media_type=file.media_type, headers=dict(headers.FOR_MAP_FILES))
        response.headers["Cache-Control"] = KEEP if current else "no-cache"
        if file.gzip is not None:
            response.headers["Vary"] = "Accept-Encoding"
            if headers.accepts_gzip(request.headers.get("accept-encoding", "")):
                response = FileResponse(file.gzip, media_type=file.media_type, headers=dict(response.headers))
                response.headers["Content-Encoding"] = "gzip"
        return response

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        file = self._static_file(name)
        if file is None:
            return await self.error_page(request, NotFound())
        body, media_type = file
        current = request.path_params["edition"] == self.responder.edition
        return Response(
            body,
            headers={
                "Content-Type": media_type,
                "Cache-Control": KEEP if current else "no-cache",
                "X-Content-Type-Options": "nosniff",
                # An SVG logo that is opened by itself is a document: it must not run scripts.
                "Content-Security-Policy": "default-src 'none'; style-src 'self'; sandbox",
            },
        )

    def _static_file(self, name: str) -> tuple[bytes, str] | None:
        logo = self.responder.settings.logo
        if name == "theme.css":
            return self.responder.theme.encode(), _MEDIA_TYPES[".css"]
        if name == "logo":
            guessed = mimetypes.guess_type(logo.name)[0] if logo else None
            return (logo.read_bytes(), guessed or "application/octet-stream") if logo else None
        for file in (HERE / "static").iterdir():
            if file.name == name:
                return file.read_bytes(), _MEDIA_TYPES.get(file.suffix, "application/octet-stream")
        return None
