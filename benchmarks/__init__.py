"""How fast, and since which release. Importing this package puts the repository root on sys.path.

asv imports the benchmark modules with the root left out, and `adapters` is found nowhere else: nothing of
ours is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
