"""Ten thousand objects while everything fails: is any moved twice, moved to the wrong bin, or lost from the journal?

``python -m sorter.benchmarks.soak --objects 10000 --kills 100 --seed 1 --json FILE``. A simulated platform with camera
and arm runs as a program of its own and keeps the truth. ``sorter-run`` sorts; it is killed at random instants and
started again with the same journal, while the arm's line loses and damages what passes, the arm is reset, its port
disappears, and the camera freezes and vanishes. At the end the journal is compared with what the arm really did.
"""

import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.blows import Blow, SoakOptions, draw_blows
from sorter.benchmarks.reconciliation import Findings, Row, reconcile
from sorter.benchmarks.rig import JournalView, Platform, Program, start_sorter
from sorter.cli import INTERRUPTED, SorterCommand
from sorter.errors import ArmError, CameraError, SorterError

_POLL_S = 0.01
_TRUTH_EVERY_S = 5.0
_MOST_STARTS_IN_VAIN = 50
"""Starts in a row without a new row in the journal."""

_SORTER = {
    "model": "fruit-demo-int8",
    "votes": 1,
    "settle": 0.0,
    "decision-clear-s": 0.0,
    "trigger-motion-s": 0.02,
    "trigger-width-px": 80,
    "on-fault": "recover",
    "recovery-delay-s": 0.05,
    "recovery-attempts": 10,
    "arm-acknowledge-timeout-s": 0.04,
    "arm-repeat-interval-s": 0.06,
    "arm-hello-interval-s": 0.1,
    "arm-heartbeat-s": 0.5,
    "camera-silent-s": 1.0,
    "camera-frozen-s": 0.6,
    "camera-retry-min-s": 0.1,
    "camera-retry-max-s": 0.5,
    "camera-open-timeout-s": 3.0,
}
"""Times short enough for ten thousand objects; everything else as users have it."""


