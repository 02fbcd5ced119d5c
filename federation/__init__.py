"""What needs more than one node: members, following their event streams, the region's view of all.

A plug-in of the node like any other: it uses ``node.api`` and ``node.hookspecs`` only, and the node runs whole
without it.
"""
