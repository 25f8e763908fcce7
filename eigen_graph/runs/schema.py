"""The ledger's tables, and how rows cross into them and back."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from eigen_graph.runs.rows import EpisodeRow, InstanceRow, PlanRow

VERSION = 3
"""Kept in `PRAGMA user_version`. Version 1 knew no trials and no lineage, version 2 no episodes; both are upgraded when
they are written."""

_INDEXES = (
    "create index instances_by_fate on instances (trial, generation, arm, fate, stage, blame)",
    "create index instances_by_plan on instances (plan_id, trial)",
)
_LINEAGE = "create table lineage (id text primary key, kind text not null, round integer, seq integer, data text)"
_EPISODES = """
    create table episodes (
      id text primary key, idx integer not null, trial integer not null, task_id text not null,
      seed integer not null, status text not null, reason text not null, trajectory text, verdict text,
      opinions text not null, seconds real not null
    )
"""

TABLES = (
    """
    create table plans (
      id text primary key, generation integer not null, idx integer not null, arm text not null,
      trial text not null, clause text not null, tools text not null, difficulty text not null,
      persona text not null, title text not null, synthesis text not null, evaluation text not null
    ) without rowid
    """,
    # The prompt that every agent of a run is given is long and the same: it is kept once.
    "create table texts (id integer primary key, text text not null unique)",
    """
    create table instances (
      id text primary key, generation integer not null, idx integer not null, arm text not null,
      trial text not null, plan_id text not null, fate text not null, stage text not null, blame text,
      reason text not null, kill_rate real, workflow text not null, seconds real not null,
      agent_system integer not null references texts, user_system text not null, evidence text not null, task text,
      checker text, verdict text, review text, trajectory text, attempts text not null
    )
    """,
    *_INDEXES,
    """
    create table replies (
      id integer primary key, key text not null unique, instance text not null, role text not null,
      model text not null, input_tokens integer not null, output_tokens integer not null, cost_usd real,
      seconds real not null, reply text not null
    )
    """,
    "create index replies_by_instance on replies (instance)",
    """
    create table usage (
      instance text not null, role text not null, model text not null, calls integer not null,
      input_tokens integer not null, output_tokens integer not null, cost_usd real,
      unpriced_calls integer not null, seconds real not null,
      primary key (instance, role, model)
    ) without rowid
    """,
    _LINEAGE,
    _EPISODES,
)

_JSON_OF_INSTANCE = frozenset({"evidence", "task", "checker", "trajectory", "verdict", "review", "attempts"})
_JSON_OF_EPISODE = frozenset({"trajectory", "verdict", "opinions"})
_JSON = _JSON_OF_INSTANCE | _JSON_OF_EPISODE
_INSTANCE = [
    "id",
    "generation",
    "idx",
    "arm",
    "trial",
    "plan_id",
    "fate",
    "stage",
    "blame",
    "reason",
    "kill_rate",
    "workflow",
    "seconds",
    "agent_system",
    "user_system",
    "evidence",
    "task",
    "checker",
    "verdict",
    "review",
    "trajectory",
    "attempts",
]
_PLAN = [
    "id",
    "generation",
    "idx",
    "arm",
    "trial",
    "clause",
    "tools",
    "difficulty",
    "persona",
    "title",
    "synthesis",
    "evaluation",
]
_EPISODE = [
    "id",
    "idx",
    "trial",
    "task_id",
    "seed",
    "status",
    "reason",
    "trajectory",
    "verdict",
    "opinions",
    "seconds",
]
_REPLY = ["key", "instance", "role", "model", "input_tokens", "output_tokens", "cost_usd", "seconds", "reply"]


def _as_version_2(table: str, columns: list[str]) -> str:
    kept = ", ".join(name for name in columns if name not in {"arm", "trial"})
    return f"create temp view {table} as select {kept}, 'g' || generation as arm, '' as trial from main.{table}"  # noqa: S608  # constants


# SQLite looks a name up in `temp` before `main`, so every query finds these instead.
_VIEW_2 = ("pragma temp_store = memory", _EPISODES.replace("create table", "create temp table"))
VIEWS = {
    1: (
        *_VIEW_2,
        _as_version_2("plans", _PLAN),
        _as_version_2("instances", _INSTANCE),
        _LINEAGE.replace("create table", "create temp table"),
    ),
    2: _VIEW_2,
}
"""By version: makes a connection read such a ledger as one of this version; the file stays as it is."""

_UPGRADE_1 = (
    # The default spares a rewrite of every row: nearly all that version 1 wrote is of generation 0.
    *(
        f"alter table {table} add column {column}"
        for table in ("plans", "instances")
        for column in ("arm text not null default 'g0'", "trial text not null default ''")
    ),
    "update plans set arm = 'g' || generation where generation <> 0",
    "update instances set arm = 'g' || generation where generation <> 0",
    "drop index instances_by_fate",
    "drop index instances_by_plan",
    *_INDEXES,
    _LINEAGE,
)
UPGRADES = {1: (*_UPGRADE_1, _EPISODES), 2: (_EPISODES,)}
"""By version: makes such a ledger one of this version; to be run in one transaction."""


def _insert(table: str, columns: list[str], marks: list[str]) -> str:
    return f"insert or ignore into {table} ({', '.join(columns)}) values ({', '.join(marks)})"  # noqa: S608  # constants


INSERT_PLAN = _insert("plans", _PLAN, ["?"] * len(_PLAN))
INSERT_TEXT = "insert or ignore into texts (text) values (?)"
INSERT_INSTANCE = _insert(
    "instances",
    _INSTANCE,
    ["(select id from texts where text = ?)" if name == "agent_system" else "?" for name in _INSTANCE],
)
INSERT_EPISODE = _insert("episodes", _EPISODE, ["?"] * len(_EPISODE))
INSERT_REPLY = _insert("replies", _REPLY, ["?"] * len(_REPLY))
SELECT_INSTANCE = "select i.*, t.text as agent_text from instances i join texts t on t.id = i.agent_system"

_ADDED = """
    on conflict (instance, role, model) do update set
      calls = calls + excluded.calls, input_tokens = input_tokens + excluded.input_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      cost_usd = coalesce(cost_usd + excluded.cost_usd, cost_usd, excluded.cost_usd),
      unpriced_calls = unpriced_calls + excluded.unpriced_calls, seconds = seconds + excluded.seconds
