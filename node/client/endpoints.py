"""All methods of the API of a node that a client has, without the way in which it sends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from node.client.accounts import AccountCalls
from node.client.agreements import AgreementCalls
from node.client.calls import Call, content, document, endpoint
from node.client.catalogue import CatalogueCalls
from node.client.datasources import DataSourceCalls, ShipmentCalls
from node.client.follows import Follows
from node.client.harvests import Harvests
from node.client.imports import ImportCalls
from node.client.keys import KeyCalls
from node.client.operation import OperationCalls
from node.client.questions import QuestionCalls
from node.client.scenarios import Scenarios
from node.client.secondfactor import SecondFactorCalls
from node.client.streams import BridgeCalls, StreamCalls, SubscriberCalls
from node.client.submissions import PublishingCalls
from node.client.subscriptions import SubscriptionCalls, WebhookCalls


class Endpoints(
    CatalogueCalls,
    PublishingCalls,
    AgreementCalls,
    OperationCalls,
    AccountCalls,
    SecondFactorCalls,
    KeyCalls,
    ImportCalls,
):
    """The methods that ``HansaClient`` and ``AsyncHansaClient`` share."""

    @property
    def scenarios(self) -> Scenarios[Self]:
        """Return access to runs of scenarios and change layers."""
        return Scenarios(self)

    @property
    def harvests(self) -> Harvests[Self]:
        """Return access to the sources that the node harvests."""
        return Harvests(self)

    @property
    def data_sources(self) -> DataSourceCalls[Self]:
        """Return access to the data sources of the node."""
        return DataSourceCalls(self)

    @property
    def shipments(self) -> ShipmentCalls[Self]:
        """Return access to the received files that the node sends to its data sources."""
        return ShipmentCalls(self)

    @property
    def webhooks(self) -> WebhookCalls[Self]:
        """Return access to the programs that the node tells about its events."""
        return WebhookCalls(self)

    @property
    def bridges(self) -> BridgeCalls[Self]:
        """Return access to the streams of partners that go on to brokers."""
        return BridgeCalls(self)

    @property
    def subscribers(self) -> SubscriberCalls[Self]:
        """Return access to the subscriptions of partners to streams and entities of the node."""
        return SubscriberCalls(self)

    @property
    def streams(self) -> StreamCalls[Self]:
        """Return access to the streams of the node."""
        return StreamCalls(self)

    @property
    def follows(self) -> Follows[Self]:
        """Return access to the nodes that the node follows."""
        return Follows(self)

    @property
    def questions(self) -> QuestionCalls[Self]:
        """Return access to questions on assets."""
        return QuestionCalls(self)

    @property
    def subscriptions(self) -> SubscriptionCalls[Self]:
        """Return access to the subscriptions of the caller."""
        return SubscriptionCalls(self)

    @endpoint
    def node(self) -> Call[dict[str, Any]]:
        """Return the name, addresses and status of the node."""
        return document("GET", "/api/node")

    @endpoint
    def call(self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None) -> Call[Any]:
        """Return the node's answer to ``method`` at ``path``, as JSON. Raises ``Refusal``, ``PeerUnreachable``."""
        options = {"params": params, **({"json": json} if json is not None else {})}
        return Call(method, path, lambda answer: answer.json() if answer.content else None, options)

    @endpoint
    def raw(self, path: str, *, params: Mapping[str, Any] | None = None) -> Call[bytes]:
        """Return the bytes at ``path``. Raises as ``call``."""
        return content("GET", path, params=params)


def result_of(pid: str, part: str) -> Call[bytes]:
    """Return the call for the bytes that a transfer delivered (``content``, ``sealed`` or ``manifest``)."""
    return content("GET", f"/api/transfers/{quote(pid, safe='')}/{part}")


def partial(target: Path) -> Path:
    """Return the name of a file that is not yet complete."""
    return target.with_name(target.name + ".part")
