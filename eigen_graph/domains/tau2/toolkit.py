"""tau2's toolkits over our databases: their tools as LangChain tools, their other methods as setups and assertions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

from langchain_core.tools import StructuredTool
from langgraph.prebuilt import ToolRuntime
from pydantic import BaseModel

from eigen_graph.core import Side, ToolTraits, World
from eigen_graph.domains.tau2 import package
from eigen_graph.domains.tau2.calculator import check_expression
from eigen_graph.domains.tau2.copying import copied
from eigen_graph.domains.tau2.database import CopyingDatabase
from eigen_graph.domains.tau2.layout import layout_of

_ASSERTION = "assert_"


class Kit:
    """One side's toolkit: tau2's class, to be put on any fork of its database.

    Args:
        toolkit: tau2's class.
        contents: The database object it works on.
    """

    def __init__(self, toolkit: type[Any], contents: BaseModel) -> None:
        self.type = toolkit
        sample = toolkit(contents)
        held = {name: value for name, value in vars(sample).items() if name != "db"}
        self.database = CopyingDatabase(
            layout_of(type(contents)), contents, copied(package.shared_state(toolkit) | held), self.on
        )
        self._tools: dict[str, Any] = sample.get_tools()
        self.tool_names = frozenset(self._tools)

    def on(self, database: CopyingDatabase) -> Any:
        """A toolkit instance that works on a fork."""
        instance: Any = object.__new__(self.type)
        vars(instance).update(database.state)
        return instance

    def writes(self, name: str) -> bool:
        """Whether a tool may change the database: as it declares (newer tau2), else by its type."""
        function = getattr(self.type, name)
        declared = getattr(function, "__mutates_state__", None)
        return bool(function.__tool_type__.value == "write" if declared is None else declared)

    @cached_property
    def side(self) -> Side:
        """The side of a domain that this toolkit makes."""
        others = [name for name in dir(self.type) if self._is_callable(name)]
        return Side(
            database=self.database,
            tools=tuple(self._tool(name) for name in self._tools),
            setups={name: self._function(name, writes=True) for name in others if not name.startswith(_ASSERTION)},
            assertions={name: self._function(name, writes=False) for name in others if name.startswith(_ASSERTION)},
        )

    def _is_callable(self, name: str) -> bool:
        """A method that tasks may call by name and that is no tool: neither private, nor of the toolkit's base."""
        if name.startswith("_") or name in self._tools:
            return False
        base = package.module("environment.toolkit").ToolKitBase
        return not hasattr(base, name) and inspect.isfunction(getattr(self.type, name))

    def _tool(self, name: str) -> StructuredTool:
        theirs, writes = self._tools[name], self.writes(name)

        def call(runtime: ToolRuntime[World], **arguments: Any) -> str:
            return as_text(invoke(runtime.context.db, name, arguments, writes=writes))

        return StructuredTool(
            name=name,
            description="\n\n".join(filter(None, (theirs.short_desc, theirs.long_desc))) or name,
            args_schema=theirs.params,
            func=call,
            metadata={"eigen": ToolTraits(writes=writes)},
        )

    def _function(self, name: str, *, writes: bool) -> Callable[..., Any]:
        method = getattr(self.type, name)

        @functools.wraps(method)
        def call(db: Any, **arguments: Any) -> Any:
            return invoke(db, name, arguments, writes=writes)

        signature = inspect.signature(method)
        parameters = [p.replace(name="db") if p.name == "self" else p for p in signature.parameters.values()]
        call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        call.__doc__ = inspect.getdoc(method) or name.replace("_", " ").capitalize() + "."
        return call


def invoke(database: Any, name: str, arguments: dict[str, Any], *, writes: bool) -> Any:
    """Call a method of a toolkit on a fork; whatever it raises comes through."""
    if name == "calculate":
        check_expression(arguments.get("expression"))
    return getattr(database.toolkit(writes=writes), name)(**arguments)


def as_text(result: Any) -> str:
    """A result as tau2 shows it to the caller."""
    text: str = package.module("environment.environment").Environment.to_json_str(result)
    return text
