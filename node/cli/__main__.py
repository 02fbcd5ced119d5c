"""``python -m node.cli``: the ``hansa`` command, run by a chosen interpreter."""

from node.cli.main import main

main()