"""
FOLD_REPLIES = f"""
    insert into usage
    select instance, role, model, count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd),
      sum(cost_usd is null), sum(seconds)
    from replies where instance in (select value from json_each(?)) group by instance, role, model {_ADDED}
"""  # noqa: S608  # constants
"""Adds finished instances' calls to `usage`; run with `DELETE_REPLIES` in one transaction, so each counts once."""
DELETE_REPLIES = "delete from replies where instance in (select value from json_each(?))"
FORGET = (
    f"""
    insert into usage
    select 'forgotten', role, model, sum(calls), sum(input_tokens), sum(output_tokens), sum(cost_usd),
      sum(unpriced_calls), sum(seconds)
    from usage where instance in (select value from json_each(?)) group by role, model {_ADDED}
    """,  # noqa: S608  # constants
    "delete from usage where instance in (select value from json_each(?))",
    "delete from instances where id in (select value from json_each(?))",
    "delete from episodes where id in (select value from json_each(?))",
)
"""Takes instances and episodes out. What they cost stays in the run's sums, and is not theirs when they are made again:
a failed server must not make an arm of a trial dear."""

ADOPT = (
    """
    update plans set trial = '', generation = ?2 where trial <> '' and id in
      (select plan_id from instances where id in (select value from json_each(?1)))
    """,
    "update instances set trial = '', generation = ?2 where id in (select value from json_each(?1))",
)
"""Ids and a generation: into the data set, with their plans. A plan that is in it already stays as it is."""
SHELVE = (
    "update instances set trial = ?2 where trial = '' and id in (select value from json_each(?1))",
    """
    update plans set trial = ?2 where trial = '' and id in
      (select plan_id from instances where trial = ?2 and id in (select value from json_each(?1)))
      and not exists (select 1 from instances i where i.plan_id = plans.id and i.trial = '')
    """,
)
"""Ids and a trial: out of the data set, with the plans that nothing in it uses any more."""
PUT_LINEAGE = """
    insert into lineage (id, kind, round, seq, data) values (?, ?, ?, ?, ?) on conflict (id) do update set
      kind = excluded.kind, round = excluded.round, seq = excluded.seq, data = excluded.data
"""
SELECT_LINEAGE = """
    select id, data from lineage where kind = ?1 and (?2 is null or round = ?2) order by round, seq, id
"""


