"""One TOML file, every key also an option; what is wrong in it is told before anything moves."""

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.cli import run
from sorter.edge.configuration import SECTIONS, Settings, read_settings
from sorter.edge.setting_options import flag_of
from sorter.errors import ConfigError
from sorter.settings import as_toml, keys_of

KEYS = [key for keys in SECTIONS.values() for key in keys]


def configured(tmp_path: Path, text: str, **given: Any) -> Settings:
    file = tmp_path / "sorter.toml"
    file.write_text(text)
    return read_settings(file, given)


def printed(*arguments: str) -> Result:
    return CliRunner().invoke(run, [*arguments, "--print-config"])


def test_every_key_is_an_option_and_explained() -> None:
    options = {flag for parameter in run.params if isinstance(parameter, click.Option) for flag in parameter.opts}
    assert {flag_of(key) for key in KEYS} <= options
    assert [key.path for key in KEYS if not key.explanation] == []


def test_what_is_printed_means_the_same(tmp_path: Path) -> None:
    first = printed("--camera", "0", "--bin", "apple=1", "--bin", "*=2", "--limit-of", "1=50", "--threshold", "0.7")
    assert first.exit_code == 0, first.output
    (tmp_path / "c.toml").write_text(first.stdout)
    assert printed("--config", str(tmp_path / "c.toml")).stdout == first.stdout
    content = tomllib.loads(first.stdout)
    assert content["bins"]["labels"] == {"apple": 1, "*": 2} and content["bins"]["limits"] == {"1": 50}
    assert content["camera"]["source"] == "0" and content["decision"]["threshold"] == 0.7


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[decision]\nvotes = 5\nmargin = 0.2\n", **{"decision.votes": 2})
    assert (settings.decision.votes, settings.decision.margin) == (2, 0.2)


def test_numbers_may_be_whole(tmp_path: Path) -> None:
    assert configured(tmp_path, "[decision]\nsettle_s = 1\n").decision.settle_s == 1.0


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[camera]\nwidht = 3\n", "[camera] called 'widht'", "Did you mean width?"),
        ("[camra]\n", "no section 'camra'", "Did you mean camera?"),
        ("camera = 0\n", "camera is not a section", "[camera]"),
        ("[camera]\nwidth = 'wide'\n", "camera.width is 'wide', but must be a whole number", "--print-config"),
        ("[camera]\nwidth = true\n", "must be a whole number", ""),
        ("[camera]\nrotation = 45\n", "[camera]", ""),
        ("[decision]\nmargin = nan\n", "must be a number", ""),
        ("[decision]\nthreshold = 1.5\n", "[decision]", ""),
        ("[decision.thresholds]\napple = 'x'\n", "decision.thresholds.apple", ""),
        ("[bins]\nlabels = 3\n", "must be a table", ""),
        ("[bins.labels]\napple = 1.5\n", "must be a whole number", ""),
        ("[bins]\nlimit = -1\n", "negative", ""),
        ("[recovery]\non_fault = 'pray'\n", "one of auto, exit, wait, recover", ""),
        ("[recovery]\nattempts = 0\n", "at least one attempt", ""),
        ("[journal]\nmost_objects = 1\n", "of no use", ""),
        ("[camera\n", "is not TOML", "quotes"),
        ("[run]\nobjects = 0\n", "no objects", ""),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, text)
    assert message in caught.value.message and hint in caught.value.hint


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings(tmp_path / "none.toml", {})
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        read_settings(tmp_path / "b.toml", {})


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--camera", "sim:", "--model", "x"], 2, "Missing option '--port'"),
        (["--width", "wide"], 3, "--width is 'wide'"),
        (["--bin", "apple"], 2, "not of the form"),
        (["--bin", "apple=x"], 3, "--bin.apple is 'x'"),
        (["--votes", "0"], 3, "[decision]"),
    ],
)
def test_wrong_options(arguments: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(run, arguments)
    assert result.exit_code == code, result.output
    assert message in result.stderr and "Traceback" not in result.stderr


def test_help_shows_what_people_type_and_help_all_the_rest() -> None:
    short = CliRunner().invoke(run, ["--help"]).stdout
    everything = CliRunner().invoke(run, ["--help-all"]).stdout
    assert "--camera " in short and "--camera-frozen-s" not in short
    assert all(flag_of(key) in everything for key in KEYS)


@given(st.dictionaries(st.text(max_size=20), st.integers(0, 99), max_size=5))
def test_any_label_survives_the_file(labels: dict[str, int]) -> None:
    keys = keys_of("bins", type(Settings().bins))
    text = as_toml("bins", keys, {key.name: labels if key.name == "labels" else key.default for key in keys})
    assert tomllib.loads(text)["bins"]["labels"] == {str(name): number for name, number in labels.items()}
