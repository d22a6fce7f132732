"""The modules that asv imports in the environment of every release: no framework, and none of the tools.

asv imports this package with the repository root left off sys.path; importing it puts the root there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