def prepare(ledger: sqlite3.Connection) -> None:
    """Make the tables in an empty file, and an older ledger one of this version; needs an open transaction."""
    (objects,) = ledger.execute("select count(*) from sqlite_master").fetchone()
    (version,) = ledger.execute("pragma user_version").fetchone()
    if not objects or version in UPGRADES:
        for statement in UPGRADES[version] if objects else TABLES:
            ledger.execute(statement)
        ledger.execute(f"pragma user_version = {VERSION}")


dump_json = json.JSONEncoder(separators=(",", ":")).encode
"""Compact JSON text; what is not ASCII is escaped, so that no text a model wrote is beyond UTF-8."""


def storable(text: str) -> str:
    """The text with lone surrogates, which no UTF-8 file can hold, replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def instance_to_sql(row: InstanceRow) -> tuple[Any, ...]:
    """A row as parameters of `INSERT_INSTANCE`."""
    values: dict[str, Any] = {name: getattr(row, name) for name in InstanceRow.model_fields}
    values["idx"] = row.index
    values["attempts"] = [attempt.to_json() for attempt in row.attempts]
    return tuple(_sql_value(name, values[name]) for name in _INSTANCE)


def instance_from_sql(found: sqlite3.Row) -> InstanceRow:
    """Inverse of `instance_to_sql`, from a row of `SELECT_INSTANCE`."""
    data = dict(found)
    data["index"] = data.pop("idx")
    data["agent_system"] = data.pop("agent_text")
    for name in _JSON_OF_INSTANCE:
        data[name] = None if data[name] is None else json.loads(data[name])
    return InstanceRow.model_validate(data)


def episode_to_sql(row: EpisodeRow) -> tuple[Any, ...]:
    """A row as parameters of `INSERT_EPISODE`."""
    values: dict[str, Any] = {**row.to_json(), "idx": row.index}
    return tuple(_sql_value(name, values[name]) for name in _EPISODE)


def episode_from_sql(found: sqlite3.Row) -> EpisodeRow:
    """Inverse of `episode_to_sql`."""
    data = dict(found)
    data["index"] = data.pop("idx")
    for name in _JSON_OF_EPISODE:
        data[name] = None if data[name] is None else json.loads(data[name])
    return EpisodeRow.model_validate(data)


def plan_to_sql(row: PlanRow) -> tuple[Any, ...]:
    """A row as parameters of `INSERT_PLAN`."""
    values = {**row.to_json(), "idx": row.index, "tools": dump_json(row.tools)}
    return tuple(_sql_value(name, values[name]) for name in _PLAN)


def plan_from_sql(found: sqlite3.Row) -> PlanRow:
    """Inverse of `plan_to_sql`."""
    data = dict(found)
    data["index"], data["tools"] = data.pop("idx"), json.loads(data["tools"])
    return PlanRow.model_validate(data)


def _sql_value(name: str, value: Any) -> Any:
    if name in _JSON:
        return None if value is None else dump_json(value)
    return storable(value) if isinstance(value, str) else value
