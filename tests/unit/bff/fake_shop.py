"""All services of the shop, as the BFF hears them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1 import analytics_service_pb2_grpc as analytics_grpc
from aisle.analytics.v1 import usage_pb2
from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.chat.v1 import chat_service_pb2_grpc as chat_grpc
from aisle.chat.v1 import conversation_pb2
from aisle.llm.v1 import llm_admin_service_pb2 as llm_admin
from aisle.llm.v1 import llm_admin_service_pb2_grpc as llm_admin_grpc
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1 import llm_service_pb2_grpc as llm_grpc
from aisle.llm.v1 import model_pb2
from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as product
from aisle.product.v1 import product_service_pb2_grpc as product_grpc
from aisle.recommendation.v1 import recommendation_service_pb2 as recommendation
from aisle.recommendation.v1 import recommendation_service_pb2_grpc as recommendation_grpc
from services.runtime.errors import AisleError, AlreadyExists, Conflict, Invalid, NotFound
from services.runtime.interceptors import current_call

CREATED = Timestamp(seconds=1_760_000_000)


def a_product(product_id: str, state: Any = product_pb2.PRODUCT_STATE_ACTIVE, **fields: Any) -> Any:
    return product_pb2.Product(
        name=f"products/{product_id}",
        title=fields.pop("title", product_id.replace("-", " ").title()),
        category=fields.pop("category", "categories/footwear"),
        brand="Harbour",
        price=Money(currency_code="EUR", units=49, nanos=900_000_000),
        stock_quantity=3,
        attributes={"material": "wool"},
        images=[product_pb2.Image(key=f"{product_id}.webp", uri=f"/media/{product_id}.webp?expires=1&signature=2")],
        rating=product_pb2.RatingSummary(average=4.25, review_count=8),
        state=state,
        create_time=CREATED,
        update_time=CREATED,
        etag="e1",
        **fields,
    )


class FakeShop:
    """What the services know and what they were asked; `failures` makes a method refuse."""

    def __init__(self) -> None:
        slippers = a_product("slippers")
        slippers.list_price.CopyFrom(Money(currency_code="EUR", units=60))
        self.products = {p.name: p for p in (slippers, a_product("socks"), a_product("lamp", title="Lamp"))}
        draft = a_product("secret", product_pb2.PRODUCT_STATE_DRAFT)
        self.products[draft.name] = draft
        self.categories = [
            product_pb2.Category(name="categories/footwear", title="Footwear", blurb="b", tint="sand", product_count=3)
        ]
        self.failures: dict[str, AisleError | Exception] = {}
        self.asked: list[tuple[str, Any]] = []
        self.callers: list[tuple[str, str, str]] = []
        self.request_ids: list[str] = []
        self.conversations: dict[str, str] = {"conversations/c1": "visitor:00000000-0000-4000-8000-000000000001"}
        self.deltas = ["Returns ", "are ", "free [1]."]
        # A stream waits here before its second delta, when a test takes the permit away.
        self.gate = asyncio.Event()
        self.gate.set()
        self.stream_ended = asyncio.Event()
        self.deltas_sent = 0
        # What the stored answer says, when it is not what the deltas said.
        self.answer_text = ""

    def note(self, method: str, request: Any) -> None:
        call = current_call.get()
        assert call is not None
        self.asked.append((method, request))
        self.callers.append((call.caller.service, call.caller.subject, call.caller.role))
        self.request_ids.append(call.request_id)
        if method in self.failures:
            raise self.failures[method]

    def last(self, method: str) -> Any:
        return [request for name, request in self.asked if name == method][-1]


class Products(product_grpc.ProductServiceServicer):
    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def ListProducts(self, request: Any, context: Any) -> Any:
        self.shop.note("ListProducts", request)
        values = {"brand": ("Salt/Rope", "Salt/Rope"), "category": ("categories/footwear", "Footwear")}
        facets = [
            product.Facet(field=field, values=[product.FacetValue(value=value, label=label, count=3)])
            for field, (value, label) in values.items()
        ]
        found = list(self.shop.products.values())[:3]
        return product.ListProductsResponse(products=found, next_page_token="more", total_size=3, facets=facets)

    async def SearchProducts(self, request: Any, context: Any) -> Any:
        self.shop.note("SearchProducts", request)
        kinds = [product.MATCH_KIND_WORDS, product.MATCH_KIND_MEANING]
        found = [self.shop.products[f"products/{name}"] for name in ("slippers", "lamp")]
        results = [product.SearchResult(product=one, match_kinds=kinds) for one in found]
        return product.SearchProductsResponse(results=results, total_size=2, degraded=["VECTORS"], understood_as="u")

    async def GetProduct(self, request: Any, context: Any) -> Any:
        self.shop.note("GetProduct", request)
        if request.name not in self.shop.products:
            raise NotFound("PRODUCT_NOT_FOUND", "There is no product {product}.", product=request.name)
        return self.shop.products[request.name]

    async def BatchGetProducts(self, request: Any, context: Any) -> Any:
        self.shop.note("BatchGetProducts", request)
        found = [self.shop.products[name] for name in request.names if name in self.shop.products]
        return product.BatchGetProductsResponse(products=found)

    async def CreateProduct(self, request: Any, context: Any) -> Any:
        self.shop.note("CreateProduct", request)
        name = f"products/{request.product_id or 'made-up'}"
        if name in self.shop.products:
            raise AlreadyExists("PRODUCT_ALREADY_EXISTS", "Taken.")
        made = product_pb2.Product()
        made.CopyFrom(request.product)
        made.name = name
        self.shop.products[name] = made
        return made

    async def UpdateProduct(self, request: Any, context: Any) -> Any:
        self.shop.note("UpdateProduct", request)
        if request.product.etag not in ("", "e1"):
            raise Conflict("ETAG_STALE", "Somebody else changed it.")
        return self.shop.products[request.product.name]

    async def DeleteProduct(self, request: Any, context: Any) -> Any:
        self.shop.note("DeleteProduct", request)
        if self.shop.products.pop(request.name, None) is None:
            raise NotFound("PRODUCT_NOT_FOUND", "There is no such product.")
        return empty_pb2.Empty()

    async def ListCategories(self, request: Any, context: Any) -> Any:
        self.shop.note("ListCategories", request)
        return product.ListCategoriesResponse(categories=self.shop.categories)

    async def ListReviews(self, request: Any, context: Any) -> Any:
        self.shop.note("ListReviews", request)
        name = f"{request.parent}/reviews/r1"
        review = product_pb2.Review(name=name, author="Ada", rating=5, title="Warm", body="Very.", create_time=CREATED)
        return product.ListReviewsResponse(
            reviews=[review],
            rating=product_pb2.RatingSummary(average=5, review_count=1),
            star_counts=[0, 0, 0, 0, 1],
            aspects=[product.AspectSummary(aspect="warmth", positive_count=1, quote="Very.", review=name)],
        )

    async def WriteProductCopy(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.shop.note("WriteProductCopy", request)
        try:
            yield product.WriteProductCopyResponse(text_delta="Warm ")
            await self.shop.gate.wait()
            yield product.WriteProductCopyResponse(text_delta="wool.")
            finding = product.CopyFinding(rule="TOO_SHORT", message="Say more.", excerpt="Warm")
            yield product.WriteProductCopyResponse(finding=finding)
            end = product.CopyFinished(text="Warm wool.", model="models/tiny", degraded=["LLM"])
            yield product.WriteProductCopyResponse(finished=end)
        finally:
            self.shop.stream_ended.set()


class Chat(chat_grpc.ChatServiceServicer):
    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def CreateConversation(self, request: Any, context: Any) -> Any:
        self.shop.note("CreateConversation", request)
        name = f"conversations/c{len(self.shop.conversations) + 1}"
        self.shop.conversations[name] = request.owner
        return conversation_pb2.Conversation(name=name, owner=request.owner)

    def _check(self, name: str, owner: str) -> None:
        if self.shop.conversations.get(name) != owner:
            raise NotFound("CONVERSATION_NOT_FOUND", "There is no such conversation.")

    async def GetConversation(self, request: Any, context: Any) -> Any:
        self.shop.note("GetConversation", request)
        self._check(request.name, request.owner)
        return conversation_pb2.Conversation(name=request.name, owner=request.owner, title="Returns?")

    async def DeleteConversation(self, request: Any, context: Any) -> Any:
        self.shop.note("DeleteConversation", request)
        self._check(request.name, request.owner)
        del self.shop.conversations[request.name]
        return empty_pb2.Empty()

    async def ListMessages(self, request: Any, context: Any) -> Any:
        self.shop.note("ListMessages", request)
        question = conversation_pb2.Message(
            name=f"{request.parent}/messages/m1", author=conversation_pb2.AUTHOR_SHOPPER, text="Returns?"
        )
        if not request.page_token:
            return chat.ListMessagesResponse(messages=[question], next_page_token="2")
        return chat.ListMessagesResponse(messages=[self._answer(request.parent)])

    async def SendMessage(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.shop.note("SendMessage", request)
        self._check(request.parent, request.owner)
        started = chat.AnswerStarted(question=f"{request.parent}/messages/m1", answer=f"{request.parent}/messages/m2")
        try:
            yield chat.SendMessageResponse(started=started)
            yield chat.SendMessageResponse(activity=chat.Activity(kind="SEARCHING_ARTICLES", text="Looking it up"))
            yield chat.SendMessageResponse(product="products/slippers")
            for number, delta in enumerate(self.shop.deltas):
                if number == 1:
                    await self.shop.gate.wait()
                yield chat.SendMessageResponse(text_delta=delta)
                self.shop.deltas_sent += 1
            if "mid-stream" in self.shop.failures:
                raise self.shop.failures["mid-stream"]
            answer = self._answer(request.parent)
            yield chat.SendMessageResponse(citation=answer.citations[0])
            yield chat.SendMessageResponse(finished=answer)
        finally:
            self.shop.stream_ended.set()

    def _answer(self, parent: str) -> Any:
        return conversation_pb2.Message(
            name=f"{parent}/messages/m2",
            author=conversation_pb2.AUTHOR_ASSISTANT,
            text=self.shop.answer_text or "".join(self.shop.deltas),
            citations=[
                conversation_pb2.Citation(index=1, article="articles/returns", title="Returns", passage="Free.")
            ],
            products=["products/slippers", "products/vanished"],
            degraded=["LLM"],
            state=conversation_pb2.MESSAGE_STATE_COMPLETE,
            create_time=CREATED,
        )

    async def ListArticles(self, request: Any, context: Any) -> Any:
        self.shop.note("ListArticles", request)
        token = "" if request.page_token else "2"
        return chat.ListArticlesResponse(articles=[self._article()], next_page_token=token)

    async def GetArticle(self, request: Any, context: Any) -> Any:
        self.shop.note("GetArticle", request)
        if request.name != "articles/returns":
            raise NotFound("ARTICLE_NOT_FOUND", "There is no such article.")
        return self._article()

    def _article(self) -> Any:
        return conversation_pb2.Article(
            name="articles/returns", title="Returns", topic="returns", body="# Free", update_time=CREATED
        )


class Llm(llm_grpc.LlmServiceServicer):
    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def GenerateText(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.shop.note("GenerateText", request)
        if request.model not in ("models/auto", "models/tiny"):
            raise Invalid("MODEL_NOT_FOUND", "There is no model {model}.", model=request.model)
        try:
            started = llm.GenerationStarted(model="models/tiny", provider="local", route_reason="cheapest")
            yield llm.GenerateTextResponse(started=started)
            for number, delta in enumerate(self.shop.deltas):
                if number == 1:
                    await self.shop.gate.wait()
                yield llm.GenerateTextResponse(text_delta=delta)
            if "mid-stream" in self.shop.failures:
                raise self.shop.failures["mid-stream"]
            usage = llm.TokenUsage(input_tokens=7, output_tokens=3)
            end = llm.GenerationFinished(reason=llm.FINISH_REASON_LENGTH, usage=usage, degraded=["PREFERRED_PROVIDER"])
            yield llm.GenerateTextResponse(finished=end)
        finally:
            self.shop.stream_ended.set()

    async def EmbedTexts(self, request: Any, context: Any) -> Any:
        self.shop.note("EmbedTexts", request)
        vectors = [llm.Embedding(values=[float(len(text)), 0.5, -1.0]) for text in request.texts]
        usage = llm.TokenUsage(input_tokens=len(request.texts))
        return llm.EmbedTextsResponse(embeddings=vectors, model="models/minilm", dimension=3, usage=usage)

    async def ListModels(self, request: Any, context: Any) -> Any:
        self.shop.note("ListModels", request)
        text = model_pb2.Model(
            name="models/tiny",
            display_name="Tiny",
            provider="local",
            kind=model_pb2.MODEL_KIND_TEXT,
            quality=model_pb2.QUALITY_TIER_BASIC,
            context_tokens=2048,
            available=True,
        )
        vectors = model_pb2.Model(name="models/minilm", provider="local", kind=model_pb2.MODEL_KIND_EMBEDDING)
        return llm.ListModelsResponse(models=[text, vectors])


class LlmAdmin(llm_admin_grpc.LlmAdminServiceServicer):
    """Keys and budgets in memory, as the service keeps them."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop
        self.keys: dict[str, Any] = {}
        self.budgets: dict[str, Any] = {}
        self.changes: list[Any] = []

    async def CreateApiKey(self, request: Any, context: Any) -> Any:
        self.shop.note("CreateApiKey", request)
        key = llm_admin.ApiKey()
        key.CopyFrom(request.api_key)
        key.MergeFrom(
            llm_admin.ApiKey(
                name=f"apiKeys/k{len(self.keys)}",
                hint="abcd",
                state=llm_admin.API_KEY_STATE_ACTIVE,
                create_time=CREATED,
            )
        )
        self.keys[key.name] = key
        self.changes.append(llm_admin.AuditEntry(action="CreateApiKey", resource=key.name, create_time=CREATED))
        return llm_admin.CreateApiKeyResponse(api_key=key, secret="sk-aisle-secret")

    async def ListApiKeys(self, request: Any, context: Any) -> Any:
        if request.page_token:
            return llm_admin.ListApiKeysResponse()
        return llm_admin.ListApiKeysResponse(api_keys=self.keys.values(), next_page_token="2")

    async def RevokeApiKey(self, request: Any, context: Any) -> Any:
        if request.name not in self.keys:
            raise NotFound("API_KEY_NOT_FOUND", "There is no {name}.", name=request.name)
        self.keys[request.name].state = llm_admin.API_KEY_STATE_REVOKED
        return self.keys[request.name]

    async def SetBudget(self, request: Any, context: Any) -> Any:
        self.shop.note("SetBudget", request)
        if not (request.budget.HasField("tokens") or request.budget.HasField("micros")):
            raise Invalid("PROMPT_INVALID", "budget: limits neither tokens nor money.")
        spending = llm_admin.BudgetSpending(used_tokens=5, reset_time=CREATED)
        own = llm_admin.Budget(name="budgets/b1", origin=llm_admin.BUDGET_ORIGIN_SET, spending=spending)
        own.MergeFrom(request.budget)
        self.budgets[own.name] = own
        return own

    async def ListBudgets(self, request: Any, context: Any) -> Any:
        return llm_admin.ListBudgetsResponse(budgets=self.budgets.values(), degraded=["BUDGET_SPENDING"])

    async def DeleteBudget(self, request: Any, context: Any) -> Any:
        if self.budgets.pop(request.name, None) is None:
            raise NotFound("BUDGET_NOT_FOUND", "There is no {name}.", name=request.name)
        return empty_pb2.Empty()

    async def ListAuditEntries(self, request: Any, context: Any) -> Any:
        return llm_admin.ListAuditEntriesResponse(audit_entries=self.changes)


