"""Fills an empty platform with the demo shop, through the services' own contracts."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from aisle.analytics.v1 import analytics_service_pb2, event_pb2
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.chat.v1 import chat_service_pb2, conversation_pb2
from aisle.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from aisle.product.v1 import product_pb2, product_service_pb2
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from local.demo import catalogue as demo_catalogue
from local.demo import events as demo_events
from local.demo import knowledge, pictures, reviews, shoppers
from local.demo.model import Catalogue, DemoArticle, DemoCategory, DemoEvent, DemoProduct, DemoReview
from local.ingest import STAFF
from local.ingest import Catalogue as CatalogueWriter
from local.money import set_money
from local.settings import ROOT, LocalSettings
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError, Unavailable

# Raise it when the demo shop changes, and shops that hold the older one are filled again.
EDITION = 1
ASSETS = ROOT / "frontend" / "node_modules" / "@lobehub" / "fluent-emoji-3d" / "assets"
UPLOAD_BYTES = 8_000_000
# Products whose pictures are composed in one go.
COMPOSED_AT_ONCE = 10
PATIENCE = 30.0

# Takes a line that stays, and one that the next replaces.
Say = Callable[[str], None]
T = TypeVar("T")
Upload = tuple[str, bytes]


class SeedFailed(Exception):
    """The demo shop could not be written; the message says why and what to do."""


async def fill(settings: LocalSettings, say: Say, show: Say, *, again: bool = False) -> None:
    """Write the demo shop unless it is there, or the shop holds somebody's own products."""
    marker = settings.home / "seeded.json"
    if not again and _edition(marker) == EDITION:
        return
    egress = f"127.0.0.1:{settings.ports()['egress']}"
    try:
        async with (
            MeshChannel("cli", "product", egress) as product,
            MeshChannel("cli", "chat", egress) as chat,
            MeshChannel("cli", "analytics", egress) as analytics,
        ):
            seeder = _Seeder(product, chat, analytics, _Steps(say, show))
            if not again and not marker.exists() and await seeder.holds_products():
                say("The shop holds products already; the demo shop is left out.")
                return
            # An interrupted filling goes on at the next start instead of passing for somebody's own shop.
            _mark(marker, 0)
            await seeder.run()
    except AisleError as error:
        raise SeedFailed(
            f"The demo shop could not be written: {error.message} ({error.reason}) `aisle seed` tries again."
        ) from error
    _mark(marker, EDITION)


def _mark(marker: Path, edition: int) -> None:
    marker.write_text(json.dumps({"edition": edition}))


