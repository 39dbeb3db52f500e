"""Makes changed products searchable when their change is certain: not within its transaction, which others wait for."""

from collections.abc import Sequence

from services.product.application.ports import Searchable
from services.runtime.idempotency import afterwards


class IndexOnceCertain:
    """Indexes after the change that asked for it has been committed, and before it is answered."""

    def __init__(self, indexing: Searchable) -> None:
        """Take what indexes."""
        self._indexing = indexing

    async def __call__(self, ids: Sequence[str], budget: float) -> int:
        """Have these products indexed within so many seconds; nobody knows yet how many will be."""
        await afterwards(lambda: self._indexing(ids, budget))
        return 0
