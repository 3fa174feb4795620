"""What the page asks and is answered, over real connections."""

import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sorter.dataset import open_dataset
from sorter.edge.cameras.health import CameraHealth
from sorter.edge.dashboard.dashboard import Dashboard
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.loop import Phase
from sorter.edge.monitor import ArmHealth, Monitor
from sorter.edge.pictures import RecentPictures
from sorter.errors import ConfigError
from tests.conftest import ROOT
from tests.edge.dashboard.conftest import NotingControl, Serve, Served

PAGE = sorted(path.name for path in (ROOT / "edge/dashboard/page").iterdir())


def test_the_page_and_its_files_are_served(served: Served) -> None:
    assert b"<title>Sorter</title>" in served.get("/").body
    for name in PAGE:
        if name != "index.html":
            assert served.get(f"/{name}").status == 200, name


def test_the_status_tells_everything_that_the_page_shows(served: Served) -> None:
    served.monitor.update(phase=Phase.MOVING, contents={1: 4}, full=frozenset({1}))
    served.sort_object(7)
    status = served.get("/api/status").json
    assert status["phase"] == "moving" and status["newest_row"] == 107
    assert status["bins"][1] == {"bin": 1, "labels": ["apple"], "reject": False, "objects": 4, "full": True}
    assert status["totals"]["sorted"] == 1
    assert status["model"]["labels"] == ["apple", "lemon", "kiwi"]


def test_objects_come_newest_first_with_their_pictures(served: Served) -> None:
    served.sort_object(1)
    served.sort_object(2, rejected="too close to lemon")
    objects = served.get("/api/objects").json["objects"]
    assert [each["number"] for each in objects] == [2, 1]
    assert objects[0]["rejected"] == "too close to lemon"
    assert objects[1]["likeliest"][1] == {"label": "lemon", "probability": 0.07}
    assert served.get("/api/objects/1/picture.jpg").body.startswith(b"\xff\xd8")
    assert served.get("/api/objects/3/picture.jpg").status == 404


def test_the_plots_have_their_numbers(served: Served) -> None:
    served.sort_object(1)
    history = served.get("/api/history").json
    assert history["latencies"] == [{"number": 1, "classify_ms": 4.0, "command_ms": 50.0, "acknowledge_ms": 10.0}]
    assert len(history["per_minute"]) == 60 and sum(history["per_minute"]) == 1


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("pause", "pause"),
        ("resume", "resume"),
        ("announce", "announce"),
        ("learn-empty", "learn_empty"),
        ("bins/2/emptied", "empty_bin 2"),
        ("stop", "stop by the operator's page"),
    ],
)
def test_orders_reach_the_sorter(served: Served, path: str, asked: str) -> None:
    assert served.post(f"/api/{path}").json == {"done": True}
    assert served.control.asked == [asked]


def test_a_bin_that_does_not_exist_is_not_emptied(served: Served) -> None:
    assert served.post("/api/bins/77/emptied").status == 404
    assert served.control.asked == []


def test_the_stop_waits_for_nothing_else(served: Served) -> None:
    served.control.pause_may_return.clear()
    served.control.stop_may_return.clear()
    with ThreadPoolExecutor(3) as people:
        # Even a stop that hangs at the arm does not hold up the next one.
        answers = [people.submit(served.post, f"/api/{order}") for order in ("pause", "stop", "stop")]
        assert [answer.result().status for answer in answers] == [202, 202, 202]
    assert sorted(served.control.asked) == ["pause", *["stop by the operator's page"] * 2]


# Live picture


def test_the_live_picture_is_encoded_once_for_all_and_not_at_all_for_nobody(served: Served) -> None:
    assert served.get("/api/live.jpg").status == 204
    served.show_frame(1)
    answers = [served.get("/api/live.jpg") for _ in range(5)]
    assert {answer.body for answer in answers} == {answers[0].body}
    assert answers[0].body.startswith(b"\xff\xd8")
    key = answers[0].headers["x-sorter-key"]
    assert json.loads(answers[0].headers["x-sorter-view"])["occupied"] is False
    assert served.get(f"/api/live.jpg?after={key}").status == 204
    served.show_frame(2)
    assert served.get(f"/api/live.jpg?after={key}").headers["x-sorter-key"] != key


