"""Putting a node together: the only place, with ``cli``, that knows everyone.

``build`` makes the object that a node is; nothing lives in module globals, so a test, the demonstration or a
regional host holds several in one process. Read ``parts``, then ``build``, then ``application``.
"""

from node.bootstrap.build import HansaNode, build
from node.bootstrap.creation import Created, create
from node.bootstrap.serving import run_server, run_worker

__all__ = ["Created", "HansaNode", "build", "create", "run_server", "run_worker"]
