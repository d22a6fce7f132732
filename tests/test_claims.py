"""Claims: what is said stands as data, and every number beside it is computed and right."""

from __future__ import annotations

import math
import re
import shlex
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.asv import results
from benchmarks.timing.cells import SHAPES
from conformance import requirements
from conformance.operations.labels import Loss
from conformance.operations.query import Query, evaluate
from conformance.truth.formats import format_of
from reports import evidence, scope
from reports.claims import claims, costs, gradients, numbers, page
from reports.evidence import Evidence
from reports.site import claims as site
from tests.asv_results import release
from tests.samples import check, record

NONE = evidence.assemble([record(check())])
ZERO = {gradients.SQUARED: ("softmax", [1.0, -1.0]), gradients.RIGHT: ("log_softmax", [-1.0, 0.0])}


def test_the_committed_page_is_that_of_the_committed_records_and_results(committed: Evidence) -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(committed), f"run {page.COMMAND}"


def test_every_claim_is_on_both_pages_with_its_verdict(committed: Evidence, committed_site: Path) -> None:
    text = (committed_site / "claims.html").read_text(encoding="utf-8")
    made = claims.claims(committed)
    assert [claim.id for claim in made] == list(claims.load())
    for claim in made:
        assert f'<tr id="{claim.id}">' in text
        assert claim.evidence, claim.id
        assert claim.number or claim.verdict == "not comparable", claim.id


def test_no_number_is_typed() -> None:
    for name, table in claims.load().items():
        for key in ("truth", "number"):
            text = re.sub(r"float\d+|\[[^]]*\]|\{\w+\}", "", table.get(key, ""))
            # those of a formula, a confidence, or the example that a sentence is about
            typed = set(re.findall(r"\d+", text)) - {*"0123", "10", "20", "95", "100", "1000", "128256"}
            assert not typed, (name, typed)


def test_what_a_claim_names_is_there() -> None:
    specification = requirements.load()
    subjects = {left.subject for left in scope.load().untested}
    for table in claims.load().values():
        assert table.get("scope", next(iter(subjects))) in subjects
        for proof in map(claims.proof_of, table.get("evidence", ())):
            assert proof.kind != "requirement" or proof.text in specification


def test_every_line_of_python_prints_a_number_of_its_claim() -> None:
    ran = 0
    for claim in claims.claims(NONE):
        for proof in claim.evidence:
            _, flag, source = [*shlex.split(proof.text), "", ""][:3]
            if proof.kind == "command" and flag == "-c":
                with redirect_stdout(StringIO()) as printed:
                    exec(source, {})
                told = re.split(r"[^\d.,⁰¹²³⁴⁵⁶⁷⁸⁹⁻·−]+", claim.truth + " " + claim.number)
                found = [float(text) for text in re.findall(r"-?\d[\d.]*(?:e-?\d+)?", printed.getvalue())]
                forms = {form for value in found for form in written(value)}
                assert forms & {text.strip(".,") for text in told}, (claim.id, found, told)
                ran += 1
    assert ran >= 14


def written(value: float) -> set[str]:
    """The ways in which a page writes a number."""
    return {
        *(numbers.few(value, digits) for digits in (2, 3, 4)),
        f"{value:.2f}",
        f"{value:.4f}",
        f"{value:,.0f}",
    } - {"0"}


@pytest.mark.parametrize("form", ZERO)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_gradient_rounds_to_zero_just_beyond_the_gap_that_is_told(form: gradients.LossForm, dtype: str) -> None:
    operation, cotangent = ZERO[form]
    gap = gradients.vanishes(form, dtype)
    least = format_of(dtype).smallest_subnormal / 2
    for near, is_zero in ((gap - 1e-3, False), (gap + 1e-3, True)):
        x = np.array([[0.0, -near]])
        p = evaluate(Query("softmax", x)).value
        # the squared error's cotangent is p − q, the class behind being the one that is wanted
        c = p - [[0.0, 1.0]] if form is gradients.SQUARED else np.array([cotangent])
        gradient = evaluate(Query(operation, x, "vjp", c)).value
        assert bool(np.max(np.abs(gradient)) <= least) == is_zero


def test_the_gradient_of_the_focal_loss_is_that_of_differences() -> None:
    def loss(gap: float) -> float:
        p = 1 / (1 + np.exp(-gap))
        return float(-((1 - p) ** gradients.GAMMA) * np.log(p))

    focal = gradients.FORMS[-1]
    for gap in (0.5, 2.0, 5.0):
        slope = (loss(gap + 1e-5) - loss(gap - 1e-5)) / 2e-5
        assert focal.magnitude(gap) == pytest.approx(-slope, rel=1e-6)


def test_cross_entropy_keeps_its_gradient_where_a_wrong_class_is_ahead() -> None:
    x = np.array([[0.0, -150.0]])
    gradient = evaluate(Query("softmax_cross_entropy", x, "vjp", np.ones(1), loss=Loss(np.array([1])))).value
    assert np.max(np.abs(gradient)) == gradients.WRONG.magnitude(150.0) == 1
    assert gradients.vanishes(gradients.WRONG, "float16") == gradients.NEVER


