"""What is required, and does it hold."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent  # with requirements.toml, deviations.toml and the tests that judge
