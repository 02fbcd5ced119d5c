"""Storage of the node's own keys."""

from node.adapters.keys.atrest import Outer
from node.adapters.keys.files import FileKeyRing

__all__ = ["FileKeyRing", "Outer"]
