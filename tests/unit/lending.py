"""A tiny two-sided domain with a playbook: a library that lends, and a reader with a shelf of their own.

And `talk`, a bare dialogue loop, for tests of models that need no graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.prebuilt import ToolRuntime

from eigen_graph.core import (
    STOP,
    Actor,
    Database,
    Domain,
    Environment,
    Message,
    Playbook,
    Policy,
    Record,
    Side,
    Stage,
    ToolError,
    World,
    domain_tool,
)
from eigen_graph.models import Cast, Role, Scene, calls_of


class Book(Record):
    title: str
    fee: float
    lent_to: str | None = None
    holds: int = 0


class Shelf(Record):
    books: tuple[str, ...] = ()


@domain_tool(writes=False)
def find_book(book_id: str, *, runtime: ToolRuntime[World]) -> Book:
    """Look a book up.

    Args:
        book_id: Its id.
    """
    return runtime.context.db["books"][book_id]


@domain_tool(writes=True, confirm=True, after=("find_book",))
def lend_book(book_id: str, reader: str, *, runtime: ToolRuntime[World]) -> str:
    """Lend a book.

    Args:
        book_id: Its id.
        reader: Who takes it.
    """
    books = runtime.context.db["books"]
    if books[book_id].lent_to:
        raise ToolError(f"{book_id} is lent already")
    books.update(book_id, lent_to=reader)
    return f"lent until Friday, fee {books[book_id].fee:.2f}"


@domain_tool(writes=True)
def add_hold(book_id: str, *, runtime: ToolRuntime[World]) -> str:
    """Put a hold on a book.

    Args:
        book_id: Its id.
    """
    books = runtime.context.db["books"]
    books.update(book_id, holds=books[book_id].holds + 1)
    return "held"


@domain_tool(writes=True)
def put_on_shelf(book_id: str, *, runtime: ToolRuntime[World]) -> str:
    """Put a book on the shelf at home.

    Args:
        book_id: Its id.
    """
    shelf = runtime.context.db["shelves"]["mine"]
    runtime.context.db["shelves"].update("mine", books=(*shelf.books, book_id))
    return "on the shelf"


playbook = Playbook()


@playbook.intent("borrow", clauses=["1", "2"], tools=["lend_book", "put_on_shelf"])
def borrow(stage: Stage) -> None:
    book_id = stage.choose(sorted(key for key, book in stage.db["books"].items() if not book.lent_to))
    book = stage.db["books"][book_id]
    stage.brief(
        reason=f"You want to borrow {book.title}.",
        known=f"Its number is {book_id}.",
        unknown="You do not know the fee.",
    )
    stage.explore("find_book", book_id=book_id)
    stage.hide(f"{book.fee:.2f}")
    stage.forbid("add_hold", book_id=book_id)
    stage.user(f"I would like to borrow {book.title}, number {book_id}.", f"May I take {book_id} home?")
    stage.agent_calls("find_book", book_id=book_id)
    stage.confirm(f"Shall I lend you {book.title}?")
    stage.agent_calls("lend_book", book_id=book_id, reader="me")
    stage.report(f"It is yours; the fee is {book.fee:.2f}.", facts=[f"{book.fee:.2f}"])
    stage.user("I'll put it away.")
    stage.agent("Please do.")
    stage.user_calls("put_on_shelf", book_id=book_id)
    stage.close()


@playbook.intent("ask", clauses=["3"], tools=["find_book"], ending="nothing")
def ask(stage: Stage) -> None:
    book_id = stage.choose(sorted(stage.db["books"]))
    book = stage.db["books"][book_id]
    stage.brief(reason=f"You want to know what {book_id} is.", known="Nothing else.")
    stage.explore("find_book", book_id=book_id)
    stage.user(f"What is {book_id}?")
    stage.agent_calls("find_book", book_id=book_id)
    stage.report(f"That is {book.title}.", facts=[book.title])
    stage.close()


def make() -> Domain:
    books = {
        f"b{n}": Book(title=f"Volume {n}", fee=n + 0.5, lent_to="somebody" if n % 3 == 0 else None) for n in range(9)
    }
    return Domain(
        "lending",
        Policy(
            "1. Look a book up before you lend it.\n2. Ask before `lend_book`.\n3. Tell the title with `find_book`."
        ),
        Side(Database({"books": Book}, {"books": books}), (find_book, lend_book, add_hold)),
        Side(Database({"shelves": Shelf}, {"shelves": {"mine": Shelf()}}), (put_on_shelf,)),
        playbook=playbook,
    )


@dataclass
class Talk:
    """A dialogue as it came out."""

    messages: list[Message]
    """With the greeting, in a trajectory's terms."""
    replies: list[AIMessage]
    """What the models gave, in order."""
    stopped: bool

    def transcript(self) -> list[dict[str, Any]]:
        """As a reviewer's prompt shows it."""
        speaker = {"assistant": "agent", "user": "user", "tool": "tool"}
        entries: list[dict[str, Any]] = []
        for i, message in enumerate(self.messages):
            entry: dict[str, Any] = {"i": i, "speaker": speaker[message.role]}
            if message.role == "tool":
                of = "user" if message.requestor == "user" else "agent"
                entry |= {"of": of, "result": message.content, "error": message.error}
            else:
                entry |= {"text": message.content} if message.content else {}
                calls = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
                entry |= {"calls": calls} if calls else {}
            entries.append(entry)
        return entries


async def talk(cast: Cast, domain: Domain, scene: Scene, *, steps: int = 80) -> Talk:
    """Let user and agent talk, as a dialogue graph would, until the user stops."""
    case = domain.playbook.case(domain, scene.cue) if domain.playbook and scene.cue else None
    world = Environment(domain)
    for setup in case.setups if case else ():
        world.prepare(setup)
    greeting = "Hi! How can I help you today?"
    heard: dict[Actor, list[BaseMessage]] = {
        "assistant": [SystemMessage("policy"), AIMessage(greeting)],
        "user": [SystemMessage("scenario"), HumanMessage(greeting)],
    }
    said = Talk([Message(role="assistant", content=greeting)], [], stopped=False)
    actor: Actor = "user"
    while len(said.messages) < steps:
        role: Role = "user" if actor == "user" else "agent"
        reply = await cast.chat(role, heard[actor], tools=domain.tools_of(actor), scene=scene)
        heard[actor].append(reply)
        said.replies.append(reply)
        calls = calls_of(reply)
        said.messages.append(Message(role=actor, content=reply.text or None, tool_calls=calls))
        for call in calls:
            result = world.answer(call, actor)
            said.messages.append(result)
            heard[actor].append(ToolMessage(result.content or "", tool_call_id=call.id))
        if calls:
            continue
        if actor == "user" and STOP in reply.text:
            said.stopped = True
            break
        actor = "assistant" if actor == "user" else "user"
        heard[actor].append(HumanMessage(reply.text))
    return said
