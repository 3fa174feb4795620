import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.dataset import open_dataset
from sorter.edge.sim_cli import sim
from sorter.edge.simulation.collection import MARKER_NAME
from sorter.edge.simulation.fruit import FRUITS
from sorter.edge.simulation.pty import symbolic_link
from sorter.errors import ConfigError
from sorter.image import read_image

SMALL = ["--per-class", "2", "--size", "64x48"]


def _render(out: Path, *options: str) -> str:
    result = CliRunner().invoke(sim, ["render", "--out", str(out), *SMALL, *options])
    assert result.exit_code == 0, result.output
    return result.output


def _contents(out: Path) -> dict[str, bytes]:
    return {photo.filename: photo.path.read_bytes() for photo in open_dataset(out).photos}


def test_render_makes_a_data_set(tmp_path: Path) -> None:
    out = tmp_path / "new" / "fruit"
    assert "12 pictures" in _render(out)
    dataset = open_dataset(out)
    assert dataset.labels == FRUITS and len(dataset.photos) == 12
    assert dataset.photos[0].filename == "apple/apple_00001.jpg"
    assert read_image(dataset.photos[0].path).shape == (48, 64, 3)


def test_equal_seeds_give_equal_bytes_and_larger_sets_contain_smaller(tmp_path: Path) -> None:
    for name, options in (("a", []), ("b", []), ("c", ["--seed", "9"]), ("d", ["--per-class", "3"])):
        _render(tmp_path / name, "--format", "png", *options)
    a, b, c, d = (_contents(tmp_path / name) for name in "abcd")
    assert a == b
    assert not set(a.values()) & set(c.values())
    assert a.items() < d.items()


def test_own_folder_is_made_anew_and_others_are_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "fruit"
    _render(out, "--per-class", "3")
    _render(out, "--per-class", "1")
    assert len(_contents(out)) == 6
    (out / MARKER_NAME).unlink()
    before = _contents(out)
    result = CliRunner().invoke(sim, ["render", "--out", str(out), *SMALL])
    assert result.exit_code == ConfigError.exit_code
    assert "not empty" in result.output and "Hint" in result.output
    assert _contents(out) == before


@pytest.mark.parametrize("size", ["320", "x", "3x", "9999x9999", "0x0"])
def test_wrong_sizes(size: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(sim, ["render", "--out", str(tmp_path / "x"), "--size", size])
    assert result.exit_code in (2, ConfigError.exit_code) and "Error" in result.output
    assert not (tmp_path / "x").exists()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import sorter.edge.sim_cli; "
        "print([m for m in ('numpy', 'cv2', 'serial', 'tensorflow', 'rich') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_arm_refuses_to_replace_a_file(tmp_path: Path) -> None:
    precious = tmp_path / "arm"
    precious.write_text("mine")
    result = CliRunner().invoke(sim, ["arm", "--link", str(precious)])
    assert result.exit_code == ConfigError.exit_code and "not a link" in result.output
    assert precious.read_text() == "mine"


def test_link_of_a_dead_arm_is_replaced_and_a_successors_is_kept(tmp_path: Path) -> None:
    link = tmp_path / "arm"
    link.symlink_to("/dev/pts/none")
    with symbolic_link(link, "/dev/pts/1"):
        assert str(link.readlink()) == "/dev/pts/1"
    assert not link.is_symlink()
    with symbolic_link(link, "/dev/pts/1"):
        link.unlink()
        link.symlink_to("/dev/pts/2")
    assert link.is_symlink()
