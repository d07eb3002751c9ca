"""What the tests of the package share: folders of their own, guests, and data that is made here."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUESTS = ROOT / "target" / "guests"

# A shell starts what runs in its background with the signal ignored, and Python then leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def guest() -> Path:
    """A component that is a file."""
    return GUESTS / "text-stats.wasm"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A thousand documents: every seventh is empty."""
    path = tmp_path / "docs.jsonl"
    rows = ({"id": number, "text": " ".join(["word"] * (number % 7))} for number in range(1000))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def curate(tmp_path: Path, docs: Path) -> Path:
    """A pipeline of two steps."""
    path = tmp_path / "curate.toml"
    path.write_text(
        """callboard = 1
[params]
min = 3
[inputs.docs]
path = "docs.jsonl"
[[steps]]
use = "text-stats"
[[steps]]
use = "filter"
config.where = "n_words >= ${params.min}"
[outputs.clean]
path = "clean.parquet"
"""
    )
    return path
