"""Pipelines: loaded, built, planned, checked, run, interrupted and resumed."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

import callboard as cb
import pyarrow.parquet
import pytest
from conftest import GUESTS


def test_a_file_is_loaded_planned_checked_and_run(curate: Path) -> None:
    pipeline = cb.Pipeline.load("curate.toml")
    assert (pipeline.name, pipeline.params) == ("curate", {"min": 3})
    assert pipeline.steps == {"text-stats": "text-stats", "filter": "filter"}
    assert pipeline.plan().stages == [["text-stats", "filter"]]
    assert "filter" in str(pipeline.plan()) and pipeline.plan().mermaid.startswith("flowchart")
    assert pipeline.check() == []
    assert "n_words" in pipeline.columns()["text-stats"]

    run = pipeline.run(params={"min": 5})
    assert run.report.status == "finished" and run.report.outputs == {"clean": 285}
    assert run.report.steps["filter"].rows_dropped == 715
    assert run.output("clean").to_arrow().equals(pyarrow.parquet.read_table("clean.parquet"))
    assert len(run.output().to_polars()) == len(run.output().to_pandas()) == len(run.output().to_dataset()) == 285
    assert run.output().to_list()[0]["n_words"] == 5
    assert len(run.rejects()) == 0
    assert cb.open_run(run.folder).report.outputs == run.report.outputs
    assert [found["state"] for found in cb.runs()] == ["finished"]
    assert cb.resume(run.folder).report.outputs == {"clean": 285}


def test_outputs_are_found_from_another_folder(curate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = cb.Pipeline.load("../curate.toml").run()
    monkeypatch.chdir("/")
    assert len(run.output("clean")) == sum(number % 7 >= 3 for number in range(1000))
    assert Path(run.outputs["clean"]).samefile(tmp_path / "clean.parquet")


def test_what_is_there_is_kept_unless_it_may_be_overwritten(curate: Path) -> None:
    Path("clean.parquet").write_text("mine")
    with pytest.raises(cb.PipelineError) as caught:
        cb.Pipeline.load("curate.toml").run()
    assert caught.value.output == "clean" and "overwrite=True" in (caught.value.help or "")
    assert (caught.value.file, caught.value.line) == ("curate.toml", 12)
    assert Path("clean.parquet").read_text() == "mine"
    cb.Pipeline.load("curate.toml").run(overwrite=True)


def test_problems_have_their_places_and_their_help(curate: Path) -> None:
    text = curate.read_text().replace('use = "filter"', 'use = "filtr"').replace("[params]", "[parms]")
    curate.write_text(text)
    with pytest.raises(cb.PipelineError) as caught:
        cb.Pipeline.load("curate.toml").plan()
    problem = caught.value.problems[0]
    assert (problem.file, problem.line, problem.column) == ("curate.toml", 2, 2)
    assert "params" in (problem.help or "")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems

    curate.write_text(text.replace("[parms]", "[params]"))
    found = cb.Pipeline.load("curate.toml").check()
    assert [(problem.file, problem.line) for problem in found] == [("curate.toml", 9)]
    assert "filter" in (found[0].help or "") and str(found[0]).startswith("curate.toml:9:")


def test_a_configuration_that_is_wrong_is_a_problem_of_its_line(curate: Path) -> None:
    curate.write_text(curate.read_text().replace("n_words >=", "n_wrds >="))
    (problem,) = cb.Pipeline.load("curate.toml").check()
    assert (problem.file, problem.line) == ("curate.toml", 10)


def test_params_may_have_no_value_in_the_file(curate: Path) -> None:
    curate.write_text(curate.read_text().replace("min = 3", 'min = { type = "integer" }'))
    pipeline = cb.Pipeline.load("curate.toml")
    (problem,) = pipeline.check()
    assert problem.line == 3 and "min" in problem.message and "params=" in (problem.help or "")
    assert pipeline.check(params={"min": 5}) == []
    assert pipeline.run(params={"min": 5}).report.outputs == {"clean": 285}


def test_a_built_pipeline_is_the_same_pipeline(curate: Path) -> None:
    rows = cb.read("docs.jsonl") | cb.step("text-stats") | cb.step("filter", {"where": "n_words >= 3"})
    built = rows | cb.write("built.parquet")
    assert isinstance(built, cb.Pipeline) and built.steps == {"text-stats": "text-stats", "filter": "filter"}
    built.run()
    cb.Pipeline.load("curate.toml").run()
    assert Path("built.parquet").read_bytes() == Path("clean.parquet").read_bytes()
    built.save("built.json")
    assert cb.Pipeline.load("built.json").steps == built.steps


def test_any_key_of_an_input_is_taken(docs: Path) -> None:
    assert (cb.read("docs.jsonl", rows=10) | cb.write("ten.jsonl")).run().report.outputs == {"ten": 10}


def test_an_output_of_several_files_is_written_and_read_again(docs: Path) -> None:
    rows = cb.read("docs.jsonl") | cb.step("compute", {"set": {"third": "id % 3"}})
    run = (rows | cb.write("out/third={third}/{n}.jsonl", max_rows=100)).run()
    assert len(list(Path("out").rglob("*.jsonl"))) == 12 and Path(run.outputs["out"]).name == "_manifest.json"
    for again in (run, cb.open_run(run.folder)):
        table = again.output().to_arrow()
        assert sorted(table["id"].to_pylist()) == list(range(1000))
        assert table["third"].to_pylist()[0] == "0"


def test_rows_may_part_and_meet(docs: Path) -> None:
    counted = cb.read("docs.jsonl") | cb.step("text-stats")
    long = counted | cb.step("filter", {"where": "n_words >= 5"}, name="long")
    short = counted | cb.step("filter", {"where": "n_words <= 1"}, name="short")
    both = cb.pipeline(
        (long + short) | cb.write("ends.jsonl"),
        long.dropped | cb.write("rest.jsonl"),
        counted | cb.step("filter", {"where": "n_words == 3"}, name="short") | cb.write("three.jsonl"),
        name="parted",
    )
    assert both.steps == {"text-stats": "text-stats", "long": "filter", "short": "filter", "short_2": "filter"}
    counts = [
        sum(wanted(number % 7) for number in range(1000))
        for wanted in (lambda n: n >= 5 or n <= 1, lambda n: n < 5, lambda n: n == 3)
    ]
    assert list(both.run().report.outputs.values()) == counts


def test_a_step_may_have_several_inputs(docs: Path) -> None:
    Path("known.jsonl").write_text('{"id": 5, "text": "word word word word word"}\n')
    rows = cb.read("docs.jsonl")
    kept = cb.step("join", {"on": ["id"], "how": "anti"})(rows, cb.read("known.jsonl"))
    assert (kept | cb.write("kept.jsonl")).run().report.outputs == {"kept": 999}


def test_what_is_wrong_with_a_built_pipeline_leads_to_the_line_of_python(docs: Path) -> None:
    rows = cb.read("docs.jsonl")
    wrong = rows | cb.step("filtr") | cb.write("out.jsonl")
    line = sys._getframe().f_lineno - 1
    (problem,) = wrong.check()
    assert (problem.file, problem.line) == (__file__, line)


def test_errors_of_steps_have_their_places(docs: Path) -> None:
    # It fails on the rows that its configuration names.
    wrong = cb.read("docs.jsonl") | cb.step(GUESTS / "hostile.wasm", {"misdeed": "trap"}) | cb.write("out.jsonl")
    with pytest.raises(cb.DataError) as caught:
        wrong.run()
    error = caught.value
    assert (error.stage, error.step, error.batch) == (1, "hostile", 1)
    assert error.report is not None and error.report["status"] == "failed"
    assert error.resumable and Path(error.folder or "").is_dir()
    assert not Path("out.jsonl").exists()


def test_rejected_rows_are_rows(docs: Path) -> None:
    picky = cb.step(GUESTS / "picky.wasm", {"mark": "m", "reject": ["word"]}, on_error="reject")
    run = (cb.read("docs.jsonl") | picky | cb.write("out.jsonl")).run()
    rejects = run.rejects().to_list()
    assert len(rejects) == run.report.rejected == sum(number % 7 == 1 for number in range(1000))
    assert rejects[0]["step"] == "picky" and rejects[0]["line"] == 2


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "arrow"])
def test_outputs_of_every_format_are_read_also_where_the_name_does_not_say_it(docs: Path, format: str) -> None:
    run = (cb.read("docs.jsonl") | cb.write("out.data", format=format)).run()
    assert run.output("out").to_arrow()["id"].to_pylist() == list(range(1000))
    assert len(cb.open_run(run.folder).output()) == len(cb.resume(run.folder).output()) == 1000


def test_events_are_told_while_it_runs_and_what_listens_may_end_it(curate: Path) -> None:
    events: list[dict[str, object]] = []
    cb.Pipeline.load("curate.toml").run(progress=events.extend)
    assert {"loaded", "rows", "ended"} <= {str(event["event"]) for event in events}
    assert sum(int(str(event["rows_in"])) for event in events if event["event"] == "rows" and event["step"] == "filter") == 1000

    def refuse(events: object) -> None:
        raise ZeroDivisionError("enough")

    with pytest.raises(ZeroDivisionError, match="enough") as caught:
        waiting(curate.parent).run(progress=refuse)
    assert isinstance(caught.value.__cause__, cb.RunInterrupted)


def waiting(folder: Path) -> cb.Pipeline:
    """A step waits until there is a file `gate/open`."""
    (folder / "gate").mkdir()
    wait = cb.step(GUESTS / "wait.wasm", {"at": "process"}, grants={"files": ["gate"]}, limits={"time": "60s"})
    return cb.read("docs.jsonl") | cb.step("text-stats") | wait | cb.write("out.jsonl")


def test_an_interrupted_run_is_resumed(docs: Path) -> None:
    begun = False

    def tick(events: list[dict[str, object]]) -> None:
        nonlocal begun
        if any(event["event"] == "loaded" for event in events) and not begun:
            begun = True
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(cb.RunInterrupted) as caught:
        waiting(docs.parent).run(progress=tick)
    assert isinstance(caught.value, KeyboardInterrupt) and caught.value.resumable
    assert not Path("out.jsonl").exists()
    Path("gate/open").touch()
    run = cb.resume(str(caught.value.folder))
    assert run.report.outputs == {"out": 1000} and run.report.data["resumed"] == 1
    assert len(run.output("out")) == 1000


def test_two_runs_in_one_process_are_confined_each_for_itself(docs: Path, tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / f"place-{number}"
        folder.mkdir()
        rows = cb.read("docs.jsonl") | cb.step("exact-dedup", {"columns": ["text"]})
        (rows | cb.write(folder / "out.jsonl")).run(folder=folder / "run")
        # This thread writes where it likes.
        (folder / "mine").write_text("mine")
        assert len((folder / "out.jsonl").read_text().splitlines()) == 7


def test_a_pipeline_is_submitted(curate: Path, tmp_path: Path) -> None:
    pipeline = cb.Pipeline.load("curate.toml")
    run = pipeline.submit(on="local=2", work="work", follow=True, params={"min": 5}, replicas=1)
    assert run is not None and run.folder == tmp_path / "work" and run.report.outputs == {"clean": 285}
    assert run.output().to_list()[0]["n_words"] == 5
    # The text of one that has no file is read as it is.
    built = cb.read("docs.jsonl") | cb.step("text-stats") | cb.write("built.jsonl")
    assert cb.pipeline(built).submit(on="local=1", work="built") is None
    assert cb.open_run("built").report.outputs == {"built": 1000}
    with pytest.raises(cb.PipelineError, match="ray=http://HEAD:8265"):
        pipeline.submit(on="dask", work="other")


def test_a_submitted_pipeline_is_resumed(curate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Slurm that takes jobs and forgets them.
    for name, says in {"sbatch": "cat > /dev/null; echo 7", "squeue": "exit 0", "scontrol": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert cb.Pipeline.load("curate.toml").submit(on="slurm", work="work", params={"min": 5}) is None
    with pytest.raises(cb.HostError, match="Slurm has none of its jobs any more"):
        cb.resume("work")
    assert cb.resume("work", on="local=2").report.outputs == {"clean": 285}
    assert cb.resume("work").report.outputs == {"clean": 285}
