"""The address of a Kafka cluster: one or more brokers of it, to begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from node.adapters.datasources.brokers.places import read_place
from node.base.errors import InvalidInput

PORTS: Final = {"kafka": 9092, "kafkas": 9093}
EXAMPLE: Final = "kafkas://broker.example:9093, or kafkas://first.example:9093,second.example:9093"
_MOST_BROKERS: Final = 8
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KafkaPlace:
    """The place of a cluster: hosts and ports of brokers that know the others, and the ``path`` behind them."""

    brokers: tuple[tuple[str, int], ...]
    is_secure: bool
    path: str = ""


def read_cluster(address: str) -> KafkaPlace:
    """Return the place that an address names. Raises ``InvalidInput``."""
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    names = authority.split(",")
    if len(names) > _MOST_BROKERS:
        raise InvalidInput(f"more than {_MOST_BROKERS} brokers are named", remedy="name some: they know the others")
    places = [read_place(f"{scheme}://{name}", PORTS, example=EXAMPLE) for name in names]
    return KafkaPlace(tuple((place.host, place.port) for place in places), places[0].is_secure, path)


def check_topic(topic: str) -> None:
    """Raise ``InvalidInput`` unless ``topic`` can name a topic of Kafka."""
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise InvalidInput(
            f"{topic[:80]!r} is no topic of Kafka", remedy="its whole name, of letters, digits, dots, - and _"
        )
