"""Processes in turn: what each is told, and that one which crashes or hangs costs its cell alone."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters import ROOT
from benchmarks.timing import clock, rounds
from benchmarks.timing.cells import Cell
from benchmarks.timing.rounds import Measured, Run, measure
from reports.timing import current

CIFAR = Cell("softmax", "forward", "eager", "float32", "cifar", "1")
BERT, DECODE = replace(CIFAR, shape="bert"), replace(CIFAR, shape="decode")
ALL = replace(CIFAR, threads="all")

# stands for the Python of an environment: notes what it was given, and answers each cell by `row` of does.py
WORKER = """
    import json, os, sys, time
    from pathlib import Path
    here = Path(__file__).parent
    job = json.loads(Path(sys.argv[3]).read_text())
    with (here / "jobs.jsonl").open("a") as file:
        noted = {"arguments": sys.argv[1:3], "environment": dict(os.environ), "process": os.getpid()}
        file.write(json.dumps(job | noted) + "\\n")
    jobs = (here / "jobs.jsonl").read_text().count("\\n")
    exec((here / "does.py").read_text())
    with Path(sys.argv[4]).open("a") as file:
        for cell in job["cells"]:
            print(json.dumps({"begin": cell}), file=file, flush=True)
            print(json.dumps({"cell": cell} | row(cell["shape"])), file=file, flush=True)
"""
HOLDS = {"latency": 2.0, "roof": 1.0, "number": 5, "error": 0.5}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that measures nothing and is quick."""
    (tmp_path / "worker.py").write_text(textwrap.dedent(WORKER))
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{tmp_path / "worker.py"}" "$@"\n')
    path.chmod(0o755)
    does(path, "pass")
    return path


def does(python: Path, script: str) -> None:
    """What is done at each cell, before it is answered."""
    body = textwrap.indent(textwrap.dedent(script).strip(), "    ")
    text = f"def row(shape):\n    found = {HOLDS}\n{body}\n    return found\n"
    (python.parent / "does.py").write_text(text)


def jobs(python: Path) -> list[dict[str, Any]]:
    """What the processes were told, one after the other."""
    return [json.loads(line) for line in (python.parent / "jobs.jsonl").read_text().splitlines()]


def run(python: Path, cells: Iterable[Cell], count: int = 1, device: str = "cpu") -> dict[Cell, Measured]:
    return measure(Run("torch", tuple(cells), "core", device, count, str(python)))


def test_a_sample_is_the_median_of_one_process(python: Path) -> None:
    does(python, "found = {'latency': 1.0 * jobs, 'roof': 0.5, 'number': 5}")
    found = run(python, [CIFAR], 3)[CIFAR]
    assert found.samples("latency") == [2.0, 3.0, 4.0]
    assert found.ratios() == [4.0, 6.0, 8.0]
    assert found.median("latency") == 3.0
    assert found.audit["latency"] == 1.0
    assert found.samples("steady") == []


def test_each_round_runs_every_cell_once_in_each_thread_setting(python: Path) -> None:
    cells = [CIFAR, ALL, BERT]
    run(python, cells, 2)
    told = [(job["audit"], [Cell(**cell) for cell in job["cells"]]) for job in jobs(python)]
    assert told == [(True, [CIFAR, BERT]), *[(False, [CIFAR, BERT]), (False, [ALL])] * 2]
    assert {(job["framework"], job["device"], job["tier"]) for job in jobs(python)} == {("torch", "cpu", "core")}
    assert jobs(python)[0]["arguments"] == ["-m", "benchmarks.timing.worker"]


