"""The catalogue as its callers see it: every method over the wire, real PostgreSQL and Milvus behind it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money

from aisle.product.v1 import product_pb2 as resources
from aisle.product.v1 import product_service_pb2 as pb
from services.runtime import errors
from tests.integration.product.conftest import Shop
from tests.integration.product.shelf import SHELF, SHOPPER, STAFF, names, product, stocked

pytestmark = pytest.mark.servers

WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


@pytest.fixture
async def open_shop(shop: Shop) -> Shop:
    await shop.service.background[0].__self__.reconcile()  # type: ignore[attr-defined]
    await stocked(shop.stub)
    return shop


async def get(shop: Shop, product_id: str) -> resources.Product:
    reply: resources.Product = await shop.stub.GetProduct(
        pb.GetProductRequest(name=f"products/{product_id}"), caller=SHOPPER
    )
    return reply


async def update(shop: Shop, changed: resources.Product, *paths: str, **fields: Any) -> resources.Product:
    mask = FieldMask(paths=list(paths)) if paths else None
    request = pb.UpdateProductRequest(product=changed, update_mask=mask, **fields)
    reply: resources.Product = await shop.stub.UpdateProduct(request, caller=STAFF)
    return reply


async def test_product_is_created_read_changed_and_deleted(open_shop: Shop) -> None:
    made = product("", "Café Crème jug")
    created = await open_shop.stub.CreateProduct(pb.CreateProductRequest(product=made), caller=STAFF)
    assert created.name.startswith("products/cafe-creme-jug-")
    assert created.state == resources.PRODUCT_STATE_ACTIVE
    read = await get(open_shop, created.name.removeprefix("products/"))
    assert read == created
    read.title = "Milk jug"
    renamed = await update(open_shop, read, "title")
    assert (renamed.title, renamed.etag != created.etag) == ("Milk jug", True)
    await open_shop.stub.DeleteProduct(pb.DeleteProductRequest(name=created.name, etag=renamed.etag), caller=STAFF)
    with pytest.raises(errors.NotFound) as caught:
        await get(open_shop, created.name.removeprefix("products/"))
    assert caught.value.reason == "PRODUCT_NOT_FOUND"


async def test_stale_etag_is_refused_on_update_and_delete(open_shop: Shop) -> None:
    stale = await get(open_shop, "garden-mug")
    await update(open_shop, product("garden-mug", "New mug"), "title")
    stale.title = "Other"
    with pytest.raises(errors.Conflict) as caught:
        await update(open_shop, stale, "title")
    assert caught.value.reason == "ETAG_STALE"
    with pytest.raises(errors.Conflict):
        await open_shop.stub.DeleteProduct(pb.DeleteProductRequest(name=stale.name, etag=stale.etag), caller=STAFF)


async def test_fifty_edits_from_one_reading_let_exactly_one_through(open_shop: Shop) -> None:
    seen = await get(open_shop, "garden-mug")

    async def edit(number: int) -> bool:
        mine = resources.Product()
        mine.CopyFrom(seen)
        mine.title = f"Mug {number}"
        try:
            await update(open_shop, mine, "title")
        except errors.Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(edit(number) for number in range(50)))) == 1


async def test_without_a_mask_only_populated_fields_change(open_shop: Shop) -> None:
    changed = await update(open_shop, resources.Product(name="products/garden-mug", brand="Other kiln"))
    assert (changed.brand, changed.title, changed.price.units) == ("Other kiln", "Garden mug", 18)


async def test_star_replaces_everything(open_shop: Shop) -> None:
    changed = await update(open_shop, product("garden-mug", "Bare mug"), "*")
    assert (changed.brand, changed.description) == ("", "")


@pytest.mark.parametrize("path", ["name", "etag", "rating", "price.units", "colour"])
async def test_fields_that_cannot_change_are_refused(open_shop: Shop, path: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await update(open_shop, product("garden-mug", "x"), path)
    assert caught.value.reason == "FIELD_NOT_UPDATABLE"


async def test_same_request_id_takes_effect_once(open_shop: Shop) -> None:
    request = pb.CreateProductRequest(product=product("", "Twice"), request_id=str(uuid4()))
    first, second = [await open_shop.stub.CreateProduct(request, caller=STAFF) for _ in range(2)]
    assert first == second
    request.product.title = "Other"
    with pytest.raises(errors.Invalid) as caught:
        await open_shop.stub.CreateProduct(request, caller=STAFF)
    assert caught.value.reason == "REQUEST_ID_REUSED"


BAD: list[tuple[Callable[[resources.Product], object], str]] = [
    (lambda p: p.ClearField("price"), "product.price"),
    (lambda p: p.price.CopyFrom(Money(currency_code="EUR", units=-1)), "product.price"),
    (lambda p: p.price.CopyFrom(Money(currency_code="EUR", nanos=1)), "product.price.nanos"),
    (lambda p: p.price.CopyFrom(Money(currency_code="euro", units=1)), "product.price.currency_code"),
    (lambda p: p.list_price.CopyFrom(Money(currency_code="EUR", units=1)), "product.list_price"),
    (lambda p: setattr(p, "title", " \u200b"), "product.title"),
    (lambda p: p.images.add(key="../x"), "product.images[0].key"),
    (lambda p: setattr(p, "category", ""), "product.category"),
]


@pytest.mark.parametrize(("spoil", "field"), BAD)
async def test_nonsense_is_refused_with_the_field_named(
    open_shop: Shop, spoil: Callable[[resources.Product], object], field: str
) -> None:
    spoilt = product("", "Mug")
    spoil(spoilt)
    with pytest.raises(errors.Invalid) as caught:
        await open_shop.stub.CreateProduct(pb.CreateProductRequest(product=spoilt), caller=STAFF)
    assert field in [violation.field for violation in caught.value.violations]


async def test_unknown_category_is_named(open_shop: Shop) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await stocked(open_shop.stub, [product("x", "X", "cellar")])
    assert (caught.value.reason, caught.value.metadata) == ("CATEGORY_NOT_FOUND", {"category": "categories/cellar"})


async def test_hostile_text_is_kept_as_text(open_shop: Shop) -> None:
    title = "Robert'); DROP TABLE products; -- \x00\u202e<script>"
    made = product("", title, attributes={"a\x00": "b"})
    created = await open_shop.stub.CreateProduct(pb.CreateProductRequest(product=made), caller=STAFF)
    assert created.title == "Robert'); DROP TABLE products; -- <script>"


async def test_list_is_paged_filtered_and_counted(open_shop: Shop) -> None:
    seen, token = [], ""
    while True:
        request = pb.ListProductsRequest(page_size=2, page_token=token, order=pb.PRODUCT_ORDER_PRICE_ASCENDING)
        reply = await open_shop.stub.ListProducts(request, caller=SHOPPER)
        assert reply.total_size == len(SHELF)
        seen += names(reply)
        token = reply.next_page_token
        if not token:
            break
    assert seen == ["garden-mug", "harbour-slippers", "river-teapot", "pocket-speaker", "town-boots"]


async def test_batch_get_keeps_the_order_and_leaves_out_the_unknown(open_shop: Shop) -> None:
    wanted = ["products/town-boots", "products/nothing", "products/garden-mug"]
    reply = await open_shop.stub.BatchGetProducts(pb.BatchGetProductsRequest(names=wanted), caller=SHOPPER)
    assert names(reply) == ["town-boots", "garden-mug"]


async def test_departments_count_what_is_on_sale(open_shop: Shop) -> None:
    reply = await open_shop.stub.ListCategories(pb.ListCategoriesRequest(), caller=SHOPPER)
    assert [(item.title, item.product_count) for item in reply.categories] == [
        ("At the table", 2),
        ("Audio", 1),
        ("Footwear", 2),
    ]


async def test_reviews_are_listed_with_stars_aspects_and_quotes(open_shop: Shop) -> None:
    said = [(5, "So warm. Worth the price."), (4, "Warm and soft."), (2, "They run small, and not warm.")]
    reviews = [
        resources.Review(name=f"products/harbour-slippers/reviews/r{n}", author="Ada", rating=stars, body=body)
        for n, (stars, body) in enumerate(said)
    ]
    await open_shop.stub.BatchUpsertReviews(pb.BatchUpsertReviewsRequest(reviews=reviews), caller=STAFF)
    request = pb.ListReviewsRequest(parent="products/harbour-slippers", page_size=2)
    reply = await open_shop.stub.ListReviews(request, caller=SHOPPER)
    assert (len(reply.reviews), list(reply.star_counts), reply.rating.review_count) == (2, [0, 1, 0, 1, 1], 3)
    assert (reply.aspects[0].aspect, reply.aspects[0].positive_count, reply.aspects[0].negative_count) == (
        "warmth",
        2,
        1,
    )
    assert reply.aspects[0].review.startswith("products/harbour-slippers/reviews/r")
    request.page_token = reply.next_page_token
    rest = await open_shop.stub.ListReviews(request, caller=SHOPPER)
    assert (len(rest.reviews), rest.next_page_token) == (1, "")
    assert (await get(open_shop, "harbour-slippers")).rating.review_count == 3


async def test_uploaded_picture_has_a_signed_address(open_shop: Shop) -> None:
    upload = pb.ImageUpload(key="products/garden-mug/1.webp", content=WEBP, content_type="image/webp")
    reply = await open_shop.stub.UploadImages(pb.UploadImagesRequest(uploads=[upload]), caller=STAFF)
    assert reply.stored_count == 1
    assert (open_shop.settings.media_dir / upload.key).read_bytes() == WEBP
    pictured = product("garden-mug", "Garden mug", images=[resources.Image(key=upload.key, alt_text="A mug")])
    image = (await update(open_shop, pictured, "images")).images[0]
    assert image.uri.startswith("/media/products/garden-mug/1.webp?expires=")


async def copy_of(shop: Shop, **fields: Any) -> list[pb.WriteProductCopyResponse]:
    stream = shop.stub.WriteProductCopy(pb.WriteProductCopyRequest(**fields), caller=STAFF)
    return [event async for event in stream]


async def test_copy_without_a_model_is_composed_from_facts(open_shop: Shop) -> None:
    events = await copy_of(open_shop, product="products/harbour-slippers", keywords=["house shoes"])
    finished = events[-1].finished
    assert (finished.model, list(finished.degraded)) == ("", ["LLM"])
    assert "".join(event.text_delta for event in events) == finished.text
    assert "house shoes" in finished.text


async def test_copy_of_a_model_is_streamed_and_checked(open_shop: Shop) -> None:
    open_shop.llm.text = "Slippers of cashmere for the house."
    events = await copy_of(open_shop, product="products/harbour-slippers", target_words=6)
    assert events[-1].finished.model == "models/fake-writer"
    assert [event.finding.excerpt for event in events if event.HasField("finding")] == [open_shop.llm.text]
    told = open_shop.llm.prompts[-1][-1].text
    assert "Harbour wool slippers" in told


async def test_shoppers_may_not_write(open_shop: Shop) -> None:
    with pytest.raises(errors.Unauthenticated):
        await open_shop.stub.DeleteProduct(pb.DeleteProductRequest(name="products/garden-mug"), caller=SHOPPER)
