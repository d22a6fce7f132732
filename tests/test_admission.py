"""An adapter's own mistake ends its run in one line that names it; what a framework does wrong is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import __main__ as command
from conformance.record import reading, records
from conformance.run import admission
from conformance.run.admission import AdapterMistake
from tests import mistaken

MISTAKES = {
    "ReturnsNone": "softmax returned None",
    "ReturnsList": "log_softmax returned a list",
    "ReturnsMean": r"softmax_cross_entropy returned shape \(\) for logits of shape \(6, 33\), not \(6,\)",
    "ReturnsObjects": "to_numpy of what logsumexp returned returned a ndarray, not an array of numbers",
    "DerivesNone": "vjp returned None",
    "LosesArray": "asarray returned None",
    "Widens": "to_numpy returned float32 for an array of float16",
    "Flushes": r"to_numpy returned \[0.0, 0.0, .* for an array \[0.0, -0.0, ",
    "UnknownFormat": r"dtypes holds 'fp32', which is no format \(float32, bfloat16, …\)",
    "ComplexFormat": "dtypes holds 'complex64', which is no format",
    "NoFormat": "dtypes is empty",
    "TextForFormats": "dtypes is 'float32', not a set of names",
    "UnknownFeature": r"features holds 'grad', which is no feature \(autocast, .*, vjp, ",
    "NoVersion": "version is None, not a text",
    "NumberForVersion": "version is 1.5, not a text",
    "NoName": "name is None, not a text",
    "NoMethod": "there is no method to_numpy",
}


def admit(name: str) -> None:
    adapter = getattr(mistaken, name)()
    admission.describes_itself(adapter)
    admission.answers(adapter)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_method_and_what_it_returned(name: str) -> None:
    with pytest.raises(AdapterMistake, match=MISTAKES[name]) as caught:
        admit(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["OddVersion", "Raises", "Narrows"])
def test_what_is_no_mistake_of_the_adapter_is_judged(name: str) -> None:
    admit(name)


def test_a_mistake_costs_its_own_target_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["ReturnsNone", "NoVersion", "UnknownFormat", "OddVersion"]
    targets = [f"tests.mistaken:{name}" for name in names]
    files = ["--junit", str(tmp_path / "junit.xml"), "--summary", str(tmp_path / "summary.md")]
    assert command.main(["--targets", ",".join(targets), "--output", str(tmp_path), *files]) == 2
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("FAILS")] == [
        f"FAILS  cannot judge {targets[0]}:cpu:eager: a mistake of the adapter: softmax returned None",
        f"FAILS  cannot judge {targets[1]}:cpu:eager: a mistake of the adapter: version is None, not a text",
        f"FAILS  cannot judge {targets[2]}:cpu:eager: a mistake of the adapter: dtypes holds 'fp32', which is no "
        "format (float32, bfloat16, …)",
    ]
    assert any(line.startswith(f"holds  {targets[3]}:cpu:eager [bold]nightly[/] <b>&amp;</b>") for line in said)
    kept = [reading.read(tmp_path / records.file_name(f"{target}:cpu:eager")) for target in targets]
    assert [bool(record.checks) for record in kept] == [False, False, False, True]
    assert all(target in (tmp_path / "junit.xml").read_text() for target in targets)
    assert all(target in (tmp_path / "summary.md").read_text() for target in targets)
