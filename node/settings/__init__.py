"""The settings of a node.

A setting comes from the environment (``HANSA_`` and the name in capitals), else from ``hansa.toml`` in the data
folder, else it has its default. Unknown names in the file are refused, so that nobody takes a misspelt setting for
one in force.
"""

from node.settings.file import FILE, load, write
from node.settings.model import PREFIX, Settings

__all__ = ["FILE", "PREFIX", "Settings", "load", "write"]
