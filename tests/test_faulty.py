"""The gallery: each class is listed, cites where its fault was seen, and answers some small call wrongly."""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest

import adapters
from adapters.faulty import Faulty
from adapters.numpy import Adapter
from conformance import requirements
from tests.calls import (
    CERTAIN,
    INDEX,
    INF,
    LONG,
    LOSS,
    NAN,
    NORMAL,
    OTHER,
    SOFT,
    UPSTREAM,
    Call,
    after_refusal,
    afterwards,
    answer,
    changed_in_place,
    derivative,
    divergence,
    drawn_again,
    draws,
    focal,
    frameworks_after,
    given_to_loss,
    ignored_gradient,
    linear,
    linear_gradient,
    log_softmax,
    logsumexp,
    loss,
    mapped,
    overwritten,
    overwritten_hidden,
    overwritten_upstream,
    relaxed,
    repeated,
    softmax,
    sorted_in_place,
    top_k,
    two_at_once,
)

GALLERY = {fault.__name__: fault for fault in Faulty.__subclasses__()}
CAUGHT = {name for requirement in requirements.load().values() for name in requirement.catches}
SHOWN: dict[str, Call] = {
    "NoShift": softmax([1000, 0]),
    "MeanShift": softmax([1000, 0, 0]),
    "BatchMaximum": softmax([[0, 0], [500, 0]]),
    "MaximumOfFirst128": softmax(np.eye(1, 130, k=129) * 1000),
    "ShiftRoundedElsewhere": lambda a: a.call(lambda x: a.softmax(x * 1e12), NORMAL),
    "SumWithoutTail": softmax(np.zeros(9)),
    "WrongAxisSum": softmax(NORMAL),
    "EpsilonDenominator": softmax([0, 0]),
    "Float16Accumulation": softmax(np.zeros(4097), np.float16),
    "SequentialSum": softmax(LONG),
    "ShuffledSum": repeated,
    "ClampedExponent": softmax([0, -30]),
    "CoarseExponential": softmax([0, -1 / 3]),
    "TailExponential": softmax(np.zeros(9)),
    "FlooredProbabilities": softmax([0, -30]),
    "LogOfSoftmax": log_softmax(0, -200),
    "LogOfClippedSoftmax": log_softmax(0, -30),
    "NoLog1p": log_softmax(0, -20),
    "LogSumExpFirst": log_softmax(1e8, 1e8),
    "NaNAsMasked": softmax([NAN, 0]),
    "InfinityAsMasked": softmax([INF, 0]),
    "AllMaskedUniform": softmax([-INF, -INF]),
    "LogSoftmaxOwnInfinity": log_softmax(INF, 0),
    "OtherAxisRunningMaximum": softmax([[-INF], [0]], axis=0),
    "OtherRanksEmptyRow": softmax([[-INF, -INF]]),
    "WhereOfFirstRow": softmax(NORMAL, where=np.array([True, False, True, True])),
    "NaNLossDropped": loss([1], np.array([[NAN, 0]], np.float32)),
    "UpstreamMixed": derivative("vjp", "softmax", np.where([[True], [False], [False]], np.float32(NAN), OTHER)),
    "VmapFirstCotangent": lambda a: a.vmap(lambda x, c: a.vjp("softmax", x, c), NORMAL, OTHER),
    "WhereAfterExponential": lambda a: a.vjp("softmax", NORMAL * 1000, OTHER, where=NORMAL < 0),
    "GradientOfSum": derivative("vjp", LOSS, np.float32(1), labels=INDEX, reduction="mean"),
    "MaximumDifferentiated": lambda a: a.vjp("softmax", np.ones_like(NORMAL), OTHER),
    "GradientFromLogSumExp": lambda a: a.vjp("softmax", NORMAL + np.float32(1e8), OTHER),
    "WhereMultiplies": softmax([1, 2], where=np.array([True, False])),
    "MaskedTimesInfinity": loss([1], np.array([[-INF, 0]], np.float32)),
    "DiagonalJacobian": derivative("vjp", "softmax", OTHER),
    "ProbabilitiesAsLogits": loss(INDEX),
    "TangentWithoutMean": derivative("jvp", "softmax", OTHER),
    "ZeroSecondDerivative": derivative("hvp", "softmax", OTHER, OTHER),
    "ZeroMixedDerivative": derivative("hvp", LOSS, UPSTREAM, OTHER, wrt="labels", labels=SOFT),
    "ZeroLabelGradient": derivative("vjp", LOSS, UPSTREAM, wrt="labels", labels=SOFT),
    "UpstreamIgnored": derivative("vjp", LOSS, UPSTREAM, labels=INDEX),
    "CotangentReadAsStored": derivative("vjp", "softmax", np.asfortranarray(OTHER)),
    "LabelModulo": loss([0, 4, 1]),
    "NegativeLabelFromEnd": loss([0, -1, 1]),
    "LabelsAsInt8": loss(np.array([200], np.uint8), np.linspace(0, 1, 250, dtype=np.float32)[None]),
    "LabelsAsInt32": loss([0, 2**32 + 1, 1]),
    "LabelsReadAsStored": loss(INDEX[::-1]),
    "LabelsOfOwnShapeAsIndices": loss(np.eye(3, 4, dtype=int)),
    "LabelsNormalised": loss(SOFT * 2),
    "LabelsClipped": loss(SOFT * 2),
    "LogitsCutToLabels": loss(SOFT[:1]),
    "LabelsBroadcast": loss([2]),
    "SmoothingOverOthers": loss(INDEX, label_smoothing=0.1),
    "IgnoredRowCounts": loss([0, -7, 1], ignore_index=-7),
    "SmoothedIgnoredRow": loss([0, -7, 1], ignore_index=-7, label_smoothing=0.1),
    "IgnoredRowTimesNaN": ignored_gradient,
    "MeanOverAllRows": loss([0, -7, 1], ignore_index=-7, reduction="mean"),
    "MeanIgnoresWeights": loss(INDEX, weight=np.arange(1, 5), reduction="mean"),
    "MeanOverElements": loss(INDEX, reduction="mean"),
    "NarrowMean": loss(np.zeros(4, int), np.array([[-30000, 0]] * 4, np.float16), reduction="mean"),
    "SequentialMean": loss(np.zeros(4097, int), np.zeros((4097, 2), np.float32), reduction="mean"),
    "EmptyMeanByForm": loss(SOFT[:0], NORMAL[:0], reduction="mean"),
    "NoClassesNoLoss": loss(INDEX, NORMAL[:, :0]),
    "BrokenByRefusal": after_refusal,
    "AxisModulo": softmax(NORMAL, axis=2),
    "TrailingAxisOfOne": softmax(NORMAL[:, :1], axis=0),
    "ViewReadAsStored": softmax(NORMAL.T),
    "IntegerShift": softmax([200, 10, 0], np.uint8),
    "SingleClassSigmoid": softmax([[0], [1]]),
    "NoClassesOneResult": softmax(np.zeros((2, 0))),
    "EmptyBatchRefused": softmax(np.zeros((0, 2))),
    "KeptClassAxis": loss(INDEX),
    "InPlaceShift": afterwards,
    "WidenedOutput": softmax(NORMAL, np.float16),
    "Bfloat16Output": softmax(NORMAL),
    "TruncatedOutput": softmax(NORMAL, ml_dtypes.bfloat16),
    "ReusedBuffer": overwritten,
    "FastLogarithm": lambda a: a.log(np.array([2, 3], np.float32)),
    "DeterministicInName": lambda a: a.deterministic(lambda x: repeated(a), NORMAL),
    "OtherAxisNoShift": softmax([[1000], [0]], axis=0),
    "UnbatchedAsBatch": loss(1, NORMAL[0]),
    "FirstOfAxes": softmax(NORMAL, axis=(0, 1)),
    "ImaginaryDropped": softmax([[1j, 0]], np.complex64),
    "IndexOf16Bits": softmax(np.zeros((2**15, 3))),
    "VmapLeavesTail": lambda a: a.vmap(a.softmax, np.concatenate([NORMAL, OTHER])),
    "OverflowClampedInGraph": lambda a: a.call(lambda x: softmax([INF, 0])(a), NORMAL),
    "CastInGraph": lambda a: a.call(lambda x: a.vjp("softmax", NORMAL, x), OTHER),
    "LogSumExpUnshifted": logsumexp([1000, 0]),
    "LogSumExpUnguarded": logsumexp([-INF, -INF]),
    "LogSumExpWithEpsilon": logsumexp([0, 0]),
    "LogSumExpWithoutMaximum": logsumexp([1, 0]),
    "LogSumExpOfFirstAxis": logsumexp(LONG.reshape(6, 20, 50)),
    "LogSumExpKeepsAxis": logsumexp(NORMAL),
    "LogSumExpGradientFromResult": lambda a: a.vjp("logsumexp", NORMAL + np.float32(1e8), UPSTREAM),
    "LogSumExpUpstreamIgnored": derivative("vjp", "logsumexp", UPSTREAM),
    "UpstreamOverwritten": overwritten_upstream,
    "LabelsOverwritten": given_to_loss(0.5, labels=SOFT),
    "WeightOverwritten": given_to_loss(weight=[1, 2, 3, 4]),
    "ResultKept": changed_in_place,
    "SharedBuffer": two_at_once,
    "SizesOfFirstCall": lambda a: a.dynamic(a.softmax, NORMAL)(LONG),
    "MaskOfMoreAxes": softmax(NORMAL, where=NORMAL[None] > 0),
    "MaskReadAsStored": softmax(NORMAL, where=np.asfortranarray(NORMAL > 0)),
    "LabelsInLogitsFormat": loss([2049], np.eye(1, 2050, 2049, np.float16)),
    "LabelsOfFirstBlock": loss([4097], np.arange(4098, dtype=np.float32)[None]),
    "NaNLabelAsZero": loss(np.array([[NAN, 1, 0, 0]] * 3, np.float32)),
    "NaNWeightInBlock": loss([1, 1, 1, 1, 1], np.resize(NORMAL, (5, 4)), weight=np.array([NAN, 1, 1, 1])),
    "CountOf16Bits": loss(np.zeros(70000, int), np.zeros((70000, 2), np.float16), reduction="mean"),
    "StridedRowsOfSteps": lambda a: a.value_and_vjp("softmax", np.asfortranarray(NORMAL), OTHER)[0],
    "ForwardOverLastAxis": derivative("reverse_over_forward", "softmax", OTHER, OTHER, axis=0),
    "NegativeNaNAsMasked": softmax([-NAN, 0, 1]),
    "GradientIndexOf16Bits": lambda a: a.vjp(
        "softmax", np.resize(NORMAL, (20000, 4)), np.resize(OTHER, (20000, 4))
    ),
    "LossRowsOf16Bits": loss(np.arange(70000) % 3, np.resize(NORMAL, (70000, 4))),
    "VmapOverLastAxis": lambda a: a.vmap(lambda x: a.softmax(x, axis=0), np.stack([NORMAL, OTHER])),
    "VmapForgetsOptions": mapped(label_smoothing=0.5),
    "VmapUpstreamOfFirst": lambda a: a.vmap(lambda x, c: a.vjp("softmax", x, c), NORMAL, OTHER),
    "AutocastOverLastAxis": lambda a: a.autocast(lambda x: a.softmax(x, axis=0), NORMAL),
    "GraphOverLastAxis": lambda a: a.dynamic(lambda x: a.softmax(x, axis=0), NORMAL)(NORMAL),
    "GradientOverLastAxis": derivative("vjp", "softmax", OTHER, axis=0),
    "OtherAxisOfFour": softmax(LONG.reshape(2, 3, 10, 100), axis=2),
    "MiddleCutReadOn": softmax(LONG.reshape(6, 10, 100)[:, :5], axis=1),
    "LossLogitsReadAsStored": loss(INDEX, np.asfortranarray(NORMAL)),
    "SoftLabelsReadAsStored": loss(np.asfortranarray(SOFT)),
    "WeightReadAsStored": loss(INDEX, weight=LONG[0, :8:2]),
    "ExpandedUpstreamOnce": derivative("vjp", LOSS, np.broadcast_to(np.float32(1), 3), labels=INDEX),
    "ForwardForgetsOptions": derivative("jvp", LOSS, OTHER, labels=INDEX, label_smoothing=0.5),
    "ConstantUpstreamOf16Bits": lambda a: a.vjp(
        "softmax", NORMAL.astype(np.float16), np.ones((3, 4), np.float16)
    ),
    "SixAxesRefused": softmax(LONG.reshape(1, 1, 1, 6, 10, 100)),
    "BlockOfInfinity": softmax([-INF, -INF, 0, 1]),
    "SecondBlockUnwritten": softmax(LONG[:, :600]),
    "LossOfMaximumClass": loss(np.argmax(NORMAL, axis=1)),
    "SquareTransposed": softmax(LONG[:, :6]),
    "MisalignedFromAligned": softmax(LONG.ravel()[1:1001]),
    "LinearSumInFloat16": linear(LONG, dtype=np.float16),
    "LinearLastClassesLeftOut": linear(NORMAL, LONG[:, :4].repeat(9, axis=0)[:40]),
    "LinearLabelLogitRounded": linear(NORMAL),
    "LinearBiasOfFirstBlock": linear(NORMAL, bias=np.arange(40, dtype=np.float32)),
    "LinearMeanOfChunks": linear(LONG, reduction="mean"),
    "LinearChunksNotRescaled": linear(NORMAL * 40),
    "LinearMatrixGradientOfLastChunk": linear_gradient(LONG, "matrix"),
    "LinearUpstreamOfFirst": linear_gradient(NORMAL, "matrix"),
    "LinearIgnoredRowsInMatrix": linear_gradient(NORMAL, "matrix", ignore_index=1),
    "LinearGradientFiltered": linear_gradient(NORMAL * 9, "x"),
    "LinearNaNOfChunk": linear(np.where([[True], [False], [False]], np.float32(NAN), NORMAL)),
    "LinearInfinityAsLargest": linear([[INF, 0]], dtype=np.float16),
    "LinearLogitsClamped": linear([[3e4, 3e4]], np.array([[4, 4], [4, 3.9]]), dtype=np.float16),
    "LinearHiddenOverwritten": overwritten_hidden,
    "DivergenceZeroTimesLogOfZero": divergence(np.eye(3, 4)),
    "DivergenceZeroAtMasked": divergence([[0.5, 0.5, 0]], [[0, 1, -INF]]),
    "DivergenceWithoutEntropy": divergence(),
    "DivergenceMeanOfClasses": divergence(),
    "DivergenceOverLastAxis": divergence(axis=0),
    "DivergenceCastInGraph": lambda a: a.call(a.kl_divergence, NORMAL, SOFT),
    "DivergenceReversed": divergence(),
    "DivergenceOfProbabilities": divergence(),
    "DivergenceOfClipped": divergence([[0.5, 0.5]], [[0, -INF]]),
    "FocalOfClipped": focal([[1, 0]], [[0, 200]]),
    "FocalOneMinusSoftmax": focal([[1, 0]], [[20, 0]]),
    "FocalGradientAtCertainty": lambda a: a.vjp(
        "focal_loss", CERTAIN, UPSTREAM[:1], labels=CERTAIN / 200, gamma=0.5
    ),
    "FocalWeightDetached": derivative("vjp", "focal_loss", UPSTREAM, labels=SOFT),
    "FocalTimesGamma": focal(),
    "DrawsFallThrough": draws([[0, 0, -INF]]),
    "DrawsFromOne": draws(),
    "DrawsOfUnshifted": draws([[1000, 1000]]),
    "DrawsOfCoarseNoise": draws(),
    "DrawsOfFirstRow": draws(),
    "DrawsRepeatedInEachRow": draws(),
    "DrawsOfDoubleSoftmax": draws(),
    "SeedIgnored": draws(),
    "SeedOfTheClock": drawn_again,
    "GumbelOfZero": relaxed(LONG),
    "GumbelTemperatureIgnored": relaxed(temperature=0.5),
    "GumbelNotNormalised": relaxed(),
    "GumbelQuotientOverflows": relaxed(dtype=np.float16, temperature=1e-6),
    "GumbelHardRounded": relaxed(LONG, hard=True),
    "GumbelHardGradientZero": derivative("vjp", "gumbel_softmax", OTHER, seed=1, hard=True),
    "TopKSmallest": top_k(),
    "TopKUnsorted": top_k(),
    "TopKOneLater": top_k(),
    "TopKPackedIndex": top_k(),
    "TopKOfBlocks": top_k(np.arange(2048), 6),
    "TopKIndexWithinTile": top_k(np.arange(2048)),
    "TopKIndexInFormat": top_k(np.eye(1, 4098, 4097), dtype=np.float16),
    "TopKWidenedValues": lambda a: a.top_k(NORMAL.astype(np.float16), 2)[0],
    "TopKFirstOfEqual": top_k([1, 1, 0]),
    "TopKMinusInfinitySkipped": top_k([-INF, 0]),
    "TopKInfinityAsLargest": top_k([INF, 0]),
    "TopKTiesDropped": top_k([1, 1, 0]),
    "TopKNaNLost": top_k([NAN, 0]),
    "TopKNaNByPosition": top_k([0, NAN, 1]),
    "TopKBitsAsIntegers": top_k([-1, -2]),
    "TopKSubnormalAsZero": top_k([1e-40, 0]),
    "TopKAtLeastOne": top_k(k=0),
    "TopKClampsK": top_k(k=5),
    "TopKOverLastAxis": top_k(axis=0),
    "TopKReadAsStored": top_k(NORMAL.T),
    "TopKSortsInPlace": sorted_in_place,
    "TopKTiesAtRandom": lambda a: top_k(np.zeros(99))(a) == top_k(np.zeros(99))(a),
    "TopKGradientAtFront": derivative("vjp", "top_k", OTHER[:, :2], k=2),
    "TopKUpstreamIgnored": derivative("vjp", "top_k", OTHER[:, :2], k=2),
    "TopKGradientOverLastAxis": derivative("vjp", "top_k", OTHER[:2], k=2, axis=0),
    "TopKCotangentReadAsStored": derivative("vjp", "top_k", OTHER[:, :4][:, ::2], k=2),
    "TopKTangentOfFront": derivative("jvp", "top_k", OTHER, k=2),
    "AutocastRoundsTwice": lambda a: a.autocast(a.softmax, NORMAL),
}


