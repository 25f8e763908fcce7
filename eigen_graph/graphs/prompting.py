"""Prompts: Markdown files beside the graphs, in parts and named sections, so that a patch can address one.

A file holds one or two parts (`# system`, `# request`), each a list of sections (`## name`) whose text may hold
`{{placeholders}}`. Nothing else is interpreted: no expressions, no code. Whatever ends a line (`str.splitlines`) is
read as a newline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from eigen_graph.core import EigenGraphError, UnknownNameError

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
PARTS = ("system", "request")


@dataclass(frozen=True)
class Prompt:
    """One role's prompt: sections by (part, name), in order."""

    name: str
    sections: Mapping[tuple[str, str], str]

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read a prompt file.

        Raises:
            EigenGraphError: Text outside a section, an unknown part, or a section without a name or named twice.
        """
        sections: dict[tuple[str, str], str] = {}
        part = section = ""
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("# "):
                part, section = line[2:].strip(), ""
                if part not in PARTS:
                    raise EigenGraphError(f"prompt {name!r}, line {number}: a part is one of {', '.join(PARTS)}")
            elif line.startswith("## "):
                section = line[3:].strip()
                if not section:
                    raise EigenGraphError(f"prompt {name!r}, line {number}: a section needs a name")
                if not part or (part, section) in sections:
                    raise EigenGraphError(
                        f"prompt {name!r}, line {number}: section {section!r} has no part or is double"
                    )
                sections[part, section] = ""
            elif section:
                sections[part, section] += line + "\n"
            elif line.strip():
                raise EigenGraphError(f"prompt {name!r}, line {number}: text outside a section")
        in_order = sorted(sections, key=lambda key: PARTS.index(key[0]))  # as if each part were written in one piece
        return cls(name, {key: sections[key].strip() for key in in_order})

    def to_text(self) -> str:
        """Inverse of `parse`."""
        lines: list[str] = []
        part = ""
        for (own_part, section), body in self.sections.items():
            if own_part != part:
                lines += [f"# {own_part}", ""]
                part = own_part
            lines += [f"## {section}", "", body, ""]
        return "\n".join(lines).strip() + "\n"

    def part(self, part: str, **values: str) -> str:
        """One part with its placeholders filled; a section that comes out empty is left out with its heading.

        Raises:
            UnknownNameError: A placeholder has no value.
        """

        def fill(match: re.Match[str]) -> str:
            try:
                return values[match[1]]
            except KeyError:
                raise UnknownNameError(
                    f"prompt {self.name!r} asks for {{{{{match[1]}}}}}; known here: {', '.join(sorted(values))}"
                ) from None

        filled = (
            (section, _PLACEHOLDER.sub(fill, body).strip())
            for (own_part, section), body in self.sections.items()
            if own_part == part
        )
        return "\n\n".join(f"## {section}\n\n{body}" for section, body in filled if body)

    def messages(self, **values: str) -> list[BaseMessage]:
        """The system message and, where the prompt has one, the request."""
        rendered: list[BaseMessage] = [SystemMessage(self.part("system", **values))]
        if request := self.part("request", **values):
            rendered.append(HumanMessage(request))
        return rendered


@cache
def bundled(name: str) -> Prompt:
    """A prompt that ships with the package.

    Raises:
        UnknownNameError: There is none of that name.
    """
    folder = resources.files("eigen_graph.graphs") / "prompts"
    file = folder / f"{name}.md"
    if not file.is_file():
        names = sorted(entry.name.removesuffix(".md") for entry in folder.iterdir() if entry.name.endswith(".md"))
        raise UnknownNameError(f"no prompt {name!r}; there are {', '.join(names)}")
    return Prompt.parse(name, file.read_text(encoding="utf-8"))
