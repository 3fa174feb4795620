"""The arm on a terminal that comes and goes, and the platform's camera that does so too."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from sorter.edge.arms.ports import make_arm
from sorter.edge.decision import make_bin_map
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.platform import SimulatedPlatform
from sorter.edge.simulation.pty import PtyArm, symbolic_link
from sorter.edge.simulation.stream import PictureStream


def _wait_for(condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return condition()


def test_unplugged_the_arm_ends_its_motion_and_remembers_it(tmp_path: Path) -> None:
    simulated, link = SimulatedArm(SimulatedArmOptions(move_s=0.1)), tmp_path / "arm"
    with PtyArm(simulated) as port, symbolic_link(link, port.path) as point:
        port.on_path = point
        with make_arm(str(link)) as arm:
            arm.sort(3, 1)
        port.unplug(0.3)
        assert _wait_for(lambda: not link.is_symlink())
        assert _wait_for(link.is_symlink)
        assert os.path.realpath(link) == port.path
        with make_arm(str(link)) as arm:
            assert arm.status().last_sequence == 1 and arm.status().last_outcome == "DONE"
            arm.sort(2, 2)
    assert not link.is_symlink()
    assert [motion.ending for motion in simulated.motion_log] == ["done", "done"]
    assert [motion.boot for motion in simulated.motion_log] == [1, 1]


def test_the_service_ends_while_unplugged(tmp_path: Path) -> None:
    with PtyArm(SimulatedArm()) as port:
        port.unplug(60)
        assert _wait_for(lambda: not port.path)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 30


def test_motions_that_were_cut_off_say_by_what() -> None:
    arm = SimulatedArm(SimulatedArmOptions(move_s=1))
    arm.receive(b"1 HELLO*????\n1 SORT 2*????\n", 0.0)
    arm.poll(0.0)
    arm.receive(b"STOP\n2 RESUME*????\n3 SORT 4*????\n", 0.5)
    arm.poll(0.5)
    arm.reset(0.6)
    assert [(motion.command.sequence, motion.ending) for motion in arm.motion_log] == [(1, "stopped"), (3, "reset")]


def test_a_camera_that_vanished_comes_back_though_nobody_watches(tmp_path: Path) -> None:
    simulation = make_simulation("sim:?width=64&height=64&fps=50&vanish=0.9&vanish_s=0.2&seed=2", endless=True)
    stream = PictureStream()
    bins = make_bin_map(simulation.labels, {}, 0)
    with SimulatedPlatform(simulation, SimulatedArmOptions(), bins, stream):
        stream.watch(1)
        assert _wait_for(lambda: stream.away)
        stream.watch(-1)
        assert _wait_for(lambda: not stream.away)


def test_the_truth_names_what_each_motion_took(tmp_path: Path) -> None:
    simulation = make_simulation("sim:?width=64&height=64&empty_s=0&arrive_s=0&patience_s=60", endless=True)
    bins = make_bin_map(simulation.labels, {}, 0)
    options = SimulatedArmOptions(move_s=0.05)
    with SimulatedPlatform(simulation, options, bins, PictureStream()) as platform:
        assert _wait_for(lambda: bool(platform.truth()["objects"]))
        with make_arm(platform.port.path) as arm:
            arm.sort(2, 1)
            arm.home()
        truth = platform.truth()
    sort, home = truth["motion_log"]
    assert (sort["sequence"], sort["bin"], sort["ending"], sort["took"]) == (1, 2, "done", 1)
    assert home["bin"] is None and home["took"] == 0
    assert truth["objects"][0]["bins"] == (2,)
    assert truth["line_damage"]["lines"] > 0
