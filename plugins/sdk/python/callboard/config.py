"""A step's configuration: a dataclass, from which its JSON Schema is derived, and which is made from what the user wrote.

    @dataclass
    class Config:
        column: str = option("text", "the column whose words are counted", column=utf8)
        min: int = option(1, "rows of fewer words are dropped", minimum=0)

An option is a `bool`, `int`, `float`, `str`, `Literal`, `Enum`, a `list` or `dict[str, …]` of such, another dataclass, or one
of these or `None`. Plain dataclass fields do as well; their `metadata` may hold keywords of JSON Schema.
"""

import dataclasses
import difflib
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from enum import Enum
from typing import Any, Literal, TypeVar, cast

from callboard.errors import ConfigError
from callboard.types import Type

T = TypeVar("T")

_COLUMN = "callboard column"
"""The key of a field's metadata under which stands which type the named column is of."""


@dataclasses.dataclass
class Empty:
    """The configuration of a step that has none."""


def option(
    default: T | Any = MISSING,
    description: str = "",
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    min_length: int | None = None,
    pattern: str | None = None,
    column: Type | bool = False,
) -> T:
    """An option of a `Config`. Without a default the user has to give it; a list or dict as the default is copied.

    With `column`, the option names a column of the input, or several: they are read, and checked to be there and of this type;
    `True` takes any.
    """
    words = {
        "description": description or None,
        "minimum": minimum,
        "maximum": maximum,
        "minLength": min_length,
        "pattern": pattern,
    }
    metadata: dict[str, Any] = {key: word for key, word in words.items() if word is not None}
    if column:
        metadata[_COLUMN] = None if column is True else column
    if isinstance(default, (list, dict)):
        return cast(T, dataclasses.field(default_factory=default.copy, metadata=metadata))
    return cast(T, dataclasses.field(default=default, metadata=metadata))


def columns_of(config: Any) -> Iterator[tuple[str, str, Type | None]]:
    """The columns that a configuration names: where in it, which, and of what type."""
    for field in dataclasses.fields(config):
        if _COLUMN not in field.metadata:
            continue
        value, type = getattr(config, field.name), field.metadata[_COLUMN]
        if isinstance(value, str):
            yield f"/{field.name}", value, type
        elif value is not None:
            yield from ((f"/{field.name}/{place}", name, type) for place, name in enumerate(value))


