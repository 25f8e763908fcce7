"""Doors for other libraries: the same dialogues, tools, users and checkers behind the interfaces that they know.

Each imports its library at once, and nothing else imports it. What `export --format trl|verifiers|openenv` writes is a
few lines that import from here.
"""
