"""What a recording makes of frames, metrics and an end."""

import gc
import math
import pathlib
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from resnet_probe import ProbeError
from resnet_probe.journal.frame import BlockStatistics, Frame
from resnet_probe.journal.recording import Recording, Status
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices

from journals import ATTEMPT_FINISHED, FRAME, METRICS, Folder, residual_blocks

NEVER = 1e6  # seconds: the thread looks at nothing during a test


class Scene:
    """A recording with clocks of its own, its spool and what it said."""

    def __init__(
        self, path: pathlib.Path, strict: bool = False, first_step: int = 0, period: float = NEVER
    ) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self.folder = Folder(path)
        self.recording = Recording(
            RunOpened(bytes(16), bytes(16), "test", first_step=first_step),
            residual_blocks(2),
            Spool(str(path)),
            Notices(strict, self.said.append),
            clock=lambda: self.now,
            wall_clock=lambda: 1e9 + self.now,
            period=period,
        )

    def look(self, after: float = 0.0) -> None:
        """What the thread does, so many seconds later."""
        self.now += after
        self.recording.look()

    @property
    def kinds(self) -> list[int]:
        return [record.kind for record in self.folder.records()]


@pytest.fixture
def scene(tmp_path: pathlib.Path) -> Scene:
    return Scene(tmp_path)


def test_a_loss_logged_after_the_step_enters_its_frame(scene: Scene) -> None:
    scene.recording.put(Frame(3, 1.0, metrics={"loss": 9.0}))
    scene.recording.log(3, {"loss": 0.5, "accuracy": 0.25})
    assert scene.kinds == []
    scene.recording.flush()
    (frame,) = scene.folder.of(FRAME)
    assert frame.fields[3] == [0.5]
    assert frame.metrics() == {"loss": 0.5, "accuracy": 0.25}


def test_a_loss_logged_before_the_frame_comes_enters_it(scene: Scene) -> None:
    scene.recording.log(3, {"loss": math.nan})
    scene.recording.put(Frame(3, 1.0))
    scene.recording.flush()
    assert scene.kinds == [FRAME]
    (frame,) = scene.folder.of(FRAME)
    assert math.isnan(frame.number(3))


def test_a_loss_enters_a_late_frame_even_if_it_was_written_as_a_metric(scene: Scene) -> None:
    scene.recording.log(3, {"loss": 0.5, "lr": 0.1})
    scene.look()
    assert scene.kinds == [METRICS]
    scene.recording.put(Frame(3, 1.0))
    scene.recording.flush()
    (frame,) = scene.folder.of(FRAME)
    assert frame.fields[3] == [0.5]


@pytest.mark.parametrize(
    "comes",
    [
        lambda recording: recording.put(Frame(8, 1.0)),
        lambda recording: recording.log(5, {"lr": 1.0}),
        lambda recording: recording.flush(),
        lambda recording: recording.finish("completed", 4),
    ],
)
def test_a_frame_waits_for_what_comes_next(
    scene: Scene, comes: Callable[[Recording], None]
) -> None:
    scene.recording.put(Frame(4, 1.0))
    scene.recording.log(4, {"a": 1.0})
    assert scene.folder.steps() == []
    comes(scene.recording)
    assert scene.folder.steps() == [4]


def test_the_thread_writes_a_frame_that_waited_for_a_period(tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path, period=NEVER)
    scene.recording.put(Frame(0, 1.0))
    scene.look(after=NEVER / 2)
    assert scene.kinds == []
    scene.look(after=NEVER / 2)
    assert scene.kinds == [FRAME]


def test_the_thread_runs_by_itself(tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path, period=0.01)
    journal = scene.recording._attempt._journal
    assert journal is not None
    written = threading.Event()
    append = journal.append

    def noted(payloads: list[bytes], beyond_limit: bool = False) -> object:
        result = append(payloads, beyond_limit)
        written.set()
        return result

    journal.append = noted  # type: ignore[method-assign, assignment]
    scene.recording.log(1, {"loss": 1.0})
    assert written.wait(30)
    assert scene.kinds == [METRICS]


def test_unmeasured_steps_cost_no_write_until_the_thread_looks(scene: Scene) -> None:
    for step in range(600):
        scene.recording.log(step, {"loss": step / 2, "lr": 0.1})
    assert scene.kinds == []
    scene.look()
    metrics = scene.folder.of(METRICS)
    assert [record.number(1) for record in metrics] == list(range(600))
    assert metrics[9].metrics() == {"loss": 4.5, "lr": 0.1}
    scene.look()
    assert len(scene.kinds) == 600


