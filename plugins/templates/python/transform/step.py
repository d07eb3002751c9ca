"""Counts the words of a column of text."""

from dataclasses import dataclass

from callboard import Result, Row, Transform, drop, int64, option, reject, utf8


@dataclass
class Config:
    column: str = option("text", "the column whose words are counted", column=utf8)
    min: int = option(1, "rows of fewer words are dropped", minimum=0)


class WordCount(Transform):
    """Counts the words of a column of text, and drops rows of too few."""

    config: Config
    writes = {"n_words": int64}

    def row(self, row: Row) -> Result:
        text = row[self.config.column]
        if text is None:
            return reject("no text")
        words = len(text.encode().split())  # As bytes: at ASCII white space alone.
        if words < self.config.min:
            return drop(f"{words} words, fewer than {self.config.min}")
        return {"n_words": words}
