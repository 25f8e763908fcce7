"""Models made on the spot, in well under a second: a byte-level BPE tokenizer and a random Qwen3.

model, tokenizer = tiny_model(["I want tea.", "Green or black?"])
path = tiny_folder(tmp_path / "model", ["I want tea."])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.templates import NAMES
from eigen_graph.models.local.templates import template as bundled

TEXTS = (
    "Hi! How can I help you today? I want to cancel my order. What is the number? It is 4711. Done. Thank you, bye.",
    '{"name": "find", "arguments": {"what": "tea", "count": 2}} {"price": 3.5, "ok": true, "none": null}',
    "You are the service agent. ## Scenario You want tea. <user> <assistant> system ###STOP###",
)


def tiny_tokenizer(texts: Iterable[str] = TEXTS, *, vocab: int = 512, template: str = "hermes") -> Any:
    """A tokenizer trained on texts.

    Args:
        texts: To train on.
        vocab: Tokens at most.
        template: `hermes`, `short`, or the Jinja text itself; "": none.
    """
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    marks = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
    raw.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in marks])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|im_end|>",  # noqa: S106  # no secret
        pad_token="<|endoftext|>",  # noqa: S106  # same
        padding_side="left",
        additional_special_tokens=["<|im_start|>"],
    )
    if template:
        tokenizer.chat_template = bundled(template) if template in NAMES else template
    return tokenizer


def tiny_model(
    texts: Iterable[str] = TEXTS,
    *,
    hidden: int = 32,
    layers: int = 1,
    seed: int = 0,
    template: str = "hermes",
    vocab: int = 512,
    context: int = 4096,
) -> tuple[Any, Any]:
    """A random model and its tokenizer.

    Args:
        texts: What the tokenizer is trained on.
        hidden: Width, a multiple of 4.
        layers: Depth.
        seed: Of the weights; the process's own random numbers stay as they are.
        template: As in `tiny_tokenizer`.
        vocab: Tokens at most.
        context: Tokens that it takes.
    """
    tokenizer = tiny_tokenizer(texts, vocab=vocab, template=template)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 3,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=hidden // 4,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval(), tokenizer


def tiny_folder(path: Path, texts: Iterable[str] = TEXTS, **options: Any) -> Path:
    """The folder of a random model, with tokenizer and template.

    Args:
        path: Where.
        texts: What the tokenizer is trained on.
        options: As for `tiny_model`.
    """
    model, tokenizer = tiny_model(texts, **options)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def taught_folder(path: Path, rows: Sequence[Mapping[str, Any]], *, sure: float = 0.9, steps: int = 300) -> Path:
    """The folder of a model that knows some dialogues by heart; two of 300 tokens take it some seconds.

    Args:
        path: Where.
        rows: Rows of an export's `sft.jsonl`.
        sure: The least probability that each token it was taught must come to have.
        steps: Passes after which it counts as a failure.
    """
    texts = [json.dumps(row["messages"][1:], ensure_ascii=False) for row in rows]
    model, tokenizer = tiny_model(texts, hidden=64, vocab=600, template="short", context=4096)
    chat = ChatFormat.of(tokenizer)
    sequences = [chat.sequence(row["messages"], row["loss_mask"]) for row in rows]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(steps):
        least = 1.0
        for ids, mask in sequences:
            tokens, taught = torch.tensor([ids]), torch.tensor(mask[1:], dtype=torch.bool)
            logps = torch.log_softmax(model(tokens).logits[0, :-1], -1)
            own = logps.gather(-1, tokens[0, 1:, None])[:, 0][taught]
            least = min(least, own.detach().min().exp().item())
            (-own.mean() / len(sequences)).backward()
        if least > sure:
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
            return path
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    raise AssertionError(f"a token still has a probability of only {least:.3f} after {steps} passes")
