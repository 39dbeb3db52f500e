"""What the service can do, put together from what it is connected to."""

from dataclasses import dataclass

from services.product.application.change_product import CreateProduct, DeleteProduct, UpdateProduct
from services.product.application.import_categories import ImportCategories
from services.product.application.import_products import ImportProducts
from services.product.application.import_reviews import ImportReviews
from services.product.application.index_products import IndexProducts
from services.product.application.list_categories import ListCategories
from services.product.application.list_reviews import ListReviews
from services.product.application.ports import (
    Catalogue,
    Clock,
    Copywriter,
    Embedder,
    MediaStore,
    Searchable,
    SearchIndex,
    Suffixes,
)
from services.product.application.read_products import GetProduct, GetProducts, ListProducts
from services.product.application.search_products import SearchProducts
from services.product.application.upload_images import UploadImages
from services.product.application.write_copy import WriteCopy


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the use cases need."""

    catalogue: Catalogue
    index: SearchIndex
    embedder: Embedder
    copywriter: Copywriter
    media: MediaStore
    clock: Clock
    suffixes: Suffixes


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the service can do."""

    get_product: GetProduct
    get_products: GetProducts
    list_products: ListProducts
    search_products: SearchProducts
    create_product: CreateProduct
    update_product: UpdateProduct
    delete_product: DeleteProduct
    import_products: ImportProducts
    list_categories: ListCategories
    import_categories: ImportCategories
    list_reviews: ListReviews
    import_reviews: ImportReviews
    upload_images: UploadImages
    write_copy: WriteCopy


def use_cases(ports: Ports, indexing: IndexProducts, currency: str, searchable: Searchable | None = None) -> UseCases:
    """Return the use cases over the given ports; `currency` is the one price buckets are shown in.

    `searchable` is what changes of single products hand them to, if not the indexing itself.
    """
    catalogue, clock, soon = ports.catalogue, ports.clock, searchable or indexing
    return UseCases(
        get_product=GetProduct(catalogue),
        get_products=GetProducts(catalogue),
        list_products=ListProducts(catalogue, currency),
        search_products=SearchProducts(catalogue, ports.index, ports.embedder, currency),
        create_product=CreateProduct(catalogue, soon, clock, ports.suffixes),
        update_product=UpdateProduct(catalogue, soon, clock),
        delete_product=DeleteProduct(catalogue, soon),
        import_products=ImportProducts(catalogue, indexing, clock),
        list_categories=ListCategories(catalogue),
        import_categories=ImportCategories(catalogue),
        list_reviews=ListReviews(catalogue),
        import_reviews=ImportReviews(catalogue, clock),
        upload_images=UploadImages(ports.media),
        write_copy=WriteCopy(catalogue, ports.copywriter),
    )
