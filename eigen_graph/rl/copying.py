"""A small model that can copy from the start.

Calling tools is copying: names and numbers that somebody said go into arguments as they are. A small model with random
weights learns that late (an induction head forms only after millions of tokens), which would be most of a training on a
CPU. So its first two layers begin as an induction head (Olsson et al. 2022, "In-context Learning and Induction Heads"):
the first lets each token know the one before it, the second looks for where the present token stood before and
passes on what followed. Like mimetic initialization (Trockman & Kolter 2023), it is only where the weights begin: all
of them are trained.
"""

from __future__ import annotations

from typing import Any

_SPREAD = 0.1
"""Standard deviation of the embeddings; the layers write on this scale."""
_CONSTANT = 4.0
"""What all tokens have in common, in standard deviations: a head that goes by position alone needs a hold."""
_NOISE = 0.002
_BEFORE, _SAME = 4.0, 2.0
"""How sharply the first layer looks at the token before, and the second at the same token."""
_WRITES = (1.0, 3.0, 0.5)
"""How much the first layer, the second, and the others write, in embeddings."""
_SLOW = 0.003
"""Radians a token: what RoPE turns no faster still matches at the other end of a dialogue."""


def begin_copying(model: Any) -> None:
    """Set a model's attention so that it copies; its feed-forward layers stay random.

    Args:
        model: A Qwen3ForCausalLM with tied embeddings, as many key heads as heads, and two layers or more. torch's
            generator is drawn from.
    """
    import torch  # noqa: PLC0415  # an extra

    layers, hidden = model.model.layers, model.config.hidden_size
    turns = model.model.rotary_emb.inv_freq
    with torch.no_grad():
        embeddings = model.model.embed_tokens.weight
        embeddings.normal_(0, _SPREAD)
        embeddings[:, 0] = _CONSTANT * _SPREAD
        apart = torch.linalg.qr(torch.randn(hidden, hidden))[0]  # so that a token and the one before it differ
        apart[0] = 0
        for number, layer in enumerate(layers):
            attention = layer.self_attn
            size = attention.v_proj.weight.shape[0]
            passing = torch.linalg.qr(torch.randn(max(size, hidden), hidden))[0][:size]
            attention.v_proj.weight.copy_(passing)
            writes = _WRITES[min(number, len(_WRITES) - 1)] * _SPREAD
            attention.o_proj.weight.copy_(writes * (apart @ passing.T if number == 0 else passing.T))
            if number == 0:
                _look_one_back(attention, turns)
            elif number == 1:
                _look_for_the_same(attention, turns, apart)


def _look_one_back(attention: Any, turns: Any) -> None:
    """Every head's keys are turned by one token against its queries, so that the one before fits best."""
    import torch  # noqa: PLC0415

    query = torch.cat([torch.ones_like(turns), torch.zeros_like(turns)])
    key = torch.cat([torch.cos(turns), torch.sin(turns)])
    _clear(attention, _BEFORE)
    for rows in _heads(attention, len(query)):
        attention.q_proj.weight[rows, 0] += query
        attention.k_proj.weight[rows, 0] += key


def _look_for_the_same(attention: Any, turns: Any, apart: Any) -> None:
    """Queries are a token's own code, keys the code of the token before."""
    import torch  # noqa: PLC0415

    slow = torch.arange(len(turns))[turns < _SLOW]
    places = torch.cat([slow, slow + len(turns)])
    hidden = apart.shape[0]
    _clear(attention, _SAME)
    for rows in _heads(attention, 2 * len(turns)):
        code = torch.randn(len(places), hidden) / hidden**0.5
        code[:, 0] = 0
        attention.q_proj.weight[rows.start + places] += code
        attention.k_proj.weight[rows.start + places] += code @ apart.T


def _clear(attention: Any, sharpness: float) -> None:
    for projection, norm in ((attention.q_proj, attention.q_norm), (attention.k_proj, attention.k_norm)):
        projection.weight.normal_(0, _NOISE)
        norm.weight.fill_(sharpness)


def _heads(attention: Any, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, attention.q_proj.weight.shape[0], size)]