# Corrections


def test_a_correction_is_a_picture_to_train_on(served: Served) -> None:
    seen = served.sort_object(5)
    answer = served.post("/api/objects/5/correction", {"row": seen.row, "label": "lemon"})
    assert answer.status == 200, answer.body
    path = served.corrections / answer.json["picture"]
    assert path.parent.name == "lemon" and path.read_bytes() == served.pictures.jpeg(5)
    assert served.get("/api/objects").json["objects"][0]["corrected"] == "lemon"
    record = json.loads((served.corrections / "corrections.jsonl").read_text("utf-8"))
    assert record["predicted"] == "apple" and record["corrected"] == "lemon"
    assert record["row"] == 105 and record["model_sha256"] == "cd" * 32
    assert record["probabilities"] == {"apple": 0.9, "lemon": 0.07, "kiwi": 0.03}


def test_a_second_correction_takes_the_place_of_the_first(served: Served) -> None:
    seen = served.sort_object(5)
    names = [
        served.post("/api/objects/5/correction", {"row": seen.row, "label": label}).json["picture"]
        for label in ("lemon", "mango", "MANGO ", "kiwi")
    ]
    assert len({Path(name).name for name in names}) == 1
    assert [Path(name).parent.name for name in names] == ["lemon", "mango", "mango", "kiwi"]
    assert [path.name for path in served.corrections.iterdir() if path.is_dir()] == ["kiwi"]
    other = served.sort_object(6)
    served.post("/api/objects/6/correction", {"row": other.row, "label": "mango"})
    dataset = open_dataset(served.corrections)
    assert dataset.labels == ("kiwi", "mango") and len(dataset.photos) == 2


HOSTILE = ["..", "../../etc", "a/b", "/etc/passwd", "C:\\x", "a\0b", "", "   ", ".hidden", "x" * 61, "\u202egnp", "a\n"]


@pytest.mark.parametrize("label", [*HOSTILE, 7, None, ["a"]], ids=repr)
def test_hostile_labels_are_refused_in_a_sentence(served: Served, label: object) -> None:
    seen = served.sort_object(5)
    answer = served.post("/api/objects/5/correction", {"row": seen.row, "label": label})
    if label == "a\n":
        assert answer.json["label"] == "a"
        return
    assert answer.status == 400 and answer.json["error"].endswith(".")
    assert not served.corrections.exists()


def test_an_own_label_of_the_network_never_leaves_the_folder(served: Served) -> None:
    hostile = ("../../cup/mug", "..", "con:\0")
    served.monitor.update(model=replace(served.monitor.status.model, labels=hostile))
    for number, label in enumerate(hostile, start=1):
        seen = served.sort_object(number)
        answer = served.post(f"/api/objects/{number}/correction", {"row": seen.row, "label": label})
        assert answer.status == 200, answer.body
        assert (served.corrections / answer.json["picture"]).resolve().parent.parent == served.corrections.resolve()


def test_an_object_of_another_run_is_not_corrected(served: Served) -> None:
    served.sort_object(5)
    answer = served.post("/api/objects/5/correction", {"row": 4, "label": "lemon"})
    assert answer.status == 409 and answer.json["hint"]


def test_a_folder_that_cannot_be_written_is_told(served: Served) -> None:
    seen = served.sort_object(5)
    served.corrections.write_text("a file")
    answer = served.post("/api/objects/5/correction", {"row": seen.row, "label": "lemon"})
    assert answer.status == 502 and answer.json["error"].startswith("Cannot write")


# Telemetry


