"""What is timed is the call that it claims to be: each trap, and that it is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.protocol import Adapter
from benchmarks.timing import audit, devices
from benchmarks.timing.audit import Rejected
from benchmarks.timing.cells import DIRECTIONS, FULL, OPERATIONS, SHAPES, Cell, ModelShape
from benchmarks.timing.inputs import IGNORED, Inputs, function, inputs
from benchmarks.timing.rounds import AT_HAND, RETURNED
from conformance.truth import cache
from tests.fakes import Clock, Queue, still

ROOT = Path(__file__).parent.parent
MEBI = 1 << 20
ONE = np.ones((2, 3), np.float32)


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes that the oracle is quick with, and no truths kept."""
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    monkeypatch.setitem(SHAPES, "rows", ModelShape((3, 11), ""))
    monkeypatch.setitem(SHAPES, "planes", ModelShape((2, 11, 3), "", axis=1))
    monkeypatch.setitem(SHAPES, "one", ModelShape((1, 11), ""))


def test_a_result_that_other_logits_do_not_change_is_refused() -> None:
    audit.refuse_constant([ONE], [2 * ONE])
    with pytest.raises(Rejected, match="a constant was timed"):
        audit.refuse_constant([ONE], [ONE.copy()])


def test_a_constant_gradient_beside_a_value_is_refused() -> None:
    with pytest.raises(Rejected, match="a constant was timed"):
        audit.refuse_constant([ONE, ONE], [2 * ONE, ONE])


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_a_result_in_another_format_is_refused(name: str) -> None:
    audit.refuse_format([ONE.astype(name)], name)
    other = "float32" if name == "float64" else "bfloat16"
    with pytest.raises(Rejected, match=f"the result is {other} for logits in {name}"):
        audit.refuse_format([ONE.astype(name), ONE.astype(other)], name)


@pytest.mark.parametrize(("value", "dtype"), [(1e-40, "float32"), (1e-40, "bfloat16"), (1e-310, "float64")])
def test_subnormal_logits_and_results_are_refused(value: float, dtype: str) -> None:
    plain = np.array([0.0, -1.0, 1e-30]).astype(getattr(ml_dtypes, dtype, dtype))
    odd = np.array([1.0, -value]).astype(plain.dtype)
    audit.refuse_subnormal(plain, [plain])
    for logits, result in ((odd, plain), (plain, odd)):
        with pytest.raises(Rejected, match=f"subnormal numbers in {dtype}"):
            audit.refuse_subnormal(logits, [plain, result])


def test_subnormals_of_float16_are_ordinary_numbers_where_it_is_computed() -> None:
    audit.refuse_subnormal(np.array([1e-6], np.float16), [])


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return still(monkeypatch, audit)


def unwaited(result: Any) -> None:
    pass


@pytest.mark.parametrize("work", [1e-2, 1e-3, 1e-4, 2.5e-5, 2.2e-5])
@pytest.mark.parametrize("dispatch", [1e-4, 1e-5, 1e-6])
def test_a_call_whose_result_comes_later_is_refused(dispatch: float, work: float, time: Clock) -> None:
    device = Queue(time, dispatch, work)
    audit.refuse_unsynchronised(device.start, device.wait, device.read)
    if work > dispatch / 2:
        with pytest.raises(
            Rejected, match=r"a call returned after .* s, and the result of several came .* s later"
        ):
            audit.refuse_unsynchronised(device.start, unwaited, device.read)


def test_a_backlog_of_short_calls_is_seen(time: Clock) -> None:
    device = Queue(time, dispatch=3e-6, work=5e-6)  # one call alone is there before anyone looks
    with pytest.raises(Rejected, match=r"the result of several came 0\.00067 s later"):
        audit.refuse_unsynchronised(device.start, unwaited, device.read)


def test_looking_at_a_result_may_take_longer_than_the_call(time: Clock) -> None:
    device = Queue(time, dispatch=1e-4, work=1e-3)

    def look(due: float) -> None:
        device.read(due)
        time.work(1e-2)  # as a copy from a device does

    audit.refuse_unsynchronised(device.start, device.wait, look)


