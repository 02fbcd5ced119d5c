"""Value tables: what the own values of a source mean, read and completed by stewards."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.catalogue.harvest.value_tables import Choice, ValueTable, ValueTables
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

MOST: Final = 2000

Source = Annotated[str, Query(max_length=2048, description="The name of the source, or of a harvest.")]


class NewChoice(BaseModel):
    """The code that a value means."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(max_length=64, description="`theme`, `license`, `access`, `frequency`, `language`, …")
    text: str = Field(max_length=300, description="The value as it came.")
    value: str = Field(max_length=2048, description="A code, a label or an IRI; empty to take the choice back.")


class NewChoices(BaseModel):
    """Choices for values of one source: all of them are saved, or none."""

    model_config = ConfigDict(extra="forbid")

    choices: list[NewChoice] = Field(min_length=1, max_length=MOST)


def router(*, person: Person, value_tables: ValueTables) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/values", tags=["publishing"], route_class=knowing(person))

    @api.get("", summary="Sources with values that are on no code list, and how many wait for a choice")
    async def list_tables(request: Request) -> Any:
        sizes = await run_sync(value_tables.all, await person(request))
        return [{"source": size.source, "values": size.values, "open": size.open_values} for size in sizes]

    @api.get(
        "/table",
        summary="The value table of a source: its own values, and what they mean",
        description=(
            "Each value with its field, its text as it came, the number of records that have it, and the IRI that a "
            "steward chose. Values without a choice come first, then the most frequent ones."
        ),
    )
    async def show_table(request: Request, source: Source = "") -> Any:
        return table_json(await run_sync(value_tables.table, source, await person(request)))

    @api.put(
        "/table",
        summary="Choose what values of a source mean",
        description=(
            "Choices that are not named stay. The rule `own-value` applies them in every import and harvest with "
            "repairs, and the next harvest reads all records again."
        ),
    )
    async def choose(request: Request, new: NewChoices, source: Source = "") -> Any:
        caller = await person(request)
        choices = [Choice(choice.field, choice.text, choice.value) for choice in new.choices]
        return table_json(await run_sync(value_tables.choose, source, choices, caller))

    return api


def table_json(table: ValueTable) -> dict[str, Any]:
    """Return a value table as JSON, for API and terminal."""
    return {
        "source": table.source,
        "open": table.open_values,
        "by": table.by,
        "at": stamp(table.at) if table.at else None,
        "values": [row._asdict() for row in table.rows()],
    }
