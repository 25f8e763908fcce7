"""A real GRPO step of a tiny model, recomputed by hand: which tokens carry loss, with which advantage, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from planted import PlantedRunner, outcomes, task
from tiny_models import tiny_model
from transformers import TrainerCallback

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl import _trl
from eigen_graph.rl._trl import TrainerPolicy
from eigen_graph.rl.episode import Episode
from eigen_graph.rl.gate import Start, require_start
from eigen_graph.rl.grpo import grpo_trainer, share_of
from eigen_graph.rl.grpo_config import grpo_config
from eigen_graph.rl.recipe import Recipe, read_recipe
from eigen_graph.rl.rollout import Rollouts
from eigen_graph.rl.settings import GrpoSettings

PLANT = outcomes(
    **{
        "mixed": [1.0, 0.0, 0.0],
        "good": [1.0, 1.0, 0.0],
        "fail": [0.0],
        "pass": [1.0],
        "gone": [None, 1.0, 0.0, None, None],
    }
)
AGENT = ("Let me see.", "It is 4711. Done.")


def recipe(**grpo: Any) -> Recipe:
    settings = {
        "steps": 1,
        "groups": 2,
        "group_size": 3,
        "max_turn_tokens": 16,
        "optimizer": {"learning_rate": 1e-3, "max_grad_norm": 1e9},
    }
    return read_recipe({"name": "t", "domain": "hotel", "device": "cpu", "grpo": settings | grpo}, "test")


class Talk(PlantedRunner):
    """Plays real dialogues, tokens and all: a call, its result, words, the user's answer, words."""

    def __init__(self, chat: ChatFormat) -> None:
        super().__init__(PLANT)
        self.chat = chat

    def play(self, episodes: Sequence[Episode]) -> None:
        super().play(episodes)
        for number, episode in enumerate(episodes):
            call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"count": 2}'}}
            said = [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "name": "find", "content": f"{number} found"},
                {"role": "assistant", "content": AGENT[0] * (1 + number % 2 + len(episode.task.id) % 2)},
                {"role": "user", "content": "What is the number? " * (1 + number % 2)},
                {"role": "assistant", "content": AGENT[1]},
            ]
            opening = [{"role": "user", "content": f"I want to cancel my order. {episode.task.id}"}]
            episode.prompt_ids = self.chat.prompt(opening)
            episode.ids, episode.mask = [], []
            for message in said:
                own = message["role"] == "assistant"
                ids = self.chat.turn(message) if own else self.chat.follow([message])
                episode.ids += ids
                episode.mask += [int(own)] * len(ids)
            episode.logprobs = [0.0] * len(episode.ids)


