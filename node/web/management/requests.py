"""The bodies of requests for getting and giving data: each member with its meaning."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.semantics.profiles.feature_queries_client import LONGEST as LONGEST_FILTER
from node.semantics.profiles.feature_queries_client import MOST as MOST_FEATURES
from node.semantics.profiles.feature_queries_client import USUAL, FeatureQuestion
from node.semantics.profiles.graph_queries_client import LONGEST as LONGEST_OF_GRAPHS
from node.semantics.profiles.graph_queries_client import GraphQuestion
from node.semantics.profiles.table_queries_client import LONGEST, TableQuestion
from node.transfer.addresses import sink_address
from node.vocab.versions import LAST_VERSION
from node.web.replies import form_in

Ask = Annotated[
    str | None,
    Query(max_length=65_536, description="Other terms than the offered ones, as JSON, written as for negotiations."),
]

Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds, at most 30.")]
State = Annotated[str | None, Query(max_length=32, description="A state of the protocol, such as OFFERED.")]


def read_ask(text: str) -> dict[str, Any] | str:
    """Return the terms that ``Ask`` names. Raises ``InvalidInput``."""
    try:
        conditions = read_json(text)
    except InvalidInput as error:
        raise InvalidInput(
            "ask is not valid JSON",
            remedy='write "open", a template with parameters, or an ODRL policy, as JSON',
        ) from error
    if not isinstance(conditions, dict | str):
        raise InvalidInput(
            "ask must be the name of a template or an object",
            remedy='write "open", or an object such as {"template": "mobility-partners"}',
        )
    return conditions


class AskFor(BaseModel):
    """The asset to negotiate for."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(description="IRI of the asset.", max_length=2048)
    offer_id: str | None = Field(None, alias="offerId", description="One of its offers; by default the first.")
    purpose: str | None = Field(None, description="IRI of the purpose that you declare.", max_length=2048)
    ask: dict[str, Any] | str | None = Field(
        None, description="Other terms than the offered ones, written as conditions of a description are."
    )
    least: dict[str, Any] | str | None = Field(
        None,
        description="The least that you accept: an answer that allows this is accepted automatically; "
        "by default the same as ask.",
    )


class PushTo(BaseModel):
    """A target that takes bytes over HTTP: an upload address, a function, a lake's door."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=4096)
    header: str | None = Field(None, description="Name of the header that gives access to it.", max_length=100)
    value: str | None = Field(None, description="Its value. It is sent to the provider and is not stored here.")
    method: Literal["POST", "PUT"] = "POST"

    @property
    def address(self) -> dict[str, Any]:
        """Return the data address. Raises ``InvalidInput``."""
        if (self.header is None) is not (self.value is None):
            raise InvalidInput("pushTo needs both header and value", remedy='send {"header": …, "value": …}')
        header = (self.header, self.value) if self.header is not None and self.value is not None else None
        return sink_address(self.url, header=header, method=self.method)


class Fetch(BaseModel):
    """The bytes to transfer."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(alias="agreementId", max_length=2048)
    file: str | None = Field(None, description="Name of the file, where the asset has several.", max_length=512)
    version: int | None = Field(
        None, description="Number of an earlier version of the asset; else the newest.", ge=1, le=LAST_VERSION
    )
    format: (
        Literal[
            "HttpData-PULL",
            "HttpData-PUSH",
            "https://w3id.org/hansa/ns#LiveRead",
            "https://w3id.org/hansa/ns#TableQuery",
            "https://w3id.org/hansa/ns#GraphQuery",
        ]
        | None
    ) = Field(
        None,
        description="Whether this node fetches the bytes (the default), the provider sends them, they are read where "
        "they are (`…#LiveRead`), or a table or a graph is asked (`…#TableQuery`, `…#GraphQuery`).",
    )
    convert_to: str | None = Field(
        None,
        alias="convertTo",
        max_length=40,
        description="The format that the provider converts the file to, if its publisher offers it: csv, parquet, "
        "geojson or geopackage; else the file comes as it is.",
    )
    crs: str | None = Field(
        None, max_length=40, description="The coordinate reference system of what is converted, such as EPSG:4326."
    )
    through: list[str] = Field(
        [],
        max_length=4,
        description="Addresses of transformations that the provider carries out before, one after the other, if its "
        "publisher offers them; the format is CSV if convertTo names no other one.",
    )
    schema_: str | None = Field(
        None,
        alias="schema",
        max_length=600,
        description="The address of a schema: the provider finds transformations that lead to it among those that "
        "its publisher offers.",
    )
    push_to: PushTo | None = Field(
        None, alias="pushTo", description="Where the provider sends the bytes; else, for a push, to this node."
    )
    data_address: dict[str, Any] | None = Field(
        None, alias="dataAddress", description="The same as a DSP DataAddress, for what pushTo cannot say."
    )


