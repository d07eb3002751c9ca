"""Keeps the first row for each value of a column."""

from dataclasses import dataclass

from callboard import Global, Input, Writer, option, utf8


@dataclass
class Config:
    column: str = option("source", "of rows with the same value here, the first is kept", column=utf8)


class FirstOfEach(Global):
    """Keeps the first row for each value of a column; rows of a second input are known already."""

    config: Config

    def run(self, rows: Input, known: Input | None = None, *, output: Writer) -> None:
        name = self.config.column
        seen: set[str | None] = set()
        old = {row[name] for row in known or ()}
        for number, row in enumerate(rows):
            value = row[name]
            if value in old:
                output.drop(number, "known")
            elif value in seen:
                output.drop(number, "duplicate")
            else:
                seen.add(value)
                output.keep(number)
