"""Trains, converts and measures the networks of a study, one after the other, and knows what is done already."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sorter.benchmarks.results import Results
from sorter.benchmarks.studies.ledger import Ledger
from sorter.benchmarks.studies.plan import Network, Wishes
from sorter.benchmarks.studies.programs import Ended, run_program
from sorter.cli import inform, warn
from sorter.errors import SorterError, StorageError
from sorter.manifest import MANIFEST_NAME, Manifest

_NETWORK_FILE = "model.keras"
_LEFT_BY_COMPARE = ("comparison.csv", "comparison.md")
"""Tables of a single network, which ``sorter-train --compare`` writes beside its run."""


@dataclass(frozen=True)
class Outcome:
    """What became of one network.

    Attributes:
        network: Which one.
        trained: Figures of the training: the row of ``sorter-train --compare``, with ``float`` (accuracy on the test
            part) and ``classes``; empty where there is none.
        converted: The row of ``sorter-convert --json``; empty where there is none.
        problem: Why something is missing; empty where nothing is.
    """

    network: Network
    trained: Mapping[str, Any] = field(default_factory=dict)
    converted: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether something went wrong; a network that was left out did not fail."""
        return bool(self.problem) and not self.network.skipped


@dataclass(frozen=True)
class Progress:
    """What is there so far.

    Attributes:
        outcomes: Of the networks that had their turn.
        measured: The report on the int8 files; None before, and where it failed.
        problem: Why the int8 files could not be measured.
    """

    outcomes: tuple[Outcome, ...] = ()
    measured: Results | None = None
    problem: str = ""


