"""The package under mypy, pyright and ruff, and what editors know of steps."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import callboard as cb
import pytest
from conftest import GUESTS, ROOT

PACKAGE = Path(cb.__file__).parent
CACHE = tempfile.mkdtemp(prefix="callboard-mypy-")
USED = """
import callboard as cb
from callboard import Row, Transform, int64

class Count(Transform):
    reads = ["text"]
    writes = {"n": int64}
    def row(self, row: Row) -> Row:
        return {"n": len(row["text"])}

pipeline = cb.read("docs.jsonl") | cb.step("filter", {"where": "n > 1"}) | cb.write("out.jsonl")
run = pipeline.run(params={"min": 5}, progress=True)
rows: int = run.report.outputs["out"]
table = cb.Step("exact-dedup", {"columns": ["text"]})(run.output().to_arrow())
columns: list[str] = table.column_names
"""
WRONG = {
    "cb.step('filter', {'were': 'n > 1'})": "WrongConfiguration",
    "cb.step('exact-dedup', {'columns': 7})": "WrongConfiguration",
    "cb.step('filter')": "WrongConfiguration",
    "cb.step('text-stats', on_eror='reject')": "on_eror",
}


def checked(*line: str) -> str:
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": scripts, "MYPYPATH": str(PACKAGE.parent), "PYTHONPATH": path}
    ended = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def test_the_package_is_clean_under_mypy() -> None:
    config = ROOT / "host/python/pyproject.toml"
    assert checked(sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", CACHE, str(PACKAGE)) == ""


def test_the_package_is_clean_under_ruff() -> None:
    config = str(ROOT / "host/python/pyproject.toml")
    files = [str(ROOT / "host/python/callboard"), str(ROOT / "tests/python")]
    assert checked("ruff", "check", "--no-cache", "--config", config, *files) == ""
    assert checked("ruff", "format", "--check", "--no-cache", "--config", config, *files) == ""


def test_the_sdk_is_clean_under_ruff() -> None:
    sdk = str(ROOT / "plugins/sdk/python")
    assert checked("ruff", "check", "--no-cache", sdk) == ""
    assert checked("ruff", "format", "--check", "--no-cache", sdk) == ""


def pyright(file: Path) -> str:
    Path("pyrightconfig.json").write_text(
        f'{{"extraPaths": ["{PACKAGE.parent}"], "typeCheckingMode": "strict", "include": ["{file}"]}}'
    )
    return checked(sys.executable, "-m", "pyright", "--pythonpath", sys.executable)


def test_programs_that_use_it_are_clean() -> None:
    used = Path("used.py")
    used.write_text(USED)
    assert checked(sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", CACHE, "used.py") == ""
    told = pyright(used)
    if "nodeenv" in told or "node" in told and "error:" not in told:
        pytest.skip("pyright has no node")
    assert told == ""


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_configuration_is_seen_before_anything_runs(line: str) -> None:
    Path("wrong.py").write_text(f"import callboard as cb\ncb.read('a.jsonl') | {line}\n")
    told = checked(sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", CACHE, "wrong.py")
    assert WRONG[line] in told, told


def test_the_types_of_bundled_steps_are_those_of_their_schemas() -> None:
    from callboard._host import stubs

    written = ROOT / "host/python/callboard/_host/typed.pyi"
    made = subprocess.run(
        ["ruff", "format", "--config", str(ROOT / "host/python/pyproject.toml"), "--stdin-filename", "typed.pyi", "-"],
        input=stubs.bundled(), capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
    ).stdout  # fmt: skip
    if os.environ.get("BLESS"):
        written.write_text(made)
    assert written.read_text() == made, "a step's configuration has changed: BLESS=1 writes the types again"


def test_types_are_written_for_steps_of_ones_own() -> None:
    cb.write_types("mine.py", [GUESTS / "picky.wasm", GUESTS / "wait.wasm"])
    Path("used.py").write_text("import mine\nmine.picky({'reject': ['a']})\nmine.wait({'at': 'process'})\n")
    assert checked(sys.executable, "-m", "mypy", "--strict", "--cache-dir", CACHE, "used.py") == ""
    Path("used.py").write_text("import mine\nmine.wait({'at': 'proces'})\n")
    assert "proces" in checked(sys.executable, "-m", "mypy", "--strict", "--cache-dir", CACHE, "used.py")


def test_a_schema_of_a_stranger_is_no_code() -> None:
    from callboard._host import stubs

    words = '"""\nraise SystemExit("code of a stranger") #'
    schema = {
        "description": words,
        "properties": {
            "a": {"description": words, "default": words},
            words: {},
            "b": {"$ref": f"#/$defs/{words}"},
            "c": {"enum": [words]},
        },
        "$defs": {words: {"description": words, "properties": {"d": {"type": words}}}},
    }
    for one in (
        schema,
        {
            **schema,
            "properties": {"a": schema["properties"]["a"], "b": schema["properties"]["b"], "c": schema["properties"]["c"]},
        },
    ):  # type: ignore[index]
        text = "\n\n".join(stubs._written(words, "step", words, one))
        names = {"TypedDict": dict, "callboard": cb, "Any": object, "Sequence": list, "Mapping": dict, "Literal": object}
        exec(compile("from __future__ import annotations\n" + text.replace("total=False", ""), "mine.py", "exec"), names)
        assert callable(names["step"])


def test_importing_it_imports_no_large_library() -> None:
    code = (
        "import sys, callboard; print(sorted({'pyarrow', 'polars', 'pandas', 'numpy', 'IPython', 'datasets'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_both_sides_of_the_package_are_there() -> None:
    for name in cb.__all__:
        assert getattr(cb, name) is not None, name
    assert len(set(cb.__all__)) == len(cb.__all__)
    from callboard import _sdk

    assert set(_sdk.__all__) <= set(cb.__all__), set(_sdk.__all__) - set(cb.__all__)
