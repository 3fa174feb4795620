from itertools import pairwise

import numpy as np
import pytest

from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.faults import CameraFaultOptions, Fault, FaultPlan
from sorter.edge.simulation.weather import Weather
from sorter.edge.simulation.world_options import WorldOptions
from sorter.errors import CameraError, ConfigError


def _faults(options: CameraFaultOptions, seed: int = 1, seconds: int = 600) -> list[Fault]:
    plan = FaultPlan(options, seed)
    found = (plan.at(tenth / 10) for tenth in range(seconds * 10))
    return list(dict.fromkeys(fault for fault in found if fault))


def test_no_faults_by_default() -> None:
    assert _faults(CameraFaultOptions()) == []


def test_faults_come_as_often_as_asked_and_last_as_long() -> None:
    faults = _faults(CameraFaultOptions(freeze=0.1, freeze_s=2, vanish=0.05, vanish_s=3))
    kinds = [fault.kind for fault in faults]
    assert 20 < kinds.count("freeze") < 80 and 8 < kinds.count("vanish") < 45
    assert all(fault.ends_s - fault.starts_s == pytest.approx(2 if fault.kind == "freeze" else 3) for fault in faults)
    assert all(a.ends_s <= b.starts_s for a, b in pairwise(faults))


def test_equal_seeds_give_equal_faults() -> None:
    options = CameraFaultOptions(stall=0.2)
    assert _faults(options) == _faults(options) != _faults(options, seed=2)


@pytest.mark.parametrize("wrong", [{"freeze": 1.5}, {"black": -0.1}, {"stall_s": -1.0}, {"queue": -1}])
def test_impossible_faults(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        CameraFaultOptions(**wrong)  # type: ignore[arg-type]


def test_a_stall_gives_its_pictures_all_at_once() -> None:
    camera = make_simulation("sim:?fps=100&width=128&height=96&stall=1&stall_s=0.5&queue=10").camera
    with camera:
        times_s, numbers = [], []
        for _ in range(200):
            frame = camera.read()
            assert frame is not None
            times_s.append(frame.captured_at_s)
            numbers.append(frame.number)
    assert numbers == sorted(set(numbers))
    waits_s = np.diff(times_s)
    stall = int(waits_s.argmax())
    assert waits_s[stall] > 0.4
    assert waits_s[stall + 1 : stall + 9].max() < 0.005


def test_an_unplugged_camera_neither_reads_nor_opens() -> None:
    camera = make_simulation("sim:?fps=100&width=128&height=96&vanish=1&vanish_s=60").camera
    with camera, pytest.raises(CameraError, match="stopped giving"):
        while camera.read():
            pass
    with pytest.raises(CameraError, match="does not open"):
        camera.open()


def test_shaking_moves_the_picture_by_no_more_than_asked() -> None:
    ground = np.zeros((100, 120, 3), np.uint8)
    ground[40:60, 50:70] = 200
    weather = Weather(WorldOptions(shake_px=5, flicker=0), ground.shape)
    columns = []
    for step in range(100):
        bright = np.argwhere(weather.disturb(ground, step / 30)[:, :, 0] > 100)
        columns.append(float(bright[:, 1].mean()))
    assert max(columns) - min(columns) > 8
    assert min(columns) > 54 and max(columns) < 65


def test_dusk_falls_and_the_light_comes_back() -> None:
    ground = np.full((60, 80, 3), 100, np.uint8)
    weather = Weather(WorldOptions(dusk=0.6, dusk_s=10, flicker=0), ground.shape)
    levels = [int(weather.disturb(ground, time_s).mean()) for time_s in (0, 2.5, 5, 10)]
    assert levels == [100, 70, 40, 100]


def test_a_shadow_passes_and_is_gone() -> None:
    ground = np.full((60, 80, 3), 100, np.uint8)
    weather = Weather(WorldOptions(shadow=0.5, shadow_s=10, flicker=0), ground.shape)
    darkest = [int(weather.disturb(ground, time_s).min()) for time_s in np.arange(0, 20, 0.25)]
    assert set(darkest[:40]) == {100}  # the empty place is learned in good light
    assert min(darkest[40:48]) == 50 and set(darkest[49:]) == {100}


@pytest.mark.parametrize("wrong", [{"dusk": 1.0}, {"shadow": -0.1}, {"shake_px": 99.0}, {"dusk_s": 0.0}])
def test_impossible_weather(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        WorldOptions(**wrong)  # type: ignore[arg-type]
