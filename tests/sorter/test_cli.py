"""How every command ends."""

import click
import pytest
from click.testing import CliRunner

from sorter import errors
from sorter.cli import INTERRUPTED, SorterCommand


def command(failure: BaseException) -> click.Command:
    @click.command(cls=SorterCommand)
    def fail() -> None:
        """Fails."""
        raise failure

    return fail


def all_errors() -> list[type[errors.SorterError]]:
    return [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.SorterError)]


@pytest.mark.parametrize("kind", all_errors())
def test_one_sentence_a_hint_and_the_exit_code(kind: type[errors.SorterError]) -> None:
    result = CliRunner().invoke(command(kind("It broke.", "Mend it.")), [])
    assert result.exit_code == kind.exit_code
    assert result.stderr == "Error: It broke.\nHint: Mend it.\n"


def test_exit_codes_are_distinct_and_documented() -> None:
    codes = [kind.exit_code for kind in all_errors()]
    assert len(set(codes)) == len(codes)
    for kind in all_errors():
        line = next(x for x in (errors.__doc__ or "").splitlines() if kind.__name__ in x)
        assert str(kind.exit_code) in line


def test_the_unforeseen_shows_no_traceback() -> None:
    result = CliRunner().invoke(command(RuntimeError("boom")), [])
    assert result.exit_code == 1
    assert "RuntimeError: boom" in result.stderr and "Traceback" not in result.stderr


def test_debug_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["fail", "--debug"])
    result = CliRunner().invoke(command(RuntimeError("boom")), ["--debug"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_ctrl_c() -> None:
    result = CliRunner().invoke(command(KeyboardInterrupt()), [])
    assert result.exit_code == INTERRUPTED
    assert "Stopped." in result.stderr