class Watch(TrainerCallback):
    """Keeps the gradients that reach the optimizer."""

    def __init__(self) -> None:
        self.grads: list[dict[str, Any]] = []

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        self.grads.append(
            {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
        )


class Step:
    """A trainer over planted episodes, and all that reached its loss."""

    def __init__(self, folder: Path, names: Sequence[str], *, talk: bool = True, **grpo: Any) -> None:
        self.recipe = recipe(**grpo)
        self.model, tokenizer = tiny_model()
        self.before = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.chat = ChatFormat.of(tokenizer)
        self.runner = Talk(self.chat) if talk else PlantedRunner(PLANT)
        tasks = [task(name) for name in names]
        self.rollouts = Rollouts(tasks, self.runner, self.recipe.grpo, stop_id=self.chat.stop_id, seed=1)
        config = grpo_config(self.recipe, folder, cpu=True)
        config.save_strategy = "no"
        self.trainer = grpo_trainer(config, self.model, self.chat, self.rollouts)
        self.watch = Watch()
        self.trainer.add_callback(self.watch)
        self.inputs: list[dict[str, Any]] = []
        self.losses: list[float] = []
        compute = self.trainer.compute_loss

        def spy(model: Any, inputs: dict[str, Any], **options: Any) -> Any:
            loss = compute(model, inputs, **options)
            self.inputs.append(inputs)
            self.losses.append(loss.item())
            return loss

        self.trainer.compute_loss = spy

    def run(self) -> Step:
        self.trainer.train()
        return self

    def rows(self) -> list[tuple[list[int], list[int], list[int], float]]:
        """What reached the loss, without padding: prompt, completion, loss mask, advantage."""
        found = []
        for inputs in self.inputs:
            for place in range(len(inputs["advantages"])):
                prompt = inputs["prompt_ids"][place][inputs["prompt_mask"][place].bool()].tolist()
                given = inputs["completion_mask"][place].bool()
                loss = (inputs["completion_mask"] * inputs["tool_mask"])[place]
                assert not loss[~given].any(), "padding carries no loss"
                ids = inputs["completion_ids"][place][given].tolist()
                found.append((prompt, ids, loss[given].tolist(), inputs["advantages"][place].item()))
        return found

    def objective(self, groups: Sequence[Sequence[Episode]]) -> Any:
        """The paper's, by hand and with gradients: the mean over groups of the mean over a group's own tokens."""
        model, _ = tiny_model()
        total = torch.zeros(())
        for group in groups:
            valid = [episode for episode in group if episode.reward is not None]
            rewards = torch.tensor([episode.reward for episode in valid], dtype=torch.float64)
            advantages = (rewards - rewards.mean()) / rewards.std(correction=0)
            tokens = sum(sum(episode.mask) for episode in valid)
            for episode, advantage in zip(valid, advantages.tolist(), strict=True):
                ids = torch.tensor([episode.prompt_ids + episode.ids])
                logits = model(input_ids=ids).logits[0, :-1]
                logprobs = torch.log_softmax(logits, -1).gather(1, ids[0, 1:, None])[:, 0][
                    len(episode.prompt_ids) - 1 :
                ]
                ratio = torch.exp(logprobs - logprobs.detach())
                total = total + (ratio * advantage * torch.tensor(episode.mask)).sum() / tokens / len(groups)
        (-total).backward()
        return total.item(), {name: parameter.grad for name, parameter in model.named_parameters()}


def groups_of(episodes: Sequence[Episode]) -> dict[str, list[Episode]]:
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.task.id, []).append(episode)
    return found


