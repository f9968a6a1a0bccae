"""The command line: ``main`` runs a command and turns what goes wrong into one sentence and an exit status."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

__all__ = ["main"]

DONE, OURS, THEIRS, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 a fault of ours, 2 of the input or words, 130 interrupted."""
    import typer

    from .app import app

    _end_cleanly_when_terminated()
    try:
        status = app(None if arguments is None else list(arguments), prog_name="napari-deconv", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error.__context__ or error, BrokenPipeError):
            raise
        return _reader_has_gone()
    except Exception as error:
        return _explained(error)
    if status == INTERRUPTED:
        print("napari-deconv: interrupted, nothing was written", file=sys.stderr)
    return int(status or DONE)


def _explained(error: Exception) -> int:
    """Say what went wrong on standard error, and return the exit status."""
    import typer

    usage: Any = typer.BadParameter.__mro__[1]
    if isinstance(error, usage.__mro__[1]):
        return _explain_words(error)
    from ..running.failure import explain_failure

    failure = explain_failure(error)
    if failure.is_ours:
        import traceback

        traceback.print_exception(error)
    print(f"napari-deconv: {failure.sentence}", file=sys.stderr)
    return OURS if failure.is_ours else THEIRS


def _explain_words(error: Any) -> int:
    """Say what is wrong with the flags and arguments, or show the help where there were none."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(context.get_help() if context else error.format_message(), file=sys.stderr)
        return THEIRS
    command = context.command_path if context else "napari-deconv"
    told = ", ".join(
        each[:1].lower() + each[1:] for each in " ".join(error.format_message().split()).rstrip(".?").split(". ")
    )
    print(f"napari-deconv: {told} (see '{command} --help')", file=sys.stderr)
    return THEIRS


def _reader_has_gone() -> int:
    """End quietly when whoever read our output stopped reading."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _end_cleanly_when_terminated() -> None:
    """Let SIGTERM unwind the stack, so that a half-written file is removed."""

    def leave(*_: Any) -> NoReturn:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)