class Parser:
    """What is known of a `Config` class; made once, when the component is built."""

    def __init__(self, config: type) -> None:
        if not dataclasses.is_dataclass(config):
            raise TypeError(f"`{config.__name__}` is to be a dataclass: put `@dataclass` above it")
        self._hints: dict[type, dict[str, Any]] = {}
        self._class = config
        self.schema = self._object(config)
        """Its JSON Schema."""

    def parse(self, text: str) -> Any:
        """The configuration that the user wrote.

        Raises `ConfigError`.
        """
        return self._value(self._class, json.loads(text), "", {})

    def _object(self, of: type) -> dict[str, Any]:
        hints = self._hints[of] = typing.get_type_hints(of)
        properties, required = {}, []
        for field in dataclasses.fields(of):
            schema = self._schema(hints[field.name])
            schema |= {key: word for key, word in field.metadata.items() if key != _COLUMN}
            if field.default is not MISSING:
                schema["default"] = _plain(field.default)
            elif field.default_factory is not MISSING:
                schema["default"] = _plain(field.default_factory())
            else:
                required.append(field.name)
            properties[field.name] = schema
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        # A dataclass without a docstring is given its own signature as one.
        if of.__doc__ and not of.__doc__.startswith(f"{of.__name__}("):
            schema["description"] = of.__doc__.strip().splitlines()[0]
        return schema

    def _schema(self, hint: Any) -> dict[str, Any]:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            return {}
        if hint in _NAMES:
            return {"type": _NAMES[hint]}
        if origin is Literal:
            return {"enum": list(arguments)}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [member.value for member in hint]}
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self._schema(argument) for argument in arguments]}
        if origin is list:
            return {"type": "array", "items": self._schema(arguments[0])}
        if origin is dict and arguments[0] is str:
            return {"type": "object", "additionalProperties": self._schema(arguments[1])}
        if dataclasses.is_dataclass(hint):
            return self._object(cast(type, hint))
        raise TypeError(f"`{hint}` can be no option's type: use bool, int, float, str, Literal, Enum, list, dict or a dataclass")

    def _value(self, hint: Any, value: Any, at: str, words: Any) -> Any:
        """A value as the hint wants it; `words` are the JSON Schema keywords of its field."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            return value
        if hint in _NAMES:
            return _bounded(_scalar(hint, value, at), at, words)
        if origin is Literal:
            return _one_of({argument: argument for argument in arguments}, value, at)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return _one_of({member.value: member for member in hint}, value, at)
        if origin in (typing.Union, types.UnionType):
            return self._any_of(arguments, value, at, words)
        if origin is list:
            items = _expect(list, "a list", value, at)
            return [self._value(arguments[0], item, f"{at}/{place}", {}) for place, item in enumerate(items)]
        if origin is dict:
            items = _expect(dict, "a table", value, at)
            return {key: self._value(arguments[1], item, _join(at, key), {}) for key, item in items.items()}
        return self._instance(hint, _expect(dict, "a table", value, at), at)

    def _any_of(self, hints: tuple[Any, ...], value: Any, at: str, words: Any) -> Any:
        refused = None
        for hint in hints:
            try:
                return self._value(hint, value, at, words)
            except ConfigError as error:
                refused = refused or error
        raise refused or ConfigError("expected nothing", at)

    def _instance(self, of: type, given: dict[str, Any], at: str) -> Any:
        fields = {field.name: field for field in dataclasses.fields(of)}
        for key in given:
            if key not in fields:
                near = difflib.get_close_matches(key, fields, 1)
                others = f"did you mean `{near[0]}`?" if near else f"there is {_listed(fields) or 'none'}"
                raise ConfigError(f"unknown key `{key}`: {others}", _join(at, key))
        for name, field in fields.items():
            if name not in given and field.default is MISSING and field.default_factory is MISSING:
                raise ConfigError(f"`{name}` is missing", at)
        hints = self._hints[of]
        values = {key: self._value(hints[key], value, _join(at, key), fields[key].metadata) for key, value in given.items()}
        try:
            return of(**values)
        except ValueError as error:  # From the author's own `__post_init__`.
            raise ConfigError(str(error), at) from error


_NAMES: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def _scalar(hint: Any, value: Any, at: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"expected {_article(_NAMES[hint])}, and got {_told(value)}", at)
    return value


def _bounded(value: Any, at: str, words: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not words.get("minimum", -math.inf) <= value <= words.get("maximum", math.inf):
            bounds = [f"{words[key]} {side}" for key, side in (("minimum", "or more"), ("maximum", "or less")) if key in words]
            raise ConfigError(f"expected {' and '.join(bounds)}, and got {value}", at)
    if isinstance(value, str):
        if len(value) < words.get("minLength", 0):
            raise ConfigError(f"expected {words['minLength']} characters or more, and got {_told(value)}", at)
        if "pattern" in words and not re.search(words["pattern"], value):
            raise ConfigError(f"expected what matches {words['pattern']}, and got {_told(value)}", at)
    return value


def _one_of(choices: dict[Any, Any], value: Any, at: str) -> Any:
    for choice, meant in choices.items():
        if type(choice) is type(value) and choice == value:
            return meant
    raise ConfigError(f"expected one of {', '.join(map(_told, choices))}, and got {_told(value)}", at)


def _expect(of: Callable[..., Any], what: str, value: Any, at: str) -> Any:
    if type(value) is not of:
        raise ConfigError(f"expected {what}, and got {_told(value)}", at)
    return value


def _told(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= 60 else words[:60] + "…"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value.value if isinstance(value, Enum) else value


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else noun if noun == "null" else f"a {noun}"


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _join(at: str, key: str) -> str:
    return f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