def require_same_gradients(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        torch.testing.assert_close(found[name], grad, atol=1e-6, rtol=1e-4)


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Step:
    return Step(tmp_path_factory.mktemp("grpo"), ["mixed-1", "good-1"]).run()


def test_exactly_the_agents_tokens_carry_loss(step: Step) -> None:
    played = {(tuple(e.prompt_ids), tuple(e.ids)): e for e in step.runner.played}
    rows = step.rows()
    assert len(rows) == len(played) == 6
    for prompt, ids, mask, _ in rows:
        assert mask == played[tuple(prompt), tuple(ids)].mask
        trained = step.chat.tokenizer.decode([token for token, own in zip(ids, mask, strict=True) if own])
        given = step.chat.tokenizer.decode([token for token, own in zip(ids, mask, strict=True) if not own])
        assert trained.count("<|im_end|>") == 3, "the agent learns to end each of its turns"
        assert '"find"' in trained
        assert all(words in trained for words in AGENT)
        assert not any(words in trained for words in ("found", "What is", "I want", "assistant", "user"))
        assert "found" in given
        assert "What is" in given


def test_each_token_has_its_episodes_advantage_by_the_formula(step: Step) -> None:
    groups = groups_of(step.runner.played)
    tokens = {name: sum(sum(e.mask) for e in group) for name, group in groups.items()}
    whole = sum(tokens.values())
    assert len(set(tokens.values())) == 2, "groups of differing lengths, so that their weights differ"
    # One pass of three: mean 1/3, deviation sqrt(2)/3. Two of three: mean 2/3, the same deviation.
    worth = {"mixed-1": {1.0: 2**0.5, 0.0: -(0.5**0.5)}, "good-1": {1.0: 0.5**0.5, 0.0: -(2**0.5)}}
    expected = {
        (tuple(e.prompt_ids), tuple(e.ids)): worth[name][e.reward or 0.0] * whole / (2 * tokens[name])
        for name, group in groups.items()
        for e in group
    }
    for prompt, ids, _, advantage in step.rows():
        assert advantage == pytest.approx(expected[tuple(prompt), tuple(ids)], abs=1e-6)


def test_the_loss_is_the_mean_over_groups_of_token_means(step: Step) -> None:
    expected, grads = step.objective(list(groups_of(step.runner.played).values()))
    assert abs(expected) > 1e-3, "lengths differ, so it is not zero by symmetry"
    assert step.losses == [pytest.approx(-expected, abs=1e-6)]
    require_same_gradients(step.watch.grads[0], grads)


def test_micro_batches_sum_up_to_the_same(step: Step, tmp_path: Path) -> None:
    parted = Step(tmp_path, ["mixed-1", "good-1"], micro_batch=2).run()
    assert len(parted.losses) == 3
    assert sum(parted.losses) == pytest.approx(step.losses[0], abs=1e-6)
    require_same_gradients(parted.watch.grads[0], step.watch.grads[0])


def test_filler_groups_and_invalid_episodes_have_no_gradient(tmp_path: Path) -> None:
    one = Step(tmp_path, ["gone-1", "fail-1", "pass-1"]).run()
    kept = [e for e in one.runner.played if e.task.id == "gone-1"]
    assert sorted(str(e.reward) for e in kept) == ["0.0", "1.0", "None", "None", "None"]
    expected, grads = one.objective([kept])
    assert one.losses == [pytest.approx(-expected, abs=1e-6)]
    require_same_gradients(one.watch.grads[0], grads)
    assert sum(any(mask) for _, _, mask, _ in one.rows()) == 2
    assert [advantage for _, _, mask, advantage in one.rows() if not any(mask)] == [0.0] * 4


def test_a_step_without_a_mixed_group_leaves_the_weights_alone(tmp_path: Path) -> None:
    class Kinds(PlantedRunner):
        """Mixed groups at first, then only failures."""

        def play(self, episodes: Sequence[Episode]) -> None:
            self.plant = PLANT if not self.played else (lambda _name, _attempt: 0.0)
            super().play(episodes)

    one = Step(tmp_path, ["mixed-1", "mixed-2"], talk=False, steps=3)
    one.rollouts._runner = Kinds(PLANT)
    seen: list[dict[str, Any]] = []

    class Weights(TrainerCallback):
        def on_step_end(self, *_: Any, model: Any, **__: Any) -> None:
            seen.append({name: value.clone() for name, value in model.state_dict().items()})

    one.trainer.add_callback(Weights())
    one.run()
    first, *later = seen
    assert any(not torch.equal(value, one.before[name]) for name, value in first.items())
    for weights in later:
        assert all(torch.equal(value, first[name]) for name, value in weights.items())
    assert one.losses[1:] == [0.0, 0.0]


def test_metrics_of_rollouts_reach_the_trainers_log(step: Step) -> None:
    entry = step.trainer.state.log_history[0]
    assert entry["reward/raw"] == pytest.approx(0.5)
    assert entry["groups/mixed_share"] == 1
    assert entry["rewards/checker/mean"] == pytest.approx(0.5)
    assert entry["rewards/advantage/mean"] == pytest.approx(0, abs=1e-6)


def test_several_passes_over_a_batch_play_it_once(tmp_path: Path) -> None:
    one = Step(tmp_path, ["mixed-1", "good-1"], talk=False, steps=2, iterations=2).run()
    assert one.trainer.state.global_step == 4
    assert one.runner.batches == [6, 6]
    assert "old_per_token_logps" in one.inputs[0], "the second pass is clipped against the policy that played"


def test_the_trainers_own_generation_is_a_policy(step: Step) -> None:
    policy = TrainerPolicy()
    with pytest.raises(EigenGraphError, match="no trainer"):
        policy.generate([[1]])
    policy.attach(step.trainer)
    prompts = [step.chat.prompt([{"role": "user", "content": text}]) for text in ("tea", "I want to cancel my order.")]
    samples = policy.generate(prompts)
    bound = step.recipe.grpo.max_turn_tokens
    for sample in samples:
        assert sample.logprobs is None
        assert 0 < len(sample.ids) <= bound
        assert step.chat.stop_id not in sample.ids[:-1]
        assert sample.ids[-1] == step.chat.stop_id or len(sample.ids) == bound
    assert policy.generate([]) == []
    assert policy.seconds > 0


def test_another_trl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _trl.require_trl()
    monkeypatch.setattr(_trl.metadata, "version", lambda _name: "1.17.0")
    with pytest.raises(EigenGraphError, match=r"trl 1\.17\.0 is installed.*install trl==1\.16\.0"):
        _trl.require_trl()


def test_a_trl_without_the_parts_that_are_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trl, "_NEEDED", ("_generate_some_other_way",))
    with pytest.raises(EigenGraphError, match="has no _generate_some_other_way"):
        _trl.require_trl()