def _edition(marker: Path) -> int | None:
    try:
        return int(json.loads(marker.read_text())["edition"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


class _Seeder:
    def __init__(self, product: MeshChannel, chat: MeshChannel, analytics: MeshChannel, steps: "_Steps") -> None:
        self._products = ProductServiceStub(product)
        self._writer = CatalogueWriter(product)
        self._chat = ChatServiceStub(chat)
        self._analytics = AnalyticsServiceStub(analytics)
        self._steps = steps

    async def holds_products(self) -> bool:
        """Ask for one product, patiently: the mesh may have learnt of the service only now."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                request = product_service_pb2.ListProductsRequest(page_size=1)
                return bool((await self._products.ListProducts(request, caller=STAFF)).products)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.3)

    async def run(self) -> None:
        shop = demo_catalogue.build_catalogue()
        with _worker() as pool:
            composing = _composing(pool, shop.products) if ASSETS.exists() else []
            try:
                await self._write(shop)
                if composing:
                    await self._put_pictures(composing, sum(len(p.images) for p in shop.products))
                else:
                    self._steps.say("  Pictures are left out: run `make frontend`, then `aisle seed --again`.")
            finally:
                for part in composing:
                    part.cancel()

    async def _write(self, shop: Catalogue) -> None:
        await self._put_catalogue(shop)
        await self._put_reviews(reviews.build_reviews(shop))
        await self._put_articles(knowledge.load_articles())
        people = shoppers.build_shoppers()
        await self._put_events(demo_events.build_events(shop, people, datetime.now(UTC)))

    async def _put_catalogue(self, shop: Catalogue) -> None:
        request = product_service_pb2.BatchUpsertCategoriesRequest(categories=[_category(c) for c in shop.categories])
        await self._products.BatchUpsertCategories(request, caller=STAFF)
        with self._steps.step("products", len(shop.products)) as advance:
            await self._writer.put_products([_product(p) for p in shop.products], advance)

    async def _put_reviews(self, written: Sequence[DemoReview]) -> None:
        with self._steps.step("reviews", len(written)) as advance:
            for batch in _batches(written, 500):
                request = product_service_pb2.BatchUpsertReviewsRequest(reviews=[_review(r) for r in batch])
                await self._products.BatchUpsertReviews(request, caller=STAFF)
                advance(len(batch))

    async def _put_articles(self, articles: Sequence[DemoArticle]) -> None:
        with self._steps.step("help articles", len(articles)) as advance:
            for batch in _batches(articles, 8):
                request = chat_service_pb2.BatchUpsertArticlesRequest(articles=[_article(a) for a in batch])
                await self._chat.BatchUpsertArticles(request, caller=STAFF)
                advance(len(batch))

    async def _put_events(self, month: Sequence[DemoEvent]) -> None:
        with self._steps.step("events of a month", len(month)) as advance:
            for batch in _batches(month, 1000):
                request = analytics_service_pb2.WriteEventsRequest(events=[_event(e) for e in batch])
                await self._analytics.WriteEvents(request, caller=STAFF)
                advance(len(batch))

    async def _put_pictures(self, composing: "Sequence[asyncio.Future[list[Upload]]]", count: int) -> None:
        request, size = product_service_pb2.UploadImagesRequest(), 0
        with self._steps.step("pictures", count) as advance:
            for part in composing:
                for key, content in await part:
                    if request.uploads and (size + len(content) > UPLOAD_BYTES or len(request.uploads) == 200):
                        await self._products.UploadImages(request, caller=STAFF)
                        request, size = product_service_pb2.UploadImagesRequest(), 0
                    request.uploads.add(key=key, content=content, content_type="image/webp")
                    size += len(content)
                    advance(1)
            if request.uploads:
                await self._products.UploadImages(request, caller=STAFF)


class _Steps:
    """Tells how far the filling is."""

    def __init__(self, say: Say, show: Say) -> None:
        self.say = say
        self._show = show

    @contextmanager
    def step(self, what: str, count: int) -> Iterator[Callable[[int], None]]:
        """Yield what is called with each number of things that are done."""
        started = time.monotonic()
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            self._show(f"  Filling the shop: {done:,} of {count:,} {what}")

        advance(0)
        yield advance
        self.say(f"  Filling the shop: {count:,} {what} in {time.monotonic() - started:.1f} s")


@contextmanager
def _worker() -> Iterator[ProcessPoolExecutor]:
    """Yield a process for heavy work. Leaving waits for nothing: whoever stops the stack waits for this process."""
    pool = ProcessPoolExecutor(max_workers=1, initializer=_leave_signals_alone)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _leave_signals_alone() -> None:
    """Undo what a forked worker inherits: Ctrl-C is the supervisor's, and its wake-up pipe not ours to write to."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _composing(pool: ProcessPoolExecutor, products: Sequence[DemoProduct]) -> "list[asyncio.Future[list[Upload]]]":
    """Compose every picture beside everything else, a few products at a time, so that it can be broken off."""
    loop = asyncio.get_running_loop()
    return [loop.run_in_executor(pool, _compose, batch) for batch in _batches(products, COMPOSED_AT_ONCE)]


def _compose(products: Sequence[DemoProduct]) -> list[Upload]:
    return [(image.key, content) for product in products for image, content in pictures.compose(product, ASSETS)]


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _category(category: DemoCategory) -> product_pb2.Category:
    return product_pb2.Category(
        name=f"categories/{category.id}", title=category.title, blurb=category.blurb, tint=category.tint
    )


def _product(product: DemoProduct) -> product_pb2.Product:
    made = product_pb2.Product(
        name=f"products/{product.id}",
        title=product.title,
        subtitle=product.subtitle,
        description=product.description,
        category=f"categories/{product.category_id}",
        brand=product.brand,
        stock_quantity=product.stock,
        attributes=dict(product.attributes),
        tags=product.tags,
        state=product_pb2.PRODUCT_STATE_ACTIVE,
        delivery_note=product.delivery,
        images=[product_pb2.Image(key=i.key, alt_text=i.alt, width=i.width, height=i.height) for i in product.images],
    )
    set_money(made.price, product.price_minor, product.currency)
    if product.list_price_minor is not None:
        set_money(made.list_price, product.list_price_minor, product.currency)
    return made


def _review(review: DemoReview) -> product_pb2.Review:
    made = product_pb2.Review(
        name=f"products/{review.product_id}/reviews/{review.id}",
        author=review.author,
        rating=review.rating,
        title=review.title,
        body=review.body,
        verified_purchase=review.verified,
    )
    made.create_time.FromDatetime(review.created)
    return made


def _article(article: DemoArticle) -> conversation_pb2.Article:
    return conversation_pb2.Article(
        name=f"articles/{article.id}", title=article.title, topic=article.topic, body=article.body_markdown
    )


def _event(event: DemoEvent) -> event_pb2.Event:
    made = event_pb2.Event(
        event_id=event.id,
        type=event_pb2.EventType.Value(f"EVENT_TYPE_{event.type.upper()}"),
        shopper=event.shopper_id,
        session=event.session_id,
        product=f"products/{event.product_id}" if event.product_id else "",
        query=event.query or "",
        result_count=event.result_count or 0,
        quantity=event.quantity or 0,
        value_minor=event.value_minor or 0,
        currency_code="EUR" if event.value_minor else "",
    )
    made.event_time.FromDatetime(event.time)
    return made
