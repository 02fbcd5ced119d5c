"""OGC API – Processes."""

from node.web.processes.door import ProcessesDoor

__all__ = ["ProcessesDoor"]
