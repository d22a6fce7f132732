"""Requirements, and the tests that judge whether a target meets them."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent  # with requirements.toml, deviations.toml and the tests that judge