class Terms(BaseModel):
    """Other terms."""

    model_config = ConfigDict(extra="forbid")

    ask: dict[str, Any] | str = Field(description="Written as conditions of a description are.")


class Verdict(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(extra="forbid")

    approve: bool
    reason: str | None = Field(None, max_length=2000)


class FeatureAsk(BaseModel):
    """A question to the features of a file with places (OGC API - Features)."""

    model_config = ConfigDict(extra="forbid")

    filter: str = Field("", max_length=LONGEST_FILTER, description="A filter in CQL2; empty: all features.")
    language: Literal["cql2-text", "cql2-json"] = "cql2-text"
    bbox: tuple[float, float, float, float] | None = Field(None, description="West, south, east, north in degrees.")
    datetime: str = Field("", max_length=100, description="A moment, or `begin/end` with `..` for an open end.")
    properties: list[str] | None = Field(None, description="The columns that are wanted; else all.", max_length=500)
    sortby: list[str] = Field([], description="Columns; `-` before one sorts it downwards.", max_length=8)
    limit: int = Field(USUAL, ge=1, le=MOST_FEATURES)
    offset: int = Field(0, ge=0, le=1 << 40)

    @property
    def question(self) -> FeatureQuestion:
        return FeatureQuestion(
            filter=self.filter,
            language=self.language,
            box=self.bbox,
            period=self.datetime,
            columns=None if self.properties is None else tuple(self.properties),
            sort=tuple(self.sortby),
            limit=self.limit,
            offset=self.offset,
        )


class TableAsk(BaseModel):
    """A question to a table of a provider in SQL, to a graph in SPARQL, or to features with a filter."""

    model_config = ConfigDict(extra="forbid")

    sql: str | None = Field(None, max_length=LONGEST, description="One SELECT over the table `data`.")
    sparql: str | None = Field(
        None, max_length=LONGEST_OF_GRAPHS, description="Instead of `sql`: SELECT, ASK, CONSTRUCT or DESCRIBE."
    )
    features: FeatureAsk | None = Field(
        None, description="Instead of `sql`: features of a file with places. The answer is GeoJSON."
    )
    file: str | None = Field(
        None, description="Name of the table or of the RDF file, where the asset has several.", max_length=512
    )
    version: int | None = Field(
        None, description="Number of an earlier version of the asset; else the newest.", ge=1, le=LAST_VERSION
    )
    form: Literal["json", "csv", "parquet", "turtle"] | None = Field(
        None,
        description="The form of the answer; else the one that `Accept` names, or `json`. `parquet` is for tables. "
        "Statements come as JSON-LD for `json`, else as Turtle.",
    )

    def question(self, accept: str | None) -> TableQuestion | GraphQuestion | FeatureQuestion:
        """Return the question; ``accept`` is an Accept header. Raises ``InvalidInput`` unless there is exactly one,
        and ``NotAcceptable``."""
        if [self.sql, self.sparql, self.features].count(None) != 2:
            raise InvalidInput(
                "a question is in SQL, of a table, in SPARQL, of a graph, or to features",
                remedy="send sql, sparql or features",
            )
        if self.features is not None:
            return self.features.question
        if self.sql is not None:
            return TableQuestion(sql=self.sql, form=self.form or form_in(accept))
        return GraphQuestion.in_form(self.sparql or "", self.form or "json")


class Why(BaseModel):
    """A reason in words."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=2000)

    @property
    def reasons(self) -> list[Any]:
        return [self.reason] if self.reason else []
