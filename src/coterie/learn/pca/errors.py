"""Error codes of principal components: 3276 to 3279."""

from coterie.errors import BadInput, define

TOO_MANY_COMPONENTS = define(
    "CT-3276",
    BadInput,
    "There are not so many components",
    "Ask for fewer `components`: at most as many as features, with `whiten` as directions that vary.",
)
TOO_WIDE = define(
    "CT-3277",
    BadInput,
    "More features than products of pairs can be added up of",
    "Name the `columns` that matter, at most 512.",
)
