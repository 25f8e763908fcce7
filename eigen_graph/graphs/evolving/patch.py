"""Patches: a few typed operations with a reason, applied to a blueprint whole or not at all, and invertible."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import Blueprint, said
from eigen_graph.graphs.evolving.operations import AnyOperation, Draft, Operation, PatchError

MAX_PROPOSED = 4
"""Operations of a patch that a reflector may propose."""


class Patch(BaseModel):
    """What to change, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    why: str = Field("", max_length=1000, description="Which failures it answers, and how.")
    ops: tuple[AnyOperation, ...] = Field(min_length=1, max_length=512)
    """An inverse may have many: one for each edge that led to a dropped node."""

    def apply(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint with all operations done.

        Raises:
            PatchError: One does not fit, or what comes out is no valid blueprint; nothing is changed.
        """
        return self._apply(blueprint)[0]

    def inverse(self, blueprint: Blueprint) -> Patch:
        """The patch that takes this one back: `p.inverse(b).apply(p.apply(b)) == b`, to the byte.

        Args:
            blueprint: What this patch is applied to.

        Raises:
            PatchError: It cannot be applied there.
        """
        return Patch(why=f"take back: {self.why}"[:1000], ops=tuple(self._apply(blueprint)[1]))

    def __str__(self) -> str:
        """The operations in words."""
        return "; ".join(map(str, self.ops))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            PatchError: It is no patch; the message says what is wrong with it.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise PatchError(said(error)) from error

    def _apply(self, blueprint: Blueprint) -> tuple[Blueprint, list[Operation]]:
        draft, back = Draft.of(blueprint), []
        for number, operation in enumerate(self.ops, 1):
            try:
                back.append(operation.edit(draft))
            except (EigenGraphError, ValidationError) as error:
                words = said(error) if isinstance(error, ValidationError) else error
                raise PatchError(f"operation {number} ({operation.op}): {words}") from error
        try:
            changed = draft.done()
        except ValidationError as error:
            raise PatchError(said(error)) from error
        return changed, [operation for operations in reversed(back) for operation in operations]
