"""A media store in memory."""

from services.product.domain.errors import field_invalid
from services.product.domain.picture import is_key


class FakeMediaStore:
    """Keeps pictures in a dictionary."""

    def __init__(self) -> None:
        self.pictures: dict[str, tuple[bytes, str]] = {}

    async def store(self, key: str, content: bytes, content_type: str) -> None:
        if not is_key(key):
            raise field_invalid("key", "is not a key of the media store")
        self.pictures[key] = (content, content_type)

    def uri(self, key: str) -> str:
        return f"/media/{key}"