@pytest.mark.parametrize(
    ("fsdp", "vllm", "parallel", "words"),
    [
        (True, None, 1, "FSDP"),
        (False, "colocate", 2, "tensor_parallel"),
        (False, "colocate", 1, ""),
        (False, None, 1, ""),
    ],
)
def test_processes_that_would_wait_for_ever_are_refused(
    fsdp: bool,  # noqa: FBT001
    vllm: str | None,
    parallel: int,
    words: str,
) -> None:
    stub = SimpleNamespace(
        accelerator=SimpleNamespace(num_processes=2),
        use_vllm=vllm is not None,
        vllm_mode=vllm,
        is_fsdp_enabled=fsdp,
        is_deepspeed_enabled=False,
        args=SimpleNamespace(vllm_tensor_parallel_size=parallel),
    )
    found = _trl._hangs(stub)
    assert words in found if words else not found


def test_vllms_server_is_not_asked_through_trl() -> None:
    with pytest.raises(EigenGraphError, match="server"):
        TrainerPolicy().attach(SimpleNamespace(use_vllm=True, vllm_mode="server"))


def test_checkpoints_lie_between_batches_and_vllm_is_set_up_as_the_recipe_says(tmp_path: Path) -> None:
    vllm = {"mode": "server", "server": "http://localhost:8000"}
    config = grpo_config(recipe(steps=7, iterations=2, save_every=3, micro_batch=2, vllm=vllm), tmp_path, cpu=True)
    assert (config.max_steps, config.save_steps) == (14, 6)
    assert (config.steps_per_generation, config.generation_batch_size) == (config.gradient_accumulation_steps, 6)
    assert (config.loss_type, config.scale_rewards, config.reward_weights) == ("dapo", "none", [1.0, 0.0])
    assert (config.epsilon, config.epsilon_high) == (0.2, 0.28)
    assert config.use_vllm
    assert (config.vllm_mode, config.vllm_server_base_url) == ("server", "http://localhost:8000")
    assert not config.bf16


def test_a_share_of_the_tasks_for_each_process() -> None:
    tasks = [task(f"t{number}") for number in range(5)]
    settings = GrpoSettings(groups=2)
    shares = [share_of(tasks + tasks, settings, process, 2) for process in (0, 1)]
    assert [[one.id for one in share] for share in shares] == [["t0", "t2", "t4"], ["t1", "t3"]]
    with pytest.raises(EigenGraphError, match="only 5 tasks"):
        share_of(tasks, GrpoSettings(groups=6))


def test_the_gate_refuses_a_start_at_the_level_of_doing_nothing() -> None:
    settings = GrpoSettings(min_start=0.1)
    good = Start(solved=0.35, episodes=40, inert={"no-op": 0.2, "transfer": 0.0}, needed=0.3)
    require_start(good, "start", settings)
    bad = Start(solved=0.25, episodes=40, inert={"no-op": 0.2, "transfer": 0.0}, needed=0.3)
    with pytest.raises(EigenGraphError, match=r"solves 25\.0% of 40.*no-op.*20\.0%.*--force"):
        require_start(bad, "start", settings)
