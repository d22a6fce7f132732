"""Benchmarks of the suite itself, over its own commits: `asv run --config asv-own.json`.

asv imports this package without the repository root on sys.path; importing it puts the root there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
