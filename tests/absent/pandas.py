"""Only tests need pandas. Where it is installed, pyarrow imports it at its first conversion, which costs each
node and worker a fifth of a second: on their path, this stands before it.
"""

raise ImportError("nodes run without pandas")