class Recommendations(recommendation_grpc.RecommendationServiceServicer):
    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def RecommendProducts(self, request: Any, context: Any) -> Any:
        self.shop.note("RecommendProducts", request)

        def shelf(shelf_id: str, *names: str) -> Any:
            items = [recommendation.Recommendation(product=f"products/{name}", reason="Because.") for name in names]
            return recommendation.Shelf(id=shelf_id, title="T", anchor=request.product, recommendations=items)

        shelves = [shelf("similar", "socks", "vanished", "secret"), shelf("popular", "vanished")]
        return recommendation.RecommendProductsResponse(shelves=shelves, degraded=["LLM"], cached=True)


class Analytics(analytics_grpc.AnalyticsServiceServicer):
    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def WriteEvents(self, request: Any, context: Any) -> Any:
        self.shop.note("WriteEvents", request)
        return analytics.WriteEventsResponse(accepted_count=len(request.events))

    async def QueryUsage(self, request: Any, context: Any) -> Any:
        self.shop.note("QueryUsage", request)
        figures = usage_pb2.UsageFigures(
            calls=12,
            ok_calls=9,
            failed_calls=3,
            failures=[usage_pb2.UsageFailure(outcome="timed_out", calls=3)],
            exact_hits=4,
            cost_micros=1_250_000,
            first_token_p50_seconds=0.4,
        )
        row = usage_pb2.UsageRow(keys=["models/tiny"], figures=figures)
        return analytics.QueryUsageResponse(
            rows=[row], total=figures, start_time=request.start_time, end_time=CREATED, truncated=True
        )

    async def QueryReport(self, request: Any, context: Any) -> Any:
        self.shop.note("QueryReport", request)
        columns, values = {
            analytics.REPORT_OVERVIEW: (
                ["visitors", "revenue_minor", "conversion", "previous_visitors"],
                [
                    analytics.Value(integer=5),
                    analytics.Value(integer=990),
                    analytics.Value(number=0.5),
                    analytics.Value(integer=4),
                ],
            ),
            analytics.REPORT_TOP_PRODUCTS: (
                ["product", "views"],
                [analytics.Value(text="products/socks"), analytics.Value(integer=9)],
            ),
        }.get(request.report, (["day", "sessions"], [analytics.Value(text="2026-01-01"), analytics.Value(integer=2)]))
        return analytics.QueryReportResponse(
            columns=columns,
            rows=[analytics.Row(values=values)],
            start_time=request.start_time,
            end_time=CREATED,
            pending_count=1,
        )
