"""The search space and the results of a search, without any training."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from sorter.errors import ConfigError, TrainingError
from sorter.trainer.recipe_file import read_recipe
from sorter.trainer.split import Shares
from sorter.trainer.tuning import Cost, Limits, Search, infeasible_score, make_recipe
from sorter.trainer.tuning_results import Trial, check_identity, write_outcome

WINNER = {
    "convolutions": 3,
    **{"filters_1": 96, "filters_2": 64, "filters_3": 64, "filters_4": 256},
    **{"dense": 1, "units_1": 160, "units_2": 32},
    **{"dropout": True, "optimizer": "adam"},
}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    shares = Shares.parse("70/10/20")
    return Search(tmp_path / "photos", tmp_path / "out", "random", 5, 30, 128, 32, shares, 0, Limits())


def test_the_fruit_studys_winner_is_in_the_space(search: Search) -> None:
    from sorter.trainer.recipes import find_recipe

    tuned, found = find_recipe("fruit-tuned"), make_recipe(WINNER, search)
    assert found.layers == tuned.layers
    assert (found.dropout, found.augmentation, found.image_size_px) == (0.5, tuned.augmentation, 128)
    assert found.schedule == replace(tuned.schedule, epochs=30)


def test_a_network_that_leaves_nothing_of_the_picture_is_refused(search: Search) -> None:
    values = {**WINNER, "convolutions": 4}
    with pytest.raises(ConfigError):
        make_recipe(values, replace(search, image_size_px=8))
    assert make_recipe(values, replace(search, image_size_px=16)).image_size_px == 16


def test_beyond_the_limits_is_worse_the_farther_and_always_below_zero() -> None:
    limits = Limits(kilobytes=100, milliseconds=2)
    assert limits.excess(Cost(99, 1.9)) <= 1 < limits.excess(Cost(101, 1.9)) < limits.excess(Cost(99, 4))
    assert Limits().excess(Cost(1e9, 1e9)) == 0 and not Limits().any
    scores = [infeasible_score(excess) for excess in (1.0001, 2, 10, 1e6)]
    assert scores == sorted(scores, reverse=True) and scores[0] < 0 and scores[-1] >= -100


def make_trials() -> list[Trial]:
    good = {"accuracy": 0.9, "score": 0.9}
    return [
        Trial("0", "COMPLETED", {**WINNER, "dense": 2}, {**good, "parameters": 3e6}),
        Trial("1", "COMPLETED", WINNER, {**good, "parameters": 2e6}),
        Trial("2", "COMPLETED", WINNER, {"score": -3.0, "parameters": 9e6}),
        Trial("3", "FAILED", WINNER, {}, "no memory"),
    ]


def test_the_winner_is_the_smallest_of_the_best_and_comes_back_from_its_file(search: Search) -> None:
    search.out.mkdir()
    outcome = write_outcome(search, make_trials())
    assert outcome.best.name == "1"
    assert read_recipe(search.out / "recipe.toml") == outcome.recipe == make_recipe(WINNER, search)
    with (search.out / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["accuracy"] for row in rows] == ["0.9", "0.9", "", ""]
    assert rows[3]["message"] == "no memory" and rows[1]["parameters"] == "2000000"


def test_without_a_winner_the_list_is_written_and_the_error_says_so(search: Search) -> None:
    search.out.mkdir()
    with pytest.raises(TrainingError, match="None of the 2 networks"):
        write_outcome(search, make_trials()[2:])
    assert (search.out / "trials.csv").is_file() and not (search.out / "recipe.toml").exists()


def test_a_search_goes_on_with_the_same_options_only(search: Search) -> None:
    search.out.mkdir()
    check_identity(search, write=True, forget=False)
    check_identity(replace(search, trials=99), write=True, forget=False)
    with pytest.raises(ConfigError, match="epochs 30, not 31") as caught:
        check_identity(replace(search, epochs=31), write=True, forget=False)
    assert "--overwrite" in caught.value.hint
    check_identity(replace(search, epochs=31), write=True, forget=True)
    with pytest.raises(ConfigError):
        check_identity(search, write=True, forget=False)
    (search.out / "search.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        check_identity(search, write=True, forget=False)
