"""What a notebook and a terminal show, and the page and the notebook of the documentation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import callboard as cb
import pytest
from callboard._host.progress import Shown, shown
from conftest import ROOT


def test_a_notebook_shows_pipelines_reports_and_rows(curate: Path) -> None:
    pipeline = cb.Pipeline.load("curate.toml")
    assert "<td" in pipeline._repr_html_() and "text-stats" in pipeline._repr_html_()
    assert "stage 1" in pipeline.plan()._repr_html_()
    run = pipeline.run()
    assert "1,000" in run._repr_html_() and "finished" in run.report._repr_html_()
    assert "n_words" in run.output()._repr_html_() and "n_words" in repr(run.output())


def test_names_of_strangers_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"<script>": 1}\n')
    rows = cb.read("a.jsonl") | cb.write("<b>.jsonl", name="b")
    assert "<script>" not in rows.run().output()._repr_html_() and "<b>." not in rows._repr_html_()
    wrong = cb.Pipeline('{"callboard": 1, "steps": [{"use": "<script>"}]}')
    assert "<script>" not in wrong._repr_html_()


def test_progress_tells_stages_rows_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        {"event": "compiling", "step": "a"},
        {"event": "loaded", "stage": 1, "stages": 2, "steps": ["a", "b"], "memory": 1},
        {"event": "rows", "step": "a", "rows_in": 1500, "rows_out": 2},
        {"event": "rows", "step": "a", "rows_in": 500, "rows_out": 1},
    ]
    state = Shown()
    state.take(events)
    assert state.line == "stage 1 of 2: a, b  a 2,000 → 3" and "<progress" in state.html
    going = {"event": "going", "stage": 1, "seconds": 1.0, "memory": 1, "in_flight": 1, "budget": None}
    state.take([{**going, "part": 0.5, "left": 2.0, "run_left": 9.0}])
    assert state.line.endswith("3, 9 s left") and 'value="0.5"' in state.html
    state.take([{**going, "part": 0.5, "left": 2.0, "run_left": None}])
    assert state.line.endswith("3, 2 s left in this stage")
    state.take([{**going, "part": None, "left": None, "run_left": None}])
    assert state.line == "stage 1 of 2: a, b  a 2,000 → 3"
    with shown() as tick:
        tick(
            [
                *events,
                {"event": "log", "step": "a", "level": "warn", "message": "\x1b[2Jgone"},
                {"event": "ended", "stage": 1, "seconds": 0.5},
            ]
        )
    told = capsys.readouterr().err
    assert "\x1b" not in told and "gone" in told and "stage 1 of 2 done in 0.50 s" in told


def test_a_run_shows_its_progress(curate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cb.Pipeline.load("curate.toml").run(progress=True)
    assert "stage 1 of 1 done" in capsys.readouterr().err


def test_the_tutorial_runs(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "docs/python.ipynb", as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert "text/html" in shown and "<progress" in shown and "rows in" in shown


def test_the_page_has_every_public_name_as_its_docstring_says() -> None:
    import page

    file = ROOT / "docs/python.md"
    made = page.with_reference(file.read_text())
    if os.environ.get("BLESS"):
        file.write_text(made)
    assert file.read_text() == made, "docstrings have changed: BLESS=1 writes the page again"
