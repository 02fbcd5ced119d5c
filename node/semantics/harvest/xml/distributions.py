"""Links of a record to files, as distributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyoxigraph import BlankNode, Quad

from node.semantics.harvest.plain_values import link_node, values
from node.semantics.triples import Node
from node.vocab.namespaces import DCAT, DCT


def distribution(
    node: Node, file: BlankNode, target: str, *, protocol: str, title: str, formats: Sequence[str], links: int
) -> Iterator[Quad]:
    """Yield the distribution ``file`` of ``node`` at the address ``target``.

    ``formats`` and ``links`` are those of the whole record: several formats do not say which of several links has
    which.
    """
    yield from link_node(node, f"{DCAT}distribution", file, f"{DCAT}Distribution")
    yield from values(file, f"{DCAT}accessURL", target)
    if "download" in protocol.lower():
        yield from values(file, f"{DCAT}downloadURL", target)
    yield from values(file, f"{DCT}title", title)
    if len(formats) == 1 and links == 1:
        yield from values(file, f"{DCT}format", formats)
