"""Objects on a moving belt, each shown once when it crosses the line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.benchmarks.disturbances import Exposure, Sensor
from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.line import LineTrigger
from sorter.edge.triggers.options import Direction, TriggerOptions
from sorter.edge.triggers.trigger import EMPTY
from sorter.image import Pixels

HEIGHT, WIDTH, FPS = 240, 320, 30


def _belt_texture() -> Pixels:
    """A long belt with weave and dust: uint8 (H, 8 W, 3)."""
    rng = np.random.default_rng(2)
    columns = np.arange(8 * WIDTH)
    weave = 6 * np.sin(columns * 2 * np.pi / 11)[None, :, None]
    dust = rng.normal(0, 4, (HEIGHT, 8 * WIDTH, 1))
    picture: Pixels = np.clip(np.array([70, 66, 60]) + weave + dust, 0, 255).astype(np.uint8)
    return picture


BELT = _belt_texture()


class Film:
    """A belt that runs to the right, and squares on it; times and places are shares of the picture's width."""

    def __init__(self, direction: Direction = "right") -> None:
        self.trigger = LineTrigger(TriggerOptions(kind="line", direction=direction))
        self.sensor = Sensor((HEIGHT, WIDTH))
        self.number = 0
        self.shows: list[int] = []
        self._showing = False

    def see(self, *squares: tuple[float, float], belt_at: float | None = None, turned: bool = False) -> None:
        travelled = self.number * 0.02 if belt_at is None else belt_at
        start = int(-travelled * WIDTH) % (7 * WIDTH)
        picture = BELT[:, start : start + WIDTH].copy()
        for along, across in squares:
            x, y = int(along * WIDTH), int(across * HEIGHT)
            picture[max(0, y - 22) : y + 22, max(0, x - 25) : max(0, x + 25)] = (40, 90, 200)
        if turned:
            picture = picture[:, ::-1].copy()
        frame = Frame(self.sensor.expose(picture, Exposure()), self.number / FPS, self.number)
        self.number += 1
        seen = self.trigger.observe(frame)
        assert not seen.moving
        if seen.occupied and not self._showing:
            self.shows.append(seen.objects)
        elif seen.occupied:
            self.shows[-1] = max(self.shows[-1], seen.objects)
        self._showing = seen.occupied

    def empty(self, frames: int = 15) -> "Film":
        for _ in range(frames):
            self.see()
        return self


@pytest.mark.parametrize("speed", [0.004, 0.01, 0.03, 0.08])
def test_each_object_is_shown_once_at_any_speed(speed: float) -> None:
    film = Film().empty()
    for i in range(int(1.2 / speed)):
        film.see((-0.1 + i * speed, 0.5))
    assert film.empty().shows == [1]


def test_objects_one_after_the_other_are_each_shown() -> None:
    film = Film().empty()
    for i in range(200):
        film.see(*((-0.1 + i * 0.02 - gap, 0.5) for gap in (0.0, 0.4, 0.8, 1.2, 1.6)))
    assert film.empty().shows == [1] * 5


def test_two_side_by_side_are_two() -> None:
    film = Film().empty()
    for i in range(60):
        film.see((-0.1 + i * 0.02, 0.25), (-0.1 + i * 0.02, 0.75))
    assert film.empty().shows == [2]


def test_one_that_stops_on_the_line_is_shown_once() -> None:
    film = Film().empty()
    for i in range(400):
        film.see((min(-0.1 + i * 0.02, 0.52), 0.5))
    assert film.shows == [1]


def test_one_that_goes_back_and_forth_is_shown_once() -> None:
    film = Film().empty()
    for i in range(300):
        film.see((0.5 - 0.6 * np.cos(min(i, 260) / 20) * (1 if i < 20 else 0.4), 0.5))
    assert film.shows == [1]


def test_a_belt_that_runs_to_the_left() -> None:
    film = Film("left").empty()
    for i in range(60):
        film.see((-0.1 + i * 0.02, 0.5), turned=True)
    assert film.empty().shows == [1]


def test_any_direction_takes_both() -> None:
    film = Film("any").empty()
    for turned in (False, True):
        for i in range(60):
            film.see((-0.1 + i * 0.02, 0.5), turned=turned)
        film.empty(25)
    assert film.shows == [1, 1]


def test_the_texture_of_a_running_belt_is_no_object() -> None:
    assert Film().empty(300).shows == []


def test_a_belt_that_stops_and_starts_is_no_object() -> None:
    film = Film().empty(30)
    for i in range(120):
        film.see(belt_at=0.3 + 0.02 * max(0, i - 60))
    assert film.shows == []


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.3, 0.8), min_size=1, max_size=4),
    st.sampled_from([0.01, 0.02, 0.045]),
    st.floats(0.25, 0.75),
)
def test_whatever_the_distances_each_is_shown_once(gaps: list[float], speed: float, across: float) -> None:
    film = Film().empty()
    places = np.cumsum(gaps)
    for i in range(int((1.3 + places[-1]) / speed)):
        film.see(*((-0.1 + i * speed - place, across) for place in places))
    assert film.empty().shows == [1] * len(gaps)


def test_a_remembered_belt_is_taken_up() -> None:
    film = Film().empty()
    remembered = film.trigger.reference
    assert remembered is not None and LineTrigger().reference is None
    again = Film()
    again.trigger.recall(remembered)
    again.see((0.4, 0.5))
    again.see((0.45, 0.5))
    assert again.shows == []
    for i in range(30):
        again.see((0.45 + i * 0.02, 0.5))
    assert again.shows == [1]
    again.trigger.learn_empty()
    assert again.trigger.observe(Frame(BELT[:, :WIDTH].copy(), 60.0, 1)) == EMPTY


def test_darkness_is_trouble() -> None:
    trigger = LineTrigger()
    trigger.observe(Frame(np.full((240, 320, 3), 90, np.uint8), 0.0, 0))
    assert "dark" in trigger.observe(Frame(np.zeros((240, 320, 3), np.uint8), 0.1, 1)).trouble
