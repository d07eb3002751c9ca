"""Runs other people's test suites through `callboard`, where they are checked out: `cargo xtask suites --at FOLDER`.

Each file must be read with the right values, or be refused as the suite says, or stand in `refusals.txt` with a reason. A suite that
is not there is reported as skipped.
"""

import argparse
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forms
import tables
import texts
from command import Command
from known import Known

# Where a suite lies, which files it has, and what can be wrong with one of them.
SUITES = [
    ("parquet-testing", tables.files, tables.fault),
    ("arrow-testing", tables.files, tables.fault),
    ("duckdb/data", tables.files, tables.fault),
    ("duckdb/data", texts.plain_csv_files, texts.plain_csv_fault),
    ("JSONTestSuite", texts.json_files, texts.json_fault),
    ("jq", texts.jq_files, texts.jq_fault),
    ("csv-spectrum", texts.csv_files, texts.csv_fault),
    ("csv-test-data", texts.csv_files, texts.csv_fault),
    ("toml-test", forms.toml_files, forms.toml_fault),
]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--at", type=Path, required=True)
    arguments.add_argument("--binary", type=Path, required=True)
    arguments.add_argument("--components", type=Path, help="components taken from the suites that are texts")
    arguments.add_argument("--only", default="", help="a part of the paths to try")
    given = arguments.parse_args()
    at, binary = given.at.resolve(), given.binary.resolve()
    suites = [(name, at / name, *rest) for name, *rest in SUITES]
    if given.components is not None:
        suites.append(("components", given.components.resolve(), forms.component_files, forms.component_fault))

    known, wrong, tried, skipped = Known(), 0, 0, []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, root, files, fault in suites:
            needs = tables.NEEDS if files is tables.files else None
            if needs is not None or not root.is_dir():
                skipped.append(name)
                print(f"SKIPPED: {name}: {needs or f'it is not at {at}'}")
                continue

            def judged(path):
                with tempfile.TemporaryDirectory(dir=scratch) as folder:
                    return path, fault(Command(binary, Path(folder)), path)

            paths = [path for path in files(root) if given.only in str(path)]
            faults = [(f"{name}/{path.relative_to(root)}", found) for path, found in pool.map(judged, paths)]
            verdicts = [(path, known.judge(path, found)) for path, found in faults]
            bad = [(path, verdict) for path, verdict in verdicts if verdict is not None]
            for path, verdict in bad:
                print(f"{path}: {verdict}")
            tried, wrong = tried + len(paths), wrong + len(bad)
            print(f"{name}: {len(paths)} files, {sum(found is not None for _, found in faults) - len(bad)} with a reason, {len(bad)} wrong")
    for path in known.needless():
        wrong += 1
        print(f"refusals.txt: nothing is wrong with `{path}`")
    for path in known.unmet() if not skipped and not given.only else []:
        wrong += 1
        print(f"refusals.txt: there is no file `{path}`")
    print(f"{tried} files, {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
