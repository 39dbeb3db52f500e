"""Starts the product service: settings, adapters, use cases, servicer."""

from contextlib import AsyncExitStack
from functools import partial

import grpc

from aisle.product.v1.product_service_pb2_grpc import add_ProductServiceServicer_to_server
from services.product.adapters.folder_media_store import FolderMediaStore
from services.product.adapters.index_once_certain import IndexOnceCertain
from services.product.adapters.llm_copywriter import LlmCopywriter
from services.product.adapters.llm_embedder import LlmEmbedder
from services.product.adapters.milvus_search_index import MilvusSearchIndex
from services.product.adapters.postgres_catalogue import PostgresCatalogue
from services.product.adapters.postgres_start import prepare_database
from services.product.adapters.s3_media_store import S3MediaStore, s3_client
from services.product.adapters.system_clock import RandomSuffixes, SystemClock
from services.product.application.index_products import IndexProducts
from services.product.servicer import ProductServicer
from services.product.servicer.use_cases import Ports, use_cases
from services.product.settings import ProductSettings
from services.runtime import serve, sql
from services.runtime.channel import MeshChannel
from services.runtime.idempotency import PostgresReplies
from services.runtime.paging import PageTokens

# What these change is in the service's own database; the search index follows it.
_ATOMIC = [
    f"/aisle.product.v1.ProductService/{method}"
    for method in ("CreateProduct", "UpdateProduct", "DeleteProduct", "BatchUpsertCategories", "BatchUpsertReviews")
]


async def build(settings: ProductSettings, stack: AsyncExitStack) -> serve.Service:
    """Connect everything and return what the process serves."""
    database = await stack.enter_async_context(
        sql.connect(settings.database_url.get_secret_value(), service="product", pool_size=settings.database_pool_size)
    )
    replies = PostgresReplies(database, _ATOMIC)
    await prepare_database(database, "product", replies)
    catalogue = PostgresCatalogue(database, settings.currency)
    llm = await stack.enter_async_context(
        MeshChannel("product", "llm", settings.egress_address, settings.max_message_bytes)
    )
    embedder = LlmEmbedder(llm, settings.embedding_model, settings.embedding_dimension)
    index = MilvusSearchIndex(
        settings.milvus_uri,
        settings.milvus_token.get_secret_value(),
        settings.milvus_collection,
        settings.embedding_dimension,
        settings.milvus_vector_index,
    )
    stack.push_async_callback(index.close)
    media = media_store(settings)
    stack.callback(media.close)
    indexing = IndexProducts(catalogue, index, embedder)
    ports = Ports(catalogue, index, embedder, LlmCopywriter(llm), media, SystemClock(), RandomSuffixes())
    servicer = ProductServicer(
        use_cases(ports, indexing, settings.currency, IndexOnceCertain(indexing)),
        PageTokens(settings.token_key.get_secret_value()),
        media.uri,
    )

    def register(server: grpc.aio.Server) -> None:
        add_ProductServiceServicer_to_server(servicer, server)

    return serve.Service(
        full_name="aisle.product.v1.ProductService",
        register=register,
        checks={"postgres": database.check},
        replies=replies,
        background=[indexing.forever],
    )


def media_store(settings: ProductSettings) -> FolderMediaStore | S3MediaStore:
    """Return the bucket when one is named, else the folder."""
    if settings.media_bucket:
        client, credentials = s3_client(settings.media_region, settings.media_endpoint_url)
        return S3MediaStore(client, settings.media_bucket, SystemClock(), credentials)
    return FolderMediaStore(settings.media_dir, settings.media_signing_key.get_secret_value(), SystemClock())


if __name__ == "__main__":
    loaded = ProductSettings.load()
    serve.run(loaded, partial(build, loaded))
