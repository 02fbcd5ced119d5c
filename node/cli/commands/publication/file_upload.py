"""Send files to a node from the terminal. A large one goes on where it stopped, also with the next command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.base.errors import PeerUnreachable
from node.cli.output import bar, remark

if TYPE_CHECKING:
    from node.client import HansaClient

WHOLE: Final = 16 << 20
"""A file of at most so many bytes is sent whole."""
PAUSES: Final = (1, 2, 4, 8, 15, 30, 30, 30)
"""Seconds before each further attempt to reach a node that does not answer any more."""
AGAIN: Final = (409, 429, 460, 503)
"""Statuses after which another attempt may succeed: the node still waits for the rest of an earlier one, or a piece
arrived changed."""


def send_file(client: HansaClient, path: Path, *, media_type: str, trial: bool = False) -> None:
    """Send a file, and show how much has arrived. Raises ``Refusal``, and ``PeerUnreachable`` in the end."""
    from node.client.api import Refusal

    with bar(path.name) as progress:
        if path.stat().st_size <= WHOLE:
            client.upload(path, media_type=media_type, progress=progress, trial=trial)
            return
        for pause in PAUSES:
            try:
                client.upload_in_pieces(path, media_type=media_type, progress=progress, trial=trial)
                return
            except (PeerUnreachable, Refusal) as error:
                if isinstance(error, Refusal) and error.http_status not in AGAIN:
                    raise
                remark(f"{error.detail}; going on in {pause} s")
                time.sleep(pause)
        client.upload_in_pieces(path, media_type=media_type, progress=progress, trial=trial)
