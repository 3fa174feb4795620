"""How figures are judged: intervals, conditions, budget, what stands in a flatbuffer, energy."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.benchmarks.budget import choose, parse_budget
from sorter.benchmarks.candidates import Candidate, find_candidates
from sorter.benchmarks.chart_files import to_png, write_chart
from sorter.benchmarks.charts import time_line_chart
from sorter.benchmarks.conditions import judge
from sorter.benchmarks.energy import Rapl, find_meter, parse_pmic
from sorter.benchmarks.flatbuffer import take_apart
from sorter.benchmarks.intervals import accuracy_difference, compare_medians, median_interval
from sorter.benchmarks.judgement import judge_accuracy, judge_timing
from sorter.benchmarks.overhead import BARE
from sorter.benchmarks.overhead import measure as measure_overhead
from sorter.benchmarks.pareto import find_front
from sorter.benchmarks.picture_file import read_pictures, write_pictures
from sorter.benchmarks.progress_file import ProgressFile
from sorter.benchmarks.results import ModelResult, Results
from sorter.benchmarks.timing import Options, measure_rounds
from sorter.benchmarks.workers import Worker
from sorter.bundle import Bundle
from sorter.errors import BundleError, ConfigError, SorterError
from sorter.interpreter import load_interpreter
from sorter.models import find_model
from tests.benchmarks.reports import make_accuracy, make_model, make_results, make_timing

RNG = np.random.default_rng(3)


def test_a_chart_as_a_picture_has_its_bars_and_its_letters() -> None:
    wide, narrow = (to_png(time_line_chart([(name, 0.0, 4.0)])) for name in ("a much longer name", "i"))
    assert wide and narrow
    first, second = (cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) for png in (wide, narrow))
    # The name stands left of the bar, which begins at 150 units of the chart, two dots each.
    assert first is not None and second is not None and first.shape[1] == 1440
    letters = [int((picture[:, :280] < 128).sum()) for picture in (first, second)]
    assert letters[0] > 4 * letters[1] > 0
    assert (first[:, 310:] < 200).sum() > 10_000


def test_where_nothing_draws_pictures_the_svg_is_written_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    write_chart(tmp_path, "way", time_line_chart([("invoke", 0.0, 4.0)]))
    assert [path.name for path in tmp_path.iterdir()] == ["way.svg"]


def test_equal_candidates_do_not_differ_and_unequal_ones_do() -> None:
    drift = 1 + 0.2 * np.sin(np.arange(64) / 9)  # hits both alike
    first, second = (drift * RNG.normal(5.0, 0.1, 64) for _ in range(2))
    assert not compare_medians(first, second, paired=True).differs
    slower = compare_medians(1.05 * first, second, paired=True)
    assert slower.differs and slower.low < 1.05 < slower.high
    # Between runs nothing cancels out: the same 5 % may be the drift.
    assert not compare_medians(1.05 * first, second, paired=False).differs


def test_the_interval_of_a_median_holds_the_true_one() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        blocks = 5 + rng.normal(0, 0.3, (64, 1)) + rng.normal(0, 0.1, (64, 16))  # blocks are alike inside
        low, high = median_interval(blocks)
        held += low <= 5.0 <= high
    assert held >= 34


def test_accuracies_are_compared_photo_by_photo() -> None:
    correct = "1" * 80 + "0" * 20
    better = "1" * 85 + "0" * 15
    low, high = accuracy_difference(better, correct, paired=True)
    assert low > 0.0 and high < 0.11
    low, high = accuracy_difference(better, correct, paired=False)
    assert low < 0.0 < high


def test_macs_and_parameters_of_mobilenetv2() -> None:
    """300 million multiply-accumulates at 224x224 (Sandler et al., 2018, table 4); and 2.2 million weights."""
    network = take_apart(Bundle.load(find_model("waste-mobilenetv2-int8")).flatbuffer)
    assert network is not None
    assert sum(operator.macs for operator in network.operators()) == pytest.approx(300e6, rel=0.01)
    assert network.parameters() == pytest.approx(2.22e6, rel=0.02)


def test_an_operator_alone_does_what_it_does_in_its_network() -> None:
    flatbuffer = Bundle.load(find_model("fruit-demo-int8")).flatbuffer
    network = take_apart(flatbuffer)
    assert network is not None
    first = network.operators()[0]
    whole = load_interpreter(flatbuffer)
    picture = RNG.integers(0, 256, tuple(whole.get_input_details()[0]["shape"])).astype(np.uint8)
    assert first.name == "QUANTIZE"
    from sorter.interpreter import find_interpreter

    alone = find_interpreter()[1].Interpreter(model_content=network.isolate(0))
    alone.allocate_tensors()
    alone.set_tensor(alone.get_input_details()[0]["index"], picture)
    alone.invoke()
    found = alone.get_tensor(alone.get_output_details()[0]["index"])
    assert np.array_equal(found, (picture.astype(int) - 128).astype(np.int8))


def test_thresholds_divide_photos_into_rejected_and_wrong() -> None:
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.55, 0.45]], np.float32)
    found = judge_accuracy(scores, ["a", "a", "b", "b"], ("a", "b"), 0.7)
    assert (found.rejected, found.wrong, found.accuracy, found.correct) == (0.5, 0.25, 0.25, "1000")
    assert found.recalls == {"a": 0.5, "b": 0.0}
    foreign = judge_accuracy(scores, ["a", "a", "b", "b"], ("a", "b"), None)
    assert foreign.rejected is None and foreign.wrong is None


def test_a_timing_says_what_speaks_against_it() -> None:
    block = {"wall_s": 0.016, "cpu_s": 0.016, "waited_s": 0.0, "prepare_ms": 0.1}
    loaded = {"load_ms": 20.0, "first_ms": 3.0, "resident_mb": 60.0}
    blocks = [{**block, "times_ms": list(1 + 0.01 * i + RNG.normal(0, 0.01, 16))} for i in range(64)]
    drifting = judge_timing(2, blocks, loaded, {})
    assert any("2 threads were asked for and 1.00 cores used" in flag for flag in drifting.flags)
    assert any("from the first third" in flag for flag in drifting.flags)
    starved = judge_timing(2, [{**b, "waited_s": 0.012, "cpu_s": 0.004} for b in blocks], loaded, {})
    assert not any("threads were asked for" in flag for flag in starved.flags)
    steady = judge_timing(1, [{**block, "times_ms": list(RNG.normal(1, 0.01, 16))} for _ in range(64)], loaded, {})
    assert steady.flags == () and steady.n == 1024
    tired = judge_timing(1, blocks, loaded, {"fps": [100, 90, 80, 80, 75], "energy_mj": 4.0})
    assert tired.sustained_fps == 75 and tired.sustained_drop == pytest.approx(0.25) and tired.energy_mj == 4.0


def test_conditions_that_make_figures_worse_are_named() -> None:
    quiet = {"governor": "performance", "frequency_mhz": 1500.0, "throttled": 0}
    assert judge(quiet, quiet, 0.01, 0.0, 0.001) == []
    hot = {"governor": "ondemand", "frequency_mhz": 1000.0, "throttled": 0x50005}
    said = " ".join(judge(quiet, hot, 0.5, 0.3, 0.1))
    for part in (
        "took 0.50 cores",
        "0.30 cores' time",
        "10.0%",
        "governor is ondemand",
        "is throttled",
        "1500 to 1000",
    ):
        assert part in said
    assert "has been since it started" in " ".join(judge(quiet, {**quiet, "throttled": 0x50000}, 0, 0, 0))
    assert judge({}, {}, None, None, None) == []  # a machine that tells nothing


@pytest.fixture
def frames(tmp_path: Path) -> dict[str, object]:
    return write_pictures(tmp_path / "frames", [RNG.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(2)])


def _stored(tmp_path: Path) -> ProgressFile:
    return ProgressFile(tmp_path / "progress.json", "key", fresh=True)


def test_a_busy_machine_is_noticed(tmp_path: Path, frames: dict[str, object]) -> None:
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.1)
        stored = _stored(tmp_path)
        with Worker(Candidate("fruit", find_model("fruit-demo-int8"), "tflite"), 1, "fruit") as worker:
            worker.load(frames, None, None)
            measure_rounds([worker], stored, Options(queries=512), lambda _worker, error: pytest.fail(str(error)))
    finally:
        spin.kill()
        spin.wait()
    assert any("other programs took" in warning for warning in stored.sittings[0]["warnings"])


def test_a_process_that_dies_takes_no_other_with_it(tmp_path: Path, frames: dict[str, object]) -> None:
    stored, lost = _stored(tmp_path), []
    file = find_model("fruit-demo-int8")
    with (
        Worker(Candidate("a", file, "tflite"), 1, "a") as dying,
        Worker(Candidate("b", file, "tflite"), 1, "b") as other,
    ):
        for worker in (dying, other):
            worker.load(frames, None, None)
        pid = dying.ask("cpu")["pid"]
        os.kill(pid, signal.SIGKILL)
        measure_rounds([dying, other], stored, Options(queries=32), lambda worker, error: lost.append((worker, error)))
    assert [worker for worker, _ in lost] == [dying] and "was killed" in lost[0][1].message
    assert len(stored.rounds["b"]) == 2 and stored.rounds["a"] == []


def test_a_damaged_model_is_an_answer_and_no_end(tmp_path: Path, frames: dict[str, object]) -> None:
    damaged = bytearray(find_model("fruit-demo-int8").read_bytes()[:9000])
    (tmp_path / "m.tflite").write_bytes(bytes(damaged))
    with Worker(Candidate("m", tmp_path / "m.tflite", "tflite"), 1, "m") as worker:
        with pytest.raises(SorterError, match="cut short or damaged"):
            worker.load(frames, None, None)
        assert worker.is_alive


def test_pictures_come_back_as_they_were(tmp_path: Path) -> None:
    pictures = [RNG.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((4, 6), (9, 2))]
    back = read_pictures(write_pictures(tmp_path / "p", pictures))
    assert all(np.array_equal(a, b) for a, b in zip(pictures, back, strict=True))
    assert read_pictures(write_pictures(tmp_path / "none", [])) == []


def test_models_are_found_in_folders_and_runs(tmp_path: Path) -> None:
    for name in ("run1", "run2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").write_bytes(b"")
    for name in ("a.tflite", "run1/a.tflite", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    names = [candidate.name for candidate in find_candidates([tmp_path, tmp_path / "run1", tmp_path / "a.tflite"])]
    assert len(names) == len(set(names)) == 4
    assert "run1/model.keras" in names and "run2/model.keras" in names
    with pytest.raises(BundleError, match="no training runs"):
        (tmp_path / "empty").mkdir()
        find_candidates([tmp_path / "empty"])


def _three() -> Results:
    return make_results(
        make_model("fast", 2.0, correct="1" * 80 + "0" * 20, size=1_000_000),
        make_model("good", 8.0, correct="1" * 95 + "0" * 5, size=4_000_000),
        make_model("slow", 9.0, correct="1" * 90 + "0" * 10, size=2_000_000),
    )


def test_dominated_models_are_not_on_the_front() -> None:
    assert {p.model.model: p.dominated_by for p in find_front(_three())} == {"fast": "", "good": "", "slow": "good"}


@pytest.mark.parametrize(
    ("budget", "winner", "said"),
    [
        ("latency<20ms size<10MB", "good", "none within is more accurate"),
        ("latency<5ms", "fast", "good is out by latency<5ms (has 8.00 ms)"),
        ("size<3MB accuracy>=90%", "slow", "fast is out by accuracy>=90% (has 80.0%)"),
        ("p99<1ms", None, "No model keeps p99<1ms"),
        ("size<500kB, fps>1", None, "fast is out by size<500kB (has 1.00 MB)"),
    ],
)
def test_a_budget_chooses(budget: str, winner: str | None, said: str) -> None:
    verdict = choose(_three(), parse_budget(budget))
    assert verdict.winner == winner and said in " ".join(verdict.reasons)


def test_of_models_that_photos_do_not_tell_apart_the_fastest_wins() -> None:
    results = make_results(
        make_model("a", 8.0, correct="1" * 91 + "0" * 9), make_model("b", 2.0, correct="1" * 90 + "0" * 10)
    )
    verdict = choose(results, parse_budget("latency<20ms"))
    assert verdict.winner == "b" and "a reaches 91.0%, which these 100 photos do not tell apart" in verdict.reasons[0]


def test_a_figure_that_is_not_known_keeps_no_limit() -> None:
    model = replace(make_model("m", 2.0), accuracy=None)
    broken = ModelResult("x", problem="It cannot be read.")
    verdict = choose(make_results(model, broken), parse_budget("accuracy>1%"))
    assert verdict.winner is None and "no such figure" in verdict.reasons[1] and "x could not" in verdict.reasons[2]
    unmeasured = choose(make_results(model), parse_budget("latency<3ms"))
    assert unmeasured.winner == "m" and "accuracy not measured" in unmeasured.reasons[0]


@pytest.mark.parametrize("text", ["", "latency", "latency<20kg", "speed<3", "size<", "latency<<3ms"])
def test_a_budget_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_budget(text)


def test_power_of_a_raspberry_pi_5() -> None:
    said = """ 3V7_WL_SW_A current(0)=0.10000000A
  3V7_WL_SW_V volt(8)=3.70000000V
     VDD_CORE_A current(7)=2.00000000A
     VDD_CORE_V volt(15)=0.75000000V
          EXT5V_V volt(24)=5.14000000V
    """
    assert parse_pmic(said) == pytest.approx(0.37 + 1.5)
    assert parse_pmic("error=1 error_msg=unknown") is None


def test_energy_counters_that_overflow(tmp_path: Path) -> None:
    package, part = tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:0:0"
    for folder in (package, part):
        folder.mkdir()
        (folder / "max_energy_range_uj").write_text("9999999\n")
        (folder / "energy_uj").write_text("9000000\n")
    meter = find_meter(tmp_path)
    assert isinstance(meter, Rapl)
    (package / "energy_uj").write_text("1000000\n")
    assert meter.read_j() == pytest.approx(2.0)
    assert find_meter(tmp_path / "none") is None


def test_helpers_of_this_file_make_valid_reports(tmp_path: Path) -> None:
    results = make_results(make_model("m", 2.0))
    results.write(tmp_path / "report.json")
    assert Results.read(tmp_path) == results
    assert make_accuracy("10").accuracy == 0.5 and make_timing(3.0).p50_ms == 3.0


def test_overhead_is_a_ratio_with_an_interval() -> None:
    frames = [RNG.integers(0, 256, (480, 640, 3)).astype(np.uint8) for _ in range(2)]
    figures = measure_overhead(find_model("fruit-demo-int8"), frames, 64, peers=False)
    bare, ours = figures["candidates"][BARE], figures["candidates"]["classify"]
    assert bare["ratio"] == 1.0 and ours["n"] == 64
    assert 0.0 < ours["ratio_95"][0] <= ours["ratio"] <= ours["ratio_95"][1]
