"""Dataset pipelines whose steps are WebAssembly components, each in its own sandbox.

    import callboard as cb

    run = cb.Pipeline.load("curate.toml").run(progress=True)
    run.output("clean").to_polars()

    rows = cb.read("data/*.parquet") | cb.step("quality") | cb.write("out/clean.parquet")
    label = cb.Step("./label.wasm")          # a step as a function: label(table)

The same package has what a step in Python is written with: `from callboard import Transform`. Inside a component only that exists.
"""

from typing import TYPE_CHECKING, Any

from callboard._host.builder import Flow, Flows, StepSpec, Writing, pipeline, read, write
from callboard._host.command import command
from callboard._host.errors import (
    CallboardError,
    DataError,
    Failure,
    HostError,
    InternalError,
    LimitError,
    PipelineError,
    Problem,
    RunInterrupted,
    RunWaiting,
)  # fmt: skip
from callboard._host.frames import Frame
from callboard._host.pipeline import Pipeline, Plan
from callboard._host.run import Report, Run, StepReport, open_run, resume, runs
from callboard._host.step import Called, RemovedRow
from callboard._host.stubs import write_types
from callboard._host.typed import Step, step
from callboard._native import VERSION as __version__

if TYPE_CHECKING:
    from callboard import http
    from callboard._host.written import Unfit, transform
    from callboard._sdk import (
        Batch,
        Binary,
        Booleans,
        Column,
        ConfigError,
        Fixed,
        Gather,
        Global,
        Group,
        Input,
        InputError,
        Lists,
        Nulls,
        Numbers,
        Order,
        Output,
        Record,
        Removed,
        Result,
        Row,
        Rows,
        Schema,
        Shape,
        Source,
        StepError,
        Structs,
        Text,
        Transform,
        TransientError,
        Type,
        Vectors,
        Writer,
        ascending,
        binary,
        boolean,
        by_each,
        by_key,
        count,
        date,
        decimal,
        descending,
        drop,
        duration,
        fixed,
        float32,
        float64,
        in_order,
        int8,
        int16,
        int32,
        int64,
        list_of,
        map_of,
        null,
        option,
        postpone,
        reject,
        struct,
        timestamp,
        uint8,
        uint16,
        uint32,
        uint64,
        utf8,
        vector,
    )  # fmt: skip
else:
    # What steps are written with is imported when it is used: not every program does.

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'callboard' has no attribute {name!r}")
        if name in ("Unfit", "transform"):
            from callboard._host import written as module
        else:
            from callboard import _sdk as module
        return getattr(module, name)


__all__ = [
    "__version__",
    "Batch", "Binary", "Booleans", "CallboardError", "Called", "Column", "ConfigError", "DataError", "Failure", "Fixed",
    "Flow", "Flows", "Frame", "Gather", "Global", "Group", "HostError", "Input", "InputError", "InternalError", "LimitError",
    "Lists", "Nulls", "Numbers", "Order", "Output", "Pipeline", "PipelineError", "Plan", "Problem", "Record", "Removed",
    "RemovedRow", "Report", "Result", "Row", "Rows", "Run", "RunInterrupted", "RunWaiting", "Schema", "Shape", "Source", "Step",
    "StepError", "StepReport", "StepSpec", "Structs", "Text", "Transform", "TransientError", "Type", "Unfit", "Vectors",
    "Writer", "Writing", "ascending", "binary", "boolean", "by_each", "by_key", "command", "count", "date", "decimal",
    "descending", "drop", "duration", "fixed", "float32", "float64", "http", "in_order", "int16", "int32", "int64", "int8", "list_of",
    "map_of", "null", "open_run", "option", "pipeline", "postpone", "read", "reject", "resume", "runs", "step", "struct",
    "timestamp", "transform", "uint16", "uint32", "uint64", "uint8", "utf8", "vector", "write", "write_types",
]  # fmt: skip
