"""The unit file: accepted by systemd, closed to what it does not need, and its command line really starts."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.edge.service.unit import quote, render_unit
from sorter.edge.service_cli import service
from sorter.errors import BundleError, ConfigError

EXPOSURE_LIMIT = 20
"""Tenths of systemd's exposure level, of 100: what a service that uses cameras, ports and the network comes down to."""


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    return program


def write_unit(folder: Path, text: str) -> Path:
    path = folder / "sorter-run.service"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["sorter-run", "100 % of $HOME/sorter-run"])
def test_systemd_accepts_it(analyze: str, tmp_path: Path, name: str) -> None:
    program = tmp_path / "bin" / name
    program.parent.mkdir(parents=True)
    program.symlink_to("/bin/true")
    unit = write_unit(tmp_path, render_unit(program, ["--config", "/etc/a b/c.toml", "--bin", "*=2"]))
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    if "Failed to" in done.stderr and "unit" not in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_it_is_exposed_to(analyze: str, tmp_path: Path) -> None:
    unit = write_unit(tmp_path, render_unit(Path("/opt/sorter/bin/sorter-run"), []))
    command = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_LIMIT}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old to judge a file (needs 250)")
    assert done.returncode == 0, done.stdout


def settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_what_a_restart_cannot_mend_does_not_restart() -> None:
    unit = settings(render_unit(Path("/opt/sorter/bin/sorter-run"), []))
    usage = 2
    assert unit["RestartPreventExitStatus"] == [f"{usage} {ConfigError.exit_code} {BundleError.exit_code}"]
    assert unit["Restart"] == ["on-failure"] and unit["StartLimitIntervalSec"] == ["0"]


def test_a_home_directory_is_hidden_but_for_what_is_needed() -> None:
    unit = settings(render_unit(Path("/home/pi/sorter env/bin/sorter-run"), ["--config", "/home/pi/conf/sorter.toml"]))
    assert unit["ProtectHome"] == ["tmpfs"]
    assert {'"/home/pi/sorter env"', "/home/pi/conf"} <= set(unit["BindReadOnlyPaths"])


@pytest.mark.parametrize("word", ["plain", "*=2", "a b", "100%", "$HOME", 'say "no"', "back\\slash", "", "a;b", "it's"])
def test_words_reach_the_program_as_they_are(word: str) -> None:
    # systemd's quoting is close to a shell's; what differs is undone here by systemd.service(5).
    assert shlex.split(quote(word).replace("$$", "$").replace("%%", "%")) == [word]


def test_its_command_line_starts_the_sorter(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "sorter-run"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom sorter.edge.cli import run\nrun()\n")
    program.chmod(0o755)
    options = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--model", "fruit-demo-int8"]
    options += ["--objects", "1", "--json"]
    printed = CliRunner().invoke(service, ["unit", "--program", str(program), "--", *options])
    assert printed.exit_code == 0, printed.output
    (command,) = settings(printed.stdout)["ExecStart"]
    environment = {**os.environ, **dict(pair.split("=") for pair in settings(printed.stdout)["Environment"][0].split())}
    done = subprocess.run(
        shlex.split(command), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == {"completed": 1}
    assert (tmp_path / "sorter.db").exists()


def test_the_network_runs_without_executable_data(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute=, by the kernel's own switch for it: prctl(2), PR_SET_MDWE, inherited by what is run."""
    set_mdwe, refuse_gain = 65, 1
    code = (
        "import ctypes, sys\n"
        f"if ctypes.CDLL(None).prctl({set_mdwe}, {refuse_gain}, 0, 0, 0): sys.exit('no such switch')\n"
        "from sorter.edge.cli import run\nrun()"
    )
    options = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--model", "fruit-demo-int8", "--objects", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "no such switch" in done.stderr:
        pytest.skip("this kernel cannot deny executable data to a process (needs Linux 6.3)")
    assert done.returncode == 0, done.stderr


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    result = CliRunner().invoke(service, ["unit"])
    assert result.exit_code == ConfigError.exit_code and "--program" in result.stderr
