"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

from tests.images import contents, image, runner_image

__all__ = ["contents", "image", "runner_image"]

# Tests share their machine with whatever else runs there: an example that took long says nothing.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
