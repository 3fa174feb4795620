"""Signals that reach the simulator at a bad moment."""

import os
import signal
import threading

import pytest

from sorter import log
from sorter.edge import sim_cli


def test_a_signal_amid_a_message_does_not_hang_the_simulator(capfd: pytest.CaptureFixture[str]) -> None:
    """The handler wants to say something while this thread, which it interrupts, is saying something."""
    acted = threading.Event()
    before = signal.getsignal(signal.SIGUSR1)
    sim_cli._on_signal(signal.SIGUSR1, acted.set, "the arm was reset")
    try:
        others = set(threading.enumerate())
        with log._writing:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert acted.wait(5)
        for thread in set(threading.enumerate()) - others:
            thread.join(5)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "the arm was reset" in capfd.readouterr().err
