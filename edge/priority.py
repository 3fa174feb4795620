"""Work that can wait gives way to the loop."""

import os
import threading
from contextlib import suppress

_NICE = 10


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
