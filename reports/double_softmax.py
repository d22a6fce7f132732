"""`python -m reports double-softmax LOSS --classes N`: may a loss at which training stays be of a double softmax?

A loss of logits that is fed probabilities lies between ln(1 + (N − 1)/e) and one more, however well a model has
learned. This holds for the mean loss of one label a row, without weights or smoothing. The exit code is 0 when
the loss is none of probabilities, 1 when it may be, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import math
from decimal import Decimal, InvalidOperation

MOST = 2**53  # classes that a float64 counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the loss and the number of classes."""
    parser.add_argument("loss", type=_loss, metavar="LOSS", help="the mean loss, in nats, as it is printed")
    parser.add_argument("--classes", type=_classes, required=True, metavar="N", help="the number of classes")


def run(options: argparse.Namespace) -> int:
    """Print the verdict; the exit code."""
    may_be, text = verdict(options.loss, options.classes)
    print(text)
    return int(may_be)


def floor(classes: int) -> float:
    """Return the least loss of a row of probabilities taken for logits: all of it is at the label."""
    return math.log1p((classes - 1) / math.e)


def verdict(loss: Decimal, classes: int) -> tuple[bool, str]:
    """Tell whether a loss can be of probabilities taken for logits, and say so; half its last digit is open."""
    least = floor(classes)
    off = 0.5 * 10.0 ** min(int(loss.as_tuple().exponent), 0)
    away = float(loss) - least
    at = "at" if abs(away) <= off else f"{abs(away):.4f} {'above' if away > 0 else 'below'}"
    least_of = f"the least loss that {classes} classes leave to probabilities taken for logits"
    lies = f"{loss} lies {at} {least:.4f}, {least_of}"
    if away < -off:
        return False, f"{lies}: no double softmax."
    if away > 1 + off:
        return False, f"{lies}, and their largest is 1 more: no double softmax."
    return True, (
        f"{lies}: if training ends here, look for a softmax before a loss that takes logits. "
        f"Equal probabilities have the loss ln {classes} = {math.log(classes):.4f} either way."
    )


def _loss(text: str) -> Decimal:
    try:
        loss = Decimal(text)
    except InvalidOperation:
        loss = Decimal("nan")
    if not loss.is_finite() or loss < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no loss: give a number that is finite and not negative")
    return loss


def _classes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 2 <= int(text[:20]) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of classes: give 2 or more")
    return int(text)