def test_the_last_value_of_a_key_and_step_stands(scene: Scene) -> None:
    scene.recording.log(1, {"a": 1.0, "b": 2.0})
    scene.recording.log(1, {"a": 3.0})
    scene.recording.flush()
    (record,) = scene.folder.of(METRICS)
    assert record.metrics() == {"a": 3.0, "b": 2.0}


def test_what_waits_is_bounded(scene: Scene) -> None:
    for step in range(5_000):
        scene.recording.log(step, {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0})
    assert 4_000 <= len(scene.folder.of(METRICS)) < 5_000


def test_records_go_by_rising_step(scene: Scene) -> None:
    scene.recording.log(2, {"a": 1.0})
    scene.recording.log(1, {"a": 1.0})
    scene.recording.put(Frame(3, 1.0))
    scene.recording.log(4, {"a": 1.0})
    scene.recording.finish("completed", 9)
    records = scene.folder.records()
    assert [(r.kind, r.number(1)) for r in records[:-1]] == [
        (METRICS, 1),
        (METRICS, 2),
        (FRAME, 3),
        (METRICS, 4),
    ]
    assert records[-1].kind == ATTEMPT_FINISHED


def test_keys_and_values_that_no_record_takes_are_passed_over_with_one_notice(
    scene: Scene,
) -> None:
    values = {"": 1.0, "k" * 257: 1.0, "é" * 129: 1.0, "none": None, "huge": 10**400, "k": 1}
    for step in range(2):
        scene.recording.log(step, values)  # type: ignore[arg-type]
    scene.recording.log(2, {f"{number}": 1.0 for number in range(4_097)})
    scene.recording.flush()
    assert [r.metrics() for r in scene.folder.of(METRICS)[:2]] == [{"k": 1.0}, {"k": 1.0}]
    assert len(scene.folder.of(METRICS)[2].metrics()) == 4_096
    assert scene.recording.counts.misuses == 11
    assert scene.said == [
        (
            "resnet-probe: a metric was passed over; a key takes 1 to 256 bytes, a value is a number"
            " and a step has 4,096 metrics"
        )
    ]


def test_a_frame_that_does_not_rise_is_passed_over(tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path, first_step=10)
    for step in (9, 10, 10, 12, 11):
        scene.recording.put(Frame(step, 1.0))
    scene.recording.flush()
    assert scene.folder.steps() == [10, 12]
    assert scene.recording.counts.misuses == 3
    assert scene.said == [
        (
            "resnet-probe: the frame of step 9 does not come after step 9 and was passed over; steps"
            " count upwards"
        )
    ]


def test_frames_given_up_are_counted_in_the_next_one_and_at_the_end(scene: Scene) -> None:
    scene.recording.count_dropped(2)
    scene.recording.put(Frame(1, 1.0))
    scene.recording.put(Frame(2, 1.0))
    scene.recording.count_dropped()
    scene.recording.finish("failed", 7)
    *frames, end = scene.folder.records()
    assert [frame.number(8) for frame in frames] == [2, 1]
    assert [end.number(field) for field in (1, 2, 3, 4)] == [1, 1e9 + 100, 7, 3]


def test_the_cost_of_calls_stands_in_the_next_frame(scene: Scene) -> None:
    journal = scene.recording._attempt._journal
    assert journal is not None
    append = journal.append

    def slow(payloads: list[bytes], beyond_limit: bool = False) -> object:
        scene.now += 0.5
        return append(payloads, beyond_limit)

    journal.append = slow  # type: ignore[method-assign, assignment]
    scene.recording.put(Frame(1, 1.0, recorder_seconds=0.25))
    scene.recording.put(Frame(2, 1.0, recorder_seconds=0.25))
    scene.recording.put(Frame(3, 1.0))
    scene.recording.flush()
    costs = [frame.number(7) for frame in scene.folder.of(FRAME)]
    assert costs == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(("status", "word"), [("completed", 0), ("failed", 1)])
def test_an_attempt_ends_once(scene: Scene, status: Status, word: int) -> None:
    scene.recording.finish(status, 4)
    scene.recording.finish("failed", 5)
    scene.recording.put(Frame(6, 1.0))
    scene.recording.log(6, {"a": 1.0})
    scene.recording.flush()
    scene.look()
    (end,) = scene.folder.records()
    assert (end.number(1), end.number(3)) == (word, 4)
    assert scene.said == []


def test_a_recording_that_goes_away_writes_what_waits(tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path)
    scene.recording.put(Frame(0, 1.0))
    scene.recording.log(1, {"a": 1.0})
    del scene.recording
    gc.collect()
    assert scene.kinds == [FRAME, METRICS]


