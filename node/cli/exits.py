"""Exit statuses of the ``hansa`` command.

0 done · 1 refused or not valid · 2 wrong usage · 3 a node cannot be reached · 4 waiting for a person, or for the
answer of the other side · 5 the node or this program failed · 130 interrupted.
"""

from typing import Final

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
WAITING: Final = 4
FAILED: Final = 5
INTERRUPTED: Final = 130
