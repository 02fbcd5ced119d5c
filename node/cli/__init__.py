"""The ``hansa`` command: the terminal of a node."""
