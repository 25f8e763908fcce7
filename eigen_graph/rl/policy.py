"""Policies of our own: a model in this process, and one behind a vLLM server."""

from __future__ import annotations

import hashlib
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from eigen_graph.core import EigenGraphError
from eigen_graph.models import InfrastructureError, OutageError
from eigen_graph.models.failures import is_nonsense, translate
from eigen_graph.rl.episode import Sample

if TYPE_CHECKING:
    from eigen_graph.models.local.model import LocalModel

_KEYLESS = "no-key"
"""The client insists on a key; a server of one's own asks for none."""
_NONSENSE_WAITS = (0.3, 1.0)
"""Seconds before an answer that was no completion is asked for again."""
_MAX_COUNTED = 1_000_000


class Seeds:
    """Random seeds for turns: the same prompt gets another each time, whatever else is asked beside it.

    Args:
        seed: Of all.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked: Counter[bytes] = Counter()

    def of(self, prompt: Sequence[int]) -> int:
        """The seed of the prompt's next turn."""
        name = hashlib.sha256(f"{self._seed}/".encode() + array("q", prompt).tobytes()).digest()[:16]
        if len(self._asked) >= _MAX_COUNTED:
            self._asked.clear()
        self._asked[name] += 1
        return int.from_bytes(hashlib.sha256(name + str(self._asked[name]).encode()).digest()[:4]) >> 1


class LocalPolicy:
    """A policy over a model in this process.

    Args:
        model: The model.
        temperature: 0: the likeliest token, always.
        top_p: Draw only from the likeliest tokens that together have this probability.
        max_turn_tokens: New tokens of a turn at most.
        seed: Of all turns; None: drawn anew each time.
    """

    def __init__(
        self,
        model: LocalModel,
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_turn_tokens: int = 128,
        seed: int | None = None,
    ) -> None:
        self._model = model
        self._options: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "max_new_tokens": max_turn_tokens}
        self._seeds = None if seed is None else Seeds(seed)

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        """One turn for each prompt, as `Policy.generate`."""
        seeds = None if self._seeds is None else [self._seeds.of(prompt) for prompt in prompts]
        return [Sample(*drawn) for drawn in self._model.generate(prompts, seeds=seeds, **self._options)]


class VllmPolicy:
    """A policy over a vLLM server's `/v1/completions`, from token ids to token ids.

    Each process asks for its own turns only: TRL's server mode hands them to processes by number, and gives one
    another's when they ask for unequally many. Each turn is a request of its own, because the seed of a request is that
    of all its prompts, and the episodes of a group begin with the same one. The server must be started with
    `--logprobs-mode processed_logprobs` (`trl vllm-serve` does), else the log probabilities are not of what was drawn.

    Args:
        server: Its URL, e.g. `http://localhost:8000`.
        stop_id: The token that ends a turn.
        model: Its name there; None: the one that is served.
        temperature: As for `LocalPolicy`, like the others.
        top_p: Likewise.
        max_turn_tokens: Likewise.
        seed: Likewise.
        concurrency: Requests at once.
        timeout: Seconds that one try may take.
        max_retries: Tries after the first on 408, 409, 429, 5xx, timeouts and cut connections.
    """

    def __init__(
        self,
        server: str,
        stop_id: int,
        *,
        model: str | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_turn_tokens: int = 128,
        seed: int | None = None,
        concurrency: int = 64,
        timeout: float = 600.0,
        max_retries: int = 6,
    ) -> None:
        if not server.startswith(("http://", "https://")):
            raise EigenGraphError(f"the vLLM server's URL {server!r} must start with http:// or https://")
        import openai  # noqa: PLC0415  # half a second of imports that other policies do without

        self._url = server.rstrip("/").removesuffix("/v1") + "/v1"
        self._client = openai.OpenAI(base_url=self._url, api_key=_KEYLESS, timeout=timeout, max_retries=max_retries)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="vllm")
        self._model = model
        self._seeds = None if seed is None else Seeds(seed)
        self._options: dict[str, Any] = {
            "temperature": temperature,
            "top_p": top_p,
            "max_tokens": max_turn_tokens,
            "logprobs": 0,  # of the drawn token alone
            "extra_body": {
                "return_token_ids": True,
                "stop_token_ids": [stop_id],
                # Else a model's generation_config applies, and what is drawn is no longer what is trained.
                "top_k": 0,
                "min_p": 0.0,
                "repetition_penalty": 1.0,
            },
        }

    def preflight(self, max_tokens: int) -> None:
        """Make sure that the server is there, has the model, and takes so long a context.

        Raises:
            EigenGraphError: One clear line.
        """
        name = self._model or "the model"
        try:
            served = {model.id: model for model in self._client.with_options(max_retries=1, timeout=20).models.list()}
        except Exception as error:  # every failure is told apart by translate
            problem = translate(error, model=name, server=self._url)
            if isinstance(problem, InfrastructureError):
                problem = OutageError(
                    f"no vLLM server answers at {self._url}: start it, or correct its URL ({problem})"
                )
            raise problem from error
        if not served or (self._model is not None and self._model not in served):
            raise EigenGraphError(f"{self._url} has no model {name!r}; it has {', '.join(served) or 'none'}")
        self._model = self._model or next(iter(served))
        room = getattr(served[self._model], "max_model_len", None)
        if isinstance(room, int) and room < max_tokens:
            raise EigenGraphError(
                f"the vLLM server at {self._url} takes {room} tokens, but model.max_tokens is {max_tokens}: start it "
                f"with --max-model-len {max_tokens}, or lower the setting"
            )

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        """One turn for each prompt, as `Policy.generate`.

        Raises:
            OutageError: The server does not answer, after all retries.
            EigenGraphError: It refuses, or is none that gives token ids.
        """
        if self._model is None:
            self.preflight(0)
        seeds = [None if self._seeds is None else self._seeds.of(prompt) for prompt in prompts]
        asked = [self._pool.submit(self._turn, *each) for each in zip(prompts, seeds, strict=True)]
        try:
            return [turn.result() for turn in asked]
        finally:
            for turn in asked:
                turn.cancel()

    def close(self) -> None:
        """Close all connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _turn(self, prompt: Sequence[int], seed: int | None) -> Sample:
        options = self._options if seed is None else {**self._options, "seed": seed}
        for wait in (*_NONSENSE_WAITS, None):
            try:
                answer = self._client.completions.create(model=self._model or "", prompt=list(prompt), **options)
                return _sample(answer.choices[0])
            except EigenGraphError:
                raise
            except Exception as error:  # as above
                if wait is None or not is_nonsense(error):
                    problem = translate(error, model=self._model or "the model", server=self._url)
                    if isinstance(problem, InfrastructureError):
                        problem = OutageError(f"the policy's server is gone; start it and go on: {problem}")
                    raise problem from error
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _sample(choice: Any) -> Sample:
    ids = getattr(choice, "token_ids", None)
    if ids is None:
        raise EigenGraphError("the server gives no token ids (return_token_ids): it must be vLLM, 0.22 or newer")
    logprobs = choice.logprobs.token_logprobs if choice.logprobs else None
    if logprobs is None:
        return Sample(list(ids))
    # A token that vLLM could not score comes as None: no correction for it, as TRL does.
    return Sample(list(ids), [float("nan") if value is None else float(value) for value in logprobs])
