"""Types of steps' configurations, written from their JSON Schemas, so that editors complete and check them."""

from __future__ import annotations

import keyword
import os
import re
from typing import TYPE_CHECKING, Any, Union

from callboard import _native

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Path_ = Union[str, "os.PathLike[str]"]

_OPTIONS = (
    "name: str | None = ..., limits: Mapping[str, Any] | None = ..., grants: Mapping[str, Any] | None = ..., "
    "columns: Mapping[str, str] | None = ..., on_error: str | None = ..., retries: int | None = ..."
)


class _Types:
    """The classes that a configuration's schema needs."""

    def __init__(self, schema: Mapping[str, Any], prefix: str) -> None:
        self.prefix = prefix
        self.defs: Mapping[str, Any] = schema.get("$defs", schema.get("definitions", {}))
        self.classes: list[str] = []
        self.named: dict[str, str] = {}

    def of(self, schema: Any, name: str) -> str:
        """The type of values of a schema; `name` is what a class for them is called."""
        if not isinstance(schema, dict):
            return "Any"
        if isinstance(schema.get("$ref"), str):
            return self._referred(schema["$ref"].rpartition("/")[2], name)
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if isinstance(schema.get("enum"), list):
            return self._union([f"Literal[{value!r}]" if value is not None else "None" for value in schema["enum"]])
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                return self._union([self.of(one, f"{name}{number or ''}") for number, one in enumerate(schema[key])])
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([self.of({**schema, "type": one}, name) for one in kind])
        if kind == "array":
            return f"Sequence[{self.of(schema.get('items'), name + 'Item')}]"
        if kind == "object" or "properties" in schema:
            if schema.get("properties"):
                return self.object(schema, name)
            return f"Mapping[str, {self.of(schema.get('additionalProperties'), name + 'Value')}]"
        simple = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
        return simple.get(str(kind), "Any")

    def _referred(self, ref: str, name: str) -> str:
        if ref not in self.named:
            # A schema that refers to itself.
            self.named[ref] = "Any"
            self.named[ref] = self.of(self.defs.get(ref), self.prefix + _class(ref))
        return self.named[ref]

    @staticmethod
    def _union(types: list[str]) -> str:
        literals = [one[len("Literal[") : -1] for one in types if one.startswith("Literal[")]
        others = [one for one in dict.fromkeys(types) if not one.startswith("Literal[")]
        joined = [f"Literal[{', '.join(dict.fromkeys(literals))}]"] if literals else []
        return " | ".join(joined + others) or "Any"

    def object(self, schema: Mapping[str, Any], name: str) -> str:
        """A `TypedDict` of this name, written down; `dict` where keys are no names of Python."""
        keys: Mapping[str, Any] = schema.get("properties", {})
        if any(not key.isidentifier() or keyword.iskeyword(key) for key in keys):
            return "Mapping[str, Any]"
        required = set(schema.get("required", []))
        base = "TypedDict"
        if required:
            base = f"_{name}Required"
            self.classes.append(self._class(base, "TypedDict", "", {key: keys[key] for key in keys if key in required}, name))
        words = _words(schema.get("description", ""))
        optional = {key: keys[key] for key in keys if key not in required}
        self.classes.append(self._class(name, f"{base}, total=False", words, optional, name))
        return name

    def _class(self, name: str, bases: str, words: str, keys: Mapping[str, Any], prefix: str) -> str:
        lines = [f"class {name}({bases}):"]
        if words:
            lines.append(f'    """{_quoted(words)}"""')
        for key, schema in keys.items():
            lines.append(f"    {key}: {self.of(schema, prefix + _class(key))}")
            meaning = _words(schema.get("description", "")) if isinstance(schema, dict) else ""
            if isinstance(schema, dict) and schema.get("default") is not None:
                meaning = f"{meaning} By default {schema['default']!r}.".strip()
            if meaning:
                lines.append(f'    """{_quoted(meaning)}"""')
        if len(lines) == 1:
            lines.append("    pass")
        return "\n".join(lines) + "\n"


def _class(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)


def _words(text: object) -> str:
    """A sentence on one line."""
    words = " ".join(str(text).split())
    return words + "." if words and words[-1] not in ".!?…" else words


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')


