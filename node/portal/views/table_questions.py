"""Tables and graphs of others that people of this node ask under an agreement, as the page for questions has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.base.errors import NotFound
from node.catalogue.browse import Browse
from node.catalogue.deliverability import graph_files, live_files, table_files
from node.catalogue.model import Record
from node.catalogue.statements import Statements
from node.dialogue.process import Role
from node.identity.model import Caller
from node.policy.odrl import parse
from node.policy.portion import TABLE_LIMITS, Portion, portion_of
from node.portal.views.agreements import Agreements, AgreementView
from node.semantics.profiles.graph_queries_client import GraphQuestion
from node.semantics.profiles.table_queries_client import TableQuestion
from node.semantics.sparql_graphs import is_sparql
from node.transfer.preconditions import demands_sealing
from node.transfer.queries.requests import AskPartner, PartnerAnswer
from node.vocab.namespaces import CSVW, DCAT, DCT, HANSA


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column that questions may use. ``datatype`` is the IRI of its type, empty if it is not described."""

    name: str
    datatype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskableTable:
    """A table or a graph under an agreement. ``files`` are those to choose from, empty if this node does not know
    them; ``file`` is the chosen one. ``columns`` is empty if nothing names them. ``is_graph``: it is asked in
    SPARQL."""

    view: AgreementView
    files: tuple[str, ...]
    file: str
    columns: tuple[TableColumn, ...]
    is_graph: bool = False


class TableQuestions:
    """Shows and asks the tables and graphs that agreements of this node open to questions."""

    def __init__(self, agreements: Agreements, browse: Browse, ask: AskPartner) -> None:
        self._agreements = agreements
        self._browse = browse
        self._ask = ask

    async def ways(self, view: AgreementView, by: Caller) -> frozenset[str]:
        """Return how this node can have the data, as far as it knows: ``ask`` a table of the provider or ``search`` a
        graph, ``get`` files. Where the agreement gives a part of a stored table, its file leaves for nobody."""
        record = await self._record(view, by)
        if not _opens(view, record):
            return frozenset({"get"})
        is_whole = portion_of(parse(view.agreement.body)).is_whole
        gets = is_whole or record is None or bool(live_files(record)) or any(f.formats for f in table_files(record))
        asks = {"search"} if record is not None and not table_files(record) else {"ask"}
        return frozenset(asks | {"get"} if gets else asks)

    async def table(self, agreement_id: str, by: Caller, *, file: str = "", text: str = "") -> AskableTable:
        """Return the table or graph that ``by`` may ask; where this node does not know the files, ``text`` is in the
        language of what is asked. Raises ``NotAllowed``, and ``NotFound`` if there is none."""
        self._ask.require_role(by)
        view = await self._agreements.get(agreement_id)
        record = await self._record(view, by)
        if not _opens(view, record):
            raise NotFound("under this agreement there is no table to ask", remedy="see the page of the agreement")
        portion = portion_of(parse(view.agreement.body))
        graphs = tuple(file.name for file in graph_files(record)) if record is not None and portion.is_whole else ()
        tables = tuple(table.name for table in table_files(record)) if record is not None else ()
        names = (*tables, *graphs)
        choice = file if file in names else names[0] if names else ""
        is_graph = choice in graphs or (not names and is_sparql(text))
        columns = () if is_graph else _columns(record, choice, portion)
        return AskableTable(view=view, files=names, file=choice, columns=columns, is_graph=is_graph)

    async def answer(self, table: AskableTable, text: str, form: str, by: Caller) -> PartnerAnswer:
        """Return the provider's answer. Raises the errors of ``AskPartner``, and ``InvalidInput`` for no question."""
        question = GraphQuestion.in_form(text, form) if table.is_graph else TableQuestion(sql=text, form=form)
        file = table.file if len(table.files) > 1 else None
        return await self._ask(table.view.agreement.id, question, by, file=file)

    async def _record(self, view: AgreementView, by: Caller) -> Record | None:
        try:
            return await self._browse.record(view.agreement.dataset, by)
        except NotFound:
            return None


def _opens(view: AgreementView, record: Record | None) -> bool:
    agreement = view.agreement
    if agreement.role != Role.CONSUMER or not agreement.in_force or view.kind == "model":
        return False
    policy = parse(agreement.body)
    if policy.sealed or not portion_of(policy).kinds <= TABLE_LIMITS:
        return False
    if record is None:
        return True
    is_askable = bool(table_files(record)) or (bool(graph_files(record)) and portion_of(policy).is_whole)
    return is_askable and not demands_sealing(record, agreement)


def _columns(record: Record | None, file: str, portion: Portion) -> tuple[TableColumn, ...]:
    """Return the columns of the part, by the description; else those that the agreement names."""
    described = _described_columns(record, file) if record is not None else ()
    if described:
        return tuple(column for column in described if portion.shows(column.name))
    return tuple(TableColumn(name=name) for name in portion.columns or ())


def _described_columns(record: Record, file: str) -> tuple[TableColumn, ...]:
    about = Statements(record)
    distributions = about.nodes(f"<{record.subject}>", f"{DCAT}distribution")
    if len(table_files(record)) > 1:
        distributions = [node for node in distributions if file in about.texts(node, f"{DCT}title").values()]
    schemas = [schema for node in distributions for schema in about.nodes(node, f"{CSVW}tableSchema")]
    if len(schemas) != 1:
        return ()
    columns = _in_order(about.nodes(schemas[0], f"{CSVW}column"), lambda node: about.number(node, f"{HANSA}position"))
    return tuple(
        TableColumn(name=about.text(column, f"{CSVW}name") or "", datatype=about.iri(column, f"{CSVW}datatype") or "")
        for column in columns
    )


def _in_order(nodes: Sequence[str], place: Callable[[str], float | None]) -> list[str]:
    return sorted(nodes, key=lambda node: place(node) or 0)
