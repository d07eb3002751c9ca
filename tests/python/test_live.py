"""A run that goes on, as Prometheus and a collector of OpenTelemetry see it: read with their own packages."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import GUESTS

COMMAND = os.environ.get("CALLBOARD", "callboard")


@pytest.fixture
def gated(tmp_path: Path, docs: Path) -> Path:
    """A pipeline of two stages, of which the second waits for a file."""
    (tmp_path / "gate").mkdir()
    path = tmp_path / "gated.toml"
    path.write_text(
        f"""callboard = 1
[run]
budget = "2GiB"
[inputs.docs]
path = "docs.jsonl"
[[steps]]
use = "exact-dedup"
[[steps]]
use = "{GUESTS / "wait.wasm"}"
config = {{ at = "process" }}
grant.files = ["gate"]
limits = {{ time = "1h", open = "1h" }}
[outputs.clean]
path = "clean.jsonl"
"""
    )
    return path


@contextmanager
def run(pipeline: Path, *arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A run that has come to its second stage, and what it has said."""
    command = [COMMAND, "run", str(pipeline), "--overwrite", "--fresh", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ | variables)
    try:
        assert process.stderr
        said = ""
        while "stage 2 of 2" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, said
    finally:
        process.kill()
        process.communicate()


def test_prometheus_reads_the_metrics_of_a_run_that_goes_on(gated: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus_client is not installed")
    with run(gated, "--serve") as (process, said):
        url = said.split("the run is shown at ")[1].splitlines()[0]
        with urllib.request.urlopen(f"{url}metrics") as answer:
            text = answer.read().decode()
        (gated.parent / "gate/open").touch()
        assert process.wait(60) == 0
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    kinds = {name: family.type for name, family in families.items()}
    assert kinds["callboard_step_rows_in"] == "counter" and kinds["callboard_memory_bytes"] == "gauge"
    assert all(family.documentation for family in families.values())
    rows = {sample.labels["step"]: sample.value for sample in families["callboard_step_rows_in"].samples}
    assert rows["exact-dedup"] == 1000
    assert families["callboard_memory_budget_bytes"].samples[0].value == 2 << 30
    assert families["callboard_stage"].samples[0].value == 2


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeping)
        self.took: list[tuple[str, str | None, bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Keeping(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Collector) and self.headers["content-type"] == "application/x-protobuf"
        self.server.took.append((self.path, self.headers["api-key"], body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_collector_is_sent_spans_and_metrics(gated: Path) -> None:
    service = "opentelemetry.proto.collector"
    reason = "opentelemetry-proto is not installed"
    spans = pytest.importorskip(f"{service}.trace.v1.trace_service_pb2", reason=reason)
    metrics = pytest.importorskip(f"{service}.metrics.v1.metrics_service_pb2", reason=reason)
    with Collector() as collector:
        (gated.parent / "gate/open").touch()
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=s%20e",
            "OTEL_SERVICE_NAME": "nightly",
        }
        with run(gated, **variables) as (process, _):
            assert process.wait(60) == 0
        collector.shutdown()
    assert {key for _, key, _ in collector.took} == {"s e"}
    sent = [spans.ExportTraceServiceRequest.FromString(body) for path, _, body in collector.took if path == "/v1/traces"]
    resources = [resource for request in sent for resource in request.resource_spans]
    assert {resource.resource.attributes[0].value.string_value for resource in resources} == {"nightly"}
    all_spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    names = {span.name: span for span in all_spans}
    assert len(all_spans) == len(names) == 5, "each span is sent once"
    whole, stage = names["gated"], names["stage 1"]
    assert {span.trace_id for span in all_spans} == {whole.trace_id} and len(whole.trace_id) == 16
    assert not whole.parent_span_id and stage.parent_span_id == whole.span_id
    step = names["exact-dedup"]
    assert step.parent_span_id == stage.span_id
    rows = {attribute.key: attribute.value.int_value for attribute in step.attributes}
    assert rows["callboard.rows_in"] == 1000 and rows["callboard.rows_in"] > rows["callboard.rows_out"] > 0
    assert whole.status.code == whole.status.STATUS_CODE_OK
    for inner, outer in ((step, stage), (stage, whole)):
        assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano
        assert inner.end_time_unix_nano <= outer.end_time_unix_nano

    last = [body for path, _, body in collector.took if path == "/v1/metrics"][-1]
    request = metrics.ExportMetricsServiceRequest.FromString(last)
    known = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    total = known["callboard.step.rows_in"].sum
    kinds = total.DESCRIPTOR.fields_by_name["aggregation_temporality"].enum_type.values_by_name
    cumulative = kinds["AGGREGATION_TEMPORALITY_CUMULATIVE"].number
    assert total.is_monotonic and total.aggregation_temporality == cumulative
    by_step = {point.attributes[0].value.string_value: point.as_double for point in total.data_points}
    assert by_step["exact-dedup"] == 1000 and by_step["wait"] == rows["callboard.rows_out"]
    assert known["callboard.memory.budget"].unit == "By"
