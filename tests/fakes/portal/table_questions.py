"""A table of another node that a node in memory may ask: the agreement, the description, and scripted answers."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from node.base.errors import HansaError, InvalidInput, NotAllowed
from node.catalogue.model import Record
from node.catalogue.publication.part_preview import PartTable
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.negotiation.uses import Tally
from node.policy.templates import compile_conditions
from node.portal.views.agreements import AgreementView
from node.portal.views.table_questions import TableQuestions
from node.semantics.model import File
from node.semantics.profiles.table_queries_client import TableQuestion
from node.transfer.queries.requests import PartnerAnswer
from node.vocab.namespaces import CSVW, DCAT, DCT, HANSA, XSD
from tests.fakes.portal.content import GENT, HOMES, PLZEN, REGION, Graph, record, say

if TYPE_CHECKING:
    from tests.fakes.portal.node import FakeNode

TABLE: Final = "urn:uuid:0192f3a0-8888-7a55-9d7c-3b1f0a6e2c88"
BERTHS: Final = f"{HOMES[PLZEN]}/datasets/berths"
_PART: Final = {"columns": ["number", "passed"], "rows": [{"column": "kind", "value": "berth"}]}


def agreement_about_table(now: datetime) -> AgreementView:
    """The agreement: a part of the table, and at most twenty uses of which three are taken."""
    compiled = compile_conditions(
        {"template": "open", "part": _PART}, target=BERTHS, offer_id=f"{BERTHS}#offer", region=REGION
    )
    assert compiled.offer is not None
    agreement = Agreement(
        id=TABLE,
        negotiation="urn:uuid:3",
        dataset=BERTHS,
        provider=PLZEN,
        consumer=GENT,
        role="consumer",
        body={**compiled.offer, "@id": TABLE, "@type": "Agreement"},
        sha256="ab" * 32,
        signatures={},
        at=now - timedelta(days=2),
        finalized=now - timedelta(days=2),
        entry="entry-88",
    )
    return AgreementView(
        agreement=agreement,
        title=say(en="Berths of the harbour", nl="Ligplaatsen van de haven"),
        provider_name="Plzeň",
        consumer_name="Stad Gent",
        kind="dataset",
        uses=Tally(count=3, most=20),
    )


def offer_part(node: FakeNode) -> None:
    """Let the road network be offered in part: a table with rows, one without, and one that cannot be shown."""
    iri = f"{HOMES[GENT]}/datasets/road-network"
    compiled = compile_conditions(
        {"template": "open", "part": _PART}, target=iri, offer_id=f"{iri}#offer", region=REGION
    )
    node.records[iri][0] = replace(node.records[iri][0], offer=compiled.offer)
    columns = (("number", "BIGINT"), ("a column with a long name, for a narrow window", "VARCHAR"))
    rows = tuple((str(number), f"Contributiebrug, segment {number}") for number in range(1, 6))
    node.partner_tables = [
        PartTable(file="segments.csv", columns=columns, rows=rows, count=40),
        PartTable(file="closed-segments.csv"),
        PartTable(file="planned-segments.csv", fault="the file is not on this node yet"),
    ]


def berths() -> Record:
    """The description: a table with four columns."""
    graph = Graph(BERTHS)
    file = graph.node(f"{DCAT}distribution", {f"{DCT}title": "berths.csv"})
    schema = "_:schema"
    graph.add(f"{CSVW}tableSchema", schema, file)
    for place, (name, datatype) in enumerate(
        (("number", "integer"), ("kind", "string"), ("keeper", "string"), ("passed", "integer"))
    ):
        column = f"_:column{place}"
        graph.add(f"{CSVW}column", column, schema).add(f"{CSVW}name", name, column)
        graph.add(f"{CSVW}datatype", f"<{XSD}{datatype}>", column).add(f"{HANSA}position", place, column)
    files = (File(name="berths.csv", media_type="text/csv", size=90, sha256="cd" * 32, format="CSV"),)
    title = say(en="Berths of the harbour")
    return record(BERTHS, "dataset", PLZEN, graph, title, title, policy="open", files=files)


class FakeTableQuestions:
    """The provider: it has as many berths as a question names, one if none; and it counts uses."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node
        self.known: Record | None = berths()
        self.asked: list[tuple[str, str, str | None]] = []
        self.refusal: HansaError | None = None
        self.body: bytes | None = None

    def use_case(self, agreements: Any) -> TableQuestions:
        """Return the use case of the page, over this provider."""
        return TableQuestions(agreements, cast("Any", self), cast("Any", self))

    async def record(self, iri: str, caller: Caller) -> Record:
        if iri == BERTHS and self.known is not None:
            return self.known
        return await self._node.record(iri, caller)

    def require_role(self, by: Caller) -> None:
        require(by, UseCase.READ_RECEIVED)
        require(by, UseCase.RECEIVE)

    async def __call__(
        self, agreement_id: str, question: TableQuestion, by: Caller, *, file: str | None = None
    ) -> PartnerAnswer:
        self.require_role(by)
        self.asked.append((question.sql, question.form, file))
        if self.refusal is not None:
            raise self.refusal
        if "pased" in question.sql:
            raise InvalidInput(
                'the provider: the query cannot be answered: Binder Error: Referenced column "pased" not found in '
                "FROM clause!",
                remedy='the columns of data: "number", "passed"',
            )
        self._use(agreement_id)
        number = next((int(word) for word in question.sql.split() if word.isdigit()), 1)
        return PartnerAnswer(
            body=self.body if self.body is not None else _sheet(min(number, 50_000)),
            media_type="text/csv",
            count=min(number, 50_000),
            more=number > 50_000,
        )

    def _use(self, agreement_id: str) -> None:
        for place, view in enumerate(self._node.contracts):
            if view.agreement.id == agreement_id and view.uses is not None:
                if view.uses.remaining == 0:
                    raise NotAllowed("the provider: the agreement is used up")
                self._node.contracts[place] = replace(view, uses=replace(view.uses, count=view.uses.count + 1))


def _sheet(rows: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "passed"])
    writer.writerows([number, number * 7] for number in range(1, rows + 1))
    return text.getvalue().encode()
