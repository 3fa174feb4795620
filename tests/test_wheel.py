"""The wheel: complete, and usable in a clean environment without TensorFlow."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from sorter.errors import ConversionError
from sorter.image import InputSpec
from sorter.manifest import Manifest
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_every_module_is_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    folders = {"trainer": "sorter/trainer", "converters": "sorter/converters", "edge": "sorter/edge"}
    folders |= {"benchmarks": "sorter/benchmarks", "models": "sorter/models"}
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sorter").glob("*.py")}
    for folder, package in folders.items():
        for path in (ROOT / folder).rglob("*.py"):
            expected.add(f"{package}/{path.relative_to(ROOT / folder).as_posix()}")
    assert expected <= inside
    assert {f"sorter/models/{p.name}" for p in (ROOT / "models").glob("*.tflite")} <= inside
    sources = [path for path in (ROOT / "edge" / "firmware").iterdir() if path.is_file()]
    assert len(sources) > 10 and {f"sorter/edge/firmware/{path.name}" for path in sources} <= inside
    page = {f"sorter/edge/dashboard/page/{path.name}" for path in (ROOT / "edge/dashboard/page").iterdir()}
    assert len(page) > 8 and page <= inside
    assert "sorter/py.typed" in inside
    assert not [name for name in inside if name.startswith(("trainer/", "edge/", "tests/"))]


def test_a_clean_environment_sorts_without_tensorflow(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([binaries / "pip", "install", "--quiet", f"{wheel}[edge]"], check=True, env=clean, cwd=tmp_path)
    command: list[str | Path] = [
        binaries / "sorter-run",
        "--camera",
        "sim:?speed=2",
        "--port",
        "sim:?move_s=0.1",
        "--json",
    ]
    command += ["--model", "fruit-demo-int8", "--objects", "2", "--journal", tmp_path / "journal.db"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean, cwd=tmp_path)
    assert json.loads(done.stdout)["outcomes"] == {"completed": 2}
    absent = subprocess.run([binaries / "python", "-c", "import tensorflow"], capture_output=True, env=clean)
    assert absent.returncode != 0
    missing = subprocess.run(
        [binaries / "sorter-train", ROOT / "tests", "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
        env=clean,
    )
    assert missing.returncode not in (0, 1) and "Hint:" in missing.stderr
    (tmp_path / "run").mkdir()
    manifest = Manifest("x", ("a", "b"), InputSpec(32, 32)).to_json()
    (tmp_path / "run" / "sorter.json").write_text(manifest)
    (tmp_path / "run" / "model.keras").write_bytes(b"anything")
    command = [binaries / "sorter-convert", tmp_path / "run", "--float32", "--out", tmp_path / "x.tflite"]
    unable = subprocess.run(command, capture_output=True, text=True, env=clean)
    assert unable.returncode == ConversionError.exit_code and "needs TensorFlow" in unable.stderr
