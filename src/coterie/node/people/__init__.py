"""The people and programs that call a node: users, roles, sessions, limits, calls that were refused."""
