"""Whether dialogues can be built with a tokenizer: said in words before anything is trained or played with it."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.marks import CALL_MARKS
from eigen_graph.models.local.rendering import Rendering
from eigen_graph.models.reply import bound


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


_SYSTEM = {"role": "system", "content": "Be kind.\n\n## Scenario\n\nYou want tea."}
_CALLING = {"role": "assistant", "content": "", "tool_calls": [_call("find", '{"what": "green tea", "count": 2}')]}
_FOUND = {"role": "tool", "content": '{"price": 3.5}', "tool_call_id": "call_find", "name": "find"}
_PLAIN: list[dict[str, Any]] = [
    _SYSTEM,
    {"role": "user", "content": "I want tea."},
    {"role": "assistant", "content": "Green or black?"},
    {"role": "user", "content": "Green."},
    {"role": "assistant", "content": "Here you are."},
    {"role": "user", "content": "Bye."},
]
_WITH_CALLS: list[dict[str, Any]] = [
    *_PLAIN[:4],
    _CALLING,
    _FOUND,
    {"role": "assistant", "content": "It is 3.50."},
    _PLAIN[5],
]
_TOOL = {
    "type": "function",
    "function": {
        "name": "zebra_finder",
        "description": "Finds.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}


def check(tokenizer: Any, name: str = "") -> Rendering:
    """The rendering of a tokenizer that dialogues can be built with.

    Args:
        tokenizer: Of transformers.
        name: Whose it is, for messages.

    Raises:
        EigenGraphError: It has no chat template; the template fails, ends turns with no special token, or is not
            prefix-preserving; the tokenizer does not give back the marks of tool calls.
    """
    name = name or getattr(tokenizer, "name_or_path", "") or "the model"
    if not getattr(tokenizer, "chat_template", None):
        raise EigenGraphError(f"{name} has no chat template: give it one, e.g. `hermes`, or a path to a Jinja file")
    rendering = Rendering(tokenizer, name)
    _marks_survive(rendering)
    _grows(rendering, _PLAIN)
    if spells_calls(rendering):
        _grows(rendering, _WITH_CALLS)
    return rendering


def problems(rendering: Rendering) -> list[str]:
    """What may be on purpose but mostly is not, one sentence each."""
    found = []
    if not spells_calls(rendering):
        found.append("its chat template does not write tool calls as <tool_call>JSON</tool_call>: it cannot call tools")
    if not shows_tools(rendering):
        found.append("its chat template has no tools section: the model is not told which tools it has")
    tokenizer = rendering.tokenizer
    if tokenizer.eos_token_id != rendering.stop_id:
        found.append(f"its turns end with {rendering.stop}, but its eos_token is {tokenizer.eos_token}")
    if tokenizer.pad_token_id is None:
        found.append("it has no pad_token")
    elif tokenizer.pad_token_id == rendering.stop_id:
        found.append(f"its pad_token is also what ends a turn, {rendering.stop}: give it a pad_token of its own")
    return [f"{rendering.name}: {text}" for text in found]


def spells_calls(rendering: Rendering) -> bool:
    """The template writes tool calls in the way that we read."""
    try:
        text = rendering.turn_text(_CALLING).removesuffix(rendering.stop)
    except EigenGraphError:
        return False
    return [(call["name"], call["args"]) for call in bound(AIMessage(text), spelled=True).tool_calls] == [
        ("find", {"what": "green tea", "count": 2})
    ]


def shows_tools(rendering: Rendering) -> bool:
    """The template tells the model which tools there are."""
    try:
        return "zebra_finder" in rendering.text(_PLAIN[:2], [_TOOL], generate=True)
    except EigenGraphError:
        return False


def _marks_survive(rendering: Rendering) -> None:
    spelled = '\n{"name": "find", "arguments": {"What": "Grün \\n 7.5"}}\n'.join(CALL_MARKS)
    ids = rendering.encode_on(spelled)
    back = rendering.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    if back.strip() != spelled:
        raise EigenGraphError(
            f"{rendering.name}: its tokenizer does not give back a tool call as it was: {spelled!r} becomes {back!r}; "
            f"add {' and '.join(CALL_MARKS)} to its tokens, or take a byte-level tokenizer"
        )


def _grows(rendering: Rendering, messages: list[dict[str, Any]]) -> None:
    """Make sure that every rendering begins with the one before it, as text and as tokens."""
    spoken = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    built = rendering.text(messages[: spoken[0]], generate=True)
    ids = rendering.encode(built)
    for at, end in zip(spoken, [*spoken[1:], len(messages)], strict=True):
        own = rendering.turn_text(messages[at])
        given = rendering.follow_text(messages[at + 1 : end])
        built += own + given
        ids += rendering.encode_on(own) + rendering.encode_on(given)
        whole = rendering.text(messages[:end], generate=True)
        if whole != built:
            raise rendering.unstable(built, whole)
        if rendering.encode(whole) != ids:
            raise EigenGraphError(
                f"{rendering.name}: its tokenizer merges the end of one turn with the beginning of the next; give "
                f"the model a template that puts a special token between them, e.g. `hermes`"
            )
