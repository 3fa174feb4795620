from pathlib import Path

import pytest

from sorter.errors import BundleError, StorageError
from sorter.image import InputSpec
from sorter.manifest import Manifest
from sorter.trainer.runs import check_output, open_run, unfinished_run


def write_run(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"network")
    (folder / "sorter.json").write_text(Manifest("run", ("a", "b"), InputSpec(32, 32)).to_json(), encoding="utf-8")


def test_a_finished_run_is_published_and_opened(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    with unfinished_run(out) as folder:
        write_run(folder)
        assert not (out / "sorter.json").exists()
    assert sorted(p.name for p in out.iterdir()) == ["model.keras", "sorter.json"]
    assert open_run(out).manifest == open_run(out / "model.keras").manifest


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), unfinished_run(tmp_path / "run") as folder:
        write_run(folder)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_earlier_one_as_it_was(tmp_path: Path) -> None:
    with unfinished_run(tmp_path) as folder:
        write_run(folder)
        (folder / "skipped.csv").write_text("filename,reason\n")
    with pytest.raises(ValueError, match="nothing"), unfinished_run(tmp_path) as folder:
        (folder / "model.keras").write_bytes(b"half")
        raise ValueError("nothing")
    assert (tmp_path / "model.keras").read_bytes() == b"network"
    with unfinished_run(tmp_path) as folder:
        write_run(folder)
    assert not (tmp_path / "skipped.csv").exists()


def test_new_empty_and_crashed_folders_may_be_written(tmp_path: Path) -> None:
    check_output(tmp_path / "new", overwrite=False)
    check_output(tmp_path, overwrite=False)
    (tmp_path / ".unfinished").mkdir()
    check_output(tmp_path, overwrite=False)


def test_an_earlier_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    write_run(tmp_path)
    with pytest.raises(StorageError, match="earlier run") as caught:
        check_output(tmp_path, overwrite=False)
    assert "--overwrite" in caught.value.hint
    check_output(tmp_path, overwrite=True)


def test_another_folder_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(StorageError, match="not an earlier run"):
        check_output(tmp_path, overwrite=True)


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StorageError, match="it is a file"), unfinished_run(file):
        pass


def test_what_is_no_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a finished training run"):
        open_run(tmp_path)
    write_run(tmp_path)
    (tmp_path / "sorter.json").write_text("{")
    with pytest.raises(BundleError, match="not a valid manifest"):
        open_run(tmp_path)


def store_state(folder: Path) -> None:
    (folder / ".checkpoint").mkdir(parents=True)
    for name in ("identity.json", "epoch.npz"):
        (folder / ".checkpoint" / name).write_bytes(b"")


def test_an_unfinished_training_is_replaced_or_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    store_state(tmp_path)
    with pytest.raises(StorageError, match="unfinished training") as caught:
        check_output(tmp_path, overwrite=False)
    assert "--resume" in caught.value.hint and "--overwrite" in caught.value.hint
    check_output(tmp_path, overwrite=False, resume=True)
    check_output(tmp_path, overwrite=True)
    write_run(tmp_path)
    check_output(tmp_path, overwrite=False, resume=True)


def test_a_finished_run_cannot_be_gone_on_with(tmp_path: Path) -> None:
    write_run(tmp_path)
    with pytest.raises(StorageError, match="earlier run"):
        check_output(tmp_path, overwrite=False, resume=True)


def test_the_state_of_a_training_outlives_a_failure(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ValueError, match="no"), unfinished_run(out):
        store_state(out)
        raise ValueError("no")
    assert [p.name for p in out.iterdir()] == [".checkpoint"]


def test_event_files_of_an_earlier_run_do_not_survive(tmp_path: Path) -> None:
    for number in range(2):
        with unfinished_run(tmp_path) as folder:
            write_run(folder)
            (folder / "tensorboard").mkdir()
            (folder / "tensorboard" / f"events{number}").write_text("")
    assert [p.name for p in (tmp_path / "tensorboard").iterdir()] == ["events1"]
