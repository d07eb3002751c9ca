"""Steps that are written in a notebook or a script: a function becomes a component, and is called in its sandbox."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from callboard._host.command import command
from callboard._host.errors import DataError, HostError
from callboard._host.step import Called, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from callboard._sdk import Type

# What the standard library has and a component has not, and why.
_ABSENT = {
    **dict.fromkeys(("threading", "_thread", "concurrent", "multiprocessing", "subprocess", "asyncio", "signal"), "a component has one thread and no processes"),
    **dict.fromkeys(("socket", "ssl", "urllib.request", "http.client", "ftplib", "smtplib"), "a component has no sockets; requests are granted to steps, with `grants`"),
    **dict.fromkeys(("sqlite3", "bz2", "lzma", "ctypes", "tkinter", "curses", "readline"), "it needs a library of C that a component has not"),
    **dict.fromkeys(("zoneinfo", "tempfile"), "a component has no files, but those that are granted"),
}  # fmt: skip


class Unfit(DataError):
    """A function that cannot go into a sandbox; the message says why, `line` where."""


class Written:
    """A function as a step: called on rows, it works in its sandbox."""

    def __init__(
        self,
        function: Callable[..., Any],
        reads: Sequence[str] | None,
        writes: Mapping[str, Type],
        drops: Sequence[str],
        options: Mapping[str, Any],
    ) -> None:
        self.function = function
        """The function itself, outside of any sandbox."""
        self._options = dict(options)
        self._step: Step | None = None
        self.source = source_of(function, reads, writes, drops)
        """The text of the step that is built."""
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    @property
    def component(self) -> Path:
        """The component, built if it is not in the cache."""
        return built(self.source, self.__name__)

    @property
    def step(self) -> Step:
        """The step."""
        if self._step is None:
            self._step = Step(self.component, **self._options)
        return self._step

    def __call__(self, rows: Any) -> Any:
        """Calls the step on rows: those that it puts out, in the same kind of object."""
        return self.step(rows)

    def call(self, rows: Any) -> Called[Any]:
        """Calls the step on rows: those that it puts out, and those that it left out."""
        return self.step.call(rows)

    def __fspath__(self) -> str:
        # So that `callboard.step(function)` uses it in a pipeline.
        return str(self.component)

    def __repr__(self) -> str:
        return f"<step {self.__name__}, written in Python>"


@overload
def transform(function: Callable[..., Any], /) -> Written: ...
@overload
def transform(
    *,
    reads: Sequence[str] | None = ...,
    writes: Mapping[str, Type] | None = ...,
    drops: Sequence[str] = ...,
    **options: Any,
) -> Callable[[Callable[..., Any]], Written]: ...
def transform(
    function: Callable[..., Any] | None = None,
    /,
    *,
    reads: Sequence[str] | None = None,
    writes: Mapping[str, Type] | None = None,
    drops: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Makes a step of a function on rows, by building a component of it.

        @callboard.transform(writes={"n_words": callboard.int64})
        def count(row):
            return {"n_words": len(row["text"].split())}

        table = count(table)

    The function gets a dict of the columns that it reads and returns what `Transform.row` returns: a dict of the written columns,
    `drop(reason)`, `reject(reason)`, `None`, or several rows. `reads` are the columns; by default those that the function takes from
    the row by name. `drops` are columns that go no further, and `options` those of `callboard.Step`: `limits`, `grants`, `on_error`.

    What the function uses goes with it: constants, other functions, modules of the standard library and packages in Python alone. What cannot
    go into a sandbox raises `Unfit`, which says why. The component is built by componentize-py, which has to be installed, and kept in the cache.
    """

    def made(function: Callable[..., Any]) -> Written:
        return Written(function, reads, writes or {}, drops, options)

    return made if function is None else made(function)


