"""Start and end of every page request: recognises the reader, checks forms, renders templates, words errors."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from node.base.clock import Clock
from node.base.errors import HansaError, LocalFault, NotAllowed, NotFound, Unauthenticated
from node.catalogue.representations import VARY
from node.identity.model import ANONYMOUS, Caller
from node.identity.roles import UseCase, allowed
from node.portal import codes, headers, markup
from node.portal.forms import check_csrf, new_form_cookie, read_form
from node.portal.languages import Speaker, choose_language
from node.portal.navigation import menu, section_pages
from node.portal.settings import PortalSettings
from node.portal.theme import style_sheet
from node.portal.usecases import UseCases
from node.portal.views.browsers import browser_name
from node.portal.visit import PLURALS, Visit
from node.scenarios.transformations.mapping_proposal import text_of

if TYPE_CHECKING:
    from jinja2 import Environment

log = logging.getLogger("hansa.portal")

LANGUAGE_COOKIE: Final = "hansa_lang"
FORM_COOKIE: Final = "hansa_form"
YEAR: Final = 365 * 86_400

HERE: Final = Path(__file__).parent

Identify = Callable[[Request], Awaitable[Caller]]
"""Returns the caller; raises ``Unauthenticated`` for a session or token that is not valid."""

PageFunction = Callable[["Responder", Visit], Awaitable[Response]]


class Responder:
    """The argument of every page function: the node, the settings, and ``render``."""

    def __init__(
        self,
        node: UseCases,
        identify: Identify,
        settings: PortalSettings,
        clock: Clock,
        *,
        openapi: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self.node = node
        self.settings = settings
        self.openapi = openapi
        self._identify = identify
        self._clock = clock

    # visits -----------------------------------------------------------------------------------------------
    async def visit(self, request: Request, caller: Caller | None = None) -> Visit:
        """Return the visit of ``request``; if its session has ended, the reader is a stranger."""
        session = request.cookies.get(self.settings.session_cookie, "")
        if caller is None:
            try:
                caller = await self._identify(request)
            except Unauthenticated:
                caller = ANONYMOUS
        if not caller.is_person:
            session = ""
        language = choose_language(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE) or caller.language,
            accept=request.headers.get("accept-language", ""),
        )
        return Visit(
            request=request,
            caller=caller,
            settings=self.settings,
            speaker=Speaker(language, self.settings.zone, self._clock.now()),
            session=session,
            form_cookie=request.cookies.get(FORM_COOKIE, "")[:100] or new_form_cookie(),
            waiting=await self._waiting(request, caller),
        )

    async def _waiting(self, request: Request, caller: Caller) -> int:
        """Return how many requests the reader of a page may decide, and how many questions they may answer."""
        if request.method not in ("GET", "HEAD"):
            return 0
        try:
            requests = await self.node.contracts.questions.count() if allowed(caller, UseCase.DECIDE) else 0
            may_answer = allowed(caller, UseCase.ANSWER_QUESTIONS)
            return requests + (await self.node.work.questions.answers.count() if may_answer else 0)
        except HansaError:
            # The menu is on every page, on that of an error too.
            return 0

    def endpoint(
        self, page: PageFunction, *, people: bool = False, form: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return ``page`` as a route's endpoint. ``people``: signed-in people only; ``form``: with a checked form."""

        async def serve(request: Request) -> Response:
            try:
                visit = await self.visit(request)
            except NotAllowed as error:
                # A form of another site, or a blocked participant: the reader is a stranger to the page that says so.
                return self.error(await self.visit(request, ANONYMOUS), error)
            try:
                if people and not visit.signed_in:
                    return self._to_sign_in(visit)
                if form:
                    fields = await read_form(request)
                    check_csrf(self.settings.secret, visit.session or request.cookies.get(FORM_COOKIE, ""), fields)
                    visit = replace(visit, fields=fields)
                return await page(self, visit)
            except HansaError as error:
                return self.error(visit, error)

        return serve

    def framed_endpoint(self, page: PageFunction) -> Callable[[Request], Awaitable[Response]]:
        """Return ``page`` as the endpoint of a route that other sites may show in a frame: whoever reads it is a
        stranger, and no cookie is read or set."""

        async def serve(request: Request) -> Response:
            accept = request.headers.get("accept-language", "")
            language = choose_language(request.query_params.get("lang"), accept=accept)
            visit = Visit(
                request=request,
                caller=ANONYMOUS,
                settings=self.settings,
                speaker=Speaker(language, self.settings.zone, self._clock.now()),
                is_framed=True,
            )
            try:
                return await page(self, visit)
            except HansaError as error:
                return self.error(visit, error)

        return serve

    def _to_sign_in(self, visit: Visit) -> Response:
        if not visit.caller.is_anonymous:
            raise NotAllowed(
                "only users of this node can open this page",
                remedy="other nodes use the API of their own node",
                facts={"case": "users-only"},
            )
        back = visit.here() if visit.request.method in ("GET", "HEAD") else visit.url("/")
        return self.go(visit, visit.url("/sign-in", next=back))

    # answers ----------------------------------------------------------------------------------------------
    def go(self, visit: Visit, target: str) -> Response:
        """Return 303 See Other, so that reloading the next page does not send the form again."""
        response = RedirectResponse(target, status_code=303)
        response.headers["Cache-Control"] = headers.cache_control(signed_in=True)
        return response

    def render(self, visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response:
        """Return a page. Every name that a template uses must be passed: StrictUndefined raises for others."""
        entries = menu(visit, issuer=self.settings.issuer, scenarios=self.node.scenarios is not None)
        page = _environment().get_template(template)
        html = page.render(
            v=visit,
            s=visit.speaker,
            site=self,
            kinds=PLURALS,
            markup=markup,
            codes=codes,
            menu=entries,
            section=section_pages(entries),
            **context,
        )
        response = HTMLResponse(html, status_code=status)
        response.headers["Vary"] = VARY
        response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
        response.headers["Content-Language"] = visit.language
        for name, value in headers.ALWAYS + headers.FOR_PAGES:
            response.headers.setdefault(name, value)
        asked = visit.request.query_params.get("lang")
        if asked and asked[:2].lower() == visit.language and not visit.is_framed:
            self.remember_language(response, visit.language)
        return response

    def set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        """Set a cookie of ours: scripts can never read it, and other sites' forms never send it."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=self.settings.prefix or "/",
            httponly=True,
            samesite="lax",
            secure=self.settings.https,
        )

    def remember_language(self, response: Response, language: str) -> None:
        """Set the cookie with the reader's choice of language."""
        self.set_cookie(response, LANGUAGE_COOKIE, language, YEAR)

    def set_form_cookie(self, response: Response, value: str, seconds: int) -> None:
        """Set a cookie that ties a sign-in form to the browser that shows it."""
        self.set_cookie(response, FORM_COOKIE, value, seconds)

    def drop_form_cookie(self, response: Response) -> None:
        response.delete_cookie(FORM_COOKIE, path=self.settings.prefix or "/")

    # errors -----------------------------------------------------------------------------------------------
    def error(self, visit: Visit, error: Exception) -> Response:
        """Return the page for an error: the problem, the remedy, and links. An internal error has no details."""
        status, code, detail, remedy, retry = _describe(error)
        if status >= 500 and (isinstance(error, LocalFault) or not isinstance(error, HansaError | HTTPException)):
            log.error("a page failed", exc_info=error, extra={"path": visit.path})
        wording = visit.explain(error) if isinstance(error, HansaError) and detail else None
        family = str(status) if visit.speaker.knows(f"error.{status}.title") else str(status // 100 * 100)
        response = self.render(
            visit,
            "error.html",
            status=status,
            number=status,
            family=family,
            code=code,
            detail=wording.text if wording else detail,
            detail_lang=wording.lang if wording else "",
            remedy=wording.remedy if wording else remedy,
            remedy_lang=wording.remedy_lang if wording else "",
            title=visit.t(f"error.{family}.title"),
        )
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if retry:
            response.headers["Retry-After"] = "5"
        response.headers["Cache-Control"] = headers.cache_control(signed_in=True)
        return response

    # static files -----------------------------------------------------------------------------------------
    @cached_property
    def theme(self) -> str:
        """Return the city's colours as CSS."""
        return style_sheet(self.settings.accent)

    @cached_property
    def whole_style(self) -> Markup:
        """Return the style sheets of the pages as one text, for a page that is a file of its own."""
        return Markup(self.theme + (HERE / "static" / "hansa.css").read_text("utf-8"))  # noqa: S704 - our own files

    @cached_property
    def edition(self) -> str:
        """Return a short hash over all static files, so that browsers may cache them for ever under their URL."""
        digest = hashlib.sha256(self.theme.encode())
        for file in sorted((HERE / "static").iterdir()):
            digest.update(file.read_bytes())
        if self.settings.logo:
            digest.update(self.settings.logo.read_bytes())
        if self.settings.maps:
            digest.update(self.settings.maps.digest.encode())
        return digest.hexdigest()[:12]

    def static(self, name: str) -> str:
        """Return the URL of a static file."""
        return f"{self.settings.prefix}/portal/{self.edition}/{name}"

    def map_file(self, name: str) -> str:
        """Return the URL of a file of maps (``node.portal.map_files``)."""
        return f"{self.settings.prefix}/portal/{self.edition}/map/{name}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # On first use: a node that shows no pages need not load the template engine. Templates are the same for every
    # node of a process; the differences come with each rendering.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["browser"] = browser_name
    environment.filters["conversion"] = codes.conversion
    environment.filters["definition"] = text_of
    environment.filters["short"] = markup.shorten
    environment.filters["segment"] = lambda value: quote(str(value), safe="")
    environment.tests["web_address"] = lambda value: markup.web_address(value) is not None
    return environment


def _describe(error: Exception) -> tuple[int, str, str, str, bool]:
    """Return (status, code, detail, remedy, whether to try again later) as far as the reader may know."""
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return 404, NotFound.code, "", "", False
        return error.status_code, f"http-{error.status_code}", "", "", error.status_code == 503
    if not isinstance(error, HansaError) or (isinstance(error, LocalFault) and not error.is_public):
        return 500, LocalFault.code, "", "", False
    # Not found and not visible give the same answer, worded by the portal.
    if isinstance(error, NotFound) and error.status == 404:
        return 404, error.code, "", "", False
    return error.status, error.code, error.detail, error.remedy, error.status in (429, 503, 507)
