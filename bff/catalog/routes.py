"""The routes of the catalogue."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as pb
from bff.auth.identity import Admin, Anyone, admin
from bff.catalog import messages, schemas
from bff.catalog.stream import description_events, whole_description
from bff.errors import documented, problem_of
from bff.inputs import idempotency_key, product_name, require_json
from bff.presentation import Product, Shopfront, shopfront_of
from bff.sse import EventStream, event
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import NotFound

router = APIRouter(prefix="/api/v1", tags=["catalog"], dependencies=[Depends(require_json)])

Services = Annotated[Upstreams, Depends(upstreams_of)]
Front = Annotated[Shopfront, Depends(shopfront_of)]
RequestId = Annotated[str, Depends(idempotency_key)]

_EVENTS = (
    "Events `delta` {text}, `finding` {rule, message, excerpt}, `finished` {text, model, degraded}, "
    "and `error` with a problem."
)


@router.get("/categories")
async def list_categories(identity: Anyone, front: Front) -> schemas.Categories:
    """List the departments."""
    return schemas.Categories(categories=await front.categories())


@router.get("/products", responses=documented(400, 403))
async def list_products(
    query: Annotated[schemas.ListQuery, Query()], identity: Anyone, services: Services, front: Front
) -> schemas.ProductPage:
    """List products page by page."""
    reply = await services.product.ListProducts(
        pb.ListProductsRequest(
            page_size=query.page_size,
            page_token=query.page_token,
            filter=messages.filter_of(query, identity),
            order=messages.ORDERS[query.order],
        )
    )
    return schemas.ProductPage(
        products=await front.present(reply.products),
        next_page_token=reply.next_page_token,
        total_size=reply.total_size,
        facets=messages.facets_of(reply.facets),
    )


@router.get("/products/search", responses=documented(400, 403))
async def search_products(
    query: Annotated[schemas.SearchQuery, Query()], identity: Anyone, services: Services, front: Front
) -> schemas.SearchPage:
    """Find products by words and by meaning."""
    reply = await services.product.SearchProducts(
        pb.SearchProductsRequest(
            query=query.q,
            page_size=query.page_size,
            page_token=query.page_token,
            filter=messages.filter_of(query, identity),
        )
    )
    products = await front.present([result.product for result in reply.results])
    found = [
        schemas.FoundProduct(**dict(product), match=messages.matches_of(result))
        for product, result in zip(products, reply.results, strict=True)
    ]
    return schemas.SearchPage(
        products=messages.ordered(found, query.order),
        next_page_token=reply.next_page_token,
        total_size=reply.total_size,
        facets=messages.facets_of(reply.facets),
        degraded=list(reply.degraded),
        understood_as=reply.understood_as,
    )


@router.post(
    "/products/generate-description",
    responses={
        **documented(401, 403, 404),
        200: {"description": _EVENTS, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
    response_model=schemas.Description,
)
async def generate_description(
    body: schemas.DescriptionRequest, request: Request, identity: Admin, services: Services
) -> Response | schemas.Description:
    """Write a product text. Saves nothing. Streams when `text/event-stream` is accepted."""
    asked = messages.copy_request_of(body)
    stream = services.product.WriteProductCopy(asked)
    if "text/event-stream" in request.headers.get("accept", ""):
        return EventStream(
            description_events(stream), lambda error: event("error", problem_of(error).model_dump(exclude_none=True))
        )
    return await whole_description(stream)


@router.post("/products", status_code=201, responses=documented(401, 403, 404, 409))
async def create_product(
    body: schemas.ProductInput,
    response: Response,
    identity: Admin,
    services: Services,
    front: Front,
    request_id: RequestId,
) -> Product:
    """Create a product."""
    product = await services.product.CreateProduct(
        pb.CreateProductRequest(product=messages.product_of(body), product_id=body.id or "", request_id=request_id)
    )
    shown = (await front.present([product]))[0]
    response.headers["Location"] = f"/api/v1/products/{shown.id}"
    return shown


@router.get("/products/{product_id}", responses=documented(404))
async def get_product(product_id: str, identity: Anyone, services: Services, front: Front) -> Product:
    """Return a product. What is not on sale is there for staff only."""
    product = await services.product.GetProduct(pb.GetProductRequest(name=product_name(product_id)))
    if product.state != product_pb2.PRODUCT_STATE_ACTIVE and not identity.is_admin:
        raise NotFound("PRODUCT_NOT_FOUND", "There is no such product.")
    return (await front.present([product]))[0]


@router.patch("/products/{product_id}", responses=documented(401, 403, 404, 409))
async def update_product(
    product_id: str,
    body: schemas.ProductPatch,
    identity: Admin,
    services: Services,
    front: Front,
    request_id: RequestId,
) -> Product:
    """Change the given fields of a product."""
    update = messages.update_of(product_name(product_id), body, request_id)
    return (await front.present([await services.product.UpdateProduct(update)]))[0]


@router.delete(
    "/products/{product_id}", status_code=204, dependencies=[Depends(admin)], responses=documented(401, 403, 404)
)
async def delete_product(product_id: str, services: Services, request_id: RequestId) -> None:
    """Delete a product and everything found through it."""
    await services.product.DeleteProduct(pb.DeleteProductRequest(name=product_name(product_id), request_id=request_id))


@router.get("/products/{product_id}/reviews", responses=documented(400, 404))
async def list_reviews(
    product_id: str, query: Annotated[schemas.PageQuery, Query()], identity: Anyone, services: Services
) -> schemas.ReviewPage:
    """List the reviews of a product, newest first."""
    reply = await services.product.ListReviews(
        pb.ListReviewsRequest(parent=product_name(product_id), page_size=query.page_size, page_token=query.page_token)
    )
    return messages.reviews_of(reply)
