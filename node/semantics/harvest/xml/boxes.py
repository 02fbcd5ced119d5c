"""Rectangles of geographic coordinates as places."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.plain_values import link_node
from node.semantics.triples import Node
from node.vocab.namespaces import DCAT, DCT, GEOSPARQL


def rectangle(node: Node, west: float, south: float, east: float, north: float) -> Iterator[Quad]:
    """Yield the place of ``node``, a rectangle in degrees; nothing if the numbers are no degrees.

    Servers confuse the corners: the smaller number counts as west and south.
    """
    west, east = sorted((west, east))
    south, north = sorted((south, north))
    if not (all(map(math.isfinite, (west, south, east, north))) and west >= -180 and east <= 180):
        return
    if south < -90 or north > 90:
        return
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    shape = f"POLYGON(({','.join(f'{x:.10g} {y:.10g}' for x, y in corners)}))"
    place = BlankNode()
    yield from link_node(node, f"{DCT}spatial", place, f"{DCT}Location")
    yield Quad(place, NamedNode(f"{DCAT}bbox"), Literal(shape, datatype=NamedNode(f"{GEOSPARQL}wktLiteral")))
