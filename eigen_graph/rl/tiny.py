"""Models made on the spot: a tokenizer trained on the dialogues themselves, and a small random Qwen3 around it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eigen_graph.models.local.marks import MARKS
from eigen_graph.rl.copying import begin_copying
from eigen_graph.rl.settings import TinySettings

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_WORDS = r"\p{Lu}[\p{L}']*|[\p{Ll}\p{Lt}\p{Lm}\p{Lo}_'][\p{L}_']* ?|\p{N}+|[^\p{L}\p{N}_']+"
"""What may become one token. Names and numbers stand alone, so that they are the same tokens in prose and in JSON: what
a small model is to copy must look alike in both places. Small words take the space after them; whole numbers rather
than digits, for the fewer tokens there are to copy, the sooner copying is learned."""

_THETA = 1e6  # RoPE's base: most of a head turns so slowly that what is alike is found far away too


def build_tokenizer(texts: Iterable[str], vocab: int, template: str) -> Any:
    """A byte-level BPE tokenizer for ChatML dialogues.

    Args:
        texts: To train it on, without templates' marks or with them.
        vocab: Tokens at most, the 256 bytes and the marks included.
        template: Jinja text.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - len(MARKS),
        special_tokens=[END, START, STOP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator((part for text in texts for part in _between_marks(text)), trainer)
    # Not special: decoded without special tokens, the marks of a broken call would vanish and the call pass as prose.
    raw.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token=STOP,
        pad_token=END,
        padding_side="left",
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = template
    return tokenizer


def build_model(tokenizer: Any, settings: TinySettings, max_tokens: int, seed: int) -> Any:
    """A new model for a tokenizer, able to copy if its settings say so; the process's own random numbers stay.

    Args:
        tokenizer: Of transformers.
        settings: Sizes.
        max_tokens: Context.
        seed: Of the weights.
    """
    import torch  # noqa: PLC0415
    from transformers import Qwen3Config, Qwen3ForCausalLM  # noqa: PLC0415

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=3 * settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        head_dim=settings.head_size or settings.hidden // settings.heads,
        rope_parameters={"rope_type": "default", "rope_theta": _THETA},
        max_position_embeddings=max_tokens,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
        if settings.copying:
            begin_copying(model)
        return model


def _between_marks(text: str) -> list[str]:
    for mark in (END, START, STOP, *MARKS):
        text = text.replace(mark, "\0")
    return [part for part in text.split("\0") if part]
