"""Keeps the first row for each value of a column."""

from dataclasses import dataclass

from callboard import Global, Input, Schema, Shape, Writer, by_key, option, utf8


@dataclass
class Config:
    column: str = option("source", "of rows with the same value here, the first is kept", column=utf8)


class FirstOfEach(Global):
    """Keeps the first row for each value of a column; rows of a second input are known already."""

    config: Config

    def declare(self, *inputs: Schema) -> Shape:
        return Shape(gather=by_key(self.config.column))

    def run(self, rows: Input, known: Input | None = None, *, output: Writer) -> None:
        old = {group.number for group in known.groups()} if known else set()
        for group in rows.groups():
            reason = "known" if group.number in old else ""
            for number, _ in group:
                if reason:
                    output.drop(number, reason)
                else:
                    output.keep(number)
                    reason = "duplicate"
