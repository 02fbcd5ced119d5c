"""Everything that needs more than one node: members, following their event streams, the region's view of all.

A plug-in of the node like any other: it uses only ``node.api`` and ``node.hookspecs``, and the node works fully
without it.
"""