def test_metrics_are_what_prometheus_reads(served: Served) -> None:
    served.monitor.tell_duration("classify", 0.004)
    served.monitor.tell_duration("frame to command", 0.05)
    served.monitor.tell_duration("move", 0.7)
    served.sort_object(1)
    served.monitor.update(camera=CameraHealth("ok", frame_at_s=time.monotonic() - 1), contents={1: 3})
    served.monitor.update(arm=ArmHealth(resends=4, damaged_lines=2))
    answer = served.get("/metrics")
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    assert samples["sorter_inference_duration_seconds_count", ()] == 1
    assert samples["sorter_command_latency_seconds_sum", ()] == 0.05
    assert samples["sorter_motion_duration_seconds_bucket", (("le", "0.5"),)] == 0
    assert samples["sorter_motion_duration_seconds_bucket", (("le", "1.0"),)] == 1
    assert samples["sorter_objects_total", (("bin", "1"), ("label", "apple"))] == 1
    assert samples["sorter_commands_total", (("result", "completed"),)] == 1
    assert samples["sorter_serial_resends_total", ()] == 4
    assert samples["sorter_serial_damaged_lines_total", ()] == 2
    assert samples["sorter_camera_up", ()] == 1 and samples["sorter_frame_age_seconds", ()] >= 1
    assert samples["sorter_phase", (("phase", "waiting"),)] == 1
    assert samples["sorter_bin_objects", (("bin", "1"),)] == 3
    assert samples["sorter_model_info", (("name", "m.tflite"), ("sha256", "cd" * 32))] == 1
    assert any(name.startswith("process_") for name, _ in samples)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_health_is_told_by_status_code_and_in_words(served: Served) -> None:
    assert served.get("/healthz").json == {"healthy": True, "troubles": []}
    served.monitor.update(camera=CameraHealth("lost", "The camera is gone."))
    answer = served.get("/healthz")
    assert answer.status == 503 and answer.json["troubles"] == ["The camera is gone."]


# Starting and ending


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("8080", "not an address"),
        ("127.0.0.1:", "not an address"),
        ("::1:8080", "not an address"),
        (":8080", "not an address"),
        ("127.0.0.1:70000", "no port"),
        ("203.0.113.7:8080", "no such address"),
        ("no.such.host.invalid:8080", "no host"),
    ],
)
def test_impossible_addresses_are_told(address: str, reason: str) -> None:
    with pytest.raises(ConfigError) as told:
        Dashboard(DashboardOptions(address), Monitor(), NotingControl(), RecentPictures()).__enter__()
    assert reason in told.value.message and told.value.hint


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError) as told:
        options = DashboardOptions(f"127.0.0.1:{other.getsockname()[1]}")
        Dashboard(options, Monitor(), NotingControl(), RecentPictures()).__enter__()
    assert "in use" in told.value.message and told.value.hint


@pytest.mark.parametrize("token", ["short", "ümläute sind nicht", "line\nbreak in here"])
def test_poor_tokens_are_told(token: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        DashboardOptions(token=token)


def test_it_ends_with_connections_open_and_serves_again(serve: Serve) -> None:
    served = serve()
    port = served.port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as idle:
        served.dashboard.__exit__(None, None, None)
        assert idle.recv(1) == b""
    assert served.monitor.listeners == []
    assert serve(f"127.0.0.1:{port}").get("/healthz").status == 200


def test_nothing_is_loaded_before_it_is_needed() -> None:
    code = "import sys, sorter.edge.dashboard.options, sorter.edge.dashboard.dashboard as d; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"uvicorn", "starlette", "prometheus_client", "h11", "anyio"}


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("sorter.edge.dashboard.")]:
        if not name.endswith((".dashboard", ".options")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("sorter.edge.dashboard.assembly", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigError) as told:
        Dashboard(DashboardOptions("127.0.0.1:0"), Monitor(), NotingControl(), RecentPictures()).__enter__()
    assert "uvicorn" in told.value.message and "[dashboard]" in told.value.hint
