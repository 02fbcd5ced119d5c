"""Hansa: a federated data-space connector and semantic catalogue node for cities.

One node is one base URL, one database and one data folder. ``node.bootstrap.build`` makes it. No state is in module
globals: a test or a regional host may hold several nodes in one process.
"""

__version__ = "0.1.0"
