"""Reductions of rows that are all alike: their truth and bounds are those of one row, however many there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.operations.labels import Weights
from conformance.run.measure import Judgement, compare
from conformance.run.target import Trial
from conformance.truth.arithmetic import GRADES
from conformance.truth.formats import exact


def _times(judgement: Judgement, count: int) -> Judgement:
    """The judgement of a sum of `count` numbers, made from that of one of them."""
    truth = judgement.truth
    scaled = replace(
        truth, value=truth.value * count, residual=truth.residual * count, radius=truth.radius * count
    )
    return replace(judgement, got=judgement.got * count, truth=scaled, error=judgement.error * count)


def of_copies(check: Trial) -> Judgement:
    """The reduction over rows that are all alike, beside the loss of one of them and the bounds of their mean."""
    one = replace(check.case, x=f"({check.case.x})[:1]", labels=f"({check.case.labels})[:1]", options={})
    call = one.call(check.operation, check.dtype)
    assert call.labels is not None
    traits = check.target.traits(check.dtype)
    copies, n = check.call.x.shape
    labels = exact(call.labels) if call.labels.ndim == 2 else np.eye(n)[call.labels]
    mean = check.case.options["reduction"] == "mean"
    weights = Weights(labels, share=1 / copies if mean else 1.0)
    judgement = _times(compare(call, check.result() / (1 if mean else copies), traits), 1 if mean else copies)
    setting = replace(judgement.setting, weights=weights, reduced=True, copies=copies)
    tolerance = dict(judgement.tolerance)
    for grade in GRADES[1:]:
        how = traits.arithmetic(grade, check.dtype, n)
        tolerance[grade] = check.op.tolerance(setting, how).reshape(1)
    return replace(judgement, tolerance=tolerance)
