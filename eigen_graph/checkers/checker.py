"""The checker of one task: what decides whether a dialogue solved it, as data that judges alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError, field_validator

from eigen_graph.checkers.basis import Rules, basis_of
from eigen_graph.checkers.blame import attribute
from eigen_graph.checkers.criteria import CRITERIA
from eigen_graph.checkers.evidence import Bench, Evidence
from eigen_graph.checkers.proof_record import Proof
from eigen_graph.checkers.verdict import Opinion, Part, Verdict, bounded
from eigen_graph.core import NOTHING_KNOWN, EigenGraphError, Task, UnknownNameError
from eigen_graph.domains import load_domain

if TYPE_CHECKING:
    from eigen_graph.core import Domain, Trajectory

FORMAT: Literal[1] = 1
"""Version of a checker's JSON."""
REWARDED = ("user_stop", "agent_stop")
"""The only endings that can be rewarded (tau2's rule)."""


class _Memo:
    """The bench last used; it is no part of a checker's value, so all memos are equal and none is pickled."""

    __slots__ = ("bench",)

    def __init__(self) -> None:
        self.bench: Bench | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Memo)

    def __hash__(self) -> int:
        return 0

    def __reduce__(self) -> tuple[type[_Memo], tuple[()]]:
        return _Memo, ()


class Checker(BaseModel):
    """The checker of one task.

    Raises:
        UnknownNameError: The basis names a criterion that does not exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    domain: str
    """Name of the domain, or what else finds it (`Domain.reference`)."""
    database: str
    """`database_digest` of the domain that the task was made in."""
    task: Task
    basis: tuple[str, ...]
    """Criteria that must all pass: names from `criteria.CRITERIA`, of which `TAU2_BASES` are tau2's."""
    judged_by: str = ""
    """What stands for the state where the domain has none of its own (`Domain.judged_by`)."""
    proof: Proof | None = None
    """How the checker itself was tested."""
    _memo: _Memo = PrivateAttr(default_factory=_Memo)

    @field_validator("basis")
    @classmethod
    def _is_known(cls, basis: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in basis if name not in CRITERIA]:
            raise UnknownNameError(f"no criterion {unknown[0]!r}; there are {', '.join(CRITERIA)}")
        return tuple(dict.fromkeys(basis))

    def judge(
        self,
        trajectory: Trajectory,
        domain: Domain | None = None,
        *,
        opinions: Mapping[str, Opinion] | None = None,
    ) -> Verdict:
        """Judge a dialogue by replaying its calls in a fresh world. Pure and deterministic.

        Args:
            trajectory: The dialogue.
            domain: The task's domain; loaded by its name when left out.
            opinions: What a judge model thinks of the task's `nl_assertions`, each by its statement. A statement
                without one is not judged, which never counts as passed (`Verdict.unjudged`).

        Raises:
            UnknownNameError: No domain has that name.
            EigenGraphError: Its databases are not those that the checker was made for, or the sandbox that its
                program needs does not start: then nothing is known of the dialogue.
        """
        bench = self.bench(domain)
        evidence = Evidence(bench, trajectory, opinions or {})
        if trajectory.termination not in REWARDED:
            found: tuple[Part, ...] = ()
            why = f": {trajectory.problem}" if trajectory.problem else ""
            reason = f"the dialogue ended by {trajectory.termination}, not by a stop{why}"
        else:
            found = self._parts(evidence)
            reason = "; ".join(
                f"{part.name}: {'not judged: ' if part.passed is None else ''}{part.reason}"
                for part in found
                if not part.passed
            )
        if not reason:
            return Verdict(reward=1.0, parts=found)
        verdict = Verdict(reward=0.0, parts=found, reason=bounded(reason))
        found_at = attribute(verdict, trajectory, self.task, bench.domain, bench.expected)
        return verdict.model_copy(update={"blame": found_at.blame})

    def bench(self, domain: Domain | None = None) -> Bench:
        """The task in its domain; kept, so that its gold end is worked out once. Raises as `judge`."""
        kept = self._memo.bench
        if kept is not None and kept.task is self.task and (domain is None or kept.domain is domain):
            return kept
        if domain is None:
            domain = load_domain(self.domain)
        if (digest := database_digest(domain)) != self.database:
            raise EigenGraphError(
                f"the checker of task {self.task.id!r} was made for databases {self.database} of domain "
                f"{self.domain!r}, but {domain.name!r} has {digest}: judge with the version that made the task"
            )
        self._memo.bench = Bench(domain, self.task)
        return self._memo.bench

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "format": self.format,
            "domain": self.domain,
            "database": self.database,
            "task": self.task.to_json(),
            "basis": list(self.basis),
            **({"judged_by": self.judged_by} if self.judged_by else {}),
            "proof": self.proof.model_dump(mode="json") if self.proof else None,
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            EigenGraphError: It is no checker, or one of another format; the message says what is wrong.
        """
        if not isinstance(data, dict) or "task" not in data:
            raise EigenGraphError("a checker is a JSON object with `format`, `domain`, `database`, `task` and `basis`")
        if data.get("format") != FORMAT:
            raise EigenGraphError(f"the checker has format {data.get('format')!r}; this version reads {FORMAT}")
        try:
            return cls.model_validate({**data, "task": Task.from_json(data["task"])})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top level"
            raise EigenGraphError(f"not a checker: {where}: {first['msg']}") from error

    def _parts(self, evidence: Evidence) -> tuple[Part, ...]:
        try:
            evidence.bench.opening  # noqa: B018  # worked out here, where its failure can be told from a criterion's
        except NOTHING_KNOWN:
            raise
        except Exception as error:  # noqa: BLE001  # setups and data were written by a model: anything may break
            reason = bounded(f"the task's initial state does not fit the domain: {error}")
            return (Part(name="initial_state", passed=False, reason=reason, fault="task"),)
        return tuple(CRITERIA[name](evidence) for name in self.basis)


def build_checker(task: Task, domain: Domain, *, basis: tuple[str, ...] | Rules | None = None) -> Checker:
    """The checker of a task.

    Args:
        task: The task.
        domain: Its domain.
        basis: Criteria to judge by. Left out: those of the task's tags, or else `state` (`code`, if the task brings
            a program; `agent_state`, if its `reward_basis` leaves DB out), `said` if there are facts to tell,
            `assertions` if there are any, `actions` if the `reward_basis` has ACTION, `procedure` if the domain's
            agent has tools with one. `tau2`: the task's `reward_basis`, judged exactly as tau2 does; `eigen`: the
            same things by our criteria (`basis_of`).

    Raises:
        UnknownNameError: The basis names a criterion that does not exist.
    """
    tags, wanted = task.tags, task.criteria
    if isinstance(basis, str):
        basis = basis_of(task, basis)
    if basis is None and (basis := tags.basis) is None:
        has_procedure = any(b.traits.confirm or b.traits.after for b in domain.agent.toolbox.values())
        basis = (
            "code" if tags.checker_code else "state" if "DB" in wanted.reward_basis else "agent_state",
            *["said"] * bool(wanted.communicate_info),
            *["assertions"] * bool(wanted.env_assertions),
            *["actions"] * ("ACTION" in wanted.reward_basis),
            *["procedure"] * has_procedure,
        )
    return Checker(
        domain=domain.reference or domain.name,
        database=database_digest(domain),
        task=task,
        basis=basis,
        judged_by=domain.judged_by,
    )


def database_digest(domain: Domain) -> str:
    """Fingerprint of a domain's databases: the agent's side and, where there is one, the user's."""
    sides = [domain.agent, *([domain.user] if domain.user else [])]
    return "-".join(side.database.digest() for side in sides)
