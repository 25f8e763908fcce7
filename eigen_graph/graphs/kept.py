"""Proofs by what was proven: a task that comes again, as it does in the two arms of a trial, is not proven twice."""

from __future__ import annotations

from collections import OrderedDict

from eigen_graph.checkers import Proof

_MAX_KEPT = 4096


class Proofs:
    """The latest proofs, by a digest of all that they depend on."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Proof] = OrderedDict()

    def get(self, name: str) -> Proof | None:
        """The proof under a name."""
        return self._kept.get(name)

    def put(self, name: str, proof: Proof) -> None:
        """Keep a proof."""
        self._kept[name] = proof
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
