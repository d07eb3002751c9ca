"""The package without any other: in every Python from 3.10 on, from the import to a run's report."""

import json
import os
import sys
import tempfile
import time

began = time.perf_counter()
import callboard as cb  # noqa: E402

seconds = time.perf_counter() - began
assert not {"pyarrow", "polars", "pandas", "IPython"} & set(sys.modules), "importing it imports a large library"

os.chdir(tempfile.mkdtemp(prefix="callboard-smoke-"))
with open("docs.jsonl", "w", encoding="utf-8") as file:
    for number in range(1000):
        file.write(json.dumps({"id": number, "text": "word " * (number % 7)}) + "\n")

events: list[dict[str, object]] = []
rows = cb.read("docs.jsonl") | cb.step("text-stats") | cb.step("filter", {"where": "n_words >= 3"})
run = (rows | cb.write("out.jsonl")).run(progress=events.extend)
expected = sum(number % 7 >= 3 for number in range(1000))
assert run.report.outputs == {"out": expected}, run.report
with open("out.jsonl", encoding="utf-8") as file:
    assert sum(1 for _ in file) == expected
assert run.output().columns["text"], run.output()
assert any(event["event"] == "rows" for event in events), events

try:
    cb.Pipeline('{"callboard": 1, "steps": [{"use": "filtr"}]}').plan()
except cb.PipelineError as error:
    assert error.problems and error.line == 1, error
else:
    raise AssertionError("a pipeline that is wrong was planned")

from callboard import Transform, int64  # noqa: E402

assert Transform.__module__.startswith("callboard.") and int64.layout == "int64"
print(f"Python {sys.version_info.major}.{sys.version_info.minor}: imported in {seconds * 1000:.0f} ms")