class Soak:
    """One run.

    Args:
        options: What is done.
        folder: For journal, truth and logs.
        tell: Shows progress.

    Attributes:
        done: What was done to the sorter.
        ends: How runs of the sorter ended.
        hangs: Runs that made no progress and were not waiting for a person.
        tracebacks: Runs that showed one.
    """

    def __init__(self, options: SoakOptions, folder: Path, tell: Callable[[str], None] = lambda _text: None) -> None:
        self._options, self._folder, self._tell = options, folder, tell
        self._blows = list(draw_blows(options))
        self._due: list[tuple[float, Blow]] = []
        self._journal = JournalView(folder / "journal.db")
        self._rows, self._progress_at_s, self._truth_at_s = 0, 0.0, 0.0
        self._in_vain = 0
        self._dead = False
        self.done: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.hangs: list[str] = []
        self.tracebacks = 0

    def run(self) -> dict[str, Any]:
        """Carries it out, and gives all figures."""
        options, started_s = self._options, time.monotonic()
        line = "&".join(f"{kind}={options.line_fault}" for kind in ("drop", "corrupt", "duplicate", "delay"))
        camera = (
            f"sim:?width=160&height=120&fps=100&empty_s=0.04&arrive_s=0.02&patience_s={options.patience_s}&first_s=5"
            f"&objects={options.objects}&seed={options.seed}&freeze={options.camera_fault}&freeze_s=1.5"
            f"&vanish={options.camera_fault}&vanish_s=1"
        )
        arm = f"sim:?move_s=0.02&delay_s=0.05&seed={options.seed}&{line}"
        with Platform(camera, arm, self._folder, "--unplug-s", "0.7") as platform:
            self._sort(platform)
            self._settle(platform)
            truth = platform.truth()
        findings = reconcile(self._read_rows(), truth)
        return self._figures(findings, truth, time.monotonic() - started_s)

    def _sort(self, platform: Platform) -> None:
        sorter, end_s = self._start(platform), time.monotonic() + self._options.within_s
        try:
            while not self._finished(platform) and time.monotonic() < end_s and not self._dead:
                self._watch_rows()
                sorter = self._strike(platform, sorter)
                if not sorter.running:
                    sorter = self._start_again(platform, sorter)
                elif time.monotonic() - self._progress_at_s > self._options.hang_s:
                    sorter = self._end_hanging(platform, sorter)
                time.sleep(_POLL_S)
            self._ended(sorter, sorter.end())
        finally:
            sorter.end(signal.SIGKILL)

    def _start(self, platform: Platform, *flags: str) -> Program:
        self.done["starts"] += 1
        self._progress_at_s = time.monotonic()
        log = self._folder / f"run-{self.done['starts']:04}.log"
        places = {"camera": platform.url, "port": platform.port, "journal": self._folder / "journal.db"}
        return start_sorter({**_SORTER, **places}, log, *flags)

    def _watch_rows(self) -> None:
        rows = self._journal.rows()
        if rows > self._rows:
            self._rows, self._progress_at_s, self._in_vain = rows, time.monotonic(), 0
            if rows % 100 == 0:
                self._tell(f"{rows} rows, {dict(self.done)}, {dict(self.ends)}")
        while self._blows and self._blows[0].row <= self._rows:
            blow = self._blows.pop(0)
            self._due.append((time.monotonic() + blow.delay_s, blow))

    def _strike(self, platform: Platform, sorter: Program) -> Program:
        """Does what is due; gives the sorter that runs afterwards."""
        for due in [due for due in self._due if due[0] <= time.monotonic()]:
            self._due.remove(due)
            kind = due[1].kind
            self.done[kind] += 1
            if kind != "kill":
                number = signal.SIGUSR2 if kind == "reset" else signal.SIGRTMIN
                platform.program.process.send_signal(number)
            elif sorter.running:
                sorter.end(signal.SIGKILL)
                self._ended(sorter, -signal.SIGKILL)
                sorter = self._start(platform)
        return sorter

    def _start_again(self, platform: Platform, sorter: Program) -> Program:
        """A run has ended by itself: as a person would, looks why, clears a stop, and starts it again."""
        self._ended(sorter, sorter.process.returncode)
        self._in_vain += 1
        if self._in_vain > _MOST_STARTS_IN_VAIN:
            self._dead = True
            self.hangs.append(f"does not start any more: {sorter.said()[-300:]}")
        stopped = "--clear-stop" in sorter.said()
        self.done["stops cleared by a person"] += stopped
        return self._start(platform, *(["--clear-stop"] if stopped else []))

    def _end_hanging(self, platform: Platform, sorter: Program) -> Program:
        said = sorter.said()
        waits = "waits for a person" in said.rsplit("takes commands again", 1)[-1]
        self.done["waited for a person"] += waits
        if not waits:
            self.hangs.append(said[-1500:])
        code = sorter.end()
        self._ended(sorter, code)
        return self._start(platform, "--clear-stop")

    def _ended(self, sorter: Program, code: int | None) -> None:
        names = {
            -signal.SIGKILL: "killed",
            0: "ended by itself",
            INTERRUPTED: "ended by SIGTERM",
            ArmError.exit_code: "ended with an error of the arm",
            CameraError.exit_code: "ended with an error of the camera",
            None: "did not end when asked",
        }
        said = sorter.said()
        if "Traceback" in said:
            self.tracebacks += 1
            self._tell(said[-1500:])
        if code is None:
            self.hangs.append(f"did not end when asked: {said[-1500:]}")
        self.ends[names.get(code, f"exit code {code}")] += 1

    def _finished(self, platform: Platform) -> bool:
        """Whether the last object has gone; asked only while nothing happens, since the answer costs time."""
        now_s = time.monotonic()
        if now_s - self._progress_at_s < self._options.patience_s + 1 or now_s - self._truth_at_s < _TRUTH_EVERY_S:
            return False
        self._truth_at_s = now_s
        return bool(platform.truth()["finished"])

    def _settle(self, platform: Platform) -> None:
        """A last start completes rows that a kill has left behind."""
        flags: list[str] = []
        for _ in range(10):
            if not self._journal.read("SELECT 1 FROM object WHERE outcome='sent'"):
                return
            sorter = self._start(platform, *flags)
            deadline_s = time.monotonic() + 30
            while sorter.running and "Camera " not in sorter.said() and time.monotonic() < deadline_s:
                time.sleep(0.05)
            self._ended(sorter, sorter.end())
            flags = ["--clear-stop"] if "--clear-stop" in sorter.said() else []

    def _read_rows(self) -> list[Row]:
        found = self._journal.read("SELECT id, decided_at, sequence, bin, outcome FROM object ORDER BY id")
        return [Row(*row) for row in found]

    def _figures(self, findings: Findings, truth: dict[str, Any], duration_s: float) -> dict[str, Any]:
        told = Counter(_kind_of(text) for (text,) in self._journal.read("SELECT text FROM event"))
        return {
            "objects": len(truth["objects"]),
            "rows": sum(1 for _ in self._read_rows()),
            "duration_s": round(duration_s, 1),
            "done_to_it": dict(self.done),
            "lines": truth["line_damage"],
            "runs_ended": dict(self.ends),
            "journal_events": dict(told.most_common()),
            "violations": {
                "wrong bin": findings.wrong_bin,
                "moved twice": findings.moved_twice,
                "lost from the journal": findings.lost,
                "hangs": len(self.hangs),
                "tracebacks": self.tracebacks,
                "undocumented exit codes": sum(n for name, n in self.ends.items() if name.startswith("exit code")),
            },
            "allowed": dict(findings.allowed),
            "score": truth["score"],
            "examples": [*findings.examples, *self.hangs[:5]],
        }