def test_what_an_audit_refuses_in_one_thread_is_refused_in_all_and_its_numbers_are_of_one(python: Path) -> None:
    does(python, "found = {'refused': 'a constant'} if shape == 'bert' else found")
    found = run(python, [CIFAR, ALL, BERT, replace(BERT, threads="all")])
    assert (found[CIFAR].audit, found[ALL].audit) == (HOLDS, {})
    assert found[replace(BERT, threads="all")].why == found[BERT].why == "refused: a constant"
    assert [len(job["cells"]) for job in jobs(python)] == [2, 1, 1]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_all_threads_are_audited_where_one_is_not_asked_for_or_is_no_part_of_the_device(
    python: Path, device: str
) -> None:
    cells = [ALL] if device == "cpu" else [CIFAR, ALL]
    assert run(python, cells, device=device)[ALL].audit == HOLDS
    first = jobs(python)[0]
    assert first["audit"]
    assert [Cell(**cell) for cell in first["cells"]] == [ALL]


def test_a_crash_costs_its_cell_alone_and_says_so(python: Path) -> None:
    does(python, "if shape == 'bert': sys.exit('no such instruction') if jobs % 2 else sys.exit(3)")
    found = run(python, [CIFAR, BERT, DECODE])
    assert found[BERT].why == "crash: exit code 1, no such instruction"
    assert not found[BERT].rows
    assert [found[cell].why for cell in (CIFAR, DECODE)] == ["", ""]
    assert [len(found[cell].rows) for cell in (CIFAR, DECODE)] == [1, 1]
    assert [[cell["shape"] for cell in job["cells"]] for job in jobs(python)] == [
        ["cifar", "bert", "decode"],
        ["decode"],
        ["cifar", "decode"],
    ]


def test_a_signal_is_told_as_such(python: Path) -> None:
    does(python, "os.kill(os.getpid(), 9)")
    assert run(python, [CIFAR])[CIFAR].why == "crash: signal SIGKILL"


def test_what_was_measured_before_a_crash_is_kept(python: Path) -> None:
    does(python, "if jobs == 3 and shape == 'cifar': sys.exit(3)")
    found = run(python, [CIFAR, BERT], 3)
    assert found[CIFAR].why == "crash: exit code 3"
    assert [len(found[cell].rows) for cell in (CIFAR, BERT)] == [1, 3]


@pytest.mark.parametrize(("slowed", "kept"), [("jobs == 3", 2), ("jobs == 4", 2), ("jobs > 1", 0)])
def test_a_round_on_a_slowed_device_costs_no_other(slowed: str, kept: int, python: Path) -> None:
    does(python, f"found |= {{'throttled': 'by heat'}} if {slowed} else {{}}")
    entry = run(python, [CIFAR], 3)[CIFAR]
    assert len(entry.rows) == kept
    assert entry.why == ("" if kept else "throttled: by heat")


