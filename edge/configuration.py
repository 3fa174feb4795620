"""Everything that ``sorter-run`` can be told, in one TOML file or on the command line."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from sorter.edge.arms.options import ArmOptions
from sorter.edge.bins import BinLimits
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.decision import DecisionOptions
from sorter.edge.keep_options import KeepOptions
from sorter.edge.recovery import OnFault, RecoveryOptions
from sorter.edge.triggers.options import TriggerOptions
from sorter.errors import ConfigError
from sorter.settings import Key, as_toml, keys_of, unknown


@dataclass(frozen=True)
class CameraSettings(CameraOptions):
    """The camera.

    Attributes:
        source: Index, /dev/video0, v4l2://, csi://0, video file, folder, rtsp:// or http:// address, GStreamer
            pipeline, or sim: for a simulated platform.
    """

    source: str = ""


@dataclass(frozen=True)
class ModelSettings:
    """The network.

    Attributes:
        file: A .tflite file, or the name of a shipped network.
        labels: labels.txt, for a .tflite without labels inside.
        input_range: How a foreign network with float input wants its pixels; empty for one that takes bytes.
        threads: CPU threads of the network.
        watch: Whether a new file of the same name is taken into use between two objects, without a restart.
    """

    file: str = ""
    labels: Path | None = None
    input_range: Literal["", "bytes", "0..1", "-1..1"] = ""
    threads: int = 1
    watch: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise ConfigError(f"A network cannot run in {self.threads} threads.", "Choose 1 to 64.")


@dataclass(frozen=True)
class DecisionSettings:
    """When a classification is trusted.

    Attributes:
        votes: Frames to average per object.
        threshold: Reject below this probability; left out, the network's own suggestion counts.
        margin: Reject when the second class is this close.
        settle_s: Seconds an object must lie still before it is classified.
        clear_s: Seconds the place must be empty before the next object counts.
        max_age_s: A frame older than this is never classified.
        thresholds: Labels with a threshold of their own, for those that are costly to get wrong.
    """

    votes: int = 3
    threshold: float | None = None
    margin: float = 0.1
    settle_s: float = 0.15
    clear_s: float = 0.1
    max_age_s: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.options(0.5)
        if self.votes > 50 or min(self.settle_s, self.clear_s) < 0 or self.max_age_s <= 0:
            raise ConfigError("More than 50 votes, a negative time, or an age of 0 is impossible.")

    def options(self, suggested_threshold: float) -> DecisionOptions:
        """The decision's options, with the network's own threshold where none is given."""
        threshold = suggested_threshold if self.threshold is None else self.threshold
        return DecisionOptions(self.votes, threshold, self.margin, self.thresholds)


@dataclass(frozen=True)
class BinSettings:
    """Which bin.

    Attributes:
        reject: Bin for objects that cannot be told.
        limit: A bin is full with so many objects, and sorting pauses until it is emptied; 0 for never.
        labels: Bin of each label; '*' for all others. Left out, labels get bins 1, 2, 3 ... in their order.
        limits: Bins with a limit of their own.
    """

    reject: int = 0
    limit: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reject < 0:
            raise ConfigError("The reject bin's number is negative.", "Bins are numbered from 0.")
        self.bin_limits()

    def bin_limits(self) -> BinLimits:
        """How many objects each bin holds."""
        return BinLimits(self.limit, self.limits)


@dataclass(frozen=True)
class ArmSettings(ArmOptions):
    """The arm.

    Attributes:
        port: /dev/ttyUSB0 or better /dev/serial/by-id/..., socket://host:port, rfc2217://host:port, or sim: for a
            simulated arm.
        heartbeat_s: An idle arm is asked for its state this often.
        clear_stop: You have looked at an arm that was stopped: it may move again.
    """

    port: str = ""
    heartbeat_s: float = 2.0
    clear_stop: bool = False


@dataclass(frozen=True)
class RecoverySettings:
    """What follows a fault of the arm. It is stopped in any case.

    Attributes:
        on_fault: exit ends the run; wait waits for a person to resume; recover reaches the arm again and goes on by
            itself, unless a person stopped it; auto waits where a person can resume (a terminal or the operator's
            page) and exits elsewhere.
        delay_s: Seconds before the arm is used again without a person.
        attempts: Automatic recoveries in a row without one completed object; then a person is needed after all.
    """

    on_fault: Literal["auto", "exit", "wait", "recover"] = "auto"
    delay_s: float = 1.0
    attempts: int = 5

    def __post_init__(self) -> None:
        self.options(False)

    def options(self, person_can_resume: bool) -> RecoveryOptions:
        """The options, once it is known whether a person can resume."""
        chosen: OnFault
        chosen = ("wait" if person_can_resume else "exit") if self.on_fault == "auto" else self.on_fault
        return RecoveryOptions(chosen, self.delay_s, self.attempts)


@dataclass(frozen=True)
class JournalSettings:
    """The journal of all objects.

    Attributes:
        file: SQLite file; made when it is missing.
        most_objects: The oldest objects beyond this number are deleted.
        min_free_megabytes: Below so much free space on its disk sorting pauses.
    """

    file: Path = Path("sorter.db")
    most_objects: int = 1_000_000
    min_free_megabytes: float = 50.0

    def __post_init__(self) -> None:
        if self.most_objects < 1000:
            raise ConfigError("A journal of fewer than 1000 objects is of no use.", "Leave journal.most_objects out.")
        if self.min_free_megabytes < 0:
            raise ConfigError("Free space cannot be negative.", "0 sorts until the disk is full.")


@dataclass(frozen=True)
class KeepSettings(KeepOptions):
    """Which pictures of objects are kept, for people and for the next training."""


@dataclass(frozen=True)
class DashboardSettings(DashboardOptions):
    """The operator's page.

    Attributes:
        address: Serve the operator's page, /metrics and /healthz at host:port; 127.0.0.1:8080 is for this machine
            alone. Empty for no page.
    """

    address: str = ""

    def __post_init__(self) -> None:
        if self.address:
            super().__post_init__()


@dataclass(frozen=True)
class RunSettings:
    """The run.

    Attributes:
        objects: Stop after so many objects.
    """

    objects: int | None = None

    def __post_init__(self) -> None:
        if self.objects is not None and self.objects < 1:
            raise ConfigError("A run of no objects is none.", "Leave --objects out for no end.")


@dataclass(frozen=True)
class Settings:
    """All settings, one attribute a section."""

    camera: CameraSettings = field(default_factory=CameraSettings)
    trigger: TriggerOptions = field(default_factory=TriggerOptions)
    model: ModelSettings = field(default_factory=ModelSettings)
    decision: DecisionSettings = field(default_factory=DecisionSettings)
    bins: BinSettings = field(default_factory=BinSettings)
    arm: ArmSettings = field(default_factory=ArmSettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    keep: KeepSettings = field(default_factory=KeepSettings)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def as_toml(self) -> str:
        """The configuration file that means the same, with explanations."""
        parts = []
        for section, keys in SECTIONS.items():
            options = getattr(self, section)
            explanation = (type(options).__doc__ or "").splitlines()[0]
            values = {key.name: getattr(options, key.name) for key in keys}
            parts.append(f"# {explanation}\n{as_toml(section, keys, values)}")
        return "\n".join(parts)


_HINT = "sorter-run --print-config shows all settings."

_KINDS: dict[str, type] = {f.name: f.default_factory for f in fields(Settings)}  # type: ignore[misc]
SECTIONS: dict[str, tuple[Key, ...]] = {name: keys_of(name, kind, _HINT) for name, kind in _KINDS.items()}
"""The keys of each section of the TOML file."""


def read_settings(file: Path | None, given: Mapping[str, Any]) -> Settings:
    """Reads the configuration; everything in it is checked.

    Args:
        file: A TOML file, or None for none.
        given: Values by ``section.name`` that go before those of the file, as from the command line.

    Raises:
        ConfigError: The file cannot be read, a name is unknown, or a value is impossible.
    """
    content = _read_toml(file) if file else {}
    for section, table in content.items():
        if section not in SECTIONS:
            raise unknown("section", section, SECTIONS)
        if not isinstance(table, dict):
            raise ConfigError(f"{section} is not a section of {file}.", f"Write [{section}], and its keys below.")
        names = [key.name for key in SECTIONS[section]]
        for name in table:
            if name not in names:
                raise unknown(f"setting in [{section}] called", name, names)
    return Settings(**{section: _make_section(section, content.get(section, {}), given) for section in SECTIONS})


def _make_section(section: str, table: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    values = {}
    for key in SECTIONS[section]:
        if key.path in given:
            values[key.name] = given[key.path]
        elif key.name in table:
            values[key.name] = key.read(table[key.name], key.path)
    try:
        return _KINDS[section](**values)
    except ConfigError as error:
        raise ConfigError(f"[{section}] {error.message}", error.hint) from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The configuration file {file} cannot be read: {error.strerror}.",
            "sorter-run --print-config > sorter.toml makes one.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}.", "Texts stand in quotes; see https://toml.io.") from error
