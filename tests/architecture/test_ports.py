"""Each port has a contract test, and each class that implements the port goes through it.

A port is a protocol behind which there is technology, or another room: one in a module of that name, and every other
that a class in ``node/adapters`` implements. What implements a port is told by its methods and their parameters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "tests" / "contract"
STORES = ROOT / "tests" / "stores.py"

TESTED = {
    "node.base.work.Outbox": "stores/test_outbox.py",
    "node.base.work.UnitOfWork": "stores/test_work.py",
    "node.transfer.conversions.model.ConversionStore": "stores/test_grants.py",
    "node.catalogue.drafts.model.DraftStore": "stores/test_drafts.py",
    "node.catalogue.feed.snapshot.Snapshots": "test_chain_snapshot.py",
    "node.catalogue.harvest.schedule.ScheduleStore": "stores/test_schedules.py",
    "node.catalogue.harvest.value_tables.ValueTableStore": "stores/test_schedules.py",
    "node.catalogue.measurement.data_checks.DataCheckStore": "test_data_check_store.py",
    "node.catalogue.measurement.link_model.LinkStore": "test_link_store.py",
    "node.catalogue.ports.FollowStore": "stores/test_node_state.py",
    "node.catalogue.questions.model.QuestionStore": "stores/test_questions.py",
    "node.catalogue.subscriptions.model.SubscriptionStore": "stores/test_subscriptions.py",
    "node.worker.mail.MailServer": "test_mail_server.py",
    "node.worker.sole_work.Marks": "stores/test_node_state.py",
    "node.identity.accounts.providers.Providers": "test_identity_providers.py",
    "node.catalogue.ports.Graph": "test_graph.py",
    "node.catalogue.ports.RecordStore": "stores/test_records.py",
    "node.catalogue.ports.SearchIndex": "test_search.py",
    "node.adapters.datasources.entity_subscriptions.Subscriptions": "test_brokers.py",
    "node.datasources.brokers.ports.BrokerSubscriptionStore": "owned_rows/test_broker_subscriptions.py",
    "node.datasources.brokers.ports.EventConnection": "test_brokers.py",
    "node.datasources.brokers.ports.MessageConnection": "test_brokers.py",
    "node.datasources.brokers.ports.MessageSession": "test_brokers.py",
    "node.datasources.ports.Connector": "test_data_sources.py",
    "node.datasources.ports.DataConnection": "test_data_sources.py",
    "node.datasources.ports.ServiceConnection": "test_data_sources.py",
    "node.datasources.ports.DataSourceStore": "stores/test_data_source_store.py",
    "node.datasources.sinks.SinkConnection": "test_sinks.py",
    "node.datasources.streams.ports.StreamStore": "stores/test_stream_store.py",
    "node.dialogue.stranger_limits.StrangerProcessStore": "stores/test_stranger_processes.py",
    "node.dialogue.process.ProcessStore": "stores/test_processes.py",
    "node.exchange.ports.AssetStore": "stores/test_assets.py",
    "node.exchange.ports.BytePlane": "test_byte_plane.py",
    "node.identity.ports.IdentityStore": "stores/test_identity_store.py",
    "node.identity.ports.KeyRing": "test_keys.py",
    "node.identity.ports.Notes": "stores/test_node_state.py",
    "node.identity.ports.Peers": "stores/test_peers.py",
    "node.identity.rotation.ChangeableRing": "stores/test_key_rotation.py",
    "node.ledger.ports.LedgerStore": "stores/test_ledger.py",
    "node.negotiation.ports.AgreementStore": "stores/test_agreements.py",
    "node.negotiation.ports.DecisionStore": "stores/test_agreements.py",
    "node.negotiation.ports.LimitStore": "stores/test_agreements.py",
    "node.negotiation.ports.ProviderCatalogue": "test_provider_catalogue.py",
    "node.negotiation.uses.UseStore": "stores/test_uses.py",
    "node.operation.repetitions.model.KeyedRequestStore": "test_keyed_request_store.py",
    "node.operation.webhooks.model.WebhookStore": "test_webhook_store.py",
    "node.exchange.receivers.Receivers": "test_webhook_receivers.py",
    "node.scenarios.models.remote.OgcProcessPlane": "test_ogc_process_plane.py",
    "node.scenarios.ports.JobStore": "stores/test_scenario_stores.py",
    "node.scenarios.ports.LayerStore": "stores/test_scenario_stores.py",
    "node.scenarios.ports.RunStore": "stores/test_scenario_stores.py",
    "node.transfer.notifications.model.PartnerSubscriptionStore": "owned_rows/test_partner_subscription_store.py",
    "node.transfer.bridges.model.BridgeStore": "owned_rows/test_bridge_store.py",
    "node.transfer.deletion.model.DeletionStore": "stores/test_uses.py",
    "node.transfer.shipments.model.ShipmentStore": "stores/test_shipments.py",
    "node.transfer.ports.GrantStore": "stores/test_grants.py",
    "node.transfer.ports.ReceptionStore": "stores/test_grants.py",
    "node.transfer.ports.TransferStore": "stores/test_grants.py",
}
"""Each port, and the contract test in ``tests/contract`` that all its implementations pass."""

ELSEWHERE = {
    "node.base.work.Transaction": "comes out of UnitOfWork, and is tested with it",
    "node.datasources.brokers.ports.EventSession": "comes out of EventConnection, and is tested with it",
    "node.ledger.ports.NoteSigner": "signs with a KeyRing, which has its contract",
    "node.scenarios.ports.ModelExecutor": "chooses among the ways to run a model, use cases of the same room",
}
"""Ports without a contract test of their own, and why they need none."""

STORED_AS = {
    "UnitOfWork": "uow",
    "Transaction": "uow",
    "ProcessStore": "negotiations",
    "TransferStore": "transfers",
    "Notes": "meta",
    "Marks": "meta",
}
"""Ports that the fields of ``tests.stores.Stores`` do not name, and the field that is theirs."""


@dataclass(frozen=True)
class Parameters:
    """How a method is called: how many parameters have no name for a caller, the names of the others, and which must
    be given."""

    unnamed: int
    names: tuple[str, ...]
    required: tuple[str, ...]

    def take(self, asked: Parameters) -> bool:
        """Whether a method with these parameters can be called as one with ``asked``."""
        named = self.names[asked.unnamed - self.unnamed :] if asked.unnamed else self.names
        return set(asked.names) <= set(named) and set(named) & set(self.required) <= set(asked.names)


@dataclass(frozen=True)
class Class:
    """A class of the source: its methods, and the names of its bases."""

    module: str
    name: str
    methods: Mapping[str, Parameters]
    bases: tuple[str, ...]

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def is_protocol(self) -> bool:
        return "Protocol" in self.bases


def read(*folders: Path, root: Path = ROOT) -> list[Class]:
    """The classes at the top of the modules below ``folders``."""
    return [
        class_
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for class_ in classes(
            ast.parse(path.read_text("utf-8")), ".".join(path.relative_to(root).with_suffix("").parts)
        )
    ]


def classes(tree: ast.Module, module: str) -> Iterator[Class]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            functions = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            methods = {one.name: parameters(one.args) for one in functions}
            bases = tuple(re.split(r"\[", ast.unparse(base))[0].rpartition(".")[2] for base in node.bases)
            yield Class(module, node.name, methods, bases)


def parameters(arguments: ast.arguments) -> Parameters:
    """The parameters of a method but ``self``."""
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    optional = len(arguments.defaults)
    required = [one.arg for one in positional[: len(positional) - optional]]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    required += [one.arg for one, default in pairs if default is None]
    unnamed = max(0, len(arguments.posonlyargs) - 1)
    names = [one.arg for one in (*positional[unnamed:], *arguments.kwonlyargs)]
    return Parameters(unnamed, tuple(names), tuple(required))


@cache
def sources() -> tuple[Class, ...]:
    return tuple(read(ROOT / "node", ROOT / "tests" / "fakes"))


def whole(class_: Class, known: tuple[Class, ...]) -> dict[str, Parameters]:
    """The methods of a class with those that it inherits."""
    methods: dict[str, Parameters] = {}
    for base in class_.bases:
        for other in known:
            if other.name == base and other.dotted != class_.dotted and not other.is_protocol:
                methods |= whole(other, known)
    return methods | dict(class_.methods)


def implements(class_: Class, port: Class, known: tuple[Class, ...]) -> bool:
    """Whether ``class_`` has all methods of ``port``, and each can be called as the port says."""
    return not class_.is_protocol and gives(whole(class_, known), port)


def gives(methods: Mapping[str, Parameters], port: Class) -> bool:
    return all(name in methods and methods[name].take(asked) for name, asked in port.methods.items())


def implementations(port: Class, known: tuple[Class, ...]) -> list[Class]:
    """The classes of adapters, of the wiring and of the fakes that implement ``port``; of a class and those made from
    it, the latter."""
    where = ("node.adapters.", "node.bootstrap.", "tests.fakes.")
    found = [one for one in known if one.module.startswith(where) and implements(one, port, known)]
    bases = {base for one in found for base in one.bases}
    return [one for one in found if one.name not in bases]


def ports(known: tuple[Class, ...]) -> dict[str, Class]:
    """The protocols between rooms by dotted name. A smaller view of another port is none of its own, nor is a
    function."""
    protocols = [one for one in known if one.is_protocol and one.methods and set(one.methods) != {"__call__"}]
    chosen = {}
    for protocol in protocols:
        named = protocol.module.rpartition(".")[2].endswith("ports")
        built = [made for made in implementations(protocol, known) if made.module.startswith("node.adapters.")]
        if (named or built) and not any(within(protocol, other) for other in protocols):
            chosen[protocol.dotted] = protocol
    return chosen


@cache
def our_ports() -> Mapping[str, Class]:
    """The ports of the source: to find them takes a second."""
    return ports(sources())


def within(view: Class, port: Class) -> bool:
    """Whether ``view`` is a smaller part of ``port``."""
    return len(view.methods) < len(port.methods) and gives(port.methods, view)


def fields() -> dict[str, str]:
    """The fields of ``tests.stores.Stores`` by the port that each is annotated with."""
    tree = ast.parse(STORES.read_text("utf-8"))
    (stores,) = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "Stores"]
    annotated = [one for one in stores.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return STORED_AS | {ast.unparse(one.annotation): ast.unparse(one.target) for one in annotated}


def left_out(port: Class, test: str, known: tuple[Class, ...]) -> list[str]:
    """The implementations that the contract test with this text neither names nor has from ``tests.stores``."""
    field = fields().get(port.name)
    of_stores = field is not None and re.search(rf"\bstores\.{field}\b", test) is not None
    names = test + STORES.read_text("utf-8") if of_stores else test
    return [one.dotted for one in implementations(port, known) if re.search(rf"\b{one.name}\b", names) is None]


def test_every_port_has_its_contract_test() -> None:
    assert our_ports().keys() - ELSEWHERE.keys() - TESTED.keys() == set(), (
        "write its contract test in tests/contract, and name it in TESTED"
    )


def test_what_is_named_here_is_a_port() -> None:
    gone = (TESTED.keys() | ELSEWHERE.keys()) - our_ports().keys()
    assert gone == set(), "take its line out of TESTED or ELSEWHERE"
    assert TESTED.keys() & ELSEWHERE.keys() == set()


@pytest.mark.parametrize("port", TESTED)
def test_all_implementations_go_through_it(port: str) -> None:
    found = our_ports()[port]
    assert implementations(found, sources()), "there is one at least"
    assert left_out(found, (CONTRACTS / TESTED[port]).read_text("utf-8"), sources()) == []


def test_the_next_port_is_noticed() -> None:
    """One in a module of that name, one that an adapter implements; not a view of another, and not a function."""
    get, put = "    def get(self, tx, key): ...\n", "    def put(self, tx, row): ...\n"
    call = "    def __call__(self, tx): ...\n"
    ring = "    def ring(self, bell): ...\n"
    planted = {
        "node.room.ports": f"class Store(Protocol):\n{get}{put}class Put(Protocol):\n{call}",
        "node.room.usecases": f"class Line(Protocol):\n{ring}class View(Protocol):\n{get}",
        "node.adapters.line": f"class WireLine:\n{ring}class SqlStore:\n{get}{put}",
        "tests.fakes.store": f"class MemoryStore:\n{get}{put}",
    }
    known = tuple(one for module, text in planted.items() for one in classes(ast.parse(text), module))
    noticed = ports(known)
    assert noticed.keys() == {"node.room.ports.Store", "node.room.usecases.Line"}
    assert left_out(noticed["node.room.ports.Store"], "Store and SqlStore", known) == [
        "tests.fakes.store.MemoryStore"
    ]
    assert left_out(noticed["node.room.usecases.Line"], "WireLine", known) == []
