"""Models made on the spot: what their tokenizer does to names, numbers and marks."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.checks import problems
from eigen_graph.models.local.marks import MARKS
from eigen_graph.models.local.templates import template
from eigen_graph.rl.settings import TinySettings
from eigen_graph.rl.tiny import build_model, build_tokenizer

TEXTS = [
    "<|im_start|>user\nI am Walter Mcdowell, phone 0700 926103, PIN 4942.<|im_end|>\n",
    '<tool_call>\n{"name": "verify_identity", "arguments": {"name": "Walter Mcdowell", "pin": "4942"}}\n</tool_call>',
] * 4
TOKENIZER = build_tokenizer(TEXTS, 500, template("short"))


def tokens(text: str) -> list[str]:
    return [TOKENIZER.decode([token]) for token in TOKENIZER.encode(text, add_special_tokens=False)]


def test_a_name_and_a_number_are_the_same_tokens_in_prose_and_in_json() -> None:
    for text in ("Walter Mcdowell", "0700 926103", "4942"):
        alone = TOKENIZER.encode(text, add_special_tokens=False)
        for around in ('{{"name": "{}", "x": 1}}', "I am {}, hello.", "It is {}.", "'{}'", "\n{}\n"):
            ids = TOKENIZER.encode(around.format(text), add_special_tokens=False)
            assert any(ids[at : at + len(alone)] == alone for at in range(len(ids))), around
    assert tokens("4942") == ["4942"], "what the texts hold often is one token"
    assert "".join(tokens("8071")) == "8071", "what they do not hold is spelled"


@given(st.text())
def test_every_text_comes_back_as_it_was(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert TOKENIZER.decode(TOKENIZER.encode(text, add_special_tokens=False)) == text


def test_the_marks_of_calls_are_tokens_but_not_special() -> None:
    assert tokens("<|im_start|>".join(MARKS)) == [
        "<tool_call>",
        "<|im_start|>",
        "</tool_call>",
        "<|im_start|>",
        "<tool_response>",
        "<|im_start|>",
        "</tool_response>",
    ]
    broken = TOKENIZER.encode("<tool_call>{oops<|im_end|>", add_special_tokens=False)
    assert TOKENIZER.decode(broken, skip_special_tokens=True) == "<tool_call>{oops"


def test_it_fits_dialogues_as_it_is() -> None:
    chat = ChatFormat.of(TOKENIZER, "tiny")
    assert problems(ChatFormat.of(build_tokenizer(TEXTS, 500, template("hermes"))).rendering) == []
    assert chat.stop_id == TOKENIZER.eos_token_id != TOKENIZER.pad_token_id
    assert len(TOKENIZER) <= 500
    assert len(build_tokenizer(TEXTS, 300, template("short"))) == 300


def test_the_same_texts_make_the_same_tokenizer() -> None:
    again = build_tokenizer(TEXTS, 500, template("short"))
    assert again.backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()


def test_the_model_is_small_drawn_by_its_seed_and_disturbs_nothing_else() -> None:
    settings = TinySettings(hidden=32, layers=2, heads=4, kv_heads=2)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, same, other = (build_model(TOKENIZER, settings, 777, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert one.get_input_embeddings().weight is one.get_output_embeddings().weight
    assert {parameter.dtype for parameter in one.parameters()} == {torch.float32}
    assert (one.config.max_position_embeddings, one.config.num_hidden_layers) == (777, 2)
    assert one.get_input_embeddings().num_embeddings == len(TOKENIZER)


def test_a_model_that_begins_copying_goes_on_with_what_it_has_read() -> None:
    settings = TinySettings(hidden=128, layers=2, heads=4, kv_heads=4, head_size=64, copying=True)
    generator = torch.Generator().manual_seed(0)
    told = torch.randint(8, len(TOKENIZER), (16, 40), generator=generator)
    read = torch.cat([told, told[:, 10:20]], dim=1)  # ten tokens of it are being said again
    shares = {}
    for copying in (True, False):
        model = build_model(TOKENIZER, settings.model_copy(update={"copying": copying}), 200, seed=1)
        with torch.no_grad():
            guessed = model(read).logits[:, 40:-1].argmax(-1)
        shares[copying] = (guessed == read[:, 41:]).float().mean().item()
    assert shares[True] > 0.6
    assert shares[False] < 0.1
