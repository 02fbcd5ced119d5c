"""The text and facet view on tantivy."""

from node.adapters.search.index import TantivyIndex

__all__ = ["TantivyIndex"]
