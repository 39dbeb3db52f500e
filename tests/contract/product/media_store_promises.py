"""What every media store promises, whatever it keeps pictures in: classes of tests take this in and bring a `store`."""

import pytest

from services.product.application.ports import MediaStore
from services.runtime import errors

KEY = "products/linen-throw/1.webp"


class MediaStorePromises:
    """The promises; the fixture `store` is the heir's."""

    async def test_picture_can_be_stored_and_replaced(self, store: MediaStore) -> None:
        await store.store(KEY, b"one", "image/webp")
        await store.store(KEY, b"two", "image/webp")

    @pytest.mark.parametrize("key", ["../outside.webp", "/etc/passwd", "a/../../b", "A.webp", ".hidden", "a//b", ""])
    async def test_keys_that_lead_elsewhere_are_refused(self, store: MediaStore, key: str) -> None:
        with pytest.raises(errors.Invalid):
            await store.store(key, b"x", "image/webp")

    def test_address_names_the_key_and_stays_the_same(self, store: MediaStore) -> None:
        assert KEY in store.uri(KEY)
        assert store.uri(KEY) == store.uri(KEY)
        assert store.uri(KEY) != store.uri("products/other/1.webp")
