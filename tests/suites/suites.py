"""Runs other people's test suites through `callboard`, where they are checked out: `cargo xtask suites --at FOLDER`.

Every Parquet and Arrow file of apache/parquet-testing, apache/arrow-testing and DuckDB's `data` is read to an Arrow file, whose values
are compared with what pyarrow reads (and DuckDB, where pyarrow cannot). JSONTestSuite's texts are read as values of a `json` column.
Each file must be read with the same values, or be refused by both, or stand in `refusals.txt` with a reason.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import pyarrow as pa
    import pyarrow.ipc as ipc
    import pyarrow.parquet as pq
except ImportError:
    sys.exit("SKIPPED: pyarrow is not there: --python PATH names an interpreter that has it")
try:
    import duckdb
except ImportError:
    duckdb = None

HERE = Path(__file__).parent
SUITES = ["parquet-testing", "arrow-testing", "duckdb/data", "JSONTestSuite"]
ARROW = {".arrow", ".arrow_file", ".stream", ".feather", ".ipc"}


def known():
    """Files that are refused or differ for a reason, by a part of their path."""
    reasons = {}
    for line in (HERE / "refusals.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, reason = line.split(": ", 1)
            reasons[path] = reason
    return reasons


def callboard(binary, folder, source, **keys):
    """What becomes of a file: exit code, words, and the rows as an Arrow table."""
    (folder / "out.arrow").unlink(missing_ok=True)
    pipeline = {"callboard": 1, "inputs": {"i": {"path": str(source), **keys}}, "outputs": {"o": {"path": "out.arrow"}}}
    (folder / "p.json").write_text(json.dumps(pipeline))
    command = [binary, "run", "-q", "--no-resume", "p.json"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    except subprocess.TimeoutExpired:
        return 124, "no end within 120 s", None
    table = None
    if done.returncode == 0:
        with ipc.open_file(folder / "out.arrow") as rows:
            table = rows.read_all()
    return done.returncode, done.stderr.strip(), table


def peers(path, arrow):
    """The table that another reader makes of a file, or none."""
    try:
        if not arrow:
            return pq.ParquetFile(path).read()
        with open(path, "rb") as file:
            whole = file.read(6) == b"ARROW1"
        with (ipc.open_file(path) if whole else ipc.open_stream(path)) as rows:
            return rows.read_all()
    except Exception as error:
        if duckdb is not None and not arrow:
            try:
                return duckdb.execute("from read_parquet(?)", [str(path)]).fetch_arrow_table()
            except Exception:
                pass
        return str(error).splitlines()[0] if str(error) else type(error).__name__


def plain(value):
    """A value as it compares whatever layout it had."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def values(column, wanted=None):
    """A column's values: of the wanted type where the layouts differ, and of integers where Python has no such dates."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if wanted is not None and column.type != wanted and "list_view" not in str(column.type):
        try:
            column = column.cast(wanted)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            pass
    if "list_view" in str(column.type):
        # pyarrow's own cast and `to_pylist` of list views give the items behind a list too.
        return [plain(column[row].as_py()) for row in range(len(column))]
    for integers in (None, pa.int64(), pa.int32()):
        try:
            return [plain(value) for value in (column if integers is None else column.cast(integers)).to_pylist()]
        except (ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return column.to_string()


def differs(ours, theirs):
    """The first difference of two tables, or nothing."""
    if ours.num_rows != theirs.num_rows:
        return f"{ours.num_rows} rows, a peer reads {theirs.num_rows}"
    if ours.column_names != theirs.column_names:
        return f"columns {ours.column_names}, a peer reads {theirs.column_names}"
    for name in ours.column_names:
        a = values(ours[name])
        storage = ours[name].type
        if isinstance(storage, pa.BaseExtensionType):
            storage = storage.storage_type
        b = values(theirs[name], storage)
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), 0)
            return f"`{name}` ({ours[name].type}, a peer's {theirs[name].type}), row {at + 1}: {str(a[at])[:80]}, a peer reads {str(b[at])[:80]}"
    return None


def binary_files(at, binary, folder):
    for path in sorted(path for suite in SUITES[:3] for path in (at / suite).rglob("*") if path.is_file()):
        arrow = path.suffix in ARROW
        if not arrow and path.suffix != ".parquet":
            continue
        code, words, table = callboard(binary, folder, path, format="arrow" if arrow else "parquet")
        theirs = peers(path, arrow)
        if code not in (0, 2, 3, 4):
            yield path, f"ends with {code}: {words}"
        elif "panicked" in words:
            yield path, f"panics: {words}"
        elif code != 0:
            yield path, None if isinstance(theirs, str) else f"refused, and a peer reads it: {words}"
        elif isinstance(theirs, str):
            yield path, f"read ({table.num_rows} rows), and no peer does: {theirs}"
        else:
            yield path, differs(table, theirs)


def json_texts(at, binary, folder):
    for path in sorted((at / "JSONTestSuite/test_parsing").glob("*.json")):
        text = path.read_bytes()
        if b"\n" in text.strip() or b"\r" in text.strip():
            continue
        (folder / "in.jsonl").write_bytes(b'{"v": ' + text.strip() + b"}\n")
        code, words, table = callboard(binary, folder, "in.jsonl", types={"v": "json"})
        if path.name.startswith("y_") and code != 0:
            yield path, f"refused: {words}"
        elif path.name.startswith("n_") and code == 0:
            yield path, f"read as {table['v'].to_pylist()}"
        else:
            yield path, None if code in (0, 3) else f"ends with {code}: {words}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--at", type=Path, required=True)
    arguments.add_argument("--binary", type=Path, required=True)
    arguments.add_argument("--only", default="", help="a part of the paths to try")
    given = arguments.parse_args()
    for suite in SUITES:
        if not (given.at / suite).is_dir():
            print(f"SKIPPED: {suite} is not at {given.at}")
    reasons, used, tried, wrong = known(), set(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for outcomes in (binary_files, json_texts):
            for path, fault in outcomes(given.at.resolve(), given.binary.resolve(), Path(folder)):
                if given.only not in str(path):
                    continue
                tried += 1
                name = next((part for part in reasons if part in str(path)), None)
                used.add(name)
                if fault is not None and name is None:
                    wrong += 1
                    print(f"{path.relative_to(given.at.resolve())}: {fault}")
                elif fault is None and name is not None and path.suffix == ".parquet":
                    print(f"{path.relative_to(given.at.resolve())}: stands in refusals.txt, and is read")
                    wrong += 1
    print(f"{tried} files, {wrong} wrong, {len(used - {None})} with a reason in refusals.txt")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
