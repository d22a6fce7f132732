"""Measure how fast each call is, and since which release; put the repository root on sys.path.

asv imports the benchmark modules without the root on sys.path, and `adapters` is found nowhere else, since this
project is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
