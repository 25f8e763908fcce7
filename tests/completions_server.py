"""A real model behind the part of a vLLM server that training asks: completions from token ids to token ids.

`POST /v1/completions` as vLLM answers it with `return_token_ids` and `logprobs: 0` (`--logprobs-mode
processed_logprobs`), and `GET /v1/models`; bad days as in `openai_server`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from openai_server import OpenAIServer, _error, _send

from eigen_graph.models import ScriptedChat
from eigen_graph.models.local.model import LocalModel


class CompletionsServer(OpenAIServer):
    """The server.

    Args:
        model: What it serves.
        context: Tokens that it takes, prompt and turn together.
        token_ids: Whether it knows `return_token_ids`.
        options: As for `OpenAIServer`.
    """

    def __init__(self, model: LocalModel, *, context: int = 4096, token_ids: bool = True, **options: Any) -> None:
        super().__init__(ScriptedChat(), names=("policy",), **options)
        self.model = model
        self.context = context
        self.token_ids = token_ids
        self.bodies: list[dict[str, Any]] = []
        self._one_at_a_time = threading.Lock()

    async def _serve(self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bool:
        if line.startswith("GET /v1/models "):
            card = {"id": "policy", "object": "model", "created": 0, "owned_by": "vllm", "max_model_len": self.context}
            return await _send(writer, 200, {"object": "list", "data": [card]})
        if not line.startswith("POST /v1/completions "):
            return await super()._serve(line, headers, body, writer)
        data = json.loads(body)
        self.bodies.append(data)
        if trouble := next(self.troubles, None):
            self.troubled[trouble] += 1
            return await self._trouble(trouble, writer)
        prompt = data["prompt"]
        prompts = prompt if isinstance(prompt[0], list) else [prompt]
        if problem := self._too_long(prompts, data["max_tokens"]):
            return await _send(writer, 400, _error(problem, "BadRequestError"))
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            choices = await asyncio.to_thread(self._choices, prompts, data)
        finally:
            self._now -= 1
        self.answered["completions"] += 1
        answer = {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": "policy", "choices": choices}
        return await _send(writer, 200, answer)

    def _too_long(self, prompts: list[list[int]], max_tokens: int) -> str:
        longest = max(map(len, prompts))
        if longest + max_tokens <= self.context:
            return ""
        return (
            f"This model's maximum context length is {self.context} tokens. However, you requested {max_tokens} output "
            f"tokens and your prompt contains {longest} input tokens."
        )

    def _choices(self, prompts: list[list[int]], data: dict[str, Any]) -> list[dict[str, Any]]:
        with self._one_at_a_time:
            drawn = self.model.generate(
                prompts,
                max_new_tokens=data["max_tokens"],
                temperature=data["temperature"],
                top_p=data["top_p"],
                seeds=[data["seed"]] * len(prompts) if "seed" in data else None,
            )
        stops = set(data["stop_token_ids"])
        decode = self.model.format.tokenizer.decode
        return [
            {
                "index": index,
                "text": decode(turn.ids, skip_special_tokens=True),
                "finish_reason": "stop" if turn.ids[-1:] and turn.ids[-1] in stops else "length",
                "stop_reason": None,
                "logprobs": {
                    "text_offset": [0] * len(turn.ids),
                    "token_logprobs": turn.logprobs,
                    "tokens": [f"token_id:{token}" for token in turn.ids],
                    "top_logprobs": [None] * len(turn.ids),
                },
                **({"token_ids": turn.ids, "prompt_token_ids": prompt} if self.token_ids else {}),
            }
            for index, (prompt, turn) in enumerate(zip(prompts, drawn, strict=True))
        ]
