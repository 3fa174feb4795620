"""The ping benchmark with tiny numbers: that every arm is asked in both ways, not how fast it answers."""

import json
from pathlib import Path

from click.testing import CliRunner

from sorter.benchmarks.ping import ping
from sorter.edge.simulation.firmware import missing_programs
from sorter.edge.simulation.uno import is_emulator_installed


def test_every_arm_is_asked_in_both_ways(tmp_path: Path) -> None:
    result = CliRunner().invoke(ping, ["--rounds", "1", "--json", str(tmp_path / "ping.json")])
    assert result.exit_code == 0, result.output
    latency = json.loads((tmp_path / "ping.json").read_text())["latency"]
    with_uno = is_emulator_installed() and not missing_programs("uno")
    arms = ["simulated arm", "emulated Uno"] if with_uno else ["simulated arm"]
    assert set(latency) == {f"{arm}, {way}" for arm in arms for way in ("by hand", "LineArm.ping")}
    assert all(0 < figures["p50_ms"] <= figures["p99_ms"] and figures["n"] == 20 for figures in latency.values())
