"""What guests want, acted out: one module a theme, each registering its intents.

An intent is a function that walks through its dialogue once. What to take care of when you write one:

- pick records by what the intent needs, so that any seed finds its own;
- act as the policy says, and `forbid` what a careless agent would do instead: the tools would let it;
- where the right outcome changes nothing, let the user ask something, and `report` the answer as a fact: silence must
  not pass;
- `hide` what the user cannot know before the agent says it;
- name among its tools those it tempts the agent to use, too: a plan that asks for the tool may then meet a refusal;
- tell the user in `brief` everything its lines rest on: a real model has nothing but the brief.
"""

from importlib import import_module

from eigen_graph.domains.hotel.playbook.book import PLAYBOOK

_THEMES = (
    *("callers", "booking", "asking", "cancelling", "keeping", "dates", "leaving"),
    *("rooms", "extras", "late", "goodwill", "points", "service"),
)

for _theme in _THEMES:  # importing a theme registers its intents
    import_module(f"{__name__}.{_theme}")

__all__ = ["PLAYBOOK"]
