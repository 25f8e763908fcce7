"""A model that generates turns in this process, many at once."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch

from eigen_graph.core import EigenGraphError
from eigen_graph.models.errors import AccessError
from eigen_graph.models.local.batches import Batches
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.folder import check_folder, load_model, resolve_device, stamp
from eigen_graph.models.local.sampling import Dice, Draw, Drawn

UNBOUNDED = 1 << 30
"""Context of a model that names none."""
_loaded: weakref.WeakValueDictionary[Any, LocalModel] = weakref.WeakValueDictionary()
_loading = threading.Lock()


class LocalModel:
    """A model of transformers with its chat format.

    Args:
        model: A causal language model, on its device.
        chat_format: How it is spoken to.
        name: What to call it in messages.

    Raises:
        EigenGraphError: The tokenizer is another model's.
    """

    def __init__(self, model: Any, chat_format: ChatFormat, name: str = "the model") -> None:
        known, rows = len(chat_format.tokenizer), model.get_input_embeddings().weight.shape[0]
        if known > rows:
            raise EigenGraphError(
                f"{name}: its tokenizer has {known} tokens, but it knows {rows}: is it another model's?"
            )
        self.model = model
        self.format = chat_format
        self.name = name
        self.context = _context(model)
        """Tokens it takes, prompt and turn together."""
        self.batches = Batches(self.draw)
        """For callers that come at the same time."""
        self._ends = _ends(model, chat_format)
        self._one_logit = "logits_to_keep" in inspect.signature(model.forward).parameters

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """The model of a folder; asked for again, the same one, as long as somebody holds it and no file has changed.

        Args:
            path: Of a model, or of a PEFT adapter.
            device: `cpu`, `cuda`, `cuda:1`; `auto`: the GPU where there is one.

        Raises:
            EigenGraphError: It cannot be loaded; the message says why.
        """
        folder = check_folder(path).resolve()
        key = cls, str(folder), resolve_device(device), stamp(folder)
        with _loading:
            model = _loaded.get(key)
            if not isinstance(model, cls):
                chat_format = ChatFormat.load(folder)  # first, for it is the quicker to fail
                model = cls(load_model(folder, device), chat_format, f"hf:{path}")
                _loaded[key] = model
            return model

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seeds: Sequence[int] | None = None,
    ) -> list[Drawn]:
        """One turn for each prompt, in order.

        With a seed, a row's tokens do not depend on the others', but for what floating-point sums do. The process's
        own random numbers are neither used nor changed.

        Args:
            prompts: Token ids, of differing lengths, without padding.
            max_new_tokens: Tokens of a turn at most; never more than the context has room for.
            temperature: 0: the likeliest token, always.
            top_p: Draw only from the likeliest tokens that together have this probability.
            seeds: One for each prompt; None: drawn anew each time.
        """
        own: Sequence[int | None] = seeds if seeds is not None else [None] * len(prompts)
        return self.draw(
            [Draw(prompt, max_new_tokens, temperature, top_p, seed) for prompt, seed in zip(prompts, own, strict=True)]
        )

    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """Turns, generated together; a prompt that leaves no room for a token, or is empty, gets an empty one.

        Raises:
            AccessError: The model's numbers are not finite.
        """
        drawn = [Drawn([], []) for _ in draws]
        bounds = [min(draw.max_new_tokens, self.context - len(draw.prompt)) for draw in draws]
        rows = [at for at, draw in enumerate(draws) if bounds[at] > 0 and draw.prompt]
        if not rows:
            return drawn
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():  # not inference mode: the model may be in training elsewhere
                self._roll(draws, drawn, bounds, rows)
        finally:
            self.model.train(was_training)
        return drawn

    def _roll(self, draws: Sequence[Draw], drawn: list[Drawn], bounds: list[int], rows: list[int]) -> None:
        """Token by token for all rows together, until each has ended."""
        device = self.model.device
        ids, mask = _left_padded([draws[at].prompt for at in rows], device)
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        dice = Dice([draws[at] for at in rows], device)
        options = {"logits_to_keep": 1} if self._one_logit else {}
        cache = None
        for step in range(max(bounds[at] for at in rows)):
            out = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
                **options,
            )
            logits, cache = out.logits[:, -1], out.past_key_values
            if not bool(torch.isfinite(logits).all()):
                raise AccessError(f"{self.name}: its logits are not finite: training has broken it")
            tokens, logps = dice.throw(logits, step)
            going = [
                row
                for row, (at, token, logp) in enumerate(zip(rows, tokens.tolist(), logps.tolist(), strict=True))
                if self._goes_on(drawn[at], token, logp, bounds[at])
            ]
            if not going:
                return
            ids, places = tokens[:, None], places[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            if 2 * len(going) <= len(rows):  # copying what is kept of the cache costs less than dead rows
                kept = torch.tensor(going, device=device)
                ids, places, mask = ids[kept], places[kept], mask[kept]
                cache.batch_select_indices(kept)
                dice.keep(kept)
                rows = [rows[row] for row in going]

    def _goes_on(self, turn: Drawn, token: int, logp: float, bound: int) -> bool:
        """Whether a row goes on after a token, which is put to its turn unless that has ended before."""
        if len(turn.ids) >= bound or (turn.ids and turn.ids[-1] in self._ends):
            return False
        turn.ids.append(token)
        turn.logprobs.append(logp)
        return len(turn.ids) < bound and token not in self._ends


def _left_padded(prompts: Sequence[Sequence[int]], device: Any) -> tuple[Any, Any]:
    width = max(map(len, prompts))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(list(prompt), dtype=torch.long)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def _context(model: Any) -> int:
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or UNBOUNDED)


def _ends(model: Any, chat_format: ChatFormat) -> frozenset[int]:
    """What ends a turn: the format's token, and whatever else the model was taught to end with."""
    named = getattr(model.generation_config, "eos_token_id", None)
    others = named if isinstance(named, list) else [named]
    return frozenset({chat_format.stop_id, chat_format.tokenizer.eos_token_id, *others} - {None})
