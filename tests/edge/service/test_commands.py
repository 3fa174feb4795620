"""What the commands of this folder have in common with all others."""

import subprocess
import sys

import pytest

_HEAVY = {"numpy", "cv2", "rich", "tensorflow", "keras", "matplotlib", "serial", "sqlite3", "asyncio"}


@pytest.mark.parametrize("command", ["find_cli:find", "service_cli:service"])
@pytest.mark.parametrize("subcommand", [0, 1])
def test_help_loads_nothing_heavy(command: str, subcommand: int) -> None:
    module, name = command.split(":")
    code = (
        f"import sys\nfrom sorter.edge.{module} import {name}\n"
        f"try: {name}([sorted({name}.commands)[{subcommand}], '--help'])\nexcept SystemExit as e: assert e.code == 0\n"
        "print('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded and not loaded & _HEAVY
    # click's mark for a paragraph that keeps its lines must not be seen.
    assert "\\b" not in done.stdout
