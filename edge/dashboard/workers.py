"""Threads for what may wait, so that nothing else waits for it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass(frozen=True)
class Workers:
    """One pool for each kind of work.

    Attributes:
        stop: For the emergency stop alone.
        orders: For the other requests to the sorter.
        disk: For corrections.
        encoder: For the live picture.
    """

    stop: ThreadPoolExecutor
    orders: ThreadPoolExecutor
    disk: ThreadPoolExecutor
    encoder: ThreadPoolExecutor

    def close(self) -> None:
        """Ends them; what waits is dropped."""
        for executor in (self.stop, self.orders, self.disk, self.encoder):
            executor.shutdown(wait=False, cancel_futures=True)


def make_workers() -> Workers:
    """Several threads for the stop: a first one that hangs at the arm must not hold up a second one."""
    return Workers(
        ThreadPoolExecutor(4, "dashboard-stop"),
        ThreadPoolExecutor(1, "dashboard-orders"),
        ThreadPoolExecutor(1, "dashboard-disk"),
        ThreadPoolExecutor(1, "dashboard-encoder"),
    )
