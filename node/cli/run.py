"""``python -m node.cli.run``: the same as the ``hansa`` command, for an interpreter that is given."""

from node.cli import main

main()