def test_disturbed_looks_are_no_reason_to_refuse(time: Clock) -> None:
    device = Queue(time, dispatch=1e-4, work=1e-3)
    looks: list[float] = []

    def look(due: float) -> None:
        device.read(due)
        time.sleep(1.0 if len(looks) in (0, 2, 3, 4) else 1e-3)  # the fourth trial is the first to be calm
        looks.append(due)

    audit.refuse_unsynchronised(device.start, device.wait, look)
    assert len(looks) == 7


def test_a_look_may_differ_by_half_of_a_long_call(time: Clock) -> None:
    device = Queue(time, dispatch=1e-4, work=1e-2)
    looks: list[float] = []

    def look(due: float) -> None:
        device.read(due)
        time.sleep(4e-3 if len(looks) % 2 == 0 else 1e-3)  # after the pause it is quicker, each time
        looks.append(due)

    audit.refuse_unsynchronised(device.start, device.wait, look)
    assert len(looks) == 1


def test_a_disturbed_call_does_not_blind_the_look(time: Clock) -> None:
    device = Queue(time, dispatch=1e-5, work=1e-4)
    lasting = chain([0.0] * 3, [2e-4], repeat(0.0))  # one of those that tell how long a call takes

    def start() -> float:
        time.sleep(next(lasting))
        return device.start()

    with pytest.raises(Rejected):
        audit.refuse_unsynchronised(start, unwaited, device.read)


def test_a_look_takes_the_first_number_of_each_array_and_no_more() -> None:
    seen: list[Any] = []
    adapter: Any = SimpleNamespace(to_numpy=seen.append)
    audit.glance((ONE, 2 * ONE, np.float32(3) * ONE[0]), adapter)
    assert seen == [1, 2, 3]
    assert [np.size(one) for one in seen] == [1, 1, 1]


def test_an_input_in_the_host_s_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "holds", lambda framework, array: array == f"{framework} on its device")
    audit.refuse_host(["torch on its device"] * 2, "torch")
    with pytest.raises(Rejected, match="in the host's memory"):
        audit.refuse_host(["torch on its device", "labels"], "torch")


def outputs(cell: Cell, adapter: Adapter) -> tuple[Inputs, list[Any]]:
    given = inputs(cell, "cpu", "numpy")
    return given, audit.outputs(function(cell, adapter)(*given.arrays), adapter)


