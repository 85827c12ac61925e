"""One suite of programs over every interpreter; see ``case.py``."""
