"""JSON and CSV texts: what their suites say of them, and what Python's own readers find in them."""

import csv
import io
import json

from command import broken


def read(command, path, types):
    """The rows of a text file, each column of the type named, as JSON Lines give them back."""
    code, words = command.copied(path, "out.jsonl", types=types)
    if code != 0 or (wrong := broken(code, words)) is not None:
        return code, words, None
    return code, words, [json.loads(line) for line in (command.folder / "out.jsonl").read_text().splitlines()]


def json_files(root):
    return sorted((root / "test_parsing").glob("*.json"))


def json_fault(command, path):
    """A text of JSONTestSuite as a value of a `json` column: `y_` is read, `n_` refused."""
    text = path.read_bytes().strip()
    if b"\n" in text or b"\r" in text:
        return None
    (command.folder / "in.jsonl").write_bytes(b'{"v": ' + text + b"}\n")
    code, words = command.copied("in.jsonl", "out.arrow", types={"v": "json"})
    if (wrong := broken(code, words, (0, 3))) is not None:
        return wrong
    if path.name.startswith("y_") and code != 0:
        return f"refused: {words}"
    return "read, and is not JSON" if path.name.startswith("n_") and code == 0 else None


def jq_files(root):
    return sorted((root / "tests").glob("*.test"))


def jq_fault(command, path):
    """Every line of jq's own tests that is JSON by its grammar, as a value of a `json` column."""
    values = []
    for line in path.read_text().splitlines():
        try:
            json.loads(line, parse_constant=lambda word: float("no"))
            values.append(line)
        except ValueError:
            pass
    (command.folder / "in.jsonl").write_text("".join(f'{{"v": {value}}}\n' for value in values))
    code, words, rows = read(command, "in.jsonl", {"v": "json"})
    if rows is None:
        return f"refused: {words}"
    return next((f"{a} became {b}" for a, b in zip(values, rows, strict=True) if json.loads(a) != b["v"]), None)


def csv_files(root):
    """With what the suite says of each."""
    return sorted(path for folder in ("csv", "csvs") for path in (root / folder).glob("*.csv"))


def csv_fault(command, path):
    """A file of csv-spectrum (with a header, objects) or csv-test-data (some with one, lists)."""
    expected = path.parents[1] / "json" / f"{path.stem}.json"
    if not expected.exists():
        # A header that is none is known by the names that it should have.
        wanted = ["foo", "bar", "baz"] if path.name.startswith("bad-header-") else []
        code, words, rows = read(command, path, dict.fromkeys(wanted, "string"))
        return broken(code, words) or (None if code in (2, 3) else f"read as {rows}")
    expected = json.loads(expected.read_text())
    expected = expected if isinstance(expected, list) else [expected]
    source = path
    if not path.name.startswith("header-") and expected and isinstance(expected[0], list):
        # Without a header: give it one.
        header = [f"c{column}" for column in range(len(expected[0]))]
        source = command.folder / "in.csv"
        source.write_bytes(",".join(header).encode() + b"\n" + path.read_bytes())
        expected = [dict(zip(header, row, strict=True)) for row in expected]
    types = {name: "string" for row in expected[:1] for name in row}
    code, words, rows = read(command, source, types)
    if (wrong := broken(code, words)) is not None:
        return wrong
    if rows is None:
        return f"refused: {words}"
    rows = [{name: value or "" for name, value in row.items()} for row in rows]
    return None if rows == expected else f"{rows}, expected {expected}"


def plain_csv_files(root):
    return sorted((root / "csv").rglob("*.csv"))


def plain_csv_fault(command, path):
    """A file that nobody says anything of: if it is read, then as Python's strict reader reads it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        header, *expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row] or [[]]
    except (UnicodeDecodeError, csv.Error):
        header, expected = [], None
    nameless = iter(["unnamed", *(f"unnamed_{nth}" for nth in range(2, len(header) + 1))])
    names = [name or next(nameless) for name in header]
    code, words, rows = read(command, path, dict.fromkeys(names, "string"))
    if rows is None:
        return broken(code, words)
    if expected is None:
        return f"read ({len(rows)} rows), and Python does not"
    ours = [[value or "" for value in row.values()] for row in rows]
    if len(ours) != len(expected):
        return f"{len(ours)} rows, Python reads {len(expected)}"
    return next((f"row {nth + 1} is {a}, Python reads {b}" for nth, (a, b) in enumerate(zip(ours, expected)) if a != b), None)
