"""Where every command leaves: an exit code, and for people one sentence instead of a trace."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from types import FrameType

import typer

from anymask.cli.screen import Screen, make_screen
from anymask.errors import AnymaskError

CTRL_C = 130
TERMINATED = 143
SOME_FAILED = 3

# The library speaks of arguments where the command line has flags.
_FLAGS = (
    ("normalized=True", "--normalized"),
    ("allow overwriting", "add --overwrite"),
    ("allow_truncated=True", "--allow-truncated"),
)
# What Typer says of a value, and what it comes down to.
_KINDS = (("valid integer", "a whole number"), ("valid number", "a number"))


def run(call: Callable[[], object], *, is_debug: bool = False) -> int:
    """Run a command and turn whatever comes out into an exit code.

    Args:
        call: The command; an int it returns is the exit code.
        is_debug: Whether the trace of an error is shown too.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    screen = make_screen()
    try:
        with _ends_on_sigterm():
            code = call()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = CTRL_C
    except BrokenPipeError:
        # The reader of a pipe has left; whatever is still in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the one door where nothing may pass as a trace
        if is_debug:
            screen.error(traceback.format_exc().rstrip())
        return refuse(error, screen)
    if code == CTRL_C:  # Typer gives this too, for an interruption inside a command
        screen.note("stopped by Ctrl-C; what was written before is whole")
    return code if isinstance(code, int) else 0


def refuse(error: Exception, screen: Screen) -> int:
    """Print an error for people.

    Args:
        error: What a command raised.
        screen: Where to print.

    Returns:
        The exit code that belongs to it.
    """
    if isinstance(error, AnymaskError):
        message, hint = spoken(error)
        screen.refuse(message, hint)
        return error.exit_code
    # Typer keeps the base class of its usage errors to itself.
    if isinstance(error, typer.BadParameter.__mro__[1]):
        screen.refuse(*_usage(error))
        return 2
    if isinstance(error, MemoryError):
        screen.refuse("the memory is full", "give a smaller picture or a smaller model")
        return 1
    message = " ".join(str(error).split()) or "no message"
    screen.refuse(
        f"unexpected {type(error).__name__}: {message}",
        "this is a mistake in anymask: run it again with --debug and report what it prints",
    )
    return 1


def spoken(error: AnymaskError) -> tuple[str, str | None]:
    """Give message and hint of an error in the words of the command line."""
    hint = error.hint
    for word, flag in _FLAGS:
        hint = hint.replace(word, flag) if hint else hint
    return error.message, hint


def _usage(error: Exception) -> tuple[str, str]:
    """Give what Typer found wrong, and what to do, in the words used everywhere else."""
    text = str(getattr(error, "format_message", lambda: error)()).strip()
    message, _, guess = text.partition(" (Possible")[0].partition(" Did you mean ")
    message = message.rstrip(".")
    if isinstance(error, typer.BadParameter) and error.param is not None:
        told = next((told for found, told in _KINDS if found in message), None)
        if told is not None:
            return f"{max(error.param.opts, key=len)}: must be {told}", _see(error)
    wrong, known = getattr(error, "option_name", None), getattr(error, "possibilities", None)
    if wrong and known:
        guess = next(iter(get_close_matches(wrong, known, n=1)), "")
    hint = f"did you mean {guess.rstrip('?')}? Else {_see(error)}" if guess else _see(error)
    return message[:1].lower() + message[1:], hint


def _see(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path if context else 'anymask'} --help"


@contextmanager
def _ends_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the program, so that no half-written file is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
