"""Two small domains for tests of checkers: a shop (one-sided, with a procedure) and a home (both sides, with sync)."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.prebuilt import ToolRuntime

from eigen_graph.checkers import Checker, Verdict, build_checker
from eigen_graph.checkers.gold import CLOSE, perform
from eigen_graph.core import (
    Action,
    Actor,
    Assertion,
    Beat,
    Database,
    Domain,
    EvaluationCriteria,
    InitialState,
    Policy,
    Record,
    Setup,
    Side,
    Tags,
    Task,
    ToolError,
    Trajectory,
    World,
    domain_tool,
)

Runtime = ToolRuntime[World, Any]


class Customer(Record):
    email: str
    credit: float = 0.0


class Order(Record):
    customer_id: str
    status: str = "open"
    weight: int | float = 1
    tags: tuple[str, ...] = ()


@domain_tool(writes=False)
def find_customer(email: str, runtime: Runtime) -> dict[str, Any]:
    """Find a customer."""
    for key, customer in runtime.context.db["customers"].items():
        if customer.email == email:
            return {"customer_id": key, **customer.model_dump()}
    raise ToolError("nobody has that address")


@domain_tool(writes=False)
def get_order(order_id: str, runtime: Runtime) -> dict[str, Any]:
    """Look at an order."""
    return runtime.context.db["orders"][order_id].model_dump(mode="json")


@domain_tool(writes=True, confirm=True, after=("find_customer",))
def cancel_order(order_id: str, reason: Literal["late", "mistake"], runtime: Runtime) -> str:
    """Cancel an order."""
    if runtime.context.db["orders"][order_id].status == "shipped":
        raise ToolError("it has left already")
    runtime.context.db["orders"].update(order_id, status="cancelled")
    return f"cancelled, {reason}"


@domain_tool(writes=True)
def add_credit(customer_id: str, amount: float, runtime: Runtime) -> float:
    """Give a customer credit."""
    customers = runtime.context.db["customers"]
    return customers.update(customer_id, credit=customers[customer_id].credit + amount).credit


@domain_tool(writes=True)
def set_weight(order_id: str, weight: int | float, runtime: Runtime) -> str:  # noqa: PYI041  # pydantic keeps an int one
    """Correct an order's weight."""
    runtime.context.db["orders"].update(order_id, weight=weight)
    return "noted"


@domain_tool(writes=True)
def tag_order(order_id: str, tag: str, runtime: Runtime) -> str:
    """Put one more tag on an order."""
    orders = runtime.context.db["orders"]
    orders.update(order_id, tags=(*orders[order_id].tags, tag))
    return "tagged"


@domain_tool(writes=True)
def jam_printer(order_id: str, runtime: Runtime) -> str:  # noqa: ARG001  # a tool that breaks
    """Print a label."""
    raise AttributeError(f"no toner for {order_id}")


def shop() -> Domain:
    customers = {f"C{n}": Customer(email=f"c{n}@mail.org") for n in range(1, 5)}
    orders = {f"O{n}": Order(customer_id=f"C{(n + 1) // 2}") for n in range(1, 9)}
    orders["O8"] = Order(customer_id="C4", status="shipped")
    database = Database({"customers": Customer, "orders": Order}, {"customers": customers, "orders": orders})
    tools = (find_customer, get_order, cancel_order, add_credit, set_weight, tag_order, jam_printer)
    return Domain("shop", Policy("1. Be kind."), Side(database, tools))


class Line(Record):
    profile: str = "ok"
    resets: int = 0


class Router(Record):
    plugged: bool = True
    light: str = "green"


@domain_tool(writes=False)
def test_line(line_id: str, runtime: Runtime) -> str:
    """Test a line."""
    return runtime.context.db["lines"][line_id].profile


@domain_tool(writes=True)
def reset_profile(line_id: str, runtime: Runtime) -> str:
    """Bring a line's profile back."""
    lines = runtime.context.db["lines"]
    lines.update(line_id, profile="ok", resets=lines[line_id].resets + 1)
    return "done"


