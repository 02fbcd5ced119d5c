"""Puts a node together: the only package, with ``cli``, that knows all others.

``build.build`` makes the object of a node; nothing is stored in module globals, so a test, the demonstration or a
regional host holds several in one process. Read ``parts``, then ``people``, ``foundation`` and ``protocol``, then
``build``, then ``application``. A test admits nothing but construction here (decision 0021). Nothing is imported
here: a command that only makes or verifies a node stays light.
"""
