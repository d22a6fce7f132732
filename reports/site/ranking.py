"""Ranks the findings by a rule that is computed from the records and printed beside the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.checks import Judged, split_target
from reports.evidence import Evidence
from reports.findings import UNREPORTED, Finding

NEW = ("failures", "crashes")  # sections of the report whose findings are not known yet
SECTIONS = (*NEW, "deviations", "should")
NARROW = "float8"
LEVELS = ("unknown", "must", "choice", "should", "report")  # an unknown one fails the run as must does
RULE = (
    "Failures that are not known yet come first; then must before choice before should; formats of 16 bits "
    "and more before those of 8; then the findings that touch the most requirements × operations × formats × "
    "targets; in a tie, those without a thread upstream. Findings at one requirement count as one."
)


@dataclass(frozen=True)
class Fault:
    """A fault at one requirement: its findings, the one that touches most first.

    `level` is the strictest one broken, `reach` the number of requirements × operations × formats × targets.
    """

    requirement: str
    findings: tuple[Finding, ...]
    new: bool
    level: str
    narrow: bool  # it shows in formats of 8 bits alone
    reach: int
    checks: int
    requirements: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The adapters that show the fault, the one that shows most of it first."""
        return tuple(dict.fromkeys(split_target(name)[0] for name in self.targets))

    @property
    def unreported(self) -> bool:
        """True if no upstream thread describes any of it."""
        return all("".join(part.text for part in finding.link) == UNREPORTED for finding in self.findings)

    @property
    def rank(self) -> tuple[bool, int, bool, int, bool, int, int, int, str]:
        """The sort key of the rule; ties are broken by frameworks, requirements, checks and id."""
        matters = (not self.new, LEVELS.index(self.level), self.narrow, -self.reach, not self.unreported)
        return (*matters, -len(self.frameworks), -len(self.requirements), -self.checks, self.requirement)


def faults(evidence: Evidence) -> list[Fault]:
    """Return every fault, the most important first."""
    checks = evidence.by_finding
    grouped: dict[tuple[bool, str, bool], list[Finding]] = defaultdict(list)
    for section in evidence.report.sections:
        for finding in section.findings if section.name in SECTIONS else ():
            own = checks[finding.id]
            new = section.name in NEW and any(judged.check.entry is None for judged in own)
            grouped[new, _first(own, evidence), _narrow(own)].append(finding)
    return sorted(
        (_fault(*key, findings, checks) for key, findings in grouped.items()), key=lambda fault: fault.rank
    )


def _first(checks: Sequence[Judged], evidence: Evidence) -> str:
    """Return the requirement that a finding belongs to: the first of its entry that was met, or of its checks."""
    met = {judged.check.requirement for judged in checks}
    entry = next((entry for entry in evidence.deviations if entry.id == checks[0].check.entry), None)
    named = [scope.requirement for scope in entry.scopes] if entry else []
    return next((name for name in named if name in met), min(met))


def _narrow(checks: Iterable[Judged]) -> bool:
    return all(judged.check.dtype.startswith(NARROW) for judged in checks)


def _reach(checks: Iterable[Judged]) -> int:
    touched = {(j.check.requirement, j.check.operation, j.check.dtype, j.target) for j in checks}
    return len(touched)


def _fault(
    new: bool,
    requirement: str,
    narrow: bool,
    findings: Sequence[Finding],
    checks: Mapping[str, Sequence[Judged]],
) -> Fault:
    widest = sorted(findings, key=lambda finding: -_reach(checks[finding.id]))
    own = [judged for finding in widest for judged in checks[finding.id]]
    levels = {judged.level for judged in own}
    return Fault(
        requirement=requirement,
        findings=tuple(widest),
        new=new,
        level=min(levels, key=LEVELS.index),
        narrow=narrow,
        reach=_reach(own),
        checks=len(own),
        requirements=tuple(sorted({judged.check.requirement for judged in own})),
        targets=tuple(dict.fromkeys(judged.target for judged in own)),
    )
