"""Hostile programs: none gets out, none outlives its limits, and the next honest one judges right."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from eigen_graph.checkers import sandbox
from eigen_graph.checkers.sandbox import Limits, Ruling, run_check

BRIEF = Limits(seconds=0.2)

HONEST = """
def check(changes, calls, said):
    return len(changes) == 2 and calls[0]["name"] == "pay" and "paid" in said[0], "not paid"
"""


def honest() -> Ruling:
    return run_check(HONEST, changes=[{}, {}], calls=[{"name": "pay"}], said=["it is paid"])


def body(code: str) -> str:
    return "def check(changes, calls, said):\n" + "\n".join(f"    {line}" for line in code.splitlines())


HOSTILE = {
    # out to the machine
    "reads a file": body("return True, open('/etc/passwd').read()"),
    "reads a file by pathlib": body("from pathlib import Path\nreturn True, Path('/etc/passwd').read_text()"),
    "writes a file": body("open('{canary}', 'w').write('x')\nreturn True"),
    "writes a file by pathlib": body("from pathlib import Path\nPath('{canary}').write_text('x')\nreturn True"),
    "lists a folder": body("import os\nreturn True, str(os.listdir('/'))"),
    "runs a command": body("import os\nos.system('touch {canary}')\nreturn True"),
    "starts a process": body("import subprocess\nsubprocess.run(['touch', '{canary}'])\nreturn True"),
    "opens a socket": body("import socket\nsocket.create_connection(('127.0.0.1', 80))\nreturn True"),
    "fetches a page": body("import urllib.request\nurllib.request.urlopen('http://127.0.0.1')\nreturn True"),
    "reads the environment": body("import os\nreturn True, str(os.environ['PATH'])"),
    "reads a variable": body("import os\nreturn True, str(os.getenv('PATH').upper())"),
    "loads a C library": body("import ctypes\nctypes.CDLL(None).abort()\nreturn True"),
    "forks": body("import os\nos.fork()\nreturn True"),
    "kills its parent": body("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nreturn True"),
    # out to the interpreter
    "walks up the classes": body("return True, str(().__class__.__bases__[0].__subclasses__())"),
    "walks the globals": body("return True, str(check.__globals__['__builtins__'])"),
    "walks the frames": body("import sys\nreturn True, str(sys._getframe(1).f_globals)"),
    "asks a traceback": body("try:\n    1 / 0\nexcept Exception as e:\n    return True, str(e.__traceback__.tb_frame)"),
    "formats its way out": body("return True, '{0.__class__.__mro__}'.format(changes)"),
    "reads its code": body("return True, str(check.__code__.co_consts)"),
    "evals": body("return True, eval('open(\\'/etc/passwd\\').read()')"),
    "execs": body("exec('import os; os.system(\\'touch {canary}\\')')\nreturn True"),
    "compiles": body("return bool(compile('1', 'x', 'eval'))"),
    "imports by name": body("__import__('os').system('touch {canary}')\nreturn True"),
    "imports by importlib": body("import importlib\nimportlib.import_module('os')\nreturn True"),
    "unpickles": body("import pickle\npickle.loads(b'x')\nreturn True"),
    "takes our own modules": body("from eigen_graph.checkers import sandbox\nsandbox.close()\nreturn True"),
    "digs by getattr": body("return True, str(getattr(changes, '__' + 'class__').__base__)"),
    "sets builtins": body("import builtins\nbuiltins.len = lambda x: 0\nreturn True, 5"),
    # too much
    "loops for ever": body("while True:\n    pass"),
    "loops at the top": "while True:\n    pass",
    "counts for ever": body("return sum(range(10**15)) > 0"),
    "recurses": body("return check(changes, calls, said)"),
    "recurses in a lambda": body("f = lambda g: g(g)\nreturn f(f)"),
    "hoards lists": body("return [[0] * 10**6 for _ in range(10**6)]"),
    "hoards text": body("return 'x' * 10**12"),
    "doubles text": body("s = 'x'\nwhile True:\n    s += s"),
    "pads text": body("return True, '{:>10000000000}'.format(1)"),
    "makes a huge int": body("return 9**9**9"),
    "prints for ever": body("while True:\n    print('x' * 1000)"),
    "prints one huge line": body("print('x' * 10**7)\nreturn True"),
    "catches its own end": body(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    ),
    "grows while it sleeps": body("import time\nx = []\nwhile True:\n    time.sleep(100)\n    x.append('y' * 10**6)"),
    "awaits for ever": body(
        "import asyncio\nasync def f():\n    while True:\n        await asyncio.sleep(1)\nasyncio.run(f())"
    ),
    "backtracks": body("import re\nwhile True:\n    re.match('(a|a)*$', 'a' * 5000 + 'b')"),
    "nests its source": body("return " + "(" * 20_000 + "1" + ")" * 20_000),
    "is too long": "x = 1\n" * 10_000 + body("return True"),
    # wrong answers
    "returns nothing": body("pass"),
    "returns a number": body("return 1"),
    "returns text": body("return 'True'"),
    "returns three": body("return True, 'a', 'b'"),
    "returns bytes": body("return True, b'ok'"),
    "returns deep lists": body("x = []\nfor _ in range(100000):\n    x = [x]\nreturn x"),
    "returns a ring": body("x = []\nx.append(x)\nreturn x"),
    "returns what claims to be true": "class Yes:\n    def __bool__(self): return True\n    __eq__ = __bool__\n"
    + body("return Yes()"),
    "returns a coroutine": "async " + body("return True"),
    "returns itself": body("return check"),
    "yields": body("yield True"),
    "raises": body("raise ValueError('no')"),
    "raises a novel": body("raise ValueError('x' * 10**7)"),
    "exits": body("raise SystemExit(0)"),
    "exits by sys": body("import sys\nsys.exit(0)"),
    "interrupts": body("raise KeyboardInterrupt"),
    "runs out of memory by word": body("raise MemoryError"),
    # no program
    "does not parse": "def check(:",
    "never closes": "x = '''",
    "is not UTF-8": body("return '\ud800'"),
    "holds a null": "x = 1\0\n" + body("return True"),
    "is empty": "",
    "has no check": "def chekc(changes, calls, said): return True",
    "shadows check": body("return True") + "\ncheck = 5",
    "deletes check": body("return True") + "\ndel check",
    "wants other arguments": "def check(): return True",
    "asks for a name": body("return secret"),
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_gets_nowhere(program: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    began = time.monotonic()
    ruling = run_check(program.replace("{canary}", str(canary)), limits=BRIEF)
    took = time.monotonic() - began
    assert ruling.passed is None, ruling
    assert 0 < len(ruling.reason) <= 600
    assert "root:" not in ruling.reason
    assert took < 0.2 + 2 * sandbox._GRACE + 1.0
    assert not canary.exists()
    assert honest() == Ruling(True, "not paid")


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 40


def test_a_program_may_do_what_it_likes_with_its_inputs() -> None:
    changes = [{"key": "a", "after": {"n": [1]}}]
    spoil = body(
        "changes[0]['after']['n'].append(2)\nchanges.clear()\ncalls.append(1)\nsaid += ['x']\nreturn True, 'ok'"
    )
    assert run_check(spoil, changes=changes, calls=[], said=["y"]) == Ruling(True, "ok")
    assert changes == [{"key": "a", "after": {"n": [1]}}]


def test_nothing_is_left_for_the_next_program() -> None:
    assert run_check("SECRET = 5\n" + body("return True")).passed
    assert "SECRET" in run_check(body("return SECRET == 5")).reason
    assert run_check("len = 5\nstr = int\n" + body("return True, 'x'")) == Ruling(True, "x")
    assert honest().passed


def test_shadowing_and_printing_are_the_programs_own_business() -> None:
    program = body("print('hello', changes)\nbool = sorted = None\nlist = calls\nreturn not changes, 'none'")
    assert run_check(program) == Ruling(True, "none")


def test_the_clock_stands_still_and_chance_is_seeded() -> None:
    program = body(
        "import random, datetime, time\n"
        "time.sleep(3600)\n"
        "return True, f'{random.random()} {datetime.datetime.now()} {time.time()}'"
    )
    began = time.monotonic()
    one, other = run_check(program), run_check(program)
    assert one == other
    assert "2025-01-01" in one.reason
    assert time.monotonic() - began < 2


def test_reasons_are_one_bounded_line() -> None:
    ruling = run_check(body("return False, 'a\\nb\\t' + 'x' * 100000"))
    assert ruling.passed is False
    assert ruling.reason.startswith("a b x")
    assert len(ruling.reason) == 600
    assert run_check(body("return False")) == Ruling(False, "check returned False")


@pytest.mark.parametrize(
    "strange",
    ids=range(8),
    argvalues=["\ud800", 10**5000, float("nan"), {"a": {1: object()}}, [[[[]]]] * 3, ("a", {"b"}), "\0", {"\udfff": 1}],
)
def test_strange_inputs_reach_the_program(strange: object) -> None:
    assert run_check(body("return len(calls) == 1"), calls=[{"arguments": strange}]).passed


def test_inputs_beyond_depth_are_cut() -> None:
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert run_check(body("return len(calls) == 1"), calls=deep).passed


def test_from_many_threads() -> None:
    rulings: list[Ruling] = []
    threads = [threading.Thread(target=lambda: rulings.extend(honest() for _ in range(10))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rulings == [honest()] * 120


async def test_inside_a_running_loop() -> None:
    assert honest().passed
    assert all(ruling.passed for ruling in await asyncio.gather(*(asyncio.to_thread(honest) for _ in range(5))))


def test_killed_workers_are_replaced() -> None:
    """Idle ones: the next programs must not notice. Those at work: the program is run once more."""
    sessions = [sandbox._session(Limits()) for _ in range(2)]
    idle = [session.worker_pid for session in sessions]
    for session in sessions:
        session.__exit__(None, None, None)
    for pid in filter(None, idle):
        os.kill(pid, signal.SIGKILL)
    assert all(idle)
    assert honest().passed
    assert honest().passed


def test_a_program_whose_worker_is_killed_is_run_once_more() -> None:
    session = sandbox._session(Limits())
    pid = session.worker_pid
    session.__exit__(None, None, None)
    assert pid
    killer = threading.Timer(0.1, os.kill, (pid, signal.SIGKILL))
    killer.start()
    busy = body("n = 0\nwhile n < 2_000_000:\n    n += 1\nreturn True, 'done'")
    assert run_check(busy, limits=Limits(seconds=20)) == Ruling(True, "done")
    killer.join()


def test_closed_and_used_again() -> None:
    sandbox.close()
    sandbox.close()
    assert honest().passed