def _kind_of(text: str) -> str:
    """An event without what differs from time to time."""
    return re.sub(r"(/\S+|http\S+|\d[\d.]*)", "…", text)


def show(figures: dict[str, Any]) -> None:
    """Prints what was done to the sorter and what came of it."""
    click.echo(f"{figures['objects']} objects, {figures['rows']} rows, {figures['duration_s']:.0f} s")
    titles = {
        "done_to_it": "What was done to it",
        "lines": "Lines between sorter and arm",
        "runs_ended": "How its runs ended",
        "journal_events": "What its journal tells",
        "allowed": "What came of it",
        "violations": "What must not come of it",
    }
    for key, title in titles.items():
        click.secho(f"\n{title}", bold=True)
        for name, count in sorted(figures[key].items()):
            click.echo(f"{count:>8}  {name}")
    for example in figures["examples"]:
        click.echo(f"  {example}", err=True)


@click.command(cls=SorterCommand)
@click.option("--objects", type=click.IntRange(1), default=10_000, help="Objects that come.")
@click.option("--kills", type=click.IntRange(0), default=100, help="Times that the sorter is killed.")
@click.option("--resets", type=click.IntRange(0), help="Resets of the arm [0.6 a kill].")
@click.option("--unplugs", type=click.IntRange(0), help="Times that the arm's port disappears [0.4 a kill].")
@click.option("--line-fault", type=float, default=0.1, help="Chance of each kind of fault for each line.")
@click.option("--camera-fault", type=float, default=0.01, help="Chance of each kind of fault in each second.")
@click.option("--within-s", type=click.FloatRange(1), default=7200, help="End after so long in any case.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Equal seeds give equal schedules.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder in which journal, truth and logs stay.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def soak(
    objects: int,
    kills: int,
    resets: int | None,
    unplugs: int | None,
    line_fault: float,
    camera_fault: float,
    within_s: float,
    seed: int,
    keep: Path | None,
    json_file: Path | None,
) -> None:
    """Sorts while everything fails, and compares the journal with what the arm really did."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.files import make_folder, write_json

    resets = round(0.6 * kills) if resets is None else resets
    unplugs = round(0.4 * kills) if unplugs is None else unplugs
    options = SoakOptions(objects, kills, resets, unplugs, line_fault, camera_fault, seed, within_s=within_s)
    with tempfile.TemporaryDirectory() as folder:
        figures = Soak(options, make_folder(keep) if keep else Path(folder), click.echo).run()
    show(figures)
    if json_file:
        write_json(json_file, {"machine": describe_machine(), "options": vars(options), **figures})
    if any(figures["violations"].values()):
        raise SorterError("The sorter did what it must not do.", "The first examples are above.")


if __name__ == "__main__":
    soak()
