"""A model that plays every role in the shop, from what it reads alone: it knows no metadata and no playbook.

The planner numbers its cases; the writer looks records up and submits a task for the case; user and agent speak a few
fixed lines. Every `WRONG`th order is one too many, so that there is something to judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from shop.world import NAMES, PRODUCTS

WRONG = 5


class ShopBrain(BaseChatModel):
    """The model."""

    @property
    def _llm_type(self) -> str:
        return "shop"

    def _generate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=reply(messages, options))])


def reply(messages: Sequence[BaseMessage], options: dict[str, Any]) -> AIMessage:
    """What it says next."""
    schema = (options.get("response_format") or {}).get("json_schema", {}).get("name")
    tools = {tool["function"]["name"] for tool in options.get("tools") or ()}
    if schema == "PlanBatch":
        return AIMessage(json.dumps({"plans": [_plan(row) for row in _block(messages, "rows")]}))
    if schema == "Review":
        good = _block(messages, "verdict")["reward"] == 1
        decision = {"decision": "accept", "blame": "none"} if good else {"decision": "reject", "blame": "agent"}
        return AIMessage(json.dumps({**decision, "evidence": [], "reason": "" if good else "the wrong order"}))
    if "submit_task" in tools:
        return _write(messages)
    if messages[0].text.startswith("# system") or "You play a person" in messages[0].text:
        return _user(messages)
    return _agent(messages)


def _plan(row: dict[str, Any]) -> dict[str, Any]:
    number, cancels = row["row"], row["tool"] == "cancel_order"
    return {
        "row": number,
        "title": f"Case {number}",
        "synthesis": f"Case {number}: {'cancel' if cancels else 'order'}.",
        "evaluation": "Watch the numbers.",
    }


def _write(messages: Sequence[BaseMessage]) -> AIMessage:
    """Look the customer up, then what the case needs, then submit."""
    told = "\n".join(message.text for message in messages)
    number, kind = re.findall(r"Case (\d+): (cancel|order)", told)[-1]
    name, key = NAMES[int(number) % 5], f"P{int(number) // 5 % 4 + 1}"
    heard = [json.loads(message.text) for message in messages if isinstance(message, ToolMessage)]
    find = {"name": "find_customer", "arguments": {"name": name}}
    if not heard:
        return _call(find)
    quantity = int(number) % 3 + 1
    order_id = heard[0]["orders"][0]
    look = {"name": "list_products", "arguments": {}}
    if kind == "cancel":
        look = {"name": "get_order", "arguments": {"order_id": order_id}}
    if len(heard) == 1:
        return _call(look)
    if kind == "cancel":
        act = {"name": "cancel_order", "arguments": {"order_id": order_id}}
        wish, fact = f"You want to cancel order {order_id}.", heard[1]["total"]
    else:
        wish = f"You want to order {quantity} of the {PRODUCTS[key][0]}."
        fact = f"{quantity * heard[1][key]['price']:.2f}"
        ordered = {"customer_id": heard[0]["customer_id"], "product_id": key, "quantity": quantity}
        act = {"name": "place_order", "arguments": ordered}
    task = {
        "reason_for_call": wish,
        "known_info": f"You are {name}.",
        "actions": [find, look, act],
        "communicate_info": [fact],
        "hidden": [fact],
        "clauses": ["1"],
    }
    return _call({"name": "submit_task", "arguments": task})


def _user(messages: Sequence[BaseMessage]) -> AIMessage:
    told, heard = messages[0].text, messages[-1].text
    if "Shall I" in heard:
        return AIMessage("Yes, please go ahead.")
    if "That is done" in heard or "sorry" in heard:
        return AIMessage("Thank you. ###STOP###")
    name = re.findall(r"You are ([A-Z]\w+ [A-Z]\w+)\.", told)[-1]
    wish = re.findall(r"You want to (.+?)\.", told)[-1]
    return AIMessage(f"Hello, I am {name} and want to {wish}.")


def _agent(messages: Sequence[BaseMessage]) -> AIMessage:
    """Find, look, propose, act, report."""
    said = [message.text for message in messages if message.type == "human"]
    heard = [message.text for message in messages if isinstance(message, ToolMessage)]
    name, wish = re.findall(r"I am (.+?) and want to (.+?)\.", said[0])[0]
    if any(text.startswith("Error") for text in heard):
        return AIMessage("I am sorry, that cannot be done.")
    if not heard:
        return _call({"name": "find_customer", "arguments": {"name": name}})
    customer = json.loads(heard[0])
    if (cancel := re.match(r"cancel order (\w+)", wish)) is not None:
        look = {"name": "get_order", "arguments": {"order_id": cancel[1]}}
        act = {"name": "cancel_order", "arguments": {"order_id": cancel[1]}}
    else:
        quantity, product = re.findall(r"order (\d+) of the (\w+)", wish)[0]
        key = next(key for key, (called, _) in PRODUCTS.items() if called == product)
        look = {"name": "list_products", "arguments": {}}
        wrong = (NAMES.index(name) + int(key[1])) % WRONG == 2
        given = {"customer_id": customer["customer_id"], "product_id": key, "quantity": int(quantity) + wrong}
        act = {"name": "place_order", "arguments": given}
    if len(heard) == 1:
        return _call(look)
    if len(said) == 1:
        return AIMessage(f"Shall I {wish}?")
    if len(heard) == 2:  # found and looked up
        return _call(act)
    done = json.loads(heard[2])
    return AIMessage(f"That is done: it comes to {done.get('total') or done.get('refund')}.")


def _call(call: dict[str, Any]) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": call["name"], "args": call["arguments"], "id": f"call-{call['name']}"}])


def _block(messages: Sequence[BaseMessage], label: str) -> Any:
    text = "\n".join(message.text for message in messages)
    return json.loads(re.findall(rf"```json {label}\n(.*?)\n```", text, re.DOTALL)[-1])