def test_a_process_that_finishes_no_cell_is_given_up(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PATIENCE", 2.0)
    does(python, "if shape == 'bert': time.sleep(60)")
    found = run(python, [CIFAR, BERT, DECODE])
    assert found[BERT].why == "hang: 2 s"
    assert [found[cell].why for cell in (CIFAR, DECODE)] == ["", ""]
    gone(jobs(python)[0]["process"])


def gone(process: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_framework_that_is_not_here_is_absent_everywhere_and_not_timed(python: Path) -> None:
    does(python, "found = {'absent': 'ModuleNotFoundError: torch'}")
    found = run(python, [CIFAR, ALL, BERT], 3)
    assert {entry.why for entry in found.values()} == {"absent: ModuleNotFoundError: torch"}
    assert not any(entry.rows for entry in found.values())
    assert [job["audit"] for job in jobs(python)] == [True]


def test_one_thread_is_one_core_and_told_to_every_library_before_it_is_imported(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the shell's, which "all" does not mean
    run(python, [CIFAR, ALL])
    audit, one, both = jobs(python)
    for job in (audit, one):
        assert (job["cores"], job["threads"]) == (clock.cores()[-1:], 1)
        assert job["environment"].items() >= rounds.ONE_THREAD.items()
    assert (both["cores"], both["threads"]) == (clock.cores(), len(clock.cores()))
    assert not both["environment"].keys() & rounds.ONE_THREAD.keys()


def test_devices_are_not_preallocated_and_compilers_keep_nothing(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in rounds.PLAIN:
        monkeypatch.setenv(name, "as the user likes")
    run(python, [CIFAR])
    environments = [job["environment"] for job in jobs(python)]
    for given in environments:
        assert given["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
        assert given["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
        assert given["JAX_ENABLE_COMPILATION_CACHE"] == "false"
    run(python, [CIFAR])
    again = jobs(python)[-1]["environment"]
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        assert environments[0][name] == environments[1][name] != again[name]
        assert not Path(again[name]).parent.exists()


def test_what_was_compiled_for_one_thread_is_not_found_by_all(python: Path) -> None:
    run(python, [CIFAR, ALL], 2)
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        audit, one, every, *again = (job["environment"][name] for job in jobs(python))
        assert audit == one != every
        assert again == [one, every]


def test_memory_goes_back_to_the_system_in_the_audit_and_is_at_hand_where_calls_are_timed(python: Path) -> None:
    run(python, [CIFAR])
    audit, timed = (job["environment"] for job in jobs(python))
    assert audit.items() >= rounds.RETURNED.items()
    assert timed.items() >= rounds.AT_HAND.items()
    measure(Run("torch", (CIFAR,), rounds=1, python=str(python), brief=True))
    assert all(job["environment"].items() >= rounds.AT_HAND.items() for job in jobs(python)[2:])


# Blocks that are larger than glibc keeps by itself, which is up to 32 MiB.
FAULTS = """
from benchmarks.timing.clock import page_faults
b"x" * (48 << 20)  # the first gives the heap its size
before = page_faults()
for _ in range(4):
    b"x" * (48 << 20)
print(page_faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they like")
@pytest.mark.parametrize(("variables", "paid"), [(rounds.AT_HAND, False), (rounds.RETURNED, True), ({}, True)])
def test_memory_at_hand_costs_no_page_faults(variables: dict[str, str], paid: bool) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        (sys.executable, "-c", FAULTS), capture_output=True, text=True, check=True, cwd=ROOT,
        env=plain | variables,
    )  # fmt: skip
    assert (int(done.stdout) > 1000) is paid


def test_progress_is_told(python: Path) -> None:
    does(python, "time.sleep(0.3)")
    told: list[str] = []
    measure(Run("torch", (CIFAR, BERT), rounds=1, python=str(python)), told.append)
    assert "torch: audit, 1 of 2 cells" in told
    assert "torch: round 1 of 1, 1 of 2 cells" in told


def test_an_interrupt_ends_the_process(python: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    does(python, "time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        measure(Run("torch", (CIFAR,), rounds=1, python=str(python)), interrupt)
    gone(jobs(python)[0]["process"])


LONG = (
    "from benchmarks.timing import cells, rounds; rounds.measure(rounds.Run('numpy', tuple(cells.cells('core'))))"
)
PROC = Path("/proc")


def children(process: int) -> list[int]:
    """The processes that it started and that still run, as proc(5) tells their state and parent."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *_ = stat.read_text().rpartition(")")[2].split()
            found += [int(stat.parent.name)] if int(parent) == process and state != "Z" else []
    return found


@pytest.mark.skipif(not PROC.is_dir(), reason="this system does not show its processes")
def test_a_process_ends_with_the_one_that_asked_even_where_that_is_killed() -> None:
    with subprocess.Popen((sys.executable, "-c", LONG), cwd=ROOT) as parent:
        until(lambda: bool(children(parent.pid)))
        (worker,) = children(parent.pid)
        parent.kill()
    until(lambda: not alive(worker))


def alive(process: int) -> bool:
    with suppress(OSError):
        return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(holds: Callable[[], bool]) -> None:
    """Wait for it, and fail after a while."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it never came to it")


def test_brief_jobs_are_audited_side_by_side_on_a_core_each_and_then_timed_in_turn(python: Path) -> None:
    does(python, "time.sleep(0.5)")
    asked = [Run(name, (CIFAR,), rounds=1, python=str(python), brief=True) for name in ("torch", "jax", "scipy")]
    found: dict[str, current.MeasuredCells] = {}
    assert list(current.measure(asked, found, lambda line: None)) == ["torch", "jax", "scipy"]
    assert all(entries[CIFAR].rows for entries in found.values())
    told = jobs(python)
    assert [job["audit"] for job in told] == [True] * 3 + [False] * 3
    assert [job["framework"] for job in told[3:]] == ["torch", "jax", "scipy"]
    assert all(job["brief"] for job in told)
    first, second = (job["cores"] for job in told[:2])
    assert len(first) == len(second) == 1
    if len(clock.cores()) > 1:
        assert first != second
    assert {tuple(job["cores"]) for job in told[3:]} == {tuple(clock.cores()[-1:])}


def test_what_is_to_be_filed_is_audited_and_timed_one_after_the_other(python: Path) -> None:
    list(current.measure([Run("torch", (CIFAR,), rounds=2, python=str(python))] * 2, {}, lambda line: None))
    assert [job["audit"] for job in jobs(python)] == [True, False, False] * 2
    assert not any(job["brief"] for job in jobs(python))


def test_an_interrupt_of_audits_side_by_side_ends_all_of_them(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    does(python, "time.sleep(60)")
    asked = [Run(name, (CIFAR, BERT), python=str(python), brief=True) for name in ("torch", "jax", "scipy")]

    class Interrupted(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            while not (python.parent / "jobs.jsonl").exists():
                time.sleep(0.05)
            raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.thread._base.Future", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(current.measure(asked, {}, lambda line: None))
    for job in jobs(python):
        gone(job["process"])
    assert len(jobs(python)) <= len(clock.cores())


@pytest.mark.parametrize("kind", rounds.WITHOUT)
def test_a_row_without_numbers_says_why(kind: str) -> None:
    assert rounds.reason({kind: "so it is", "spent": 0.1}) == f"{kind}: so it is"
    assert rounds.reason(HOLDS) == ""


# the real worker, in an interpreter that notes what it may use when the framework is loaded
REAL = """
    import json, os, sys
    from pathlib import Path
    sys.path.insert(0, os.getcwd())
    sys.argv = sys.argv[2:]
    import adapters
    from benchmarks.timing import worker
    load = adapters.load

    def noted(*arguments):
        with (Path(__file__).parent / "loads.jsonl").open("a") as file:
            print(json.dumps([sorted(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS")]), file=file)
        return load(*arguments)

    adapters.load = noted
    worker.main()
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no process to a core")
def test_numpy_is_measured_on_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "real.py").write_text(textwrap.dedent(REAL))
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "real.py"}" "$@"\n')
    path.chmod(0o755)
    both = replace(CIFAR, direction="forward+backward")
    loss = replace(both, operation="cross_entropy_index")
    compiled = replace(CIFAR, mode="compiled")
    found = measure(Run("numpy", (both, loss, compiled, ALL), rounds=1, python=str(path)))
    for cell in (both, loss):
        assert found[cell].why == ""
        assert found[cell].audit["error"] < 1
        (row,) = found[cell].rows
        assert all(row[key] > 0 for key in ("latency", "steady", "cold", "roof", "number"))
    assert found[compiled].why == "absent: NotProvided: numpy does not compile"
    assert found[ALL].why == "absent: NotProvided: numpy computes in one thread"
    loads = [json.loads(line) for line in (tmp_path / "loads.jsonl").read_text().splitlines()]
    assert loads == [[clock.cores()[-1:], "1"], [clock.cores(), None], [clock.cores()[-1:], "1"]]
