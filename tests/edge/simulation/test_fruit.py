import numpy as np
import pytest

from sorter.edge.simulation import shape
from sorter.edge.simulation.background import render_background
from sorter.edge.simulation.fruit import FRUITS, place, render_object, render_sprite
from sorter.edge.simulation.light import Light, lay
from sorter.edge.simulation.texture import SIDE_PX, Field, cut, fractal, grain, sample
from sorter.errors import ConfigError


@pytest.mark.parametrize("label", FRUITS)
def test_same_seed_same_picture(label: str) -> None:
    first, again, other = (render_object(label, np.random.default_rng(seed), (96, 64)) for seed in (3, 3, 4))
    assert first.shape == (64, 96, 3) and first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


def test_there_are_six_in_order() -> None:
    assert FRUITS == ("apple", "avocado", "banana", "kiwi", "lemon", "orange")
    with pytest.raises(ConfigError, match="durian"):
        render_object("durian", np.random.default_rng(1))


@pytest.mark.parametrize("label", FRUITS)
def test_fruits_are_fully_visible_and_of_fair_size(label: str) -> None:
    size = (160, 120)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sprite = render_sprite(label, rng, Light.vary(rng), min(size))
        left, top = place(sprite, size, rng)
        x0, y0, x1, y1 = sprite.box
        assert min(left + x0, top + y0) >= 0 and left + x1 <= size[0] and top + y1 <= size[1]
        assert 0.25 * 120 < max(x1 - x0, y1 - y0) < 0.98 * 120
        solid = sprite.alpha > 0.99
        assert solid.mean() > 0.02 and sprite.picture[solid].std() > 3
        assert 0.05 < sprite.shade.min() < 0.95 and sprite.shade[0, 0] > 0.9


def test_typical_colours() -> None:
    """Oranges are orange and kiwis brown, on average over varieties and light."""
    means = {}
    for label in FRUITS:
        colours = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            sprite = render_sprite(label, rng, Light.vary(rng), 100)
            colours.append(sprite.picture[sprite.alpha > 0.99].mean(axis=0))
        means[label] = np.mean(colours, axis=0)
    for label in ("orange", "lemon", "banana", "kiwi"):
        blue, green, red = means[label]
        assert blue < green < red, label
    assert means["avocado"][1] > means["avocado"][2]
    assert means["lemon"][1] / means["lemon"][2] > means["orange"][1] / means["orange"][2] + 0.15
    assert means["kiwi"].mean() < means["banana"].mean()


def test_laying_leaves_the_rest_alone_and_cuts_at_the_edge() -> None:
    rng = np.random.default_rng(1)
    sprite = render_sprite("apple", rng, Light.vary(rng), 60)
    picture = np.full((50, 70, 3), 200, np.uint8)
    lay(picture, sprite, 1000, 0)
    assert (picture == 200).all()
    lay(picture, sprite, -sprite.alpha.shape[1] // 2, -sprite.alpha.shape[0] // 2)
    assert (picture[0, 0] != 200).any() and (picture[-1, -1] == 200).all()


def test_backgrounds_vary_and_keep_their_size() -> None:
    pictures = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pictures.append(render_background(rng, (90, 60), Light.vary(rng)))
    assert {picture.shape for picture in pictures} == {(60, 90, 3)}
    assert np.std([picture.mean() for picture in pictures]) > 15


def test_tracing_a_ball() -> None:
    def ball(x: Field, y: Field, z: Field) -> Field:
        gap: Field = np.sqrt(x * x + y * y + z * z) - np.float32(0.5)
        return gap

    surface = shape.trace(ball, 104, shape.turn(0.3, 0.4, 0.5))
    assert surface.alpha.sum() * surface.pixel**2 == pytest.approx(np.pi * 0.25, rel=0.08)  # soft edges lie outside
    solid = surface.alpha > 0.99
    radius = np.sqrt(surface.x**2 + surface.y**2 + surface.z**2)
    assert np.abs(radius[solid] - 0.5).max() < 0.02
    assert surface.normal[52, 52, 2] > 0.99


def test_rotations_are_rotations() -> None:
    rotation = shape.turn(0.3, 1.1, 2.2).astype(float)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
    assert shape.turn(0.4, np.pi / 2, 0.0)[2, 1] == pytest.approx(1)  # the upper end looks at the camera


def test_tiles_repeat_without_a_seam() -> None:
    tile = fractal()
    step_inside = np.abs(np.diff(tile, axis=1)).mean()
    assert np.abs(tile[:, 0] - tile[:, -1]).mean() < 1.5 * step_inside
    u = np.array([[0.1, 1.1, -2.9]], np.float32)
    values = sample(grain(20), u, np.zeros_like(u), (0.0, 0.0))
    assert np.allclose(values, values[0, 0], atol=1e-2)
    assert cut(tile, (SIDE_PX + 9, 7), np.random.default_rng(1), 2.0).shape == (7, SIDE_PX + 9)
