"""Steps that several tests run."""

from dataclasses import dataclass

import pytest

from callboard import Result, Row, Transform, drop, int64, option, reject, utf8


@dataclass
class Config:
    column: str = option("text", column=utf8)
    min: int = option(0, minimum=0)


class Counting(Transform):
    """Counts words."""

    config: Config
    writes = {"n": int64}

    def row(self, row: Row) -> Result:
        text = row[self.config.column]
        if text is None:
            return reject("no text")
        words = len(text.split())
        return {"n": words} if words >= self.config.min else drop("few")


@pytest.fixture
def counting() -> type[Transform]:
    return Counting
