"""Models in this process: what they draw, how calls share a batch, and what is said when one will not do."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.tools import tool
from tiny_models import tiny_folder, tiny_model

from eigen_graph.core import Cue, EigenGraphError, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, dialogue
from eigen_graph.models import AccessError, Cast, ContextLengthError, InfrastructureError, Scene
from eigen_graph.models.local import batches, folder
from eigen_graph.models.local.batches import Batches
from eigen_graph.models.local.chat import LocalChat, openai_messages
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.model import LocalModel
from eigen_graph.models.local.sampling import Dice, Draw, Drawn

HELLO: list[BaseMessage] = [HumanMessage("Hi! I want tea.")]
SCENE = Scene(id="s", seed=7)


def local(**options: Any) -> LocalModel:
    model, tokenizer = tiny_model(layers=2, **options)
    return LocalModel(model, ChatFormat.of(tokenizer))


MODEL = local()
PROMPTS = [MODEL.format.prompt([{"role": "user", "content": "Tea? " * times}]) for times in (1, 4, 25, 2)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("models") / "tiny", context=512)


@tool
def find(what: str) -> str:
    """Finds things."""
    return what


def test_the_likeliest_tokens_are_those_of_transformers() -> None:
    ends = list(MODEL._ends)
    for prompt, drawn in zip(PROMPTS, MODEL.generate(PROMPTS, max_new_tokens=24, temperature=0), strict=True):
        own = MODEL.model.generate(
            torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=ends, pad_token_id=0
        )
        assert drawn.ids == own[0, len(prompt) :].tolist()


def test_a_row_does_not_depend_on_its_batch_and_nobodys_random_numbers_are_used() -> None:
    before = torch.get_rng_state()
    together = MODEL.generate(PROMPTS, max_new_tokens=40, temperature=0.9, top_p=0.95, seeds=[1, 2, 3, 4])
    alone = [
        MODEL.generate([prompt], max_new_tokens=40, temperature=0.9, top_p=0.95, seeds=[seed])[0]
        for prompt, seed in zip(PROMPTS, [1, 2, 3, 4], strict=True)
    ]
    assert [drawn.ids for drawn in together] == [drawn.ids for drawn in alone]
    assert torch.equal(torch.get_rng_state(), before)
    assert MODEL.generate(PROMPTS[:1], max_new_tokens=40, seeds=[5]) != MODEL.generate(
        PROMPTS[:1], max_new_tokens=40, seeds=[6]
    )
    assert MODEL.generate([], max_new_tokens=5) == []


def test_log_probabilities_are_those_of_the_policy_that_drew() -> None:
    for prompt, drawn in zip(PROMPTS, MODEL.generate(PROMPTS, max_new_tokens=12, temperature=0.7), strict=True):
        with torch.no_grad():
            logits = MODEL.model(torch.tensor([[*prompt, *drawn.ids]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits / 0.7, -1).gather(-1, torch.tensor(drawn.ids)[:, None])[:, 0]
        assert drawn.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_turn_ends_with_its_stop_token_at_its_bound_or_with_the_context() -> None:
    model = local(context=len(PROMPTS[0]) + 3)
    stop = model.format.stop_id
    bias = torch.zeros(model.model.config.vocab_size)
    model.model.lm_head.bias = torch.nn.Parameter(bias)
    with torch.no_grad():
        model.model.lm_head.bias[stop] = 100.0
    assert model.generate(PROMPTS[:1], max_new_tokens=9)[0].ids == [stop]
    with torch.no_grad():
        model.model.lm_head.bias[stop] = -100.0
    assert [len(drawn.ids) for drawn in model.generate(PROMPTS[:1], max_new_tokens=2)] == [2]
    rows = model.generate([PROMPTS[0], PROMPTS[2], [], PROMPTS[0][1:]], max_new_tokens=9)
    assert [len(drawn.ids) for drawn in rows] == [3, 0, 0, 4]  # the second is longer than the context


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -torch.inf])

    def shares(**options: Any) -> list[float]:
        draws = [Draw([1], 1, seed=seed, **options) for seed in range(4000)]
        tokens, _ = Dice(draws, "cpu").throw(logits.expand(4000, -1), 0)
        counts = Counter(tokens.tolist())
        return [counts[token] / 4000 for token in range(5)]

    assert shares() == pytest.approx(torch.softmax(logits, -1).tolist(), abs=0.025)
    assert shares(temperature=2.0) == pytest.approx(torch.softmax(logits / 2, -1).tolist(), abs=0.025)
    first_two = torch.softmax(logits[:2], -1).tolist()
    assert shares(top_p=0.8) == pytest.approx([*first_two, 0, 0, 0], abs=0.025)
    assert shares(top_p=0.01) == shares(temperature=0) == [1, 0, 0, 0, 0]


def test_a_model_that_training_has_broken_says_so() -> None:
    model = local()
    with torch.no_grad():
        model.model.lm_head.weight.fill_(math.nan)
    with pytest.raises(AccessError, match="logits are not finite"):
        model.generate(PROMPTS, max_new_tokens=2)


async def test_calls_at_the_same_time_share_batches(path: Path) -> None:
    chat = LocalChat(path=str(path), max_tokens=8, seed=3)
    asked = [[HumanMessage(f"Hi {number}")] for number in range(40)]
    replies = await asyncio.gather(*(chat.ainvoke(messages) for messages in asked))
    sizes = chat.load().batches.sizes
    assert sum(sizes) == 40
    assert len(sizes) <= 4
    assert max(sizes) <= batches.MAX_ROWS
    alone = await chat.ainvoke(asked[11])
    assert (replies[11].content, replies[11].usage_metadata) == (alone.content, alone.usage_metadata)
    assert alone.usage_metadata
    assert alone.usage_metadata["input_tokens"] == len(chat.load().format.prompt(openai_messages(asked[11])))
    assert 0 < alone.usage_metadata["output_tokens"] <= 8
    assert chat.invoke(asked[11]).content == alone.content


async def test_a_call_that_is_given_up_costs_nothing() -> None:
    begun: list[int] = []

    def generate(draws: Sequence[Draw]) -> list[Drawn]:
        begun.append(len(draws))
        return [Drawn([1], [0.0]) for _ in draws]

    served = Batches(generate)
    futures = [served.submit(Draw([1], 1)) for _ in range(3)]
    futures[1].cancel()
    assert [future.result(5).ids for future in (futures[0], futures[2])] == [[1], [1]]
    assert begun == [2]


def test_memory_that_runs_out_halves_the_batch() -> None:
    sizes: list[int] = []

    def generate(draws: Sequence[Draw]) -> list[Drawn]:
        sizes.append(len(draws))
        if len(draws) > 2 or draws[0].max_new_tokens > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [Drawn([draw.prompt[0]], [0.0]) for draw in draws]

    served = Batches(generate)
    futures = [served.submit(Draw([number], 1)) for number in range(5)]
    assert [future.result(5).ids for future in futures] == [[number] for number in range(5)]
    assert max(sizes[1:]) <= 3
    with pytest.raises(InfrastructureError, match="out of memory for a single turn"):
        served.submit(Draw([1], 2)).result(5)


def test_a_batch_is_bounded_in_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_TOKENS", 100)
    all_asked = threading.Event()

    def draw(draws: Sequence[Draw]) -> list[Drawn]:
        assert all_asked.wait(5)
        return [Drawn([1], [0.0]) for _ in draws]

    served = Batches(draw)
    futures = [served.submit(Draw([1] * 40, 10)) for _ in range(5)]
    all_asked.set()
    for future in futures:
        future.result(5)
    assert served.sizes in ([2, 2, 1], [1, 2, 2])  # the first may have set out alone


async def test_a_seed_repeats_a_scene_and_its_turns_differ(path: Path) -> None:
    async with Cast.build(f"hf:{path}?temperature=1.0&max_tokens=16") as cast:
        first = await cast.chat("user", HELLO, scene=SCENE)
        again = await cast.chat("user", HELLO, scene=SCENE)
        other = await cast.chat("user", HELLO, scene=Scene(id="s", seed=8))
        longer = await cast.chat("user", [*HELLO, first, HumanMessage("Hi! I want tea.")], scene=SCENE)
        assert first.content == again.content
        assert len({str(reply.content) for reply in (first, other, longer)}) == 3
        usage = cast.meter.by_role["user"]
        assert (usage.calls, usage.cost_usd) == (4, 0.0)
        assert 0 < usage.output_tokens <= 4 * 16
    async with Cast.build(f"hf:{path}?seed=5&max_tokens=16") as cast:
        fixed = {str((await cast.chat("user", HELLO, scene=Scene(id="s", seed=n))).content) for n in range(3)}
        assert len(fixed) == 1


async def test_tools_are_shown_and_calls_come_back(path: Path) -> None:
    chat = LocalChat(path=str(path), max_tokens=2)
    model = chat.load()
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"what": "tea"}'}}
    spelled = model.format.turn({"role": "assistant", "content": "", "tool_calls": [call]})
    seen: list[Draw] = []

    def generate(draws: Sequence[Draw]) -> list[Drawn]:
        seen.extend(draws)
        return [Drawn(spelled, [0.0] * len(spelled)) for _ in draws]

    model.batches._generate = generate  # type: ignore[method-assign]  # what a trained model would say
    try:
        async with Cast.build(f"hf:{path}") as cast:
            reply = await cast.chat("agent", HELLO, tools=[find], scene=SCENE)
    finally:
        model.batches._generate = model.draw  # type: ignore[method-assign]
    assert [(made["name"], made["args"]) for made in reply.tool_calls] == [("find", {"what": "tea"})]
    shown = model.format.tokenizer.decode(seen[0].prompt)
    assert '"description": "Finds things."' in shown
    assert seen[0].max_new_tokens == 512 - len(seen[0].prompt)


def test_every_message_of_a_dialogue_has_its_place() -> None:
    given = [
        SystemMessage("s"),
        HumanMessage("u"),
        AIMessage(
            "",
            tool_calls=[tool_call(id="a", name="find", args={"what": "ü"})],
            invalid_tool_calls=[invalid_tool_call(id="b", name="", args="{", error=None)],
        ),
        ToolMessage("r", tool_call_id="a"),
        AIMessage("x"),
    ]
    assert [message["role"] for message in openai_messages(given)] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    calls = openai_messages(given)[2]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"what": "ü"}', "{"]


async def test_a_conversation_that_is_too_long_ends_the_dialogue(path: Path) -> None:
    chat = LocalChat(path=str(path))
    with pytest.raises(ContextLengthError, match=r"longer than the context of hf:.*tokens, and it takes 512"):
        await chat.ainvoke([HumanMessage("Tea? " * 400)])
    domain = load_domain("hotel")
    assert domain.playbook
    task = task_from_case(domain.playbook.case(domain, Cue(domain="hotel", seed=1)))
    context = Context(domain="hotel", agent_model=f"hf:{path}")
    async with context.cast:
        done = await dialogue.ainvoke({"task": task.to_json()}, context=context)
    assert done["trajectory"]["termination"] == "context_window_exceeded"


async def test_a_template_without_tool_calls_plays_only_roles_without_tools(tmp_path: Path) -> None:
    body = "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor %}"
    path = tiny_folder(
        tmp_path / "m", template=body + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
    )
    async with Cast.build(f"hf:{path}?max_tokens=4") as cast:
        assert await cast.chat("user", HELLO, scene=SCENE)
        with pytest.raises(AccessError, match="cannot call tools: its chat template"):
            await cast.chat("agent", HELLO, tools=[find], scene=SCENE)


def test_a_folder_is_loaded_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tiny_folder(tmp_path / "m")
    first = LocalModel.load(path)
    assert LocalModel.load(str(path), "cpu") is first
    tiny_folder(path, seed=1)
    second = LocalModel.load(path)
    assert second is not first
    assert not torch.equal(second.model.lm_head.weight, first.model.lm_head.weight)


def test_an_adapter_is_merged_into_its_base(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    base = tiny_folder(tmp_path / "base")
    adapted = get_peft_model(
        LocalModel.load(base).model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "adapter")
    model = LocalModel.load(tmp_path / "adapter")
    prompt = torch.tensor([PROMPTS[0]])
    with torch.no_grad():
        assert torch.allclose(model.model(prompt).logits, adapted(prompt).logits, atol=1e-5)
    assert model.generate([PROMPTS[0]], max_new_tokens=3)[0].ids
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    shutil.rmtree(base)
    orphan = LocalChat(path=str(tmp_path / "adapter"))
    with pytest.raises(EigenGraphError, match=r"no tokenizer can be loaded from .*base"):
        orphan.check()
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))
    with pytest.raises(EigenGraphError, match="names no base model"):
        orphan.check()


def spoil(path: Path, what: str) -> Path:
    """A folder with something wrong."""
    if what == "nothing there":
        return path / "nowhere"
    copy = path.parent / what.replace(" ", "-")
    shutil.copytree(path, copy)
    match what:
        case "no config":
            (copy / "config.json").unlink()
        case "no weights":
            (copy / "model.safetensors").unlink()
        case "no tokenizer":
            for name in ("tokenizer.json", "tokenizer_config.json"):
                (copy / name).unlink()
        case "no template":
            (copy / "chat_template.jinja").unlink()
        case "broken config":
            (copy / "config.json").write_text('{"model_type": "qwen3", ')
        case "one level up":
            return copy.parent
    return copy


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("nothing there", "no model folder .*nowhere"),
        ("no config", "holds no model: neither config.json nor adapter_config.json"),
        ("no weights", "holds no weights"),
        ("no tokenizer", "holds no tokenizer"),
        ("no template", "has no chat template"),
        ("broken config", "cannot read .*config.json"),
        ("one level up", "holds no model: .*did you mean .*/"),
    ],
)
async def test_a_folder_that_will_not_do_is_told_in_a_line_before_anything_is_played(
    path: Path, what: str, says: str
) -> None:
    async with Cast.build("scripted", overrides={"user": f"hf:{spoil(path, what)}"}) as cast:
        with pytest.raises(EigenGraphError, match=says) as raised:
            await cast.preflight()
    assert "\n" not in str(raised.value)


def test_weights_that_cannot_be_read_are_told(path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(path, tmp_path / "m")
    (copy / "model.safetensors").write_bytes(b"nonsense" * 100)
    with pytest.raises(EigenGraphError, match=r"no model can be loaded from .* onto cpu"):
        LocalModel.load(copy)
    small, _ = tiny_model(["a"], vocab=265)
    with pytest.raises(EigenGraphError, match=r"its tokenizer has .* tokens, but it knows"):
        LocalModel(small, MODEL.format)


async def test_a_gpu_that_is_not_there_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    async with Cast.build(f"hf:{path}?device=cuda:0") as cast:
        with pytest.raises(EigenGraphError, match="torch finds no GPU here; use device=cpu"):
            await cast.preflight()


async def test_without_the_extra_it_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "find_spec", lambda _: None)
    async with Cast.build(f"hf:{path}") as cast:
        with pytest.raises(EigenGraphError, match=r"pip install 'eigen-graph\[rl\]'"):
            await cast.preflight()
        with pytest.raises(EigenGraphError, match=r"pip install 'eigen-graph\[rl\]'"):
            await cast.chat("user", HELLO, scene=SCENE)


def test_whoever_needs_no_local_model_does_not_pay_for_torch() -> None:
    code = (
        "import sys, eigen_graph.models, eigen_graph.models.local.chat\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
