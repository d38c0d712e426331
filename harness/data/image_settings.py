"""The image settings of a recipe: the size of its images, and the cache that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.data.cache.image_cache import ImageCache, ImageInput
    from harness.data.fold import Fold


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """The settings shared by everything that reads images of one size.

    Args:
        size: (height, width) of the cached images.
        resize: "aspect" fills the size and crops the centre; "plain" stretches.
    """

    size: tuple[int, int]
    resize: Literal["aspect", "plain"] = "aspect"

    @property
    def images(self) -> ImageInput:
        """The input to read."""
        from harness.data.cache.image_cache import ImageInput
        from harness.data.images import Geometry

        return ImageInput(Geometry(*self.size, self.resize))

    def cache(self, fold: Fold) -> ImageCache:
        """The open cache of ``images``."""
        from harness.data.cache.image_cache import ImageCache

        cache = fold.caches[self.images]
        assert isinstance(cache, ImageCache)
        return cache
