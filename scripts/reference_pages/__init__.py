"""The pages of docs/reference: for each a function that returns its Markdown, read from the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reference_pages.commands import cli
from reference_pages.conditions import conditions
from reference_pages.description import description_fields
from reference_pages.errors import errors
from reference_pages.glossary import glossary
from reference_pages.hooks import hooks
from reference_pages.http import http
from reference_pages.mapping import column_mapping
from reference_pages.protocol import protocol
from reference_pages.repairs import repairs
from reference_pages.roles import roles
from reference_pages.settings import settings
from reference_pages.states import states

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "cli.md": cli,
    "protocol.md": protocol,
    "states.md": states,
    "errors.md": errors,
    "http.md": http,
    "roles.md": roles,
    "conditions.md": conditions,
    "description-fields.md": description_fields,
    "column-mapping.md": column_mapping,
    "hooks.md": hooks,
    "repair-rules.md": repairs,
    "glossary.md": glossary,
}
