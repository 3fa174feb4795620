"""Keys for the person at the terminal."""

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sorter.cli import inform, warn
from sorter.edge.requests import Requests
from sorter.errors import SorterError

KEYS = "Keys: space or s stops the arm, p pauses, r resumes, a announces an object, e the place is empty, q ends."


def has_keyboard() -> bool:
    """Whether a person can press keys: standard input is a terminal, and this program is in its foreground.

    A program in the background that touched the terminal would be stopped by the system (SIGTTOU).
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this program
        return False


def press(key: str, control: Requests, empty_bins: Callable[[], None]) -> None:
    """Does what a key stands for; other keys do nothing.

    Args:
        key: One character.
        control: The running sorter.
        empty_bins: All bins were emptied.
    """
    actions: dict[str, Callable[[], None]] = {
        " ": lambda: control.stop("The keyboard"),
        "s": lambda: control.stop("The keyboard"),
        "p": control.pause,
        "r": control.resume,
        "a": control.announce,
        "e": control.learn_empty,
        "b": empty_bins,
        "q": control.end,
    }
    action = actions.get(key.lower())
    if action is not None:
        try:
            action()
        except SorterError as error:
            warn(error.message, error.hint)


@contextmanager
def keyboard(control: Requests, empty_bins: Callable[[], None]) -> Iterator[None]:
    """Obeys keys while the block runs; the terminal is as before afterwards. Ctrl-C works as ever."""
    if not has_keyboard():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    ending = threading.Event()

    def listen() -> None:
        while not ending.is_set():
            if select.select([terminal], [], [], 0.2)[0]:
                press(os.read(terminal, 1).decode("ascii", "ignore"), control, empty_bins)

    tty.setcbreak(terminal)
    thread = threading.Thread(target=listen, name="keyboard", daemon=True)
    thread.start()
    inform(KEYS)
    try:
        yield
    finally:
        ending.set()
        thread.join(1)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