def source_of(function: Callable[..., Any], reads: Sequence[str] | None, writes: Mapping[str, Any], drops: Sequence[str]) -> str:
    """The text of a step that calls the function."""
    parts = _Parts()
    parts.add(function.__name__, function, function)
    if reads is None:
        reads = _read(function)
    summary = (inspect.getdoc(function) or f"Calls `{function.__name__}` on each row.").partition("\n\n")[0]
    name = function.__name__.strip("_").replace("_", "-").lower() or "step"
    return "\n".join(
        [
            '"""Written by `callboard.transform`."""',
            "",
            "from callboard import *",
            "from callboard import Transform as _Transform",
            "from callboard.types import Type as _Type",
            *parts.imports,
            "",
            *parts.texts,
            "",
            "class _Step(_Transform):",
            f"    {' '.join(summary.split())!r}",
            "",
            f"    name = {name!r}",
            f"    reads = {list(reads)!r}",
            f"    writes = {{{', '.join(f'{column!r}: {_type(type)}' for column, type in writes.items())}}}",
            f"    drops = {list(drops)!r}",
            "",
            "    def row(self, row):",
            f"        return {function.__name__}(row)",
            "",
        ]
    )


def _type(type: Any) -> str:
    return repr(type).replace("Type(", "_Type(")


class _Parts:
    """What a function needs, found from its code."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.texts: list[str] = []
        self.packages: dict[str, Path] = {}
        self._seen: dict[str, object] = {}

    def add(self, name: str, value: Any, of: Callable[..., Any]) -> None:
        """Adds what `name` stands for in the function `of`."""
        if name in self._seen:
            if self._seen[name] is not value:
                raise _unfit(of, f"`{name}` stands for two things in what it calls: give one another name")
            return
        self._seen[name] = value
        if isinstance(value, Written):
            value = value.function
        if isinstance(value, types.ModuleType):
            self._module(name, value.__name__, of)
        elif isinstance(value, types.FunctionType):
            if (value.__module__ or "").partition(".")[0] == "callboard":
                return  # The SDK: the component has it.
            if (
                value.__module__ in sys.stdlib_module_names
                or value.__module__.partition(".")[0] in sys.stdlib_module_names
                and value.__module__ != "__main__"
            ):
                self._from(name, value.__module__, value.__qualname__, of)
                return
            self._function(value)
        elif isinstance(value, type) or callable(value) and getattr(value, "__module__", None):
            module = value.__module__ or ""
            if module.partition(".")[0] == "callboard":
                return
            if module == "__main__" or "." in getattr(value, "__qualname__", ""):
                what = "a class" if isinstance(value, type) else "an object"
                raise _unfit(
                    of,
                    f"`{name}` is {what} of this session: only functions and constants go with it",
                    "write a step in a folder of its own: callboard step new NAME --lang python",
                )
            self._from(name, module, getattr(value, "__name__", name), of)
        else:
            self.texts.insert(0, f"{name} = {_constant(name, value, of)}")

    def _from(self, name: str, module: str, qualified: str, of: Callable[..., Any]) -> None:
        self._check(module, of)
        self.imports.append(f"from {module} import {qualified} as {name}")

    def _module(self, name: str, module: str, of: Callable[..., Any]) -> None:
        self._check(module, of)
        self.imports.append(f"import {module} as {name}")

    def _check(self, module: str, of: Callable[..., Any]) -> None:
        """Raises where a module cannot go into a component."""
        top = module.partition(".")[0]
        for absent, why in _ABSENT.items():
            if module == absent or module.startswith(absent + "."):
                raise _unfit(of, f"the module `{module}` cannot go into a sandbox: {why}")
        if top in sys.stdlib_module_names or top == "callboard":
            return
        spec = importlib.util.find_spec(top)
        if spec is None or spec.origin is None and not spec.submodule_search_locations:
            raise _unfit(of, f"the module `{module}` was not found")
        for folder in map(Path, spec.submodule_search_locations or []):
            compiled = [file for suffix in importlib.machinery.EXTENSION_SUFFIXES for file in folder.rglob(f"*{suffix}")]
            if compiled:
                raise _unfit(
                    of,
                    f"the package `{top}` cannot go into a sandbox: it has compiled parts ({compiled[0].name})",
                    "do that part outside, or with a bundled step",
                )
            self.packages[top] = folder
        if spec.origin and not spec.submodule_search_locations:
            if spec.origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
                raise _unfit(of, f"the module `{top}` cannot go into a sandbox: it is compiled")
            self.packages[top] = Path(spec.origin)
        self.imports.append(f"# package: {self.packages[top]}")

    def _function(self, function: types.FunctionType) -> None:
        try:
            text = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError):
            raise _unfit(function, f"the source of `{function.__name__}` was not found: define it in a cell or a file") from None
        tree = ast.parse(text).body[0]
        if not isinstance(tree, ast.FunctionDef):
            what = "asynchronous" if isinstance(tree, ast.AsyncFunctionDef) else "a lambda"
            raise _unfit(function, f"`{function.__name__}` is {what}: write it with `def`")
        tree.decorator_list = []
        _strip_annotations(tree)
        variables = inspect.getclosurevars(function)
        for name, value in {**variables.nonlocals, **variables.globals}.items():
            if value is not function:
                self.add(name, value, function)
        for module in _imported(tree):
            self._check(module, function)
        self.texts.append(ast.unparse(tree) + "\n")


def _strip_annotations(tree: ast.FunctionDef) -> None:
    """Takes types away: what they name need not be in the component."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None


