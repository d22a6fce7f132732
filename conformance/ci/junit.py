"""`--junit FILE`: write the run as JUnit XML, with a suite for each target and a case for each check.

A failure that does not fail the run (of a *should*, a known deviation, what is allowed, a check that the baseline
knows) is skipped with its reason, and so is an absent check. Characters that XML does not allow are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from conformance.ci import baseline
from conformance.ci.run_summary import named
from conformance.foreign import visible
from conformance.record.records import Check, Record
from conformance.record.verdict import counted

NONCHARACTERS = re.compile("[\ufffe\uffff]")  # XML 1.0 cannot hold these, nor most of what a terminal acts on


def render(records: Sequence[Record], before: Mapping[str, Record], unmatched: Iterable[str] = ()) -> str:
    """Return the document; `before` holds the baseline of each target that has one.

    `unmatched` are lines on what is allowed and does not fail: cases of a suite of their own.
    """
    root = ElementTree.Element("testsuites", name="softmark")
    for record in records:
        root.append(_suite(record, before.get(record.header.target)))
    if cases := [_unmatched(line) for line in unmatched]:
        suite = ElementTree.SubElement(root, "testsuite", name="--allow", **_numbers(cases))
        suite.extend(cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(record: Record, before: Record | None) -> ElementTree.Element:
    groups = baseline.by_cause(record, before)
    causes = {check.id: group.cause for group in groups for check in group.checks}
    cases = [_case(check, causes.get(check.id), before is not None) for check in record.checks]
    if record.unfinished:
        cases.append(_unfinished(record.unfinished))
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(record.header.target),
        **_numbers(cases),
        time=f"{sum(check.seconds for check in record.checks):.3f}",
        timestamp=_legal(record.header.start),
    )
    properties = ElementTree.SubElement(suite, "properties")
    header = record.header
    facts = {**header.framework, "suite commit": header.suite_commit, "tier": header.tier}
    told = [("note", note) for note in baseline.notes(record, before)]
    told += [("likely cause", f"{len(group.checks)}: {named(group)}") for group in groups]
    for name, value in [*facts.items(), *told]:
        ElementTree.SubElement(properties, "property", name=_legal(name), value=_legal(value))
    suite.extend(cases)
    return suite


def _case(check: Check, cause: str | None, measured: bool) -> ElementTree.Element:
    """Return the case of a check, which fails the run where it has a likely cause."""
    case = ElementTree.Element(
        "testcase",
        classname=_legal(check.requirement),
        name=_legal(f"{check.operation}/{check.dtype}/{check.case}"),
        time=f"{check.seconds:.3f}",
    )
    if cause is not None:
        kind = "error" if check.outcome in ("crash", "timeout") else "failure"
        text = f"{check.message or ''}\n  likely cause: {cause}".strip()
        _add(case, kind, _first(check) or check.outcome, text, type=check.outcome)
    elif check.outcome not in ("pass", "choice", "measured"):
        reason = f"deviation {check.entry}" if check.entry else counted(check)
        if measured and baseline.failing(check) and not check.entry:
            reason = "it fails in the baseline too"
        _add(case, "skipped", f"{reason}: {_first(check)}" if check.message else reason, None)
    return case


def _numbers(cases: Sequence[ElementTree.Element]) -> dict[str, Any]:
    found = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counted_of = {name: sum(case.find(tag) is not None for case in cases) for name, tag in found.items()}
    return {"tests": str(len(cases))} | {name: str(count) for name, count in counted_of.items()}


def _unmatched(line: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="allow", name=_legal(line), time="0.000")
    _add(case, "failure", line, None, type="unmatched")
    return case


def _unfinished(reason: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="run", name="comes to its end", time="0.000")
    _add(case, "error", reason, None, type="incomplete")
    return case


def _add(case: ElementTree.Element, kind: str, message: str, text: str | None, **attributes: str) -> None:
    element = ElementTree.SubElement(case, kind, {"message": _legal(message), **attributes})
    element.text = _legal(text) if text else None


def _first(check: Check) -> str:
    return (check.message or "").strip().partition("\n")[0]


def _legal(text: str) -> str:
    return NONCHARACTERS.sub("\ufffd", visible(text))
