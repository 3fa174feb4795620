import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.arms.dialects import Answer, grbl_state, marlin_line, read_grbl, read_marlin, read_uarm


@pytest.mark.parametrize(
    ("line", "kind", "number"),
    [
        ("ok", "ok", -1),
        ("ok N1003 P15 B3", "ok", 1003),
        ("ok T:21.3 /0.0", "ok", -1),
        ("Resend: 1004", "resend", 1004),
        ("rs 12", "resend", 12),
        ("rs N12", "resend", 12),
        ("Error:checksum mismatch, Last Line: 1003", "other", -1),
        ("Error:Line Number is not Last Line Number+1, Last Line: 0", "other", -1),
        ("Error:Printer halted. kill() called!", "alarm", -1),
        ("!! stopped", "alarm", -1),
        ("echo:busy: processing", "busy", -1),
        ("start", "reset", -1),
        ("FIRMWARE_NAME:Marlin 2.1.2 SOURCE_CODE_URL:x", "identity", -1),
        ("X:10.00 Y:-3.50 Z:0.00 E:0.00 Count X:800 Y:0 Z:0", "report", -1),
        ('echo:Unknown command: "G99"', "refused", -1),
        ("echo:Home XYZ First", "refused", -1),
        ("// action:pause", "paused", -1),
        ("echo: External Reset", "other", -1),
        ("okay", "other", -1),
    ],
)
def test_marlin(line: str, kind: str, number: int) -> None:
    answer = read_marlin(line)
    assert (answer.kind, answer.number) == (kind, number)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ok", Answer("ok")),
        ("<Idle|MPos:0.000,0.000,0.000|FS:0,0>", Answer("state", text="Idle")),
        ("<Hold:0|MPos:0,0,0>", Answer("state", text="Hold")),
        ("<Run,MPos:0.000,0.000,0.000>", Answer("state", text="Run")),
        ("error:9", Answer("refused", text="error 9")),
        ("error: Bad number format", Answer("refused", text="error Bad number format")),
        ("Grbl 1.1h ['$' for help]", Answer("reset", text="1.1h")),
        ("[VER:1.1h.20190830:]", Answer("identity", text="Grbl-1.1h.20190830")),
        ("[MSG:Caution: Unlocked]", Answer("other", text="[MSG:Caution: Unlocked]")),
    ],
)
def test_grbl(line: str, answer: Answer) -> None:
    assert read_grbl(line) == answer


def test_grbl_alarms_are_explained() -> None:
    assert read_grbl("ALARM:1").kind == "alarm" and "hard limit" in read_grbl("ALARM:1").text
    assert "see the list" in read_grbl("ALARM:99").text
    assert [grbl_state(word) for word in ("Idle", "Run", "Hold", "Alarm", "Sleep")] == [
        "IDLE",
        "MOVING",
        "STOPPED",
        "FAULT",
        "FAULT",
    ]


@pytest.mark.parametrize(
    ("line", "kind", "number"),
    [
        ("$25 ok", "ok", 25),
        ("$1 ok V1", "ok", 1),
        ("$3 E22", "refused", 3),
        ("E23 buffer full", "refused", -1),
        ("@1", "reset", -1),
        ("@4 N0 V1", "other", -1),
        ("ok", "other", -1),
    ],
)
def test_uarm(line: str, kind: str, number: int) -> None:
    answer = read_uarm(line)
    assert (answer.kind, answer.number) == (kind, number)


@given(st.text(max_size=80))
def test_any_line_is_read(line: str) -> None:
    for read in (read_marlin, read_grbl, read_uarm):
        assert read(line).number >= -1


def test_marlin_checksum() -> None:
    # The example of the RepRap wiki, "G-code: checking".
    assert marlin_line(3, "T0") == b"N3 T0*57\n"