class Execution:
    """One study, carried out.

    Args:
        networks: In the order of the table.
        wishes: What the user asked for.
        folder: For runs, models, report and progress.
        fingerprint: Of the photos.

    Raises:
        ConfigError: The folder holds networks that were made with other settings.
    """

    def __init__(self, networks: Sequence[Network], wishes: Wishes, folder: Path, fingerprint: str) -> None:
        self._networks, self._wishes, self._folder = networks, wishes, folder
        self._ledger = Ledger(folder, {**wishes.settings(), "data set": fingerprint}, wishes.fresh)

    def run(self, show: Callable[[Progress], None]) -> Progress:
        """Does whatever is not done yet, and shows what there is after each network; a failure stops no other."""
        outcomes: list[Outcome] = []
        for number, network in enumerate(self._networks, start=1):
            if network.skipped:
                inform(f"{network.name} is left out: {network.skipped}.")
                outcomes.append(Outcome(network, problem=f"left out: {network.skipped}"))
                continue
            left = estimate_s(outcomes, self._networks[number - 1 :])
            time = f"; about {max(1, round(left / 60))} min left for training" if left else ""
            inform(f"{number} of {len(self._networks)}: {network.name}, epochs: {network.epochs}{time}")
            outcomes.append(self._make(network))
            show(Progress(tuple(outcomes)))
        progress = self._measure(tuple(outcomes))
        show(progress)
        return progress

    def _make(self, network: Network) -> Outcome:
        trained: Mapping[str, Any] = {}
        try:
            trained = self._train(network)
            return Outcome(network, trained, self._convert(network))
        except StorageError:
            raise
        except SorterError as error:
            warn(f"{network.name}: {error.message}", "The others go on.")
            return Outcome(network, trained, problem=error.message)

    def _train(self, network: Network) -> Mapping[str, Any]:
        made_from = {"options": network.options()}
        run = self._run_of(network)
        if known := self._ledger.find(network.name, "trained", made_from):
            inform(f"{network.name} was trained by an earlier run.")
            return known
        row = self._run_training(network)
        if row["failure"]:
            raise SorterError(f"training failed: {row['failure']}")
        manifest = Manifest.from_json((run / MANIFEST_NAME).read_bytes(), str(run / MANIFEST_NAME))
        if manifest.recipe["weights"] != Path(network.weights).name:
            raise SorterError(f"{run} was trained from other weights ({manifest.recipe['weights']}); remove it")
        figures = {**row, "float": dict(manifest.accuracy["float"]), "classes": len(manifest.labels)}
        self._ledger.note(network.name, "trained", made_from, run / _NETWORK_FILE, figures)
        return figures

    def _run_training(self, network: Network) -> Mapping[str, Any]:
        """The row of ``sorter-train --compare``, which goes on with an unfinished run and leaves a finished one."""
        wishes, runs = self._wishes, self._folder / "runs"
        arguments = [wishes.data, "--compare", network.name, "--out", runs]
        if self._run_of(network).exists():
            again = wishes.fresh or self._ledger.knows(network.name, "trained")
            arguments.append("--overwrite" if again else "--resume")
        arguments += ["--group-by", wishes.group_by] if wishes.group_by else []
        arguments += ["--split", wishes.split, "--seed", wishes.seed, *network.options()]
        ended = self._run("sorter-train", network, arguments)
        for name in _LEFT_BY_COMPARE:
            (runs / name).unlink(missing_ok=True)
        row: Mapping[str, Any] = ended.answer["runs"][0] if ended.answer else {"failure": ended.reason}
        return row

    def _convert(self, network: Network) -> Mapping[str, Any]:
        source = self._run_of(network) / _NETWORK_FILE
        made_from = {"time": source.stat().st_mtime_ns}
        if known := self._ledger.find(network.name, "converted", made_from):
            return known
        file = self._folder / "models" / f"{network.name}.tflite"
        # Whatever is lost is to be seen in the table, so nothing is refused.
        arguments = [source.parent, "--int8", "--representative", self._wishes.data, "--max-drop", "1", "--out", file]
        ended = self._run("sorter-convert", network, arguments)
        if ended.code or not ended.answer:
            raise SorterError(f"conversion failed: {ended.reason}")
        figures: dict[str, Any] = ended.answer[0]
        self._ledger.note(network.name, "converted", made_from, file, figures)
        return figures

    def _measure(self, outcomes: tuple[Outcome, ...]) -> Progress:
        made = [outcome for outcome in outcomes if outcome.converted]
        if not made:
            return Progress(outcomes)
        inform(f"Measuring the int8 files, {len(made)} in turns." if len(made) > 1 else "Measuring the int8 file.")
        models = [self._folder / "models" / f"{outcome.network.name}.tflite" for outcome in made]
        split = self._run_of(made[0].network) / "split.csv"
        quick = [*(["--quick"] if self._wishes.quick else []), *(["--fresh"] if self._wishes.fresh else [])]
        arguments = [*models, "--data", self._wishes.data, "--split-csv", split, "--out", self._folder / "int8"]
        ended = run_program("sorter-bench", [*arguments, "--time-line", 0, *quick], inform)
        if ended.code:
            warn(f"The int8 files could not be measured: {ended.reason}")
            return Progress(outcomes, problem=ended.reason)
        return Progress(outcomes, Results.read(self._folder / "int8"))

    def _run(self, program: str, network: Network, arguments: Sequence[object]) -> Ended:
        def tell(message: str) -> None:
            # Said by a comparison of a single network.
            if not message.startswith("1 of 1: "):
                inform(f"{network.name}: {message}")

        return run_program(program, arguments, tell)

    def _run_of(self, network: Network) -> Path:
        return self._folder / "runs" / network.name


def estimate_s(done: Sequence[Outcome], left: Sequence[Network]) -> float:
    """Roughly how many seconds of training are left, from those networks that are trained; 0 where none is.

    The work is taken to be proportional to passes over the photos and to pixels. That is rough, as networks differ.
    """
    paces = [outcome.trained["seconds"] / _work(outcome.network) for outcome in done if outcome.trained]
    todo = sum(_work(network) for network in left if not network.skipped)
    return statistics.median(paces) * todo if paces else 0.0


def _work(network: Network) -> float:
    return float(network.passes * network.recipe.image_size_px**2)