@pytest.mark.parametrize("shape", ["rows", "planes", "one"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_reference_is_within_its_bound_in_every_kind_of_cell(
    operation: str, direction: str, shape: str
) -> None:
    cell = Cell(operation, direction, "eager", "float32", shape, "1")
    given, found = outputs(cell, adapters.load("numpy"))
    assert len(found) == (1 if direction == "forward" else 2)
    assert audit.error(cell, given, found) < 1


@pytest.mark.parametrize(
    ("name", "operation", "direction"),
    [
        ("SumWithoutTail", "softmax", "forward"),
        ("SumWithoutTail", "log_softmax", "forward"),
        ("SumWithoutTail", "cross_entropy_index", "forward"),
        ("SumWithoutTail", "cross_entropy_probability", "forward"),
        ("DiagonalJacobian", "softmax", "forward+backward"),
        ("UpstreamIgnored", "cross_entropy_index", "forward+backward"),
    ],
)
@pytest.mark.parametrize("shape", ["rows", "planes"])
def test_the_error_of_what_is_wrong_is_above_its_bound(
    name: str, operation: str, direction: str, shape: str
) -> None:
    cell = Cell(operation, direction, "eager", "float32", shape, "1")
    assert audit.error(cell, *outputs(cell, adapters.load(f"adapters.faulty:{name}"))) > 1


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("operation", ["softmax", "cross_entropy_index"])
def test_an_error_in_the_first_or_the_last_row_is_seen(operation: str, at: int) -> None:
    cell = Cell(operation, "forward", "eager", "float32", "planes", "1")
    given, found = outputs(cell, adapters.load("numpy"))
    wrong = found[0].copy()
    wrong.reshape(-1)[at] *= 1.01
    assert audit.error(cell, given, [wrong]) > 1


def test_an_ignored_row_has_no_loss() -> None:
    cell = Cell("cross_entropy_index", "forward", "eager", "float32", "rows", "1", "ignored")
    given = Inputs(inputs(cell, "cpu", "numpy").logits, np.array([IGNORED, 1, 2]))
    found = function(cell, adapters.load("numpy"))(*given.arrays)
    assert audit.error(cell, given, [found]) < 1
    assert audit.error(cell, given, [found + np.float32(0.01)]) > 1


@pytest.mark.parametrize("cell", list(FULL["Ignored"]), ids=lambda cell: cell.name)
def test_of_the_rows_that_are_judged_one_at_least_is_not_ignored(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "benchmarks.timing.inputs.logits", lambda *_: ONE
    )  # a second's work that is not looked at
    labels = inputs(cell, "cpu", "numpy").labels
    assert labels is not None
    assert labels[[0, -1]].max() != IGNORED


def test_ends_are_the_first_and_the_last_row_along_the_axis() -> None:
    cube = np.arange(24).reshape(2, 4, 3)
    assert audit.ends(cube, 1).tolist() == [[0, 3, 6, 9], [14, 17, 20, 23]]
    assert audit.ends(cube, -1).tolist() == [[0, 1, 2], [21, 22, 23]]


def test_what_json_has_no_word_for_is_none() -> None:
    assert [audit.finite(value) for value in (1.0, float("inf"), float("nan"), None)] == [1.0, None, None, None]


# In a process of its own: what it allocated before decides where malloc takes the next block from.
PEAK = """
import numpy as np
from benchmarks.timing.audit import resident_peak

def kept():
    return np.ones(MEBI * 64, np.uint8)

def freed():
    kept()

def nothing():
    pass

def again():
    return np.ones(MEBI * 16, np.uint8)

again()
again()
print(*(resident_peak(one) for one in (again, kept, freed, nothing)))
"""


def peaks(variables: dict[str, str]) -> list[float]:
    """Mebibytes of a block of 16 that was freed before, one of 64, one of 64 freed at once, and of nothing."""
    done = subprocess.run(
        (sys.executable, "-c", PEAK.replace("MEBI", str(MEBI))),
        capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | variables,
    )  # fmt: skip
    return [int(word) / MEBI for word in done.stdout.split()]


@pytest.mark.skipif(not os.access(audit.CLEAR, os.W_OK), reason="the kernel does not forget a peak")
def test_the_resident_peak_is_what_a_call_takes_even_if_it_gives_it_back() -> None:
    again, kept, freed, nothing = peaks(RETURNED)
    assert again == pytest.approx(16, abs=2)
    assert kept == pytest.approx(64, abs=2)
    assert freed == pytest.approx(64, abs=2)
    assert nothing < 2
    assert peaks(AT_HAND)[0] < 2  # the trap: memory that malloc had kept is used again, and not seen


def test_the_peak_is_unknown_where_the_kernel_does_not_forget_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CLEAR", tmp_path / "absent" / "clear_refs")
    assert audit.resident_peak(lambda: None) is None


@pytest.mark.parametrize(("sizes", "size"), [([9, 9], 9), ([9, 7, 6, 6, 5], 6), ([*range(99, 0, -1)], 49)])
def test_what_another_thread_is_yet_to_free_is_no_part_of_what_was_there_before(
    sizes: list[int], size: int, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter(sizes)
    monkeypatch.setattr(audit, "status", lambda field: next(told))
    assert audit.settled() == size


def test_a_field_of_the_status_is_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "STATUS", tmp_path / "status")
    audit.STATUS.write_text("VmHWMark:\t1 kB\nVmHWM:\t   2048 kB\n")
    assert audit.status("VmHWM") == 2 * MEBI
    with pytest.raises(KeyError):
        audit.status("VmRSS")


def test_outputs_are_one_array_or_a_value_and_its_gradient() -> None:
    plain: Any = SimpleNamespace(to_numpy=np.asarray)
    assert len(audit.outputs(ONE, plain)) == 1
    assert len(audit.outputs((ONE, ONE), plain)) == 2