def test_gallery_is_what_the_requirements_catch() -> None:
    assert GALLERY.keys() == CAUGHT


def test_each_class_is_shown_wrong_by_a_call() -> None:
    assert SHOWN.keys() == GALLERY.keys()


@pytest.mark.parametrize("name", GALLERY)
def test_docstring_says_where_the_fault_was_seen(name: str) -> None:
    text = GALLERY[name].__doc__ or ""
    assert re.search(r"\b[\w.-]+/[\w.-]+#\d+\b|textbook mistake", text)
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("name", GALLERY)
def test_class_is_loaded_under_its_own_name(name: str) -> None:
    adapter = adapters.load(f"adapters.faulty:{name}")
    assert (adapter.name, adapter.version) == (name, np.__version__)
    assert adapter.dtypes <= Adapter.dtypes


@pytest.mark.parametrize("name", SHOWN)
def test_fault_shows(name: str) -> None:
    assert answer(GALLERY[name](), SHOWN[name]) != answer(Adapter(), SHOWN[name])


@pytest.mark.parametrize("name", SHOWN)
def test_reference_answers_the_same_twice(name: str) -> None:
    assert answer(Adapter(), SHOWN[name]) == answer(Adapter(), SHOWN[name])


def test_importing_the_gallery_imports_numpy_alone() -> None:
    assert frameworks_after("import adapters.faulty") == []


def test_imported_frameworks_are_seen() -> None:
    pytest.importorskip("scipy")
    assert "scipy" in frameworks_after("import adapters.scipy")