def test_two_recordings_of_one_process_write_two_journals(tmp_path: pathlib.Path) -> None:
    first, second = Scene(tmp_path), Scene(tmp_path)
    first.recording.put(Frame(1, 1.0))
    second.recording.put(Frame(2, 1.0))
    first.recording.finish("completed", 1)
    second.recording.put(Frame(3, 1.0))
    second.recording.finish("completed", 3)
    assert len(first.folder.segments) == 2
    assert sorted(first.folder.steps()) == [1, 2, 3]


def test_a_frame_that_cannot_be_written_costs_itself_and_a_notice(scene: Scene) -> None:
    bad = BlockStatistics(0, samples="many")  # type: ignore[arg-type]
    scene.recording.put(Frame(1, 1.0, blocks=[bad]))
    scene.recording.put(Frame(2, 1.0))
    scene.recording.flush()
    (frame,) = scene.folder.of(FRAME)
    assert (frame.number(1), frame.number(8)) == (2, 1)
    assert len(scene.said) == 1
    assert scene.said[0].startswith("resnet-probe: the frame of step 1 was dropped: TypeError: ")


def test_a_call_from_a_signal_handler_within_another_waits_for_nothing(scene: Scene) -> None:
    journal = scene.recording._attempt._journal
    assert journal is not None
    append = journal.append

    def interrupted(payloads: list[bytes], beyond_limit: bool = False) -> object:
        if not beyond_limit:
            scene.recording.log(1, {"a": 1.0})
            scene.recording.finish("failed", 1)
        return append(payloads, beyond_limit)

    journal.append = interrupted  # type: ignore[method-assign, assignment]
    scene.recording.put(Frame(1, 1.0))
    scene.recording.flush()
    assert scene.kinds == [FRAME, ATTEMPT_FINISHED]
    assert scene.said == [
        (
            "resnet-probe: a call with metrics came from a signal handler within another call and was"
            " passed over"
        )
    ]


def test_numbers_of_numpy_are_numbers_and_tensors_are_not(scene: Scene) -> None:
    values = {"f": np.float32(0.5), "d": np.float64(2), "i": np.int64(3), "t": torch.tensor(1.0)}
    scene.recording.log(np.int64(1), values)
    scene.recording.flush()
    (record,) = scene.folder.of(METRICS)
    assert record.metrics() == {"f": 0.5, "d": 2.0, "i": 3.0}
    assert scene.recording.counts.misuses == 1


def test_an_end_that_is_none_is_one_notice(scene: Scene) -> None:
    scene.recording.finish("completed", "last")  # type: ignore[arg-type]
    assert scene.kinds == []
    assert scene.said[0].startswith("resnet-probe: an end was passed over: TypeError: ")


def test_without_a_thread_what_waits_is_written_with_what_comes_next(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    scene = Scene(tmp_path)
    scene.recording.put(Frame(1, 1.0))
    scene.recording.put(Frame(2, 1.0))
    assert scene.folder.steps() == [1]
    assert scene.said == [
        (
            "resnet-probe: cannot start a thread: can't start new thread; what waits is written"
            " with what comes next"
        )
    ]


def test_leaving_ends_the_thread_and_calls_after_it_still_count(scene: Scene) -> None:
    scene.recording.put(Frame(1, 1.0))
    scene.recording.leave()
    thread = scene.recording._thread
    assert thread is not None
    assert not thread.is_alive()
    scene.recording.finish("completed", 1)
    assert scene.kinds == [FRAME, ATTEMPT_FINISHED]


def test_a_strict_recording_raises(tmp_path: pathlib.Path) -> None:
    scene = Scene(tmp_path, strict=True)
    scene.recording.put(Frame(1, 1.0))
    with pytest.raises(ProbeError, match="does not come after step 1"):
        scene.recording.put(Frame(1, 1.0))
    scene.recording.finish("completed", 1)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ProbeError, match="it is a symbolic link"):
        Scene(tmp_path / "link", strict=True)


def test_what_the_thread_could_not_write_is_raised_at_the_next_call(
    tmp_path: pathlib.Path,
) -> None:
    scene = Scene(tmp_path, strict=True)
    journal = scene.recording._attempt._journal
    assert journal is not None
    journal._folder._limit = 0
    journal._allowance = 0
    scene.recording.put(Frame(1, 1.0))
    scene.look(after=NEVER)
    with pytest.raises(ProbeError, match="the spool is at its limit"):
        scene.recording.log(2, {"a": 1.0})
    with pytest.raises(ProbeError, match="the spool is at its limit"):
        scene.recording.put(Frame(2, 1.0)) or scene.recording.flush()  # type: ignore[func-returns-value]
    scene.recording.finish("failed", 2)
    assert scene.kinds == [ATTEMPT_FINISHED]
