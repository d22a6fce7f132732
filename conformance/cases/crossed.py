"""Crossed cases: each row of a design of `factors.toml` as a case, named by its levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from conformance import operations
from conformance.cases import designs
from conformance.cases.designs import Design, Levels
from conformance.run.case import Case

# by tier; "few" and "copied" are a compiler's quick and full one, "copied" also quick where arrays are copied
ROWS: dict[str, Callable[[Design], list[Levels]]] = {
    "few": lambda design: design.rows(1),
    "copied": Design.without_layouts,
    "quick": Design.quick,
    "full": lambda design: design.rows(3),
    "exhaustive": lambda design: design.rows(3),
}
# direction → the derivative, with respect to what, and the adapter's method where it has another name
DIRECTIONS = {
    "value": ("", "x", ""),
    "vjp": ("vjp", "x", ""),
    "jvp": ("jvp", "x", ""),
    "hvp": ("hvp", "x", ""),
    "rof": ("hvp", "x", "reverse_over_forward"),
    "both": ("vjp", "x", "value_and_vjp"),
    "labels-vjp": ("vjp", "labels", ""),
    "labels-hvp": ("hvp", "labels", ""),
}
OTHERS = {
    "ones": (1, 1, 1, 1, 1),
    "odd": (3, 1, 3, 1, 1),
    "even": (2, 4, 1, 2, 1),
}  # the sizes of the axes but one
LOGITS = {
    "plain": "{normal} * 2",
    "wide": "{normal} * 20",
    "offset": "{normal} + 10000",
    "ties": "np.minimum({normal}, -0.5)",
    "distinct": "np.argsort({normal}, axis={axis}) - {n} // 2",  # in every format
    "ascending": "np.broadcast_to({i}, {s}) - {n} // 2",
    "equal": "np.full({s}, 0.5)",
    "masked-first": "np.where({i} == 0, -np.inf, {normal})",
    "masked-last": "np.where({i} == {n} - 1, -np.inf, {normal})",
    "masked-block": "np.where({i} < {half}, -np.inf, {normal})",
    "masked-some": "np.where(({i} + {rows}) % 3 == 1, -np.inf, {normal})",
    "far-hidden": "np.where({where}, {normal}, 10000)",
}
WHERE = {
    "where-third": "({i} + {rows}) % 3 != 0",
    "where-one-row": "{i} % 3 != 0",
    "where-one": "{i} == {rows} % {n}",
    "where-all": "np.full({s}, True)",
}
COTANGENTS = {
    "c-end": "np.broadcast_to({i} == {n} - 1, {s}) * 1.0",
    "c-maximum": "({x} == np.max({x}, axis={axis}, keepdims=True)) * 1.0",
    "c-ones": "np.ones({r})",
    "c-random": "np.random.default_rng(8).standard_normal({r})",
}
OF_ROWS = {
    "c-end": "np.eye(1, {count}, {count} - 1).reshape({r})",
    "c-random": "np.arange(1.0, {count} + 1).reshape({r}) / 2 - 2.25",
}
TANGENTS = {
    "t-end": COTANGENTS["c-end"],
    "t-maximum": COTANGENTS["c-maximum"],
    "t-ones": "np.ones({s})",
    "t-random": "np.random.default_rng(9).standard_normal({s})",
}
SPREAD = "np.arange({count}).reshape({r}) * 7 % {shown}"
LABELS = {
    "index-first": "np.zeros({r}, int)",
    "index-last": "np.full({r}, {n} - 1)",
    "index-maximum": "np.argmax({x}, axis={axis})",
    "index-spread": SPREAD,
    "index-each": SPREAD,
    "soft": "np.moveaxis(np.random.default_rng(5).dirichlet(np.ones({n}), {r}), -1, {axis})",
    "one-hot": f"({{i}} == np.expand_dims({SPREAD}, {{axis}})) * 1.0",
}
LAYOUTS = {
    "contiguous": "a",
    "transposed": "np.asfortranarray(a)",
    "strided": "np.repeat(a, 2, axis={inner})[{at}::2]",
    "offset": "np.concatenate([np.take(a, [0], axis={inner}), a], axis={inner})[{at}1:]",
    "reversed": "np.ascontiguousarray(a[{at}::-1])[{at}::-1]",
    "repeated": "np.broadcast_to(np.take(a, [0], axis={other}), {s})",
    "misaligned": "np.concatenate([a.ravel()[:1], a.ravel()])[1:].reshape({s})",
    "sliced": "np.concatenate([a, a], axis=1)[:, :{cut}]",
    "scalar": "np.broadcast_to(a.ravel()[0], {s})",
}
CHOSEN: dict[str, Callable[[int], int]] = {
    "k-one": lambda n: 1,
    "k-third": lambda n: (n + 3) // 3,
    "k-most": lambda n: n - 1,
    "k-all": lambda n: n,
}  # how many of a row's elements
OTHER_LENGTH = {"n5": "n17", "n17": "n5"}  # sizes that no other axis has
FACTOR_OF = {"x": "x", "cotangent": "c", "tangent": "t", "labels": "l"}  # array → the factor of its layout


@dataclass(frozen=True)
class Shape:
    """The logits' shape and class axis of a row of levels."""

    sizes: tuple[int, ...]
    axis: int

    @staticmethod
    def of(row: Levels) -> Shape:
        """Rank, place of the class axis, row length and the sizes of the other axes."""
        rank, n = int(row["rank"][1:]), int(row["length"][1:])
        place = row["axis"].removeprefix("minus-")
        axis = {"first": 0, "second": min(1, rank - 1), "middle": rank // 2, "last": rank - 1}[place]
        others = list((n, 2, 1, 2, 1) if row["others"] == "square" else OTHERS[row["others"]])[: rank - 1]
        others.insert(axis, n)
        return Shape(tuple(others), axis)

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape without the class axis."""
        return self.sizes[: self.axis] + self.sizes[self.axis + 1 :]

    def with_length(self, n: int) -> Shape:
        """Return the shape with rows of another length."""
        return replace(self, sizes=(*self.sizes[: self.axis], n, *self.sizes[self.axis + 1 :]))

    @property
    def other(self) -> int:
        """The first axis besides the class axis, or that one where it is alone."""
        return 1 if self.axis == 0 and len(self.sizes) > 1 else 0

    def words(self, of_rows: bool) -> dict[str, Any]:
        """Return the names that the expressions use: sizes, and the index along the class axis as an array."""
        n, rank = self.sizes[self.axis], len(self.sizes)
        count = 1
        for size in self.rows:
            count *= size
        along = tuple(n if axis == self.axis else 1 for axis in range(rank))
        rows = tuple(1 if axis == self.axis else size for axis, size in enumerate(self.sizes))
        return {
            "s": self.sizes,
            "r": self.rows if of_rows else self.sizes,
            "n": n,
            "half": (n + 1) // 2,
            "count": count,
            "axis": self.axis,
            "i": f"np.arange({n}).reshape({along})" if rank > 1 else f"np.arange({n})",
            "rows": f"np.arange({count}).reshape({rows})",
            "normal": f"np.random.default_rng(7).standard_normal({self.sizes})",
        }


def case(design: Design, row: Levels) -> Case:
    """The call that has the levels of `row`; in a mode that takes several, the second one too."""
    made = _case(design, row)
    if row.get("mode") == "vmap":
        index = row.get("labels", "").startswith("index")
        other = replace(
            made,
            x=f"({made.x}) * 0.5",
            labels=f"np.flip({made.labels})" if index else made.labels,
            cotangent=made.cotangent and f"-({made.cotangent})",
        )
        return replace(made, then=other)
    if row.get("mode") == "dynamic":
        return replace(made, then=_case(design, {**row, "length": OTHER_LENGTH[row["length"]]}))
    return made


def _case(design: Design, row: Levels) -> Case:
    op, shape = operations.get(row["operation"]), Shape.of(row)
    words = shape.words(op.per_row)
    derivative, wrt, method = DIRECTIONS[row["direction"]]
    where = WHERE[row["where"]].format(**words) if "where" in row else None
    words |= {"where": where}
    x = LOGITS[row["logits"]].format(**words)
    words |= {"x": x, "shown": _shown(row["logits"], words["n"])}
    if row.get("x") == "x-repeated":  # the rows that the others go with
        words["x"] = (
            LAYOUTS["repeated"].replace("(a,", f"({words['x']},").format(other=shape.other, s=shape.sizes)
        )
    labels, options = _labels(row, words, op.labelled), _options(row, words)
    result, per_row = shape, op.per_row
    if "k" in options:
        result, per_row = shape.with_length(options["k"]), False
    beside = words | result.words(per_row)
    cotangent = _cotangent(row, beside, per_row, options.get("reduction", "none") != "none")
    tangent = TANGENTS[row["tangent"]].format(**words) if row["tangent"] != "no-t" else None
    arrays = {"x": x, "cotangent": cotangent, "tangent": tangent, "labels": labels}
    return Case(
        name=name(design, row),
        x=x,
        axis=shape.axis - len(shape.sizes) if row["axis"].startswith("minus-") else shape.axis,
        labels=labels,
        cotangent=cotangent,
        tangent=tangent,
        derivative=derivative,
        wrt=wrt,
        options=options,
        where=where,
        method=method,
        layouts=_layouts(
            row, shape, result, {key for key, value in arrays.items() if value is not None}, per_row
        ),
    )


def name(design: Design, row: Levels) -> str:
    """The design and the levels, but for the operation, the format, and what there is none of."""
    told = (level for factor, level in row.items() if factor not in ("operation", "direction", "format"))
    return "-".join([design.name, *(level for level in told if not level.startswith("no-"))])


def _cotangent(row: Levels, words: dict[str, Any], per_row: bool, reduced: bool) -> str | None:
    kind = row["cotangent"]
    if kind == "no-c":
        return None
    if reduced:
        return "np.array(1.0)" if kind == "c-ones" else "np.array(-1.75)"
    spelled = (COTANGENTS | (OF_ROWS if per_row else {}))[kind].format(**words)
    if row["logits"].startswith("masked") and not per_row:
        return f"np.where(np.isneginf({words['x']}), 0, {spelled})"
    return spelled


def _labels(row: Levels, words: dict[str, Any], labelled: bool) -> str | None:
    if not labelled:
        return None
    labels = LABELS[row["labels"]].format(**words)
    ignored = _ignored(row, words["n"])
    if ignored is not None:  # every third label but the first; no other has it, or no row might be left
        other = (ignored + 1) % words["n"]
        third = f"np.arange({words['count']}).reshape({words['r']}) % 3 == 1"
        labels = f"np.where({third}, {ignored}, np.where({labels} == {ignored}, {other}, {labels}))"
    integer = row.get("integer", "int64")
    return labels if integer in ("int64", "no-integer") else f"np.asarray({labels}, np.{integer})"


def _shown(logits: str, n: int) -> str:
    """Return the number that a row is counted by, to name a class that is not masked."""
    half = (n + 1) // 2
    return {
        "masked-first": f"{n - 1} + 1",
        "masked-last": f"{n - 1}",
        "masked-block": f"{n - half} + {half}",
    }.get(logits, str(n))


def _ignored(row: Levels, n: int) -> int | None:
    return {"negative": -7, "minus-100": -100, "zero": 0, "inside": n - 2, "beyond": n + 3}.get(
        row.get("ignore", "no-ignore").removeprefix("ignore-")
    )


def _options(row: Levels, words: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if row.get("reduction", "no-reduction") != "no-reduction":
        options["reduction"] = row["reduction"]
    if row.get("weight", "no-w") != "no-w":
        options["weight"] = f"0.5 + np.arange({words['n']}) % 5 * 0.25"
    ignored = _ignored(row, words["n"])
    if ignored is not None:
        options["ignore_index"] = ignored
    if row.get("smoothing", "no-smoothing") != "no-smoothing":
        options["label_smoothing"] = float(row["smoothing"].removeprefix("smoothing-"))
    if "k" in row:
        options["k"] = CHOSEN[row["k"]](words["n"])
    return options


def _layouts(row: Levels, shape: Shape, result: Shape, given: set[str], per_row: bool) -> dict[str, str]:
    """The layout of each array that is not stored as it is read; a cotangent has the shape of the result."""
    kinds = {array: row[factor] for array, factor in FACTOR_OF.items() if array in given and factor in row}
    kinds |= {"where": row["w"]} if "where" in row else {"weight": row.get("weight", "no-w")}
    found = {}
    for array, level in kinds.items():
        of_rows = (array == "cotangent" and per_row) or (array == "labels" and row["labels"].startswith("index"))
        whole = result if array == "cotangent" else shape
        sizes = whole.rows if of_rows else whole.sizes
        other = 0 if of_rows else shape.other
        if array == "weight":
            sizes, other = (int(row["length"][1:]),), 0
        if array == "where" and row["where"] == "where-one-row":
            sizes = tuple(size if axis == shape.axis else 1 for axis, size in enumerate(sizes))
        layout = LAYOUTS.get(level.partition("-")[2], "a")
        # an axis of one has no stride
        inner = max((axis for axis, size in enumerate(sizes) if size > 1), default=0)
        words = {"s": sizes, "other": other, "cut": sizes[1] if len(sizes) > 1 else 0, "inner": inner}
        if layout != "a":
            found[array] = layout.format(**words, at=":, " * inner)
    return found


@cache
def _made(design: str, tier: str) -> tuple[tuple[Levels, Case], ...]:
    found = designs.load()[design]
    return tuple((row, case(found, row)) for row in ROWS[tier](found))


def crossed(
    *directions: str, of: tuple[str, ...] = (), mode: str = ""
) -> Callable[[str, str, str], Iterator[Case]]:
    """The cases of some directions in a mode or in none, of the designs named or of all but that of `where`."""

    def cases(operation: str, dtype: str, tier: str) -> Iterator[Case]:
        names = of or tuple(name for name in designs.load() if name != "where")
        for design in names:
            if operations.get(operation).kind not in designs.load()[design].kinds:
                continue
            for row, made in _made(design, tier):
                asked = row["operation"], row["format"], row.get("mode", "")
                if asked == (operation, dtype, mode) and row["direction"] in directions:
                    yield made

    return cases
