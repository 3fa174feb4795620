"""The loop comes first: work that can wait gives way to it, and nothing makes it wait for long."""

import gc
import os
import sys
import threading
from contextlib import suppress

_NICE = 10
_SWITCH_INTERVAL_S = 0.0005


def lower_priority() -> None:
    """Makes the calling thread give way to all others of normal priority.

    On Linux the nice value belongs to a thread, not to the process (see pthreads(7)). Threads started by this one
    inherit it and, without special rights, can never get rid of it: do not call this where threads are started that
    later work for the loop.
    """
    thread = threading.get_native_id()
    # Elsewhere than on Linux a thread has no nice value; the work is done at normal priority then.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))


def prefer_latency() -> None:
    """Sets this process up for short delays rather than for throughput; call it once, when all is loaded.

    A thread that comes back from the network or a device has to wait until the one that runs lets go of the
    interpreter lock: half a millisecond at most, instead of Python's five. And what is loaded by now stays to the end,
    so the garbage collector need not look through it again and again, which takes milliseconds at moments that nobody
    chooses.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