@domain_tool(writes=False)
def look_at_router(runtime: Runtime) -> dict[str, Any]:
    """Look at the router."""
    return runtime.context.db["router"]["mine"].model_dump()


@domain_tool(writes=True)
def plug_in(runtime: Runtime) -> str:
    """Plug the router in."""
    runtime.context.db["router"].update("mine", plugged=True)
    return "plugged in"


@domain_tool(writes=True)
def pull_plug(runtime: Runtime) -> str:
    """Pull the router's plug."""
    runtime.context.db["router"].update("mine", plugged=False)
    return "dark"


def light_follows(agent: Database, user: Database) -> None:
    router = user["router"]["mine"]
    right = "off" if not router.plugged else "green" if agent["lines"]["L1"].profile == "ok" else "red"
    if router.light != right:
        user["router"].update("mine", light=right)


def home() -> Domain:
    return Domain(
        "home",
        Policy("1. Be kind."),
        Side(
            Database({"lines": Line}, {"lines": {"L1": Line(), "L2": Line()}}),
            (test_line, reset_profile),
            setups={"lose_profile": lambda db, line_id: db["lines"].update(line_id, profile="lost")},
        ),
        Side(
            Database({"router": Router}, {"router": {"mine": Router()}}),
            (look_at_router, plug_in, pull_plug),
            setups={"unplug": lambda db: db["router"].update("mine", plugged=False)},
            assertions={"light_is": lambda db, colour: db["router"]["mine"].light == colour},
        ),
        sync=light_follows,
    )


def does(name: str, /, by: Actor = "assistant", **arguments: Any) -> Action:
    return Action(requestor=by, name=name, arguments=arguments)


FIND, CANCEL = does("find_customer", email="c1@mail.org"), does("cancel_order", order_id="O1", reason="late")
CREDIT = does("add_credit", customer_id="C1", amount=1200.0)


def task(*actions: Action, facts: tuple[str, ...] = (), basis: tuple[str, ...] = ("DB",), **tags: Any) -> Task:
    """A task of the shop."""
    criteria = EvaluationCriteria(actions=actions, communicate_info=facts, reward_basis=basis)
    return Task(id="t", evaluation_criteria=criteria, eigen=Tags(domain="shop", **tags))


def repair() -> Task:
    """A task of the home: a lost profile on the agent's side, a pulled plug on the user's."""
    return Task(
        id="repair",
        initial_state=InitialState(
            initialization_actions=(
                Setup(env_type="assistant", func_name="lose_profile", arguments={"line_id": "L1"}),
                Setup(env_type="user", func_name="unplug"),
            )
        ),
        evaluation_criteria=EvaluationCriteria(
            actions=(
                does("test_line", line_id="L1"),
                does("reset_profile", line_id="L1"),
                does("plug_in", by="user"),
            ),
            env_assertions=(Assertion(env_type="user", func_name="light_is", arguments={"colour": "green"}),),
            reward_basis=("ENV_ASSERTION",),
        ),
    )


def dialogue(domain: Domain, about: Task, *moves: Action | tuple[Actor, str], stop: bool = True) -> Trajectory:
    """Calls and `(who, words)`, played for real, then the user's stop."""
    beats = [
        Beat(move.requestor, call=move, kind="call") if isinstance(move, Action) else Beat(move[0], text=move[1])
        for move in moves
    ]
    checker = build_checker(about, domain)
    return perform(checker.bench(domain), [*beats, *([CLOSE] if stop else [])])


OPEN: tuple[Actor, str] = ("user", "Please help, I am c1@mail.org.")
PROPOSE: tuple[Actor, str] = ("assistant", "Shall I go ahead?")
YES: tuple[Actor, str] = ("user", "Yes.")


def judged(domain: Domain, about: Task, *moves: Action | tuple[Actor, str], by: str | None = None) -> Verdict:
    """The verdict on a dialogue of these moves."""
    return checker_of(domain, about, by).judge(dialogue(domain, about, *moves), domain)


def checker_of(domain: Domain, about: Task, by: str | None = None) -> Checker:
    return build_checker(about, domain, basis=tuple(by.split("+")) if by else None)
