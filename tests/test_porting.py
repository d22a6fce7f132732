"""What is told to someone who ports code is what the frameworks print, on the committed records."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import deviations, requirements
from conformance.record import reading, storage
from conformance.record.records import Record
from reports.differences.comparison import DescribedDifference, compare
from reports.differences.operands import Operand
from reports.evidence import RECORDS, assemble


@pytest.fixture(scope="module")
def committed() -> dict[str, Record]:
    found = (reading.read(path) for path in storage.find([RECORDS]))
    return {one.header.target: one for one in found}


def pairs_of(committed: dict[str, Record], first: str, second: str) -> tuple[DescribedDifference, ...]:
    two = [committed[name] for name in (first, second)]
    evidence = assemble(two, requirements=requirements.load(), entries=deviations.load())
    return compare(Operand(first, two[0]), Operand(second, two[1]), evidence).differences


def run(code: str, folder: Path) -> str:
    """What a program prints in one line, or "error" with the name of what it raises."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()) if done.returncode == 0 else "error"


# pair → requirements whose programs are run
PORTS = {
    ("tensorflow:cpu:eager", "jax:cpu:jit"): ("RNG-01", "SPV-06", "LBL-02"),
    ("torch:cpu:eager", "torch:cpu:compiled"): ("ACC-03", "IFC-11"),
}


@pytest.mark.parametrize(("pair_", "wanted"), PORTS.items(), ids=lambda one: "-".join(one))
def test_programs_print_what_the_records_say(
    pair_: tuple[str, str], wanted: tuple[str, ...], committed: dict[str, Record], tmp_path: Path
) -> None:
    for target in pair_:
        if importlib.util.find_spec(target.split(":")[0]) is None:
            pytest.skip("the framework is not installed")
    told = {one.requirements[0]: one for one in pairs_of(committed, *pair_)}
    for name in wanted:
        one = told[name]
        for side, other in (one.operands, one.operands[::-1]):
            agrees(run(side.program, tmp_path), side.answer, side.recorded or other.recorded)


def agrees(printed: str, text: str, told: str) -> None:
    """Hold what was printed against the answer, and the number that was got or expected against it."""
    if text.startswith("an error") or "uint8 error" in text:
        assert printed == "error"
    elif "(nan)" in text or "(nan_at_inf)" in text:
        assert "nan" in printed
        assert ("0." in printed) == ("nan_at_inf" in text)
    elif told:
        words = dict(part.split(" ", 1) for part in told.split(", ") if " " in part)
        number = float(words["got" if text.startswith("deviates") else "expected"])
        assert float(printed) == pytest.approx(number, rel=1e-3)
    else:
        assert printed != "error"


def test_every_program_of_the_committed_records_is_one(committed: dict[str, Record]) -> None:
    told = [one for names in PORTS for one in pairs_of(committed, *names)]
    codes = [side.program for one in told for side in one.operands if side.program]
    assert len(codes) >= 50
    for code in codes:
        compile(code, "<program>", "exec")
