"""Labels a check's input, result and error: hex floats first, with their decimal values."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from conformance.record.accuracy_keys import HEX, number, ratio
from conformance.record.records import Check

ZEROS = re.compile(r"(\.[0-9a-f]*?)0+(?=p[+-])")
LONGEST_LINE = 90
LONGEST = 12  # values of one list that are shown
NAMES = {
    "input": "logits in hex",
    "index": "at index",
    "max": "row maximum",
    "logit": "logit",
    "got": "got",
    "expected": "expected",
    "error": "error",
    "bound": "bound",
}


def short(value: float) -> str:
    """Return a number in three significant digits, for a table."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:.0f}".replace("-", "−")


def over_bound(check: Check) -> float | None:
    """Return the witness's error over its bound, or else the measured ratio."""
    error, bound = number(check.witness.get("error")), number(check.witness.get("bound"))
    if error is not None and bound is not None and not math.isnan(error):
        if error == 0:
            return 0.0
        return error / bound if bound > 0 else math.inf
    measured = ratio(check, check.bound or "D")
    return number(check.measured.get("relative")) if measured is None else measured


def rows(check: Check) -> tuple[tuple[str, str], ...]:
    """Return the witness as labels and texts, in reading order."""
    call = check.witness.get("call")
    texts = list(_call(call)) if isinstance(call, dict) else []
    for key in (*NAMES, *(key for key in check.witness if key not in NAMES)):
        if key in check.witness and key != "call":
            texts.append((NAMES.get(key, key), spelled(check.witness[key])))
    value = over_bound(check)
    if value is not None:
        texts.append((f"error / bound {check.bound or ''}".strip(), short(value)))
    if check.measured:
        texts.append(("measured", numbers(check.measured)))
    return tuple(texts)


def difference(check: Check) -> str:
    """Return ", got NaN, expected −481" if both texts are short, or else ""."""
    texts = []
    for key in ("got", "expected"):
        if key not in check.witness:
            return ""
        value = number(check.witness[key])
        texts.append(f"{key} {spelled(check.witness[key]) if value is None else short(value)}")
    text = ", ".join(["", *texts])
    return text if len(text) <= LONGEST_LINE and "\n" not in text else ""


def numbers(measured: dict[str, Any]) -> str:
    """Return the measured numbers in one line: "ulps 1.2, ratio (A 2.4, B 0.6)"."""
    texts = []
    for key, value in measured.items():
        if isinstance(value, dict):
            texts.append(f"{key} ({numbers(value)})")
        elif (known := number(value)) is not None:
            texts.append(f"{key} {short(known)}")
        elif isinstance(value, str):
            texts.append(f"{key} {value}")
    return ", ".join(texts)


def _call(call: dict[str, Any]) -> list[tuple[str, str]]:
    texts = []
    for key in ("expression", "labels", "cotangent", "tangent"):
        if call.get(key) is not None:
            texts.append(("logits" if key == "expression" else key, str(call[key])))
    settings = {
        "axis": call.get("axis", -1),
        **{key: call[key] for key in ("derivative", "wrt") if call.get("derivative")},
    }
    options = call.get("options")
    settings |= {k: v for k, v in options.items() if v is not None} if isinstance(options, dict) else {}
    return [*texts, ("arguments", ", ".join(f"{key}={value}" for key, value in settings.items()))]


def spelled(value: Any) -> str:
    """Return a witness value as text: hex floats with their decimal values, the first values of a list."""
    if isinstance(value, list):
        more = f", … ({len(value)} values)" if len(value) > LONGEST else ""
        value = f"[{', '.join(_plain(item) for item in value[:LONGEST])}{more}]"
    text = ZEROS.sub(lambda match: match[1].rstrip("."), _plain(value))
    decimal = HEX.sub(_decimal, text)
    return text if decimal == text else f"{text} ≈ {decimal}"


def _decimal(match: re.Match[str]) -> str:
    value = number(match[0])
    return match[0] if value is None else f"{value:.9g}"  # no float is as large as 0x1p+9999


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
