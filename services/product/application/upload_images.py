"""Puts pictures into the media store."""

import asyncio
from collections.abc import Sequence

from services.product.application.ports import MediaStore
from services.product.domain.errors import field_invalid
from services.product.domain.picture import Picture, sound_picture

_MOST_BYTES = 12_000_000
_AT_ONCE = 8


class UploadImages:
    """Stores pictures under their keys."""

    def __init__(self, media: MediaStore) -> None:
        """Take where pictures are kept."""
        self._media = media

    async def __call__(self, pictures: Sequence[Picture]) -> int:
        """Store all pictures; refuse the call when one of them is not what it says."""
        if sum(len(picture.content) for picture in pictures) > _MOST_BYTES:
            raise field_invalid("uploads", "must be 12 MB at most, all together")
        checked = [sound_picture(picture, f"uploads[{number}]") for number, picture in enumerate(pictures)]
        waiting = list({picture.key: picture for picture in checked}.values())
        count = len(waiting)

        async def work() -> None:
            while waiting:
                picture = waiting.pop()
                await self._media.store(picture.key, picture.content, picture.content_type)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, count)):
                group.create_task(work())
        return count
