"""`python -m conformance sweep`: judge every input of a domain, and count the results by how right they are.

A domain is cut into chunks; each is kept in a file of its own as soon as it is judged, and --resume goes on
behind them. The counts are exact, and the same however the chunks are dealt out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters import ROOT
from conformance import files, terminal
from conformance.foreign import one_line
from conformance.run.processes import supervisor
from conformance.run.sweep import cluster
from conformance.run.sweep.judging import AXES, Task
from conformance.run.sweep.spaces import CHUNK, DOMAINS, chunks
from conformance.run.sweep.tally import COUNTS, merged
from conformance.run.sweep.truths import PARTS
from conformance.run.sweep.worker import Failed, ask

FORMAT = 1
SOURCES = ("conformance/truth", "conformance/operations", "conformance/run/sweep")  # what a count depends on
TARGETS = "numpy,torch,tensorflow,jax,scipy"


@dataclass(frozen=True)
class Sweep:
    """One target, domain and operation, and the folder of its chunks."""

    task: Task
    folder: Path

    @property
    def name(self) -> str:
        """The name of its record: "torch-cpu-eager-float16-pairs-softmax"."""
        task = self.task
        parts = [*supervisor.parse(task.target), task.domain, task.operation]
        parts += [] if task.axes == AXES else task.axes
        parts += [f"sample{task.sample}"] if task.sample else []
        return "-".join("".join(c if c.isalnum() or c in "._" else "-" for c in part) for part in parts)

    @property
    def record(self) -> Path:
        """The file of the merged counts."""
        return self.folder / f"{self.name}.json"

    def file(self, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / self.name / f"{chunk:05d}.json"

    @property
    def tasks(self) -> list[Task]:
        """Every chunk."""
        return [
            replace(self.task, chunk=c.number) for c in chunks(self.task.domain, self.task.sample, self.task.size)
        ]

    def kept(self, task: Task) -> dict[str, Any] | None:
        """Return the answer that an earlier run kept of a chunk, if it asked the same."""
        try:
            told = json.loads(self.file(task.chunk).read_text(encoding="utf-8"))
            return told["answer"] if told["asked"] == asked(task) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, task: Task, answer: dict[str, Any]) -> None:
        """Write a chunk's file, whole or not at all."""
        files.write(self.file(task.chunk), json.dumps({"asked": asked(task), "answer": answer}) + "\n")


def asked(task: Task) -> dict[str, Any]:
    """Return all that an answer depends on, but for the framework, which its answer names."""
    return {**asdict(task), "axes": list(task.axes), "suite": suite()}


def suite() -> str:
    """The digest of the sources that judge."""
    digest = sha256()
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep; exit code 0: every result is within grade D, or legal, 1: one is not, 2: wrong usage, or no end."""
    options, console = parser().parse_args(arguments), terminal.console()
    with ExitStack() as held:
        try:
            sweeps = _sweeps(options)
            held.enter_context(files.reserved(options.output))
            records = [_swept(sweep, options, console) for sweep in sweeps]
        except (ValueError, OSError, Failed) as error:
            terminal.complain(
                f"sweep: {one_line(str(error))}; --resume goes on behind what {options.output} keeps"
            )
            return 2
        except KeyboardInterrupt:
            terminal.complain(f"sweep: interrupted; --resume goes on behind what {options.output} keeps")
            return 130
    beyond = sum(p["counts"]["beyond"] + p["wrong"] for record in records for p in record["parts"].values())
    return 1 if beyond else 0


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m conformance sweep", description=__doc__)
    made.add_argument("--targets", default=TARGETS, help="adapter[:device[:mode]], separated by commas")
    made.add_argument("--domain", required=True, choices=DOMAINS)
    made.add_argument("--operations", default="softmax,log_softmax", help=f"of {', '.join(PARTS)}")
    made.add_argument("--axes", default=",".join(AXES), help="where the row lies: last, first, or both")
    made.add_argument("--sample", type=_count, metavar="N", help="so many rows drawn at random, in place of all")
    made.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster; else one is made here")
    made.add_argument(
        "--jobs", type=int, default=cluster.workers(), help="how many workers are made here; by cores and memory"
    )
    made.add_argument(
        "--chunk", type=_count, default=CHUNK, metavar="ROWS", help="how many rows are judged and kept at a time"
    )
    made.add_argument("--resume", action="store_true", help="keep the chunks that are judged and judge the rest")
    made.add_argument("--output", type=Path, default=Path("results/sweeps"), help="folder for chunks and records")
    return made


def _count(text: str) -> int:
    value = float(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text} is no number of rows")
    return int(value)


def _sweeps(options: argparse.Namespace) -> list[Sweep]:
    operations, axes = options.operations.split(","), tuple(options.axes.split(","))
    for name, known in [*((name, tuple(PARTS)) for name in operations), *((axis, AXES) for axis in axes)]:
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known)}")
    if options.jobs < 1:
        raise ValueError("--jobs is at least 1")
    targets = [":".join(supervisor.parse(name)) for name in supervisor.split(options.targets)]
    return [
        Sweep(Task(target, options.domain, operation, 0, options.sample, axes, options.chunk), options.output)
        for target in targets
        for operation in operations
    ]


def _swept(sweep: Sweep, options: argparse.Namespace, console: Any) -> dict[str, Any]:
    """Judge what is missing of a sweep, write its record and tell it."""
    began = time.monotonic()
    answers = {task: sweep.kept(task) if options.resume else None for task in sweep.tasks}
    missing = [task for task, answer in answers.items() if answer is None]
    with terminal.progress(console) as progress:
        bar = progress.add_task(one_line(sweep.name), total=len(answers), completed=len(answers) - len(missing))
        if missing:
            with cluster.client(options.scheduler, min(options.jobs, len(missing))) as connected:
                for task, answer in cluster.answers(connected, ask, missing):
                    sweep.keep(task, answer)
                    answers[task] = answer
                    progress.advance(bar)
    record = _record(sweep, [answer for answer in answers.values() if answer is not None])
    files.write(sweep.record, json.dumps(record, indent=1) + "\n")
    for name, part in record["parts"].items():
        console.print(one_line(f"{sweep.task.target}  {name}: {told(part)}"), soft_wrap=True)
    console.print(
        f"{one_line(sweep.name)}: {len(missing)} of {len(answers)} chunks in {time.monotonic() - began:.0f} s, "
        f"{record['seconds']:.0f} s of all workers",
        soft_wrap=True,
    )
    return record


def _record(sweep: Sweep, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    builds = {json.dumps(answer["framework"], sort_keys=True) for answer in answers}
    if len(builds) != 1:
        raise ValueError(f"{sweep.name}: chunks of {len(builds)} builds of the framework do not make one sweep")
    task = sweep.task
    return {
        "format": FORMAT,
        "target": task.target,
        "framework": json.loads(builds.pop()),
        "domain": task.domain,
        "operation": task.operation,
        "sample": task.sample,
        "suite": suite(),
        "chunks": len(answers),
        "seconds": round(sum(answer["seconds"] for answer in answers), 1),
        "parts": merged(answer["parts"] for answer in answers),
    }


def told(part: dict[str, Any]) -> str:
    """The counts and the worst errors of a part in one line."""
    counts = ", ".join(f"{name} {part['counts'][name]}" for name in COUNTS)
    worst = [f"{name} {float.fromhex(part[name]['value']):.6g}" for name in ("ulps", "bound") if name in part]
    return f"{counts}; worst {', '.join(worst)}; {part['wrong']} special rows wrong"
