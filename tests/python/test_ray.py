"""Steps in Ray Data, in processes of Ray's own.

They take longer than all other tests together, so they run where `CALLBOARD_TEST_RAY=1` asks for them. `tests/cli/engines.rs` starts a cluster.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import callboard as cb
import pyarrow as pa
import pytest
from conftest import GUESTS

if os.environ.get("CALLBOARD_TEST_RAY") != "1":
    pytest.skip("Ray Data is tried where CALLBOARD_TEST_RAY=1", allow_module_level=True)

import ray
import ray.data


@pytest.fixture(scope="module")
def rows() -> Iterator[Any]:
    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, object_store_memory=128 << 20)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield ray.data.from_arrow(pa.table({"text": ["a", "b c"] * 10, "id": range(20)})).repartition(2)
    finally:
        ray.shutdown()


def taken(data: Any, column: str) -> list[Any]:
    return sorted(row[column] for row in data.take_all())


@pytest.mark.parametrize("format", ["pyarrow", "pandas", "numpy"])
def test_a_step_is_a_function_of_map_batches(rows: Any, format: str) -> None:
    made = rows.map_batches(cb.Step("text-stats"), batch_format=format)
    assert taken(made, "n_words") == [1] * 10 + [2] * 10
    assert taken(made, "id") == list(range(20))


def test_a_step_that_drops_rows_follows_another(rows: Any) -> None:
    counted = rows.map_batches(cb.Step("text-stats"), batch_format="pyarrow")
    kept = counted.map_batches(cb.Step("filter", {"where": "n_words >= 2"}), batch_format="pyarrow")
    assert taken(kept, "id") == list(range(1, 20, 2))


def test_a_step_in_an_actor_is_made_once(rows: Any) -> None:
    # In here, so that Ray takes it along: its processes do not find this file.
    class Stats:
        def __init__(self) -> None:
            self.step = cb.Step("text-stats")

        def __call__(self, batch: pa.Table) -> pa.Table:
            return self.step(batch)

    made = rows.map_batches(Stats, batch_format="pyarrow", compute=ray.data.ActorPoolStrategy(size=1))
    assert taken(made, "n_words") == [1] * 10 + [2] * 10


def test_what_a_step_fails_on_is_said(rows: Any) -> None:
    picky = cb.Step(GUESTS / "picky.wasm", {"mark": "m", "reject": ["a"]})
    with pytest.raises(Exception, match="picky"):
        rows.map_batches(picky, batch_format="pyarrow").take_all()
