"""A request of every method that a platform with some things in it answers well: where mutations begin."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1 import event_pb2, usage_pb2
from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.chat.v1 import conversation_pb2
from aisle.llm.v1 import batch_pb2
from aisle.llm.v1 import batch_service_pb2 as batches
from aisle.llm.v1 import llm_admin_service_pb2 as admin
from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.mesh.v1 import mesh_service_pb2 as mesh
from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as product
from aisle.recommendation.v1 import recommendation_service_pb2 as recommendation
from aisle.telemetry.v1 import telemetry_service_pb2 as telemetry
from services.runtime.policy import policies
from tests.security.world import World

NOW = Timestamp(seconds=1_790_000_000)
OWNER = "maya"
# Whoever a policy names first may call; with the role of staff every method answers.
ROLE = {"x_aisle_subject": OWNER, "x_aisle_role": "admin"}


@dataclass
class Things:
    """Names of what stands in the platform."""

    conversation: str = ""
    batch: str = ""
    api_key: str = ""
    budget: str = ""
    products: list[str] = field(default_factory=lambda: ["products/wool-slippers", "products/garden-mug"])


def caller_of(method: str) -> str:
    """Return a service that may call a method."""
    callers = policies()[method].callers
    return "bff" if "bff" in callers else sorted(callers)[0]


def output_type(method: str) -> type[Message]:
    """Return what a method answers with."""
    return message_factory.GetMessageClass(_descriptor(method).output_type)


def input_type(method: str) -> type[Message]:
    """Return what a method takes."""
    return message_factory.GetMessageClass(_descriptor(method).input_type)


def _descriptor(method: str) -> Any:
    service, _, name = method.lstrip("/").partition("/")
    return descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)


def asked(world: World, method: str, request: Message) -> Any:
    """Call a method as one who may; return its last reply."""
    code, words, reply = world.call(method, request.SerializeToString(), x_aisle_caller=caller_of(method), **ROLE)
    assert code.name == "OK", f"{method}: {code.name} {words}"
    return output_type(method).FromString(reply)


def a_product(name: str = "products/wool-slippers", **fields: Any) -> product_pb2.Product:
    given: dict[str, Any] = {
        "title": "Wool slippers",
        "description": "Thick felted wool.",
        "category": "categories/footwear",
        "brand": "Harbour",
        "price": Money(currency_code="EUR", units=49, nanos=900_000_000),
        "stock_quantity": 3,
        "attributes": {"Material": "wool"},
        "tags": ["warm"],
        "state": product_pb2.PRODUCT_STATE_ACTIVE,
    }
    return product_pb2.Product(name=name, **{**given, **fields})


def stocked(world: World) -> Things:
    """Fill the platform with one of everything."""
    things = Things()
    p, c, b = "/aisle.product.v1.ProductService/", "/aisle.chat.v1.ChatService/", "/aisle.llm.v1."
    category = product_pb2.Category(name="categories/footwear", title="Footwear")
    asked(world, p + "BatchUpsertCategories", product.BatchUpsertCategoriesRequest(categories=[category]))
    goods = [a_product(name, title=name.removeprefix("products/").replace("-", " ")) for name in things.products]
    asked(world, p + "BatchUpsertProducts", product.BatchUpsertProductsRequest(products=goods))
    asked(world, p + "BatchUpsertReviews", product.BatchUpsertReviewsRequest(reviews=[a_review()]))
    asked(world, c + "BatchUpsertArticles", chat.BatchUpsertArticlesRequest(articles=[an_article()]))
    things.conversation = asked(world, c + "CreateConversation", chat.CreateConversationRequest(owner=OWNER)).name
    made = batches.CreateBatchRequest(batch=batch_pb2.Batch(display_name="Night"))
    things.batch = asked(world, b + "BatchService/CreateBatch", made).name
    a = b + "LlmAdminService/"
    key = admin.CreateApiKeyRequest(api_key=admin.ApiKey(display_name="Team", tenant="tenants/team"))
    things.api_key = asked(world, a + "CreateApiKey", key).api_key.name
    things.budget = asked(world, a + "SetBudget", admin.SetBudgetRequest(budget=_budget())).name
    return things


def examples(things: Things) -> dict[str, Message]:
    """Return one good request per method."""
    return {
        **_catalogue(things),
        **_talks(things),
        **_models(things),
        **_batches(things),
        **_staff(things),
        **_events(),
        **_mesh(),
        **_telemetry(),
    }


def _telemetry() -> dict[str, Message]:
    own: dict[str, Message] = {
        "ListTraces": telemetry.ListTracesRequest(method="SearchProducts", errors_only=True),
        "GetTrace": telemetry.GetTraceRequest(name=f"traces/{0:032x}"),
        "QueryMetrics": telemetry.QueryMetricsRequest(queries=[telemetry.MetricQuery(metric="rpc.server.duration")]),
    }
    return {f"/aisle.telemetry.v1.TelemetryService/{key}": value for key, value in own.items()}


def _mesh() -> dict[str, Message]:
    own = {
        "GetMeshStatus": mesh.GetMeshStatusRequest(),
        "GetDelivery": mesh.GetDeliveryRequest(),
        "ApplyDelivery": mesh.ApplyDeliveryRequest(text="services: {llm: {max_calls: 100}}", validate_only=True),
    }
    return {f"/aisle.mesh.v1.MeshAdminService/{key}": value for key, value in own.items()}


def _catalogue(things: Things) -> dict[str, Message]:
    name = things.products[0]
    mask = FieldMask(paths=["title", "price", "attributes"])
    own = {
        "ListProducts": product.ListProductsRequest(
            page_size=2,
            filter=product.ProductFilter(brands=["Harbour"], min_price_minor=1),
            order=product.PRODUCT_ORDER_PRICE_ASCENDING,
        ),
        "GetProduct": product.GetProductRequest(name=name),
        "BatchGetProducts": product.BatchGetProductsRequest(names=things.products),
        "CreateProduct": product.CreateProductRequest(product=a_product(""), product_id=f"p-{uuid4().hex[:8]}"),
        "UpdateProduct": product.UpdateProductRequest(product=a_product(name), update_mask=mask),
        "DeleteProduct": product.DeleteProductRequest(name="products/gone"),
        "BatchUpsertProducts": product.BatchUpsertProductsRequest(products=[a_product(name)]),
        "SearchProducts": product.SearchProductsRequest(query="wool slippers", page_size=2),
        "ListCategories": product.ListCategoriesRequest(),
        "BatchUpsertCategories": product.BatchUpsertCategoriesRequest(
            categories=[product_pb2.Category(name="categories/footwear", title="Footwear", blurb="b", tint="t")]
        ),
        "ListReviews": product.ListReviewsRequest(parent=name, page_size=2),
        "BatchUpsertReviews": product.BatchUpsertReviewsRequest(reviews=[a_review()]),
        "UploadImages": product.UploadImagesRequest(
            uploads=[
                product.ImageUpload(
                    key="products/a.webp", content=b"RIFF\x1a\0\0\0WEBPVP8 " + bytes(30), content_type="image/webp"
                )
            ]
        ),
        "WriteProductCopy": product.WriteProductCopyRequest(
            product=name, tone=product.COPY_TONE_WARM, keywords=["warm"], target_words=60
        ),
    }
    shelf = recommendation.RecommendProductsRequest(
        placement=recommendation.PLACEMENT_BASKET, shopper=OWNER, product=name, basket=things.products, page_size=4
    )
    recommended = {"/aisle.recommendation.v1.RecommendationService/RecommendProducts": shelf}
    return {**{f"/aisle.product.v1.ProductService/{key}": value for key, value in own.items()}, **recommended}


def _talks(things: Things) -> dict[str, Message]:
    name = things.conversation
    own = {
        "CreateConversation": chat.CreateConversationRequest(owner=OWNER, request_id=str(uuid4())),
        "GetConversation": chat.GetConversationRequest(name=name, owner=OWNER),
        "DeleteConversation": chat.DeleteConversationRequest(name="conversations/gone", owner=OWNER),
        "ListMessages": chat.ListMessagesRequest(parent=name, owner=OWNER, page_size=2),
        "SendMessage": chat.SendMessageRequest(
            parent=name, owner=OWNER, text="How do returns work?", product=things.products[0]
        ),
        "GetArticle": chat.GetArticleRequest(name="articles/returns"),
        "ListArticles": chat.ListArticlesRequest(page_size=2),
        "BatchUpsertArticles": chat.BatchUpsertArticlesRequest(articles=[an_article()]),
    }
    return {f"/aisle.chat.v1.ChatService/{key}": value for key, value in own.items()}


def _generation() -> llm.GenerateTextRequest:
    return llm.GenerateTextRequest(
        messages=[
            llm.ChatMessage(role=llm.CHAT_ROLE_SYSTEM, text="Be brief."),
            llm.ChatMessage(role=llm.CHAT_ROLE_USER, text="Hello"),
        ],
        use_case=llm.USE_CASE_FREE,
        max_output_tokens=16,
        temperature=0.5,
        top_p=0.9,
        stop=["END"],
        seed=7,
        tenant="tenants/team",
        user="u1",
        prompt_version="v1",
        cache_tags=["t"],
        response_format=llm.ResponseFormat(),
        tool_choice=llm.ToolChoice(),
    )


def _models(things: Things) -> dict[str, Message]:
    own = {
        "GenerateText": _generation(),
        "CompleteText": llm.CompleteTextRequest(generation=_generation()),
        "PurgeAnswers": llm.PurgeAnswersRequest(tags=["t"]),
        "EmbedTexts": llm.EmbedTextsRequest(texts=["warm wool", "tea"]),
        "ListModels": llm.ListModelsRequest(),
    }
    return {f"/aisle.llm.v1.LlmService/{key}": value for key, value in own.items()}


def _batches(things: Things) -> dict[str, Message]:
    name = things.batch
    item = batches.NewBatchItem(key="k1", generation=_generation())
    item.generation.ClearField("tenant")
    new = batch_pb2.Batch(display_name="Night", use_case=llm.USE_CASE_DESCRIPTION, tenant="tenants/team", user="u")
    own = {
        "CreateBatch": batches.CreateBatchRequest(batch=new, request_id=str(uuid4())),
        "AddBatchItems": batches.AddBatchItemsRequest(parent=name, items=[item]),
        "StartBatch": batches.StartBatchRequest(name="batches/gone"),
        "GetBatch": batches.GetBatchRequest(name=name),
        "ListBatches": batches.ListBatchesRequest(tenant="tenants/team", page_size=2),
        "ListBatchItems": batches.ListBatchItemsRequest(
            parent=name, states=[batch_pb2.BATCH_ITEM_STATE_PENDING], page_size=2
        ),
        "ListBatchResults": batches.ListBatchResultsRequest(
            parent=name, states=[batch_pb2.BATCH_ITEM_STATE_DONE], page_size=2
        ),
        "CancelBatch": batches.CancelBatchRequest(name="batches/gone"),
        "RetryBatchItems": batches.RetryBatchItemsRequest(parent="batches/gone", keys=["k1"]),
    }
    return {f"/aisle.llm.v1.BatchService/{key}": value for key, value in own.items()}


def _staff(things: Things) -> dict[str, Message]:
    key = admin.ApiKey(display_name="Team", tenant="tenants/team", expire_time=Timestamp(seconds=2_000_000_000))
    own = {
        "CreateApiKey": admin.CreateApiKeyRequest(api_key=key),
        "ListApiKeys": admin.ListApiKeysRequest(page_size=2),
        "RevokeApiKey": admin.RevokeApiKeyRequest(name="apiKeys/gone"),
        "ListBudgets": admin.ListBudgetsRequest(),
        "SetBudget": admin.SetBudgetRequest(budget=_budget()),
        "DeleteBudget": admin.DeleteBudgetRequest(name="budgets/gone"),
        "ListAuditEntries": admin.ListAuditEntriesRequest(page_size=2),
    }
    return {f"/aisle.llm.v1.LlmAdminService/{key}": value for key, value in own.items()}


def _events() -> dict[str, Message]:
    happened = event_pb2.Event(
        event_id=str(uuid4()),
        type=event_pb2.EVENT_TYPE_SEARCH,
        shopper=OWNER,
        session="s",
        product="products/wool-slippers",
        query="wool",
        result_count=2,
        quantity=1,
        value_minor=100,
        currency_code="EUR",
        placement="home",
        event_time=NOW,
    )
    record = usage_pb2.UsageRecord(
        record_id=str(uuid4()),
        record_time=NOW,
        operation="chat",
        outcome="ok",
        tenant="tenants/team",
        input_tokens=7,
        cost_micros=3,
        degraded=["LLM"],
        cache="miss",
    )
    wanted = usage_pb2.UsageFilter(models=["m"], tenants=["tenants/team"])
    own = {
        "WriteEvents": analytics.WriteEventsRequest(events=[happened]),
        "QueryReport": analytics.QueryReportRequest(
            report=analytics.REPORT_DAILY, start_time=NOW, end_time=Timestamp(seconds=NOW.seconds + 86400), limit=5
        ),
        "WriteUsageRecords": analytics.WriteUsageRecordsRequest(records=[record]),
        "QueryUsage": analytics.QueryUsageRequest(
            start_time=NOW,
            end_time=Timestamp(seconds=NOW.seconds + 86400),
            group_by=[usage_pb2.USAGE_DIMENSION_TENANT],
            filter=wanted,
            limit=5,
        ),
        "ListUsageRecords": analytics.ListUsageRecordsRequest(
            start_time=NOW, end_time=Timestamp(seconds=NOW.seconds + 86400), filter=wanted, page_size=2
        ),
    }
    return {f"/aisle.analytics.v1.AnalyticsService/{key}": value for key, value in own.items()}


def a_review(product: str = "products/wool-slippers") -> product_pb2.Review:
    return product_pb2.Review(
        name=f"{product}/reviews/r1", author="Ada", rating=5, title="Warm", body="Very.", create_time=NOW
    )


def an_article() -> conversation_pb2.Article:
    body = "You have 30 days to return something. Sale items may be returned too."
    return conversation_pb2.Article(name="articles/returns", title="Returns", topic="returns", body=body)


def _budget() -> admin.Budget:
    return admin.Budget(
        subject_kind=admin.BUDGET_SUBJECT_TENANT,
        subject="tenants/rich",
        window=admin.BUDGET_WINDOW_MONTH,
        tokens=1_000_000_000,
        micros=1_000_000_000,
    )
