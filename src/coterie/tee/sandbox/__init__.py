"""The walls around the runner: a measured image of its own, namespaces, Landlock, seccomp, limits."""
