"""Writes the record of a run: a row as each report arrives, and a footer that says whether all was judged."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from conformance.deviations import Deviation, known_from
from conformance.record.records import Check, Footer
from conformance.record.verdict import UNMATCHED
from conformance.record.writing import Writer
from conformance.run import consistency
from conformance.run.outcome import as_known, show
from conformance.run.processes import machine
from conformance.run.processes.supervisor import MOST, USAGE, given_up, running_file
from conformance.truth import cache


class Recorder:
    """Keeps each row as its report arrives; with pytest-xdist, in the process that gathers the reports.

    `entries` are the known deviations that concern the target; without a writer, nothing is written.
    """

    def __init__(self, target: str, entries: list[Deviation], writer: Writer | None) -> None:
        self.target, self.entries, self.writer = target, entries, writer
        self.rows = writer.checks if writer else []
        self.deaths = 0  # in a row, of processes that this one asks
        self.process = os.getpid()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the row that the report carries."""
        if os.getpid() != self.process:
            os._exit(1)  # a copy, which an adapter forked and let go on: one judge is enough
        if hasattr(report, "softmark"):
            row = Check(**report.softmark)
            if self.writer:
                self.writer.write(row)
            else:
                self.rows.append(row)
            self.deaths = self.deaths + 1 if row.outcome == "crash" and not row.entry else 0
            if self.deaths == MOST:
                if self.writer:
                    running_file(self.writer.path).unlink(missing_ok=True)
                pytest.exit(f"cannot go on: {given_up(row)}", returncode=USAGE)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge what only all checks together show, and write the footer of a run that came to its end."""
        # a record that lacked but its footer leaves nothing to collect
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.rows:
            session.exitstatus = pytest.ExitCode.OK
        elif exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        for row in consistency.judge(self.target, self.rows):
            name = row.id
            report = pytest.TestReport(f"conformance::{name}", ("", 0, name), {}, "passed", None, "call")
            attach(report, row, self.entries)
            session.config.hook.pytest_runtest_logreport(report=report)
        failed = bool(session.testsfailed)
        if self.writer:
            failed |= self._finish(self.writer)
        if failed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _finish(self, writer: Writer) -> bool:
        """Write the footer; return whether an entry matched nothing, which fails a run that judged all."""
        spent = round(cache.seconds(), 3)  # with workers theirs, which is not known here
        unconfirmed = known_from(self.entries)
        footer = Footer(len(self.rows), machine.now(), oracle_seconds=spent, known_from=unconfirmed)
        partial = writer.record(footer).partial
        matched = {row.entry for row in self.rows}
        unmatched = [entry.id for entry in self.entries if entry.confirmed and entry.id not in matched]
        unmatched = [] if partial else unmatched
        writer.write(replace(footer, unmatched=unmatched))
        running_file(writer.path).unlink(missing_ok=True)
        if partial:
            print(f"\n{writer.path} is partial: {partial}")
        for entry in unmatched:
            print(f"\ndeviation {entry} {UNMATCHED}")
        return bool(unmatched)


def attach(report: pytest.TestReport, row: Check, entries: list[Deviation]) -> None:
    """Put the row into the report, and its outcome, as a known deviation makes it."""
    row = as_known(row, entries)
    vars(report)["softmark"] = dict(vars(row))  # a plain dict, which pytest-xdist carries to the recorder
    show(report, row)
