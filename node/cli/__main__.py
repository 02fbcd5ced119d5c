"""``python -m node.cli``: the ``hansa`` command, run by an interpreter of choice."""

from node.cli.main import main

main()
