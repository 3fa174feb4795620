"""Rules that no linter knows."""

import ast
import re

import pytest

from tests.conftest import ROOT

FOLDERS = ("sorter", "trainer", "converters", "edge", "benchmarks", "models")
DEVICE_FORBIDDEN = {"tensorflow", "keras", "matplotlib", "pandas", "sklearn", "resvg_py"}

WORKSTATION_ONLY = ("sorter/channels.py", "sorter/equalization.py", "sorter/int8_weights.py")
"""Shared by trainer and converters, which never import each other; nothing that runs on the device imports them."""


def modules(*folders: str) -> list[str]:
    return sorted(
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(parent.is_symlink() for parent in path.parents)
    )


@pytest.mark.parametrize("name", modules("sorter", "edge"))
def test_what_runs_on_the_device_never_imports_training_libraries(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    if name not in WORKSTATION_ONLY:
        assert not imported & DEVICE_FORBIDDEN
        assert not names & {f.removesuffix(".py").replace("/", ".") for f in WORKSTATION_ONLY}


@pytest.mark.parametrize("folder", FOLDERS[1:])
def test_import_names_are_committed_links(folder: str) -> None:
    link = ROOT / "sorter" / folder
    assert link.is_symlink() and link.resolve() == ROOT / folder


def test_every_shipped_network_has_a_card_with_its_figures() -> None:
    from sorter.bundle import Bundle
    from sorter.models import find_model, shipped_models

    assert set(shipped_models()) >= {"fruit-demo-int8", "waste-mobilenetv2-int8"}
    for name in shipped_models():
        bundle = Bundle.load(find_model(name))
        card = (ROOT / "models" / f"{name}.md").read_text(encoding="utf-8")
        assert bundle.manifest is not None
        measured = bundle.manifest.accuracy["int8"]
        assert f"{measured['accuracy']:.1%}" in card, f"the card of {name} states another accuracy than its file"
        assert str(measured["n"]) in card
        assert all(label in card for label in bundle.labels)
        for heading in ("Data", "Licence", "Recipe", "Command", "Figures", "Limits"):
            assert re.search(rf"^## {heading}", card, re.M), f"{name}: no heading {heading}"


def test_readme_names_every_command_and_exit_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (sorter-[a-z]+) =", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.M)
    assert commands and all(f"`{command}`" in readme for command in commands)
    codes = re.findall(r"\(?[A-Z]\w+Error\s+(?:exit code )?(\d+)", (ROOT / "sorter/errors.py").read_text("utf-8"))
    assert len(codes) >= 10 and all(f"{code} " in readme for code in codes if code not in ("9",))
