"""A model file that is replaced while the sorter runs: the new network is made ready beside the old one."""

import threading
import time
from collections.abc import Callable

from sorter.edge.model import FitBins, LoadedModel, ModelOptions, file_states, fingerprint, load_model
from sorter.edge.priority import lower_priority
from sorter.errors import SorterError
from sorter.image import Pixels

_POLL_S = 1.0
_STABLE_S = 1.0
"""A file that has not changed for so long has been copied completely, or the copy has stalled; a half one is refused by
its checks, and tried again when it goes on changing."""


class ModelWatcher:
    """Notices that the model file was replaced, loads it in the background and offers it when it is ready.

    Between two objects the loop asks ``take``; until then, and whenever the new file is no good, the old network goes
    on. Memory holds two networks only from the loading of the new one until it is taken.

    Args:
        options: Which file, and what the user has fixed.
        in_use: ``fingerprint`` of the network that works now.
        fit_bins: Gives the new labels their bins, or raises ``ConfigError`` (see ``sorter.edge.model.keep_bins``).
        picture: Gives the picture to warm up with, uint8 BGR (H, W, 3), or None.
        clock: In seconds; only runs forwards.

    Attributes:
        refused: Why the newest file was not taken; one sentence, else empty.
    """

    def __init__(
        self,
        options: ModelOptions,
        in_use: str,
        fit_bins: FitBins,
        picture: Callable[[], Pixels | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.refused = ""
        self._options, self._fit_bins, self._picture, self._clock = options, fit_bins, picture, clock
        self._lock = threading.Lock()
        self._in_use = in_use
        self._ready: LoadedModel | None = None
        self._seen: object = None
        self._since_s = 0.0
        self._judged: object = None
        self._asked = threading.Event()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def start(self) -> None:
        """Starts the thread that looks at the file."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends the thread; one that is just loading is left behind after ``timeout_s``."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def take(self) -> LoadedModel | None:
        """The new network, once, when one is ready; from now on it is the one in use. Costs nothing otherwise."""
        with self._lock:
            model, self._ready = self._ready, None
            if model is not None:
                self._in_use = model.fingerprint
            return model

    def look_now(self) -> None:
        """A person asks: the file is tried at once, also one that was refused before. Safe in a signal handler."""
        self._asked.set()
        self._wake.set()

    def look(self) -> None:
        """Looks at the file once, and loads it where it is new and complete. The thread does this every second."""
        state, now_s = file_states(self._options), self._clock()
        if state != self._seen:
            self._seen, self._since_s = state, now_s
        asked = self._asked.is_set()
        if state == self._judged and not asked:
            return
        if now_s - self._since_s < _STABLE_S:
            return
        self._asked.clear()
        self._judged = state
        self._judge()

    def _judge(self) -> None:
        """Tells whether the file holds something new, and makes it ready."""
        content = fingerprint(self._options)
        with self._lock:
            if self._ready is not None and content == self._ready.fingerprint:
                return
            # Whatever was offered is out of date; it must not take up memory beside its successor.
            self._ready = None
            if content == self._in_use:
                self.refused = ""
                return
        try:
            model = load_model(self._options, self._fit_bins, self._picture())
        except SorterError as error:
            self.refused = error.message
        except Exception as error:  # whatever a strange file makes a library do, the old network goes on
            self.refused = f"{self._options.path} cannot be used ({type(error).__name__}: {error})."
        else:
            with self._lock:
                self._ready, self.refused = model, ""

    def _work(self) -> None:
        if self._options.threads == 1:
            # An interpreter with several threads starts them here, and they would inherit the low priority for good.
            lower_priority()
        while not self._stopping:
            self.look()
            self._wake.wait(_POLL_S)
            self._wake.clear()
