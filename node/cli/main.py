"""The ``hansa`` command: runs the command line, and turns every error into a sentence and an exit status."""

from __future__ import annotations

import os
import sys

from node.base.errors import HansaError, LocalFault, PeerUnreachable
from node.cli.exits import DONE, FAILED, INTERRUPTED, REFUSED, UNREACHABLE, USAGE
from node.cli.services import service_of


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line, and return its exit status. A traceback is printed only with ``--debug``."""
    from node.cli.output import Mode, report_failure, trace

    try:
        service = service_of(arguments)
        return _run_command(arguments) if service is None else service()
    except KeyboardInterrupt:
        report_failure("interrupted: work that was started continues where it stopped")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except HansaError as error:
        if Mode.debug:
            trace(error)
        return _explain(error)
    except Exception as error:  # noqa: BLE001 - every error is reported
        if Mode.debug:
            trace(error)
        report_failure(f"{type(error).__name__}: {error}")
        report_failure("this is an error in the program; --debug shows where")
        return FAILED


def _run_command(arguments: list[str]) -> int:
    # Imported here: a server runs without it.
    import typer

    from node.cli.app import app_for
    from node.cli.output import report_failure

    try:
        status = app_for(arguments)(arguments, standalone_mode=False, prog_name="hansa")
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        show() if show else report_failure(str(error))
        return USAGE
    if status == INTERRUPTED:  # typer's status for Ctrl-C
        raise KeyboardInterrupt
    return int(status) if isinstance(status, int) else DONE


def _explain(error: HansaError) -> int:
    from node.cli.output import Mode, emit, report_failure, suggest

    if Mode.json:
        emit({"error": {"code": error.facts.get("code", error.code), "detail": error.detail, "remedy": error.remedy}})
    report_failure(error.detail)
    if error.remedy:
        suggest(error.remedy)
    if isinstance(error, PeerUnreachable) or error.facts.get("code") == PeerUnreachable.code:
        return UNREACHABLE
    return FAILED if isinstance(error, LocalFault) or getattr(error, "http_status", 0) >= 500 else REFUSED
