"""Takes the first sentence of a text as what it is about."""

import re
from dataclasses import dataclass

from callboard import Result, Row, Transform, drop, option, utf8

# The end of a sentence: a full stop and what closes with it before white space, or one that is written without.
END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』）]*")
# Abbreviations end nothing.
ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Dr|St|No|vs|e\.g|i\.e|z\.B|d\.h|etc)|\b[A-Z])\.$")


@dataclass
class Config:
    column: str = option("text", "the column of text", column=utf8)
    max: int = option(160, "characters of it, at most", minimum=1)


def first_sentence(text: str) -> str:
    text = " ".join(text.split())
    for end in END.finditer(text):
        if not ABBREVIATION.search(text, 0, end.end()):
            return text[: end.end()]
    return text


class Lead(Transform):
    """Adds the first sentence of a text as `lead`, and drops rows whose text has no letter."""

    config: Config
    writes = {"lead": utf8}

    def row(self, row: Row) -> Result:
        text = row[self.config.column] or ""
        if not any(character.isalpha() for character in text):
            return drop("no letters")
        lead = first_sentence(text)
        if len(lead) > self.config.max:
            lead = lead[: self.config.max - 1].rsplit(" ", 1)[0] + "…"
        return {"lead": lead}