def test_measured_gaps_stand_beside_the_exact_ones() -> None:
    rows = [
        check("USE-05", "measured", case="squared-error", operation="softmax", measured={"gap": gap})
        for gap in (104.75, 88.0)
    ]
    found = evidence.assemble(
        [record(row, target=f"{name}:cpu:eager") for row, name in zip(rows, "ab", strict=True)]
    )
    text = page.page(found)
    assert "104.67 (88 to 104.75)" in text
    assert "(" not in next(line for line in page.page(NONE).splitlines() if line.startswith("| squared"))


def timed(exponent: float, device: str = "box") -> results.Results:
    """Latencies of softmax that grow with the classes to the power of `exponent`."""
    rows = tuple(
        results.Result(
            device, release("torch", "2.0"), "latency", replace(costs.HELD, shape=name), rows_of(name) * time
        )
        for name, shape in SHAPES.items()
        if shape.axis == -1
        for time in [1e-9 * shape.n**exponent]
    )
    machine = results.Machine(device, "A CPU", "2", "16", "x86_64")
    return results.Results({device: machine}, rows, ())


def rows_of(shape: str) -> int:
    """The rows of logits of a shape."""
    return math.prod(SHAPES[shape].on("cpu")) // SHAPES[shape].n


def test_time_over_classes_is_fitted_to_the_time_of_a_row() -> None:
    found = replace(NONE, results=timed(1.25))
    (fit,) = costs.fits(found)
    assert (fit.framework, fit.mode, fit.operation) == ("torch", "eager", "softmax")
    assert fit.exponent == pytest.approx(1.25)
    assert "PyTorch, softmax" in page.page(found)
    assert "1.25 (1.25 to 1.25)" in page.page(found)
    assert site.time_chart(found) is not None
    assert site.time_chart(NONE) is None


def test_each_machine_has_its_own_fit_and_the_page_names_it() -> None:
    one, two = timed(1.0), timed(1.25, "other")
    both = results.Results({**one.machines, **two.machines}, one.rows + two.rows, ())
    found = replace(NONE, results=both)
    text = page.page(found)
    assert "PyTorch, softmax on box | " in text
    assert "k from 1.00 to 1.25; its 95 % interval holds 1 in 1 of 2 fits" in text
    chart = site.time_chart(found)
    assert chart
    assert len(chart.panels[0].lines) == 1


def test_times_of_a_gpu_are_not_taken_for_those_of_a_cpu() -> None:
    assert costs.fits(replace(NONE, results=timed(1.25, "box-cuda"))) == []


def test_the_exponent_of_a_power_is_found_and_noise_widens_its_interval() -> None:
    exact = [(n, 1e-9 * n**1.5) for n in (10, 128, 1000, 32000)]
    points, slope, margin = costs.fit(exact[::-1])
    assert points == tuple(exact)
    assert slope == pytest.approx(1.5)
    assert margin == pytest.approx(0, abs=1e-9)
    noisy = [(n, time * factor) for (n, time), factor in zip(exact, (1.2, 0.8, 1.1, 0.9), strict=True)]
    _, slope, margin = costs.fit(noisy)
    assert 0.05 < margin < 1
    assert slope - margin < 1.5 < slope + margin


@pytest.mark.parametrize(("freedom", "value"), [(3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423)])
def test_the_quantile_is_that_of_tables(freedom: int, value: float) -> None:
    assert costs.quantile(freedom) == pytest.approx(value, rel=2e-3)


def test_without_results_the_claims_that_need_them_are_left_out_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {claim.id for claim in claims.claims(NONE)}
    assert set(claims.load()) - names == {"time", "memory"}
    assert "Time over classes" not in page.page(NONE)
    options: Any = type("Options", (), {"write": True})
    assert page.run(options, NONE) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_worked_figure_is_put_right_by_the_oracle() -> None:
    right, off, total = numbers.figure([2, 1, 0.1], [0.9339, 0.2669, 0.0292])
    assert right == ["0.6590", "0.2424", "0.0986"]
    assert (off, total) == ("0.27", "1.23")
    assert numbers.figure([2.5, 2, 0.5], [0.98, 0.02, 0])[0] == ["0.5741", "0.3482", "0.0777"]


@pytest.mark.parametrize(
    ("value", "text"), [(2.06e-9, "2.06·10⁻⁹"), (-100.0, "−100"), (0.03125, "0.0312"), (1e20, "1·10²⁰")]
)
def test_a_number_is_written_for_people(value: float, text: str) -> None:
    assert numbers.few(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "[a",
        '[a]\nsaid = "b"\nverdict = "wrong"\nscope = "c"',
        '[a]\nsaid = "b"\nverdict = "true"\ntruth = "c"',
        '[a]\nverdict = "true"\nscope = "c"\nlogits = []',
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "claims.toml").write_text(text)
    with pytest.raises(ValueError, match=r"claims\.toml"):
        claims.load(tmp_path / "claims.toml")
