"""A configuration is a dataclass: its schema, its values, and the error for a wrong one."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import pytest

from callboard import ConfigError, int64, option, testing, utf8
from callboard.config import Parser, columns_of


class Mode(Enum):
    FAST = "fast"
    GOOD = "good"


@dataclass
class Inner:
    """How much."""

    ratio: float = option(0.5, minimum=0, maximum=1)


@dataclass
class Config:
    text: str = option(description="the text", min_length=2, pattern="^a")
    min: int = option(1, "the least", minimum=0)
    by: Literal["rows", "columns"] = "rows"
    mode: Mode = Mode.FAST
    on: bool = False
    limit: int | None = None
    names: list[str] = option(["x"])
    weights: dict[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < self.min:
            raise ValueError("`limit` is less than `min`")


PARSER = Parser(Config)


def test_schema() -> None:
    assert PARSER.schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "the text", "minLength": 2, "pattern": "^a"},
            "min": {"type": "integer", "description": "the least", "minimum": 0, "default": 1},
            "by": {"enum": ["rows", "columns"], "default": "rows"},
            "mode": {"enum": ["fast", "good"], "default": "fast"},
            "on": {"type": "boolean", "default": False},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            "names": {"type": "array", "items": {"type": "string"}, "default": ["x"]},
            "weights": {"type": "object", "additionalProperties": {"type": "number"}, "default": {}},
            "inner": {
                "type": "object",
                "description": "How much.",
                "properties": {"ratio": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5}},
                "additionalProperties": False,
                "default": {"ratio": 0.5},
            },
        },
        "additionalProperties": False,
        "required": ["text"],
    }


def test_values() -> None:
    made = PARSER.parse('{"text": "ab", "mode": "good", "limit": 7, "weights": {"a": 1}, "inner": {"ratio": 1}}')
    assert made == Config("ab", mode=Mode.GOOD, limit=7, weights={"a": 1.0}, inner=Inner(1.0))
    assert made.names == ["x"] and made.names is not PARSER.parse('{"text": "ab"}').names


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("{}", "", "`text` is missing"),
        ('{"text": 3}', "/text", "expected a string, and got 3"),
        ('{"text": "a"}', "/text", 'expected 2 characters or more, and got "a"'),
        ('{"text": "bb"}', "/text", 'expected what matches ^a, and got "bb"'),
        ('{"text": "ab", "min": -1}', "/min", "expected 0 or more, and got -1"),
        ('{"text": "ab", "min": true}', "/min", "expected an integer, and got true"),
        ('{"text": "ab", "mn": 1}', "/mn", "unknown key `mn`: did you mean `min`?"),
        ('{"text": "ab", "a/b~": 1}', "/a~1b~0", "unknown key `a/b~`"),
        ('{"text": "ab", "by": "row"}', "/by", 'expected one of "rows", "columns", and got "row"'),
        ('{"text": "ab", "mode": "x"}', "/mode", 'expected one of "fast", "good", and got "x"'),
        ('{"text": "ab", "names": ["a", 1]}', "/names/1", "expected a string, and got 1"),
        ('{"text": "ab", "weights": {"k": "v"}}', "/weights/k", 'expected a number, and got "v"'),
        ('{"text": "ab", "inner": {"ratio": 2}}', "/inner/ratio", "expected 0 or more and 1 or less, and got 2.0"),
        ('{"text": "ab", "inner": {"rate": 2}}', "/inner/rate", "unknown key `rate`: did you mean `ratio`?"),
        ('{"text": "ab", "limit": "x"}', "/limit", 'expected an integer, and got "x"'),
        ('{"text": "ab", "limit": 0}', "", "`limit` is less than `min`"),
    ],
)
def test_what_is_wrong_and_where(text: str, at: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        PARSER.parse(text)
    assert (raised.value.at, str(raised.value)[: len(message)]) == (at, message)


def test_a_config_has_to_be_a_dataclass_of_known_types() -> None:
    class Plain:
        pass

    @dataclass
    class Odd:
        when: complex = 0j

    with pytest.raises(TypeError, match="put `@dataclass` above it"):
        Parser(Plain)
    with pytest.raises(TypeError, match="can be no option's type"):
        Parser(Odd)


def test_options_that_name_columns() -> None:
    @dataclass
    class Named:
        one: str = option("a", column=utf8)
        some: list[str] = option(["b", "c"], column=True)
        other: str | None = option(None, column=int64)

    assert list(columns_of(Named())) == [("/one", "a", utf8), ("/some/0", "b", None), ("/some/1", "c", None)]


def test_a_named_column_is_checked(counting: Any) -> None:
    with pytest.raises(ConfigError, match="^there is no column `body`$") as missing:
        testing.run(counting, [{"text": "a"}], config={"column": "body"})
    with pytest.raises(ConfigError, match="^column `text` is no text$") as other:
        testing.run(counting, [{"text": 1}])
    assert missing.value.at == other.value.at == "/column"
