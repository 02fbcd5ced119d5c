"""The official Dataspace Protocol kit against a Hansa node: ``make tck``.

``script`` says what the node does by itself for each id of the kit, ``profile`` makes a node of the kit's world out
of an ordinary one, through plug-in points only, and ``__main__`` runs the kit.
"""
