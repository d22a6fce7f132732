"""Turns the end of a test into a row of the record, and the row into an outcome of pytest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from adapters.protocol import Died, NotProvided
from conformance import requirements
from conformance.deviations import Deviation
from conformance.foreign import visible
from conformance.record import records
from conformance.record.verdict import FAILED, LENIENT
from conformance.run.processes.supervisor import NO_TRUTH
from conformance.run.target import Trial
from conformance.truth.cache import NoTruth


def row_of(check: Trial, call: pytest.CallInfo[None]) -> records.Check:
    """Return the row of a check whose test has ended.

    Raises:
        KeyboardInterrupt, pytest.exit.Exception: the run was stopped within the test.
    """
    outcome, message = _outcome(check, call)
    return records.Check(
        requirement=check.subject.requirement.id,
        operation=check.operation,
        dtype=check.dtype,
        case=check.case.name,
        outcome=outcome,
        observed=check.observed,
        measured=check.measured,
        bound=check.bound,
        witness=check.witness,
        message=message,
        seconds=round(call.duration, 6),
    )


def _outcome(check: Trial, call: pytest.CallInfo[None]) -> tuple[str, str | None]:
    if call.excinfo is None:
        return {"choice": "choice", "report": "measured"}.get(check.subject.requirement.level, "pass"), None
    error = call.excinfo.value
    if isinstance(error, NotProvided):
        return "absent", told(error)
    if isinstance(error, Died):
        return "crash", f"{check.target.name}: {error}"
    if isinstance(error, NoTruth):
        pytest.exit(f"cannot judge {check.target.name}: {error}", returncode=NO_TRUTH)
    if isinstance(error, KeyboardInterrupt | pytest.exit.Exception):
        raise error
    reason = _first_line(error)
    if not isinstance(error, AssertionError):  # what was right before it raised is not what failed
        check.bound, check.witness = None, {"got": reason, "expected": "a result"}
        reason = ""
    if "call" not in check.witness:
        check.describe(check.case)
    check.witness.setdefault("got", check.observed or reason)
    check.witness.setdefault("expected", "as required")
    # what pytest says of an assertion are the names and numbers of our own code
    return "fail", check.explain() + (f"\n  {reason}" if reason and not reason.startswith("assert") else "")


def told(error: BaseException) -> str:
    """Return what an error says; "" where it cannot."""
    try:
        return str(error)
    except Exception:  # the error is another's code
        return ""


def _first_line(error: BaseException) -> str:
    text = told(error).strip().split("\nassert ")[0].splitlines()
    name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return name + (text[0] if text else "")


def as_known(row: records.Check, entries: Iterable[Deviation]) -> records.Check:
    """Return the row with the outcome that a known deviation makes of its own."""
    for entry in entries if row.outcome != "absent" else ():
        scope = entry.scope(row.requirement, row.operation, row.dtype, row.case)
        if scope is not None and (row.outcome in FAILED or not scope.some):
            mended = "fixed" if entry.confirmed else row.outcome
            outcome = {"fail": "deviation", "crash": "crash"}.get(row.outcome, mended)
            return replace(row, outcome=outcome, entry=entry.id)
    return row


def show(report: pytest.TestReport, row: records.Check) -> None:
    """Give pytest's report the outcome of the row."""
    report.sections = [(name, visible(text)) for name, text in report.sections]
    level = requirements.load()[row.requirement].level
    if row.outcome == "absent":
        report.outcome, report.longrepr = "skipped", (row.requirement, 0, f"absent: {visible(row.message or '')}")
    elif row.outcome == "deviation" or (row.outcome == "fail" and level in LENIENT):
        report.outcome, report.wasxfail = "skipped", f"{row.outcome}: {row.entry or level}"
    elif row.outcome in ("fail", "crash"):
        report.outcome, report.longrepr = "failed", visible(row.message or "")
    elif row.outcome == "fixed":
        report.outcome = "failed"
        report.longrepr = f"fixed: deviation {row.entry} lists {row.id}, which passes; narrow the entry"
