"""The routes under /v1, as an application of its own: its errors have another shape."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1 import model_pb2
from bff.inputs import last_part, require_json
from bff.openai import errors
from bff.openai.access import granted
from bff.openai.completions import Completion
from bff.openai.embeddings import embed
from bff.openai.schemas import CompletionRequest, EmbeddingRequest
from bff.sse import EventStream
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import AisleError, NotFound

router = APIRouter(dependencies=[Depends(require_json), Depends(granted)])

Services = Annotated[Upstreams, Depends(upstreams_of)]


@router.post("/chat/completions")
async def create_chat_completion(asked: CompletionRequest, services: Services) -> Response:
    """Answer a conversation, whole or as a stream."""
    completion = Completion(services.llm, asked)
    if asked.stream:
        return EventStream(completion.chunks(), errors.event)
    return JSONResponse(await completion.whole())


@router.post("/embeddings")
async def create_embeddings(asked: EmbeddingRequest, services: Services) -> Response:
    """Return vectors of texts."""
    return JSONResponse(await embed(services.llm, asked))


@router.get("/models")
async def list_v1_models(services: Services) -> Response:
    """List the models by their ids; `auto` lets the router choose."""
    return JSONResponse({"object": "list", "data": await _models(services)})


@router.get("/models/{model_id:path}")
async def get_v1_model(model_id: str, services: Services) -> Response:
    """Return a model by its id."""
    for model in await _models(services):
        if model["id"] == model_id.removeprefix("models/"):
            return JSONResponse(model)
    raise NotFound("MODEL_NOT_FOUND", "There is no such model.")


async def _models(services: Upstreams) -> list[dict[str, Any]]:
    reply = await services.llm.ListModels(pb.ListModelsRequest())
    return [_model("auto", "aisle"), *(_from(model) for model in reply.models)]


def _from(model: model_pb2.Model) -> dict[str, Any]:
    return _model(last_part(model.name), model.provider)


def _model(model_id: str, owner: str) -> dict[str, Any]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": owner}


def create_v1() -> FastAPI:
    """Return the application to mount at /v1."""
    app = FastAPI(title="Aisle, OpenAI-compatible", openapi_url=None, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    app.include_router(router)
    app.add_exception_handler(AisleError, errors.on_domain_error)
    app.add_exception_handler(RequestValidationError, errors.on_validation_error)
    app.add_exception_handler(HTTPException, errors.on_http_error)
    app.add_exception_handler(Exception, errors.on_unexpected)
    return app