def configuration(name: str, schema: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The text of the classes for a step's configuration, the name of the type, and whether some key has to be given."""
    types = _Types(schema, _class(name))
    named = types.of({**schema, "type": "object"}, f"{_class(name)}Config")
    return "\n\n".join(types.classes), named, bool(schema.get("required"))


_HEAD = '''"""{words}

Written by `callboard.write_types`; do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

import callboard


'''

_FUNCTION = '''def {function}({config}, **options: Any) -> callboard.StepSpec:
    """{summary}"""
    return callboard.step({use!r}, config, **options)
'''


def write_types(file: Path_, steps: Sequence[Path_]) -> None:
    """Writes a module with a typed function for each of these steps, for editors and type checkers.

        callboard.write_types("my_steps.py", ["./label.wasm"])

    makes `my_steps.label({"column": "text"})`, which is `callboard.step("./label.wasm", {"column": "text"})` with the types
    of its configuration. A path is written as it is given here.
    """
    from callboard._host.step import Step

    text = _HEAD.format(words="Steps, with the types of their configurations.")
    parts = []
    for step in steps:
        use = os.fspath(step)
        described = Step(use).describe()
        stem = re.sub(r"\W", "_", os.path.basename(use).partition(".")[0])
        function = f"{stem}_" if keyword.iskeyword(stem) else stem
        parts += _written(use, function, described["summary"], described["config_schema"])
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text + "\n\n".join(parts))


def _written(use: str, function: str, summary: str, schema: Mapping[str, Any]) -> list[str]:
    classes, type, required = configuration(function, schema)
    config = f"config: {type}" if required else f"config: {type} | None = None"
    made = _FUNCTION.format(function=function, config=config, summary=_quoted(_words(summary)), use=use)
    return [classes, made] if classes else [made]


_TYPED = '''"""The functions of `callboard` that name a step, with the configurations of the bundled ones.

Written from the steps' JSON Schemas by `python -m callboard._host.stubs`; do not edit.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict, overload

from callboard._host.builder import StepSpec, WrongConfiguration
from callboard._host.step import Step as _Step

'''


def bundled() -> str:
    """The text of `typed.pyi`: overloads of `step` and `Step` for the bundled steps."""
    import json

    from callboard._host.step import Step

    classes, functions, made = [], [], []
    for name, kind, summary, described_by in _native.bundled():
        if kind == "not built":
            continue
        schema = json.loads(Step(described_by)._of(1).describe()["config_schema"])
        text, type, required = configuration(name, schema)
        classes.append(text)
        config = f"config: {type}" if required else f"config: {type} | None = ..."
        use = f"use: Literal[{name!r}]"
        functions.append(
            f"@overload\ndef step(\n    {use}, {config}, *, {_OPTIONS},\n"
            "    replicas: int | None = ..., needs: Mapping[str, Any] | None = ..., max_rejects: int | str | None = ..., stats: bool | None = ...,\n"
            f') -> StepSpec:\n    """{_quoted(_words(summary))}"""\n'
        )
        options = _OPTIONS.replace("on_error: str | None = ...", "on_error: str = ...")
        made.append(f"    @overload\n    def __init__(\n        self, {use}, {config}, *, {options},\n    ) -> None: ...\n")
    names = ", ".join(repr(name) for name, kind, *_ in _native.bundled() if kind != "not built")
    functions.append(
        f"@overload\ndef step(  # type: ignore[overload-overlap]\n"
        f"    use: Literal[{names}], config: object = ..., *, {_OPTIONS},\n"
        "    replicas: int | None = ..., needs: Mapping[str, Any] | None = ..., max_rejects: int | str | None = ..., stats: bool | None = ...,\n"
        ") -> WrongConfiguration: ...\n"
    )
    any_config = "use: str | PathLike[str], config: Mapping[str, Any] | None = ..."
    functions.append(
        f"@overload\ndef step(\n    {any_config}, *, {_OPTIONS},\n"
        "    replicas: int | None = ..., needs: Mapping[str, Any] | None = ..., max_rejects: int | str | None = ..., stats: bool | None = ...,\n"
        ") -> StepSpec: ...\n"
    )
    options = _OPTIONS.replace("on_error: str | None = ...", "on_error: str = ...")
    made.append(f"    @overload\n    def __init__(\n        self, {any_config}, *, {options},\n    ) -> None: ...\n")
    parts = [text for text in classes if text] + functions + ["class Step(_Step):\n" + "\n".join(made)]
    return _TYPED + "\n".join(parts)


if __name__ == "__main__":
    import sys

    sys.stdout.write(bundled())
