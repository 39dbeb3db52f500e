"""The gRPC surface of the catalogue: names parsed, use cases called, replies built. Nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from aisle.product.v1 import product_pb2 as resources
from aisle.product.v1 import product_service_pb2 as pb
from aisle.product.v1.product_service_pb2_grpc import ProductServiceServicer
from services.product.application.change_product import ProductUpdate
from services.product.application.write_copy import CopyWanted
from services.product.domain.errors import field_invalid
from services.product.domain.picture import Picture
from services.product.domain.product import Product
from services.product.domain.product_filter import ProductOrder
from services.product.servicer import messages
from services.product.servicer.names import last_part, review_ids
from services.product.servicer.use_cases import UseCases
from services.runtime import telemetry
from services.runtime.interceptors import current_call
from services.runtime.paging import PageTokens, page_size

__all__ = ["ProductServicer"]

_PAGE, _MOST = 24, 100
_REVIEW_PAGE = 10
Context = grpc.aio.ServicerContext[Any, Any]


class ProductServicer(ProductServiceServicer):
    """Answers ProductService."""

    def __init__(self, use_cases: UseCases, tokens: PageTokens, sign: messages.Sign) -> None:
        """Take what to call, the maker of page tokens, and what signs addresses of pictures."""
        self._do = use_cases
        self._tokens = tokens
        self._sign = sign

    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        """List products page by page."""
        order = ProductOrder(request.order)
        after = self._cursor(request)
        size = page_size(request.page_size, _PAGE, _MOST)
        condition = messages.to_filter(request.filter)
        page = await self._do.list_products(condition, order, after, size, staff=_staff())
        return pb.ListProductsResponse(
            products=[self._product(product) for product in page.products],
            next_page_token=self._tokens.make(page.after, request) if page.after else "",
            total_size=page.total_size,
            facets=messages.from_facets(page.facets),
        )

    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> resources.Product:
        """Return one product."""
        return self._product(await self._do.get_product(last_part(request.name), staff=_staff()))

    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Context
    ) -> pb.BatchGetProductsResponse:
        """Return the named products."""
        found = await self._do.get_products([last_part(name) for name in request.names], staff=_staff())
        return pb.BatchGetProductsResponse(products=[self._product(product) for product in found])

    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> resources.Product:
        """Create a product."""
        product = replace(messages.to_product(request.product, "product"), id=request.product_id)
        return self._product(await self._do.create_product(product))

    async def UpdateProduct(self, request: pb.UpdateProductRequest, context: Context) -> resources.Product:
        """Change the masked fields."""
        if not request.product.name:
            raise field_invalid("product.name", "must name the product to change")
        populated = {field.name for field, _ in request.product.ListFields()}
        mask = list(request.update_mask.paths)
        product = messages.to_product(request.product, "product", needs_price="price" in mask or "*" in mask)
        return self._product(await self._do.update_product(ProductUpdate(product, mask, populated)))

    async def DeleteProduct(self, request: pb.DeleteProductRequest, context: Context) -> Empty:
        """Delete a product."""
        await self._do.delete_product(last_part(request.name), request.etag)
        return Empty()

    async def BatchUpsertProducts(
        self, request: pb.BatchUpsertProductsRequest, context: Context
    ) -> pb.BatchUpsertProductsResponse:
        """Create or replace many products."""
        products = [messages.to_product(item, f"products[{n}]") for n, item in enumerate(request.products)]
        done = await self._do.import_products(products)
        return pb.BatchUpsertProductsResponse(
            created_count=done.created, updated_count=done.updated, indexed_count=done.indexed
        )

    async def SearchProducts(self, request: pb.SearchProductsRequest, context: Context) -> pb.SearchProductsResponse:
        """Find products by meaning and by words together."""
        condition = messages.to_filter(request.filter)
        size = page_size(request.page_size, _PAGE, _MOST)
        page = await self._do.search_products(request.query, condition, self._cursor(request), size, staff=_staff())
        _count_degraded("SearchProducts", page.degraded)
        return pb.SearchProductsResponse(
            results=[
                pb.SearchResult(product=self._product(found.product), match_kinds=messages.match_kinds(found))
                for found in page.results
            ],
            next_page_token=self._tokens.make(page.after, request) if page.after else "",
            total_size=page.total_size,
            facets=messages.from_facets(page.facets),
            degraded=page.degraded,
            understood_as=page.understood_as,
        )

    async def ListCategories(self, request: pb.ListCategoriesRequest, context: Context) -> pb.ListCategoriesResponse:
        """List the departments."""
        categories = await self._do.list_categories()
        return pb.ListCategoriesResponse(categories=[messages.from_category(category) for category in categories])

    async def BatchUpsertCategories(
        self, request: pb.BatchUpsertCategoriesRequest, context: Context
    ) -> pb.BatchUpsertCategoriesResponse:
        """Create or replace departments."""
        written = await self._do.import_categories([messages.to_category(item) for item in request.categories])
        return pb.BatchUpsertCategoriesResponse(written_count=written)

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        """List the reviews of a product."""
        size = page_size(request.page_size, _REVIEW_PAGE, _MOST)
        page = await self._do.list_reviews(last_part(request.parent), self._cursor(request), size, staff=_staff())
        token = self._tokens.make(messages.review_cursor(page.reviews[-1]), request) if page.more else ""
        return messages.from_review_page(page, request.parent, token)

    async def BatchUpsertReviews(
        self, request: pb.BatchUpsertReviewsRequest, context: Context
    ) -> pb.BatchUpsertReviewsResponse:
        """Create or replace many reviews."""
        reviews = [messages.to_review(item, *review_ids(item.name)) for item in request.reviews]
        return pb.BatchUpsertReviewsResponse(written_count=await self._do.import_reviews(reviews))

    async def UploadImages(self, request: pb.UploadImagesRequest, context: Context) -> pb.UploadImagesResponse:
        """Put pictures into the media store."""
        pictures = [Picture(upload.key, upload.content, upload.content_type) for upload in request.uploads]
        return pb.UploadImagesResponse(stored_count=await self._do.upload_images(pictures))

    async def WriteProductCopy(
        self, request: pb.WriteProductCopyRequest, context: Context
    ) -> AsyncIterator[pb.WriteProductCopyResponse]:
        """Write a description as a stream."""
        wanted = CopyWanted(
            product_id=last_part(request.product),
            draft=messages.to_draft(request.draft) if request.HasField("draft") else None,
            tone=messages.to_tone(request.tone),
            keywords=list(request.keywords),
            target_words=request.target_words,
        )
        async with aclosing(self._do.write_copy(wanted)) as events:
            async for event in events:
                reply = messages.from_copy_event(event)
                if reply.HasField("finished"):
                    _count_degraded("WriteProductCopy", reply.finished.degraded)
                yield reply

    def _product(self, product: Product) -> resources.Product:
        return messages.from_product(product, self._sign)

    def _cursor(self, request: Any) -> Any:
        cursor = self._tokens.read(request)
        return tuple(cursor) if cursor is not None else None


def _staff() -> bool:
    """Return whether the end user behind the call is a member of the shop's staff."""
    call = current_call.get()
    return call is not None and call.caller.role == "admin"


def _count_degraded(method: str, steps: Any) -> None:
    for step in steps:
        telemetry.degraded_answers.add(1, {telemetry.RPC_METHOD: method, "aisle.step": step})
