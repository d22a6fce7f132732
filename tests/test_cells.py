"""Cells are full products of parameters, in real shapes, with the least that each must move."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest

from benchmarks.timing import cells
from benchmarks.timing.cells import (
    DATA,
    DIRECTIONS,
    FORMATS,
    OPERATIONS,
    PARAMS,
    SHAPES,
    TIERS,
    TIMED,
    Cell,
    ModelShape,
)

# What has to be read and written, by hand: x logits, y result, c cotangent, q probabilities, g gradient.
# Labels that are indices, losses, log-sum-exps and their cotangents are one a row, and do not count.
MOVED = {
    ("softmax", "forward"): "x y",
    ("log_softmax", "forward"): "x y",
    ("cross_entropy_index", "forward"): "x",
    ("cross_entropy_probability", "forward"): "x q",
    ("softmax", "forward+backward"): "x y y c g",
    ("log_softmax", "forward+backward"): "x y y c g",
    ("cross_entropy_index", "forward+backward"): "x g",
    ("cross_entropy_probability", "forward+backward"): "x q g",
    ("logsumexp", "forward"): "x",
    ("logsumexp", "forward+backward"): "x g",
}
ALL = [cell for tier in TIERS for cell in cells.cells(tier)]


def cell(**fields: str) -> Cell:
    plain = dict(zip(PARAMS, ("softmax", "forward", "eager", "float32", "imagenet", "1"), strict=True))
    return Cell(**(plain | fields))


@pytest.mark.parametrize(("operation", "direction"), MOVED)
def test_traffic_is_what_a_count_by_hand_says(operation: str, direction: str) -> None:
    arrays = MOVED[operation, direction].split()
    one = cell(operation=operation, direction=direction, format="bfloat16", shape="cifar")
    assert one.traffic("cpu") == len(arrays) * 128 * 10 * 2


def test_traffic_is_known_of_every_operation_in_every_direction() -> None:
    known = {(name, way) for name, (_, form) in TIMED.items() for way in form.traffic}
    assert known == set(MOVED) == {(one, way) for one in OPERATIONS for way in DIRECTIONS}


@pytest.mark.parametrize("name", SHAPES)
def test_a_cpu_is_given_at_most_66_million_logits_in_whole_rows(name: str) -> None:
    shape = SHAPES[name]
    assert cell(shape=name).elements("cpu") <= 66e6
    assert shape.dims[0] % shape.cpu == 0
    assert shape.on("cuda") == shape.dims
    assert shape.on("cpu")[1:] == shape.dims[1:]


def test_classes_lie_along_the_axis() -> None:
    assert [SHAPES[name].n for name in ("imagenet", "seg", "ssd")] == [1000, 19, 81]


def test_small_is_up_to_two_mebibytes_of_what_a_cpu_is_given() -> None:
    assert ModelShape((1024, 512), "").small
    assert not ModelShape((1024, 513), "").small
    assert ModelShape((16 * 1024, 512), "", cpu=16).small


def test_a_cell_is_made_of_its_params_and_gives_them_back() -> None:
    params = ("softmax", "forward+backward", "compiled", "float16", "bert", "all")
    one = Cell.of(params, "peaked")
    assert one.params == params
    assert one == Cell(**one.as_dict())
    assert one.name == "softmax forward+backward compiled float16 bert all peaked"
    assert cell().name == "softmax forward eager float32 imagenet 1"


def test_bytes_are_those_of_the_format() -> None:
    assert {name: cell(format=name).bytes("cpu") / 256000 for name in FORMATS} == {
        "float32": 4,
        "bfloat16": 2,
        "float16": 2,
        "float64": 8,
    }


def test_no_cell_is_measured_twice_in_all_tiers() -> None:
    assert Counter(ALL).most_common(1)[0][1] == 1


def test_cells_hold_known_words_alone() -> None:
    for one in ALL:
        assert one.operation in OPERATIONS
        assert one.direction in DIRECTIONS
        assert one.format in FORMATS
        assert one.shape in SHAPES
        assert one.data in DATA


@pytest.mark.parametrize("tier", TIERS)
def test_cells_of_the_same_arrays_lie_side_by_side(tier: str) -> None:
    runs = [key for key, _ in groupby(cells.cells(tier), lambda one: (one.shape, one.format, one.data))]
    assert len(runs) == len(set(runs))


def test_the_tiers_together_have_every_shape_format_and_kind_of_data() -> None:
    assert {one.shape for one in ALL} == set(SHAPES)
    assert {one.format for one in ALL} == set(FORMATS)
    assert {one.data for one in ALL} == set(DATA)


def test_the_core_tier_leaves_a_framework_s_less_usual_mode_some_shapes() -> None:
    asked = {
        (framework, mode): {
            one.shape for one in cells.cells("core") if one.mode == mode and cells.kept("core", framework, one)
        }
        for framework in ("torch", "jax")
        for mode in cells.MODES
    }
    assert asked["torch", "eager"] == asked["jax", "compiled"] == set(cells.CORE_SHAPES)
    assert set() < asked["torch", "compiled"] < set(cells.CORE_SHAPES)
    assert set() < asked["jax", "eager"] < set(cells.CORE_SHAPES)


def test_the_full_tier_asks_every_framework_for_every_cell() -> None:
    assert all(cells.kept("full", "torch", one) for one in cells.cells("full"))
