"""The claims: `claims.toml` has what is said, numbers.py computes what is true, and here the two meet."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports import scope
from reports.claims import numbers
from reports.evidence import Evidence

FILE = Path(__file__).with_name("claims.toml")
# verdict → its tone
VERDICTS = {"true": "good", "false": "bad", "true with a limit": "warn", "not comparable": "mute"}
REQUIREMENT = re.compile(r"[A-Z]{3}-\d\d")
COMMAND = "$ "
KEYS = {"said", "verdict", "truth", "number", "evidence", "scope", "logits", "printed"}


@dataclass(frozen=True)
class Proof:
    """The origin of a number: a "requirement", "place" of performance.md, "section", "command" or "scope"."""

    kind: str
    text: str


@dataclass(frozen=True)
class Claim:
    """A claim as people say it, the verdict, what is true, the number, and what each of these comes from."""

    id: str
    said: str
    verdict: str
    truth: str
    number: str
    evidence: tuple[Proof, ...]

    @property
    def tone(self) -> str:
        """The colour of its verdict."""
        return VERDICTS[self.verdict]


def load(path: Path = FILE) -> dict[str, dict[str, Any]]:
    """Return id → table of the file.

    Raises:
        ValueError: it is not TOML, or a table is no claim; a line that names the file.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from error
    for name, table in tables.items():
        ways = [{"truth", "number", "evidence"}, {"scope"}, {"logits", "printed"}]
        if table.get("verdict") not in VERDICTS or table.keys() - {"said", "verdict"} not in ways:
            raise ValueError(f"{path.name}: not a claim: {name}")
    return tables


def claims(evidence: Evidence) -> tuple[Claim, ...]:
    """Return the claims in the order of the file; one whose numbers are not in the evidence is left out."""
    return tuple(_claims(evidence))


def _claims(evidence: Evidence) -> Iterator[Claim]:
    reasons = {left.subject: left.reason for left in scope.load().untested}
    for name, table in load().items():
        said, verdict = table["said"], table["verdict"]
        if "scope" in table:
            proof = Proof("scope", table["scope"])
            yield Claim(name, said, verdict, reasons[table["scope"]], "", (proof,))
        elif "logits" in table:
            yield _figure(name, table)
        elif (values := numbers.OF[name](evidence)) is not None:
            truth, number = (table[key].format(**values) for key in ("truth", "number"))
            yield Claim(name, said, verdict, truth, number, tuple(map(proof_of, table["evidence"])))


def _figure(name: str, table: dict[str, Any]) -> Claim:
    """Return the claim of a worked figure that is printed wrongly."""
    logits = table["logits"]
    right, off, total = numbers.figure(logits, table["printed"])
    truth = f"It is [{', '.join(right)}]."
    if total != "1":
        truth += f" What is printed sums to {total}."
    return Claim(
        id=name,
        said=table["said"],
        verdict=table["verdict"],
        truth=truth,
        number=f"off by up to {off}",
        evidence=(Proof("command", f'python -c "{numbers.FIGURES.format(logits)}"'),),
    )


def proof_of(text: str) -> Proof:
    """Return a piece of evidence as it stands in the file."""
    if text.startswith(COMMAND):
        return Proof("command", text.removeprefix(COMMAND))
    if text.startswith("#"):
        return Proof("section", text)
    return Proof("requirement" if REQUIREMENT.fullmatch(text) else "place", text)
