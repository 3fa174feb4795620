"""What each target is told of, refuses, and gets."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.bundle import Bundle, split_content
from sorter.converters.cli import convert, plan_jobs
from sorter.converters.delivery import RULES, require_finite
from sorter.converters.gate import run_converted
from sorter.converters.targets.arena import estimate_arena
from sorter.converters.targets.facts import Facts, Operator, Tensor
from sorter.converters.targets.microcontroller import resolver_name
from sorter.converters.targets.trial import python_variable, try_out
from sorter.errors import ConfigError, ConversionError
from sorter.image import InputSpec, prepare, read_image

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra"
)


def chain(*names: str, kind: str = "int8", version: int = 1, side: int = 10) -> Facts:
    """Operators one behind the other, each with a tensor of side x side."""
    operators = tuple(Operator(name, version, (i,), (i + 1,)) for i, name in enumerate(names))
    tensors = tuple(Tensor((1, side, side, 1), kind, False, True) for _ in range(len(names) + 1))
    return Facts(operators, tensors, (0,), (len(names),))


@pytest.mark.parametrize(
    ("target", "facts", "reason"),
    [
        ("tflite-runtime", chain("FULLY_CONNECTED", version=12), "FULLY_CONNECTED in version 10 at most.*version 12"),
        ("tflite-runtime", chain("STABLEHLO_ADD"), "STABLEHLO_ADD not at all"),
        ("edgetpu", chain("CONV_2D", "HARD_SWISH"), "no HARD_SWISH"),
        ("edgetpu", chain("CONV_2D", kind="float32"), "CONV_2D works on float32"),
        ("microcontroller", chain("CONV_2D", "GELU"), "no GELU"),
    ],
)
def test_what_a_target_cannot_run_is_named(target: str, facts: Facts, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason) as caught:
        RULES[target].check(facts)  # type: ignore[index]
    assert caught.value.hint


@pytest.mark.parametrize("target", ["tflite-runtime", "edgetpu", "microcontroller"])
def test_plain_networks_pass_everywhere(target: str) -> None:
    RULES[target].check(chain("CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"))  # type: ignore[index]


def test_the_arena_holds_what_lives_at_the_same_time() -> None:
    # A chain needs two neighbours at a time; a tensor that is read again at the end stays in between.
    plain = chain("RELU", "RELU", "RELU", "RELU", side=16)
    assert estimate_arena(plain)["activations"] == 2 * 256
    read_again = (*plain.operators[:3], Operator("ADD", 1, (1, 3), (4,)))
    assert estimate_arena(Facts(read_again, plain.tensors, (0,), (4,)))["activations"] == 3 * 256


def test_targets_and_formats_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="full integer networks only"):
        plan_jobs(("float16",), False, Path("x.tflite"), None, "edgetpu")
    with pytest.raises(ConfigError, match="integers only"):
        plan_jobs((), False, Path("x.tflite"), "float32", "microcontroller")
    assert plan_jobs((), False, Path("x.tflite"), None, "microcontroller")[0].options.io == "int8"
    assert plan_jobs((), False, Path("x.onnx"), None, "onnx")[0].options.format == "float32"


def test_a_network_that_gives_no_numbers_is_refused() -> None:
    with pytest.raises(ConversionError, match="NaN"):
        require_finite(np.array([0.5, np.nan], np.float32))


def test_operators_have_the_names_of_the_resolver() -> None:
    assert resolver_name("FULLY_CONNECTED") == "FullyConnected"
    assert resolver_name("DEPTHWISE_CONV_2D") == "DepthwiseConv2D"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(a) for a in arguments])


@pytest.mark.slow
@needs_tensorflow
def test_c_source_holds_the_same_network_and_runs(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "disc sorter.tflite"
    result = invoke(run, "--target", "microcontroller", "--representative", photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)[0]
    source = out.with_suffix(".cc").read_text()
    array = bytes(int(number, 16) for number in re.findall(r"0x([0-9a-f]{2}),", source))
    assert array == split_content(out.read_bytes(), out)[0] == Bundle.load(out).flatbuffer
    header = out.with_suffix(".h").read_text()
    assert "resolver.AddConv2D();" in header and "extern const unsigned char disc_sorter[];" in header
    if compiler := shutil.which("g++"):
        subprocess.run([compiler, "-std=c++17", "-c", out.with_suffix(".cc"), "-o", tmp_path / "x.o"], check=True)
    if importlib.util.find_spec("tflite_micro") is None and python_variable("tflite-micro") not in os.environ:
        pytest.skip("the tflite-micro interpreter is not installed: the file was not run")
    assert "probabilities within" in row["tried"]
    # The estimate is for 32 bits, the interpreter here has 64: its bookkeeping is larger, never its activations.
    assert row["arena_bytes"]["activations"] < row["arena_64_bit"] < 2.5 * row["arena_bytes"]["total"]


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="tf2onnx is not installed")
def test_onnx_gives_the_same_probabilities_and_says_what_it_is(run: Path, photos: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    out = tmp_path / "discs.onnx"
    result = invoke(run, "--target", "onnx", "--check", photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    properties = {p.key: p.value for p in onnx.load(out).metadata_props}
    assert properties["labels.txt"].split() == ["blue", "green", "red"]
    assert json.loads(properties["sorter.json"])["name"] == "tiny"
    if importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed: the file was not run")
    assert "probabilities within 0.0000" in json.loads(result.stdout)[0]["tried"]


@pytest.mark.slow
@needs_tensorflow
def test_tflite_runtime_gives_the_same_answers(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "discs.tflite"
    result = invoke(run, "--target", "tflite-runtime", "--representative", photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    content, row = out.read_bytes(), json.loads(result.stdout)[0]
    chosen = sorted(photos.rglob("*.png"))[::12]
    pictures = np.stack([prepare(read_image(path), InputSpec(32, 32)) for path in chosen])
    tried = [try_out("tflite-runtime", content, picture) for picture in pictures]
    if tried[0].scores is None and not tried[0].error:
        assert row["tried"] == "no: tflite-runtime is not installed"
        pytest.skip(f"tflite-runtime 2.14 is not here: {python_variable('tflite-runtime')} can name the Python with it")
    assert not tried[0].error and row["tried"].startswith("tflite-runtime 2.14")
    scores = np.stack([trial.scores for trial in tried if trial.scores is not None])
    np.testing.assert_allclose(scores, run_converted(content, pictures), atol=0.012)  # three steps of the output


def test_a_python_that_is_not_there_is_no_runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(python_variable("tflite-runtime"), str(tmp_path / "python"))
    tried = try_out("tflite-runtime", b"", np.zeros((8, 8, 3), np.uint8))
    assert tried.scores is None and "cannot be started" in tried.error