def _imported(tree: ast.AST) -> list[str]:
    """Modules that are imported inside of a function."""
    found = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return found + [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]


def _constant(name: str, value: Any, of: Callable[..., Any]) -> str:
    """A constant as Python writes it."""

    def plain(value: Any) -> bool:
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            return type(value) in (type(None), bool, int, float, str, bytes)
        if type(value) in (list, tuple, set, frozenset):
            return all(map(plain, value))
        return type(value) is dict and all(plain(key) and plain(item) for key, item in value.items())

    import re

    if isinstance(value, re.Pattern):
        return f"__import__('re').compile({value.pattern!r}, {value.flags})"
    if plain(value):
        text = repr(value)
        return (
            text if "inf" not in text and "nan" not in text else f"eval({text!r}, {{'inf': float('inf'), 'nan': float('nan')}})"
        )
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    of_library = f" of `{library}`" if library not in ("builtins", "__main__") else ""
    raise _unfit(
        of,
        f"`{name}` is a {kind.__name__}{of_library}, which cannot go into a sandbox: numbers, texts, and lists and dicts of them can",
        "make it inside of the function, or grant the step a file that it reads",
    )


def _read(function: Callable[..., Any]) -> list[str]:
    """The columns that a function takes from its row by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef) or not tree.args.args:
        raise _unfit(function, "it takes no row: write `def f(row)`")
    row = tree.args.args[0].arg
    found: dict[str, None] = {}
    taken = 0
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == row:
            key = node.slice
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == row
            and node.args
        ):
            key = node.args[0]
        if key is not None:
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                raise _unfit(function, "it takes a column whose name is not written there", 'name the columns: reads=["text"]')
            found[key.value] = None
            taken += 1
    uses = sum(isinstance(node, ast.Name) and node.id == row for node in ast.walk(tree))
    if uses > taken:
        raise _unfit(function, "it uses its row as a whole", 'name the columns: reads=["text"]')
    return list(found)


def _unfit(function: Callable[..., Any], message: str, help: str | None = None) -> Unfit:
    code = getattr(function, "__code__", None)
    return Unfit(
        f"`{function.__name__}`: {message}",
        help=help,
        file=getattr(code, "co_filename", None),
        line=getattr(code, "co_firstlineno", None),
    )


def built(source: str, name: str) -> Path:
    """The component of a step of this text, from the cache or built now."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:32]
    folder = _cache() / "written"
    component = folder / f"{name}-{digest}.wasm"
    if component.exists():
        return component
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="callboard-written-") as temporary:
        environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
        _called([command(), "step", "new", "written", "--lang", "python"], Path(temporary), environment)
        step = Path(temporary) / "written"
        (step / "step.py").write_text(source, encoding="utf-8")
        deps = step / "deps"
        deps.mkdir(exist_ok=True)
        for line in source.splitlines():
            if line.startswith("# package: "):
                package = Path(line.removeprefix("# package: "))
                if package.is_dir():
                    shutil.copytree(package, deps / package.name, dirs_exist_ok=True)
                else:
                    shutil.copy(package, deps)
        _called([command(), "step", "build"], step, environment)
        # It appears whole: another process may build the same.
        made = folder / f".{component.name}.{os.getpid()}"
        shutil.copy(step / "written.wasm", made)
        os.replace(made, component)
    return component


def _called(line: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    ended = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        raise HostError(f"the step was not built: {ended.stderr.strip() or ended.stdout.strip()}")


def _cache() -> Path:
    if named := os.environ.get("CALLBOARD_CACHE"):
        return Path(named)
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "callboard"
    return Path.home() / ".cache" / "callboard"
