"""Error codes of the sandbox: CT-2285 to CT-2289."""

from __future__ import annotations

from coterie.errors import BadInput, Unavailable, define

SANDBOX_MISSING = define(
    "CT-2285",
    Unavailable,
    "There is no bubblewrap here to make a sandbox with",
    "Install version 0.8 or newer, on Linux (Debian, Ubuntu: `apt-get install bubblewrap`).",
)
SANDBOX_FAILED = define(
    "CT-2286",
    Unavailable,
    "The sandbox could not be made",
    "See that this user may make user namespaces here: containers and some distributions forbid it.",
)
NOT_CONFINED = define(
    "CT-2287",
    Unavailable,
    "The runner could not tie its own hands",
    "Use a kernel of 5.13 or newer with Landlock and seccomp; do without Landlock only if all owners agree.",
)
IMAGE_INCOMPLETE = define(
    "CT-2288",
    BadInput,
    "The runner's image cannot be made",
    "Install what is named into the environment that the image is made from.",
)
IMAGE_STRANGE = define(
    "CT-2289",
    BadInput,
    "The runner's image holds what cannot be measured",
    "Make the image anew; nothing else may write to its folder.",
)
