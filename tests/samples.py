"""Made-up records, for the tests of the reports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from conformance.deviations import Deviation, Scope
from conformance.record.records import Check, Footer, Header, Record
from conformance.requirements import Requirement
from reports import model
from reports.checks import split_target
from reports.findings import Finding

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> | [red]`**x**`"
LEVELS = {"ACC-01": "must", "ACC-02": "should", "SPV-03": "choice", "DET-04": "report", "GRD-01": "must"}
REQUIREMENTS = {
    name: Requirement(name, ("softmax",), level, f"{name} holds.", ("scipy/scipy#19521",), {}, ())
    for name, level in LEVELS.items()
}
ENTRY = Deviation(
    id="stalled-sum",
    adapter="torch",
    versions=">=2",
    device="cpu",
    modes=("eager",),
    machines=("*",),
    tier="quick",
    title="The sum stalls",
    reason="70000 equal logits give 0, not 1/70000",
    link="pytorch/pytorch#1",
    reproduction="print(0)",
    prints="0",
    expected="1.43e-05",
    scopes=(Scope("ACC-01", ("*",), ("*",), ("*",)),),
)
CALL = {
    "operation": "softmax",
    "dtype": "float32",
    "expression": "np.zeros((1, 4))",
    "axis": -1,
    "derivative": "",
    "wrt": "x",
    "options": {},
}


def header(target: str = "torch:cpu:eager", start: str = "2026-01-01T00:00:00+00:00") -> Header:
    adapter = split_target(target)[0]
    return Header(
        target=target,
        framework={"name": adapter, "version": "2.0", "build": "wheel"},
        device_model="a CPU",
        python="3.11.7",
        platform="Linux",
        cpu_flags="",
        threads=2,
        suite_commit="abc",
        tier="quick",
        start=start,
    )


def check(requirement: str = "ACC-01", outcome: str = "pass", **fields: Any) -> Check:
    found = {"operation": "softmax", "dtype": "float32", "case": "zeros", "seconds": 0.5, **fields}
    return Check(requirement=requirement, outcome=outcome, **found)


def graded(outcome: str = "pass", requirement: str = "ACC-01", **ratios: float | str) -> Check:
    found = {"A": 2.0, "B": 0.5, "C": 0.5, "D": 0.4, "E": 0.1, **ratios}
    return check(requirement, outcome, measured={"ratio": found}, bound="D", witness={"call": CALL})


def record(
    *checks: Check, target: str = "torch:cpu:eager", footer: Footer | None = None, **fields: Any
) -> Record:
    end = footer or Footer(rows=len(checks), end="2026-01-01T00:01:00+00:00")
    return Record(Path("torch.jsonl"), header(target, **fields), list(checks), end)


def hostile_record() -> Record:
    """A record whose every text is HOSTILE, with a check at each level and a deviation."""
    call = {**CALL, "expression": HOSTILE, "labels": HOSTILE, "options": {HOSTILE: HOSTILE}}
    fields: dict[str, Any] = {
        "case": HOSTILE,
        "dtype": HOSTILE,
        "observed": HOSTILE,
        "message": HOSTILE,
        "witness": {"call": call, "got": HOSTILE, HOSTILE: [HOSTILE]},
        "measured": {"ratio": {"D": 2.0}, HOSTILE: HOSTILE},
    }
    rows = [check(name, "fail", **fields) for name in (*LEVELS, HOSTILE)]
    rows.append(check(outcome="deviation", entry=HOSTILE, **fields))
    rows.append(check(outcome="deviation", entry=ENTRY.id, **fields))
    rows.append(check("ACC-08", outcome="absent", **fields))
    footer = Footer(len(rows), "", unmatched=[HOSTILE])
    return record(*rows, target=f"{HOSTILE}:cpu:eager", footer=footer)


def markup(text: str) -> list[str]:
    """What of HOSTILE acts as markup in Markdown, and rows that have not the cells of their table's head."""
    outside = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = [mark for mark in ("<script", "<img", "**x**") if mark in outside]
    width = None
    for line in outside.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line))
        width = (width or cells) if line.startswith("|") else None
        if width is not None and cells != width:
            found.append(line)
    return found


def assembled(*records: Record) -> model.Report:
    return model.assemble(records, REQUIREMENTS, [ENTRY])


def section(report: model.Report, name: str) -> tuple[Finding, ...]:
    return next(part.findings for part in report.sections if part.name == name)
