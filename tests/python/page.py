"""The reference in docs/python.md, made of the docstrings."""

from __future__ import annotations

import inspect
import textwrap

import callboard as cb
from callboard import _sdk

BEGIN = "<!-- reference: made of the docstrings -->\n"


def with_reference(text: str) -> str:
    """The page with the reference as it is now."""
    head, _, _ = text.partition(BEGIN)
    return head + BEGIN + "\n" + "\n".join(entries()) + "\n"


def entries() -> list[str]:
    """A section for each public name of the host's side."""
    names = [name for name in cb.__all__ if name not in _sdk.__all__ and not name.startswith("_")]
    made = []
    for name in sorted(names, key=lambda name: (inspect.isclass(getattr(cb, name)), name)):
        value = getattr(cb, name)
        if inspect.isclass(value):
            made.append(of_class(name, value))
        else:
            made.append(f"### `{name}{signature(value)}`\n\n{words(value)}\n")
    return made


def of_class(name: str, value: type) -> str:
    text = f"### `{name}`\n\n{words(value)}\n"
    members = []
    for member, of in vars(value).items():
        if member == "__init__" and of.__doc__:
            members.append(f"- `{name}{signature(of)}`: {oneline(of)}")
        elif member.startswith("_") or not getattr(of, "__doc__", None):
            continue
        elif isinstance(of, property):
            members.append(f"- `{member}`: {oneline(of)}")
        elif isinstance(of, classmethod):
            members.append(f"- `{name}.{member}{signature(getattr(value, member))}`: {oneline(of.__func__)}")
        elif inspect.isfunction(of):
            members.append(f"- `{member}{signature(of)}`: {oneline(of)}")
    return text + ("\n" + "\n".join(members) + "\n" if members else "")


def signature(value: object) -> str:
    """Names and defaults; types are for editors."""
    parts, star = [], False
    for parameter in inspect.signature(value).parameters.values():  # type: ignore[arg-type]
        if parameter.name in ("self", "cls") or parameter.name.startswith("_"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            parts.append("*")
        star = star or parameter.kind is parameter.VAR_POSITIONAL
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        parts.append(prefix + parameter.name + default)
    return f"({', '.join(parts)})"


def words(value: object) -> str:
    """A docstring as Markdown: what is indented is code."""
    paragraphs = (inspect.getdoc(value) or "").split("\n\n")
    made = []
    for paragraph in paragraphs:
        if paragraph.startswith("    "):
            made.append(f"```python\n{textwrap.dedent(paragraph)}\n```")
        else:
            made.append(paragraph)
    return "\n\n".join(made).replace("```\n\n```python\n", "\n")


def oneline(value: object) -> str:
    return " ".join((inspect.getdoc(value) or "").split())
