"""Makes rows with numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from callboard import Record, Source, int64, option, utf8


@dataclass
class Config:
    start: int = option(1, "the first number")
    count: int = option(10, "how many rows", minimum=0)


class Sequence(Source):
    """Makes rows with the numbers from `start` on."""

    config: Config
    writes = {"n": int64, "text": utf8}

    def rows(self, skip: int) -> Iterator[Record]:
        for made in range(skip, self.config.count):
            number = self.config.start + made
            yield {"n": number, "text": f"row {number}"}
