"""The kinds of data sources that come with Hansa and are reached over the network, as a plug-in brings them."""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from node.adapters.datasources.brokers.amqp import AmqpConnector
from node.adapters.datasources.brokers.kafka.connector import KafkaConnector
from node.adapters.datasources.brokers.mqtt import MqttConnector
from node.adapters.datasources.features import FeaturesConnector
from node.adapters.datasources.ogc.wfs import WfsConnector
from node.adapters.datasources.ogc.wms import WmsConnector
from node.adapters.datasources.ogc.wmts import WmtsConnector
from node.adapters.datasources.s3 import S3Connector
from node.adapters.datasources.services.gbfs import GbfsConnector
from node.adapters.datasources.services.gtfs import GtfsConnector
from node.adapters.datasources.services.sensor_things import SensorThingsConnector
from node.adapters.datasources.services.sparql import SparqlConnector
from node.adapters.datasources.web import WebConnector
from node.adapters.egress import Egress
from node.base.clock import Clock
from node.datasources.ports import Connector

hookimpl = pluggy.HookimplMarker("hansa")


@hookimpl
def hansa_data_sources(egress: Egress, clock: Clock) -> Sequence[Connector]:
    """Return the connectors over HTTP and to brokers."""
    return (
        WebConnector(egress),
        S3Connector(egress, clock),
        FeaturesConnector(egress),
        WfsConnector(egress),
        WmsConnector(egress),
        WmtsConnector(egress),
        SensorThingsConnector(egress),
        SparqlConnector(egress),
        GtfsConnector(egress),
        GbfsConnector(egress),
        MqttConnector(egress),
        AmqpConnector(egress),
        KafkaConnector(egress),
    )
