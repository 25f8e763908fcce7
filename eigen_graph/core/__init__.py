"""The nouns: everything else is built from these, and they know nothing of it."""

from eigen_graph.core.case import DIFFICULTIES, PERSONAS, Beat, Case, Cue, Difficulty, Intent, NoCaseError, Repertoire
from eigen_graph.core.database import Change, Database, Record, Table
from eigen_graph.core.database_file import read_database, write_database
from eigen_graph.core.domain import Briefing, Domain, Side
from eigen_graph.core.environment import Environment, Outcome, environment_of
from eigen_graph.core.errors import (
    NOTHING_KNOWN,
    EigenGraphError,
    InfrastructureError,
    OutageError,
    ToolError,
    UnknownNameError,
)
from eigen_graph.core.playbook import Playbook
from eigen_graph.core.policy import PlainPolicy, Policy
from eigen_graph.core.reference import Key, Ref, references
from eigen_graph.core.stage import Stage
from eigen_graph.core.task import (
    Action,
    Actor,
    Assertion,
    EvaluationCriteria,
    InitialState,
    Instructions,
    Setup,
    Tags,
    Task,
    UserScenario,
)
from eigen_graph.core.taskset import TaskSet
from eigen_graph.core.tool import ToolTraits, World, domain_tool
from eigen_graph.core.trajectory import STOP, STOP_MARKERS, Executed, Message, Termination, ToolCall, Trajectory
from eigen_graph.core.writing import TaskDraft, case_tags, task_from_case

__all__ = [
    "DIFFICULTIES",
    "NOTHING_KNOWN",
    "PERSONAS",
    "STOP",
    "STOP_MARKERS",
    "Action",
    "Actor",
    "Assertion",
    "Beat",
    "Briefing",
    "Case",
    "Change",
    "Cue",
    "Database",
    "Difficulty",
    "Domain",
    "EigenGraphError",
    "Environment",
    "EvaluationCriteria",
    "Executed",
    "InfrastructureError",
    "InitialState",
    "Instructions",
    "Intent",
    "Key",
    "Message",
    "NoCaseError",
    "OutageError",
    "Outcome",
    "PlainPolicy",
    "Playbook",
    "Policy",
    "Record",
    "Ref",
    "Repertoire",
    "Setup",
    "Side",
    "Stage",
    "Table",
    "Tags",
    "Task",
    "TaskDraft",
    "TaskSet",
    "Termination",
    "ToolCall",
    "ToolError",
    "ToolTraits",
    "Trajectory",
    "UnknownNameError",
    "UserScenario",
    "World",
    "case_tags",
    "domain_tool",
    "environment_of",
    "read_database",
    "references",
    "task_from_case",
    "write_database",
]
