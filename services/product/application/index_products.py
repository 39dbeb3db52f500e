"""Keeps the search index in step with the catalogue: at once when it can, later when something was away.

Every change leaves a mark in the same transaction. Indexing takes marks on a lease, so that no two processes write the
same product, and removes them only when the index has the product as it is now.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from services.product.application.ports import (
    Catalogue,
    Claim,
    Embedder,
    IndexEntry,
    SearchIndex,
    StoredVector,
    Vector,
)
from services.product.domain.product import Product
from services.product.domain.search_document import SearchDocument, search_document
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.product")

# Texts embedded in one call, and calls under way at once: one embeds while the other writes.
BATCH = 96
_WORKERS = 2
_LEASE_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_CONTENDED_SECONDS = 0.1
_IDLE_SECONDS = 2.0


class IndexProducts:
    """Brings marked products into the search index."""

    def __init__(self, catalogue: Catalogue, index: SearchIndex, embedder: Embedder) -> None:
        """Take the catalogue, the index it is searched by, and what makes vectors."""
        self._catalogue = catalogue
        self._index = index
        self._embedder = embedder
        self._odd = False

    async def __call__(self, ids: Sequence[str], budget: float) -> int:
        """Index these products within so many seconds; return how many are found by meaning now.

        What could not be done in time, or because something was away, stays marked.
        """
        wanted = list(dict.fromkeys(ids))
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]

        async def work() -> None:
            while batches:
                await self._settled(batches.pop(0))

        with suppress(TimeoutError):
            try:
                async with asyncio.timeout(budget), asyncio.TaskGroup() as group:
                    for _ in range(min(_WORKERS, len(batches))):
                        group.create_task(work())
            except* Unavailable:
                log.warning("products wait for indexing", extra={"data": {"products": len(wanted)}})
        # Somebody else may have indexed some of them meanwhile; what counts is what is still marked.
        return len(wanted) - len(await self._still_marked(wanted))

    async def pending(self) -> bool:
        """Index one batch of whatever is marked; return whether there was any. Raises Unavailable."""
        claims = await self._claimed(None, BATCH)
        if claims:
            await self._indexed(claims)
        return bool(claims)

    async def reconcile(self) -> None:
        """Make the index when it is missing or broken, and mark everything when it has lost products.

        Lost means that twice in a row it held another number of products though none was marked: once may be a
        product on its way.
        """
        if await self._index.ensure():
            async with self._catalogue.transaction() as writer:
                await writer.queue_all()
            return
        held = await self._index.size()
        async with self._catalogue.transaction() as writer:
            odd = held != await writer.size() and not await writer.any_marked()
            if odd and self._odd:
                log.warning("search index lost products", extra={"data": {"held": held}})
                await writer.queue_all()
        self._odd = odd

    async def forever(self) -> None:
        """Keep indexing what is marked until cancelled; whenever nothing is, look whether the index is whole."""
        while True:
            busy = False
            with suppress(Unavailable):
                busy = await self.pending()
                if not busy:
                    await self.reconcile()
            if not busy:
                await asyncio.sleep(_IDLE_SECONDS)

    async def _settled(self, ids: Sequence[str]) -> None:
        """Index a batch, waiting for products that somebody else is indexing at this moment."""
        waiting = list(ids)
        while waiting:
            claims = await self._claimed(waiting, len(waiting))
            if claims:
                await self._indexed(claims)
            taken = {claim.product_id for claim in claims}
            waiting = await self._still_marked([product_id for product_id in waiting if product_id not in taken])
            if waiting:
                await asyncio.sleep(_CONTENDED_SECONDS)

    async def _claimed(self, ids: Sequence[str] | None, limit: int) -> list[Claim]:
        async with self._catalogue.transaction() as writer:
            return await writer.claim(ids, limit, _LEASE_SECONDS)

    async def _still_marked(self, ids: Sequence[str]) -> list[str]:
        if not ids:
            return []
        async with self._catalogue.reading() as reader:
            return await reader.marked(ids)

    async def _indexed(self, claims: Sequence[Claim]) -> None:
        """Index claimed products; give the claims back when something is away."""
        try:
            entries, gone = await self._entries([claim.product_id for claim in claims])
            await self._index.delete(gone)
            await self._index.upsert(entries)
        except Unavailable:
            await self._release(claims)
            raise
        found = {entry.product.id for entry in entries if entry.vector is not None}
        done = found | set(gone)
        async with self._catalogue.transaction() as writer:
            await writer.settle([claim for claim in claims if claim.product_id in done])
        left = [claim for claim in claims if claim.product_id not in done]
        if left:
            await self._release(left)
            if not found:
                raise Unavailable("EMBEDDINGS_AWAY", "Products are found by words only until they can be embedded.")

    async def _release(self, claims: Sequence[Claim]) -> None:
        async with self._catalogue.transaction() as writer:
            await writer.release(claims, _RETRY_SECONDS)

    async def _entries(self, ids: Sequence[str]) -> tuple[list[IndexEntry], list[str]]:
        """Return what the index shall hold, and the products it shall forget."""
        async with self._catalogue.reading() as reader:
            products = await reader.products(ids)
            titles = await reader.category_titles()
            stored = await reader.vectors(ids)
        documents = {key: search_document(item, titles.get(item.category, "")) for key, item in products.items()}
        vectors: dict[str, Vector] = {
            key: stored[key].values
            for key, document in documents.items()
            if key in stored and stored[key].passage_hash == document.passage_hash
        }
        vectors |= await self._new_vectors({key: documents[key] for key in documents if key not in vectors})
        async with self._catalogue.transaction() as writer:
            await writer.save_words(sorted(documents.items(), key=_first))
        entries = [IndexEntry(products[key], documents[key], vectors.get(key)) for key in products]
        return entries, [product_id for product_id in ids if product_id not in products]

    async def _new_vectors(self, documents: dict[str, SearchDocument]) -> dict[str, Vector]:
        """Embed and keep vectors; nothing when they cannot be had now."""
        if not documents:
            return {}
        try:
            embedded = await self._embedder.passages([document.passage for document in documents.values()])
        except Unavailable:
            return {}
        made = dict(zip(documents, embedded.vectors, strict=True))
        async with self._catalogue.transaction() as writer:
            await writer.save_vectors(
                [StoredVector(key, documents[key].passage_hash, embedded.model, made[key]) for key in sorted(made)]
            )
        return made


def _first(item: tuple[str, SearchDocument]) -> str:
    return item[0]


def documents_of(products: Sequence[Product], titles: dict[str, str]) -> list[tuple[str, SearchDocument]]:
    """Return the search documents of products by id, in the order of the ids."""
    made = ((item.id, search_document(item, titles.get(item.category, ""))) for item in products)
    return sorted(made, key=_first)
