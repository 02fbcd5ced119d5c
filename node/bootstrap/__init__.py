"""Putting a node together: the only place, with ``cli``, that knows everyone.

``build.build`` makes the object that a node is; nothing lives in module globals, so a test, the demonstration or
a regional host holds several in one process. Read ``parts``, then ``people``,
``foundation`` and ``protocol``, then ``build``, then ``application``. A test admits nothing but construction here
(decision 0021). Nothing is imported here: a command that only makes or verifies a node stays light.
"""
