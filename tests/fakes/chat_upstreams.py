"""The llm and product services as the assistant sees them on the wire, obeying the tests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.type.money_pb2 import Money

from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer, add_LlmServiceServicer_to_server
from aisle.product.v1 import product_pb2, product_service_pb2
from aisle.product.v1.product_service_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server
from services.runtime.errors import NotFound, Precondition, Unavailable
from services.runtime.interceptors import MeshInterceptor
from tests.fakes.chat_embedder import FakeEmbedder

SLIPPERS = product_pb2.Product(
    name="products/harbour-wool-slippers",
    title="Harbour Wool Slippers",
    subtitle="A house shoe.",
    description="Warm slippers for cold floors.",
    price=Money(currency_code="EUR", units=59),
    stock_quantity=9,
    attributes={"Material": "felted wool\u200b"},
    rating=product_pb2.RatingSummary(average=4.5, review_count=12),
)


class FakeLlm(LlmServiceServicer):
    """Embeds by shared words; writes `text` when there is one."""

    def __init__(self) -> None:
        self.embedder = FakeEmbedder()
        self.away = False
        self.text: str | None = None
        self.writing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()

    async def EmbedTexts(self, request: Any, context: Any) -> Any:
        if self.away:
            raise Unavailable("PROVIDER_UNAVAILABLE", "away")
        made = await self.embedder.embed(list(request.texts), urgent=True)
        vectors = [llm.Embedding(values=vector) for vector in made.vectors]
        return llm.EmbedTextsResponse(embeddings=vectors, model=made.model, dimension=self.embedder.dimension)

    async def GenerateText(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if self.text is None:
            raise Precondition("NO_MODEL_OF_QUALITY", "There is no such model.")
        try:
            yield llm.GenerateTextResponse(started=llm.GenerationStarted(model="models/fake"))
            for word in self.text.split(" "):
                yield llm.GenerateTextResponse(text_delta=word + " ")
            self.writing.set()
            await self.go_on.wait()
            yield llm.GenerateTextResponse(finished=llm.GenerationFinished())
        finally:
            self.left.set()


class FakeProducts(ProductServiceServicer):
    """Sells slippers only."""

    async def SearchProducts(self, request: Any, context: Any) -> Any:
        most = request.filter.max_price_minor
        found = [SLIPPERS] if not most or most >= 5900 else []
        results = [
            product_service_pb2.SearchResult(product=one, match_kinds=[product_service_pb2.MATCH_KIND_WORDS])
            for one in found
        ]
        return product_service_pb2.SearchProductsResponse(results=results, degraded=["VECTORS"])

    async def GetProduct(self, request: Any, context: Any) -> Any:
        if request.name != SLIPPERS.name:
            raise NotFound("PRODUCT_NOT_FOUND", "There is no such product.")
        return SLIPPERS

    async def ListReviews(self, request: Any, context: Any) -> Any:
        aspect = product_service_pb2.AspectSummary(aspect="warmth", positive_count=10, quote="So warm.")
        return product_service_pb2.ListReviewsResponse(aspects=[aspect])


async def serve_upstreams(model: FakeLlm) -> tuple[grpc.aio.Server, str]:
    """Start both services on one port, as the egress listener shows them."""
    server = grpc.aio.server(interceptors=[MeshInterceptor("upstream.aisle")])
    add_LlmServiceServicer_to_server(model, server)
    add_ProductServiceServicer_to_server(FakeProducts(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"
