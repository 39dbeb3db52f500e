"""The routes of the chat and of the help articles it answers from."""

from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket

from aisle.chat.v1 import chat_service_pb2 as pb
from bff.auth.identity import Anyone, Somebody
from bff.chat import schemas
from bff.chat.desk import Desk
from bff.chat.messages import article_of, summary_of
from bff.chat.stream import serve_socket
from bff.errors import documented
from bff.inputs import article_name, conversation_name, idempotency_key, require_json

router = APIRouter(prefix="/api/v1", tags=["chat"], dependencies=[Depends(require_json)])
sockets = APIRouter(prefix="/api/v1")

AtDesk = Annotated[Desk, Depends()]
RequestId = Annotated[str, Depends(idempotency_key)]


@router.post("/chat/sessions", status_code=201, responses=documented(401))
async def create_chat_session(identity: Somebody, desk: AtDesk, request_id: RequestId) -> schemas.NewChatSession:
    """Begin a session."""
    return schemas.NewChatSession(id=await desk.begin(identity.subject, request_id))


@router.get("/chat/sessions/{session_id}", responses=documented(401, 404))
async def get_chat_session(session_id: str, identity: Somebody, desk: AtDesk) -> schemas.ChatSession:
    """Return a session with what was said in it."""
    return await desk.read(session_id, identity.subject)


@router.delete("/chat/sessions/{session_id}", status_code=204, responses=documented(401, 404))
async def delete_chat_session(session_id: str, identity: Somebody, desk: AtDesk, request_id: RequestId) -> None:
    """Delete a session with everything said in it."""
    await desk.chat.DeleteConversation(
        pb.DeleteConversationRequest(name=conversation_name(session_id), owner=identity.subject, request_id=request_id)
    )


@router.post("/chat/message", responses=documented(401, 404, 409))
async def send_chat_message(
    body: schemas.Question, identity: Somebody, desk: AtDesk, request_id: RequestId
) -> schemas.Answer:
    """Ask something and wait for the whole answer."""
    session_id = body.session_id or await desk.begin(identity.subject, request_id)
    request = pb.SendMessageRequest(
        parent=conversation_name(session_id),
        owner=identity.subject,
        text=body.text,
        product=f"products/{body.product_id}" if body.product_id else "",
        request_id=request_id,
    )
    return schemas.Answer(session_id=session_id, message=await desk.ask(request))


@router.get("/articles")
async def list_articles(identity: Anyone, desk: AtDesk) -> schemas.Articles:
    """List the help articles by title."""
    found: list[schemas.ArticleSummary] = []
    request = pb.ListArticlesRequest(page_size=200)
    while True:
        reply = await desk.chat.ListArticles(request)
        found += [summary_of(article) for article in reply.articles]
        if not reply.next_page_token:
            return schemas.Articles(articles=found)
        request.page_token = reply.next_page_token


@router.get("/articles/{article_id}", responses=documented(404))
async def get_article(article_id: str, identity: Anyone, desk: AtDesk) -> schemas.Article:
    """Return a help article."""
    return article_of(await desk.chat.GetArticle(pb.GetArticleRequest(name=article_name(article_id))))


@sockets.websocket("/chat/ws")
async def chat_socket(socket: WebSocket, desk: AtDesk) -> None:
    """Relay a talk word by word."""
    await serve_socket(socket, desk)
