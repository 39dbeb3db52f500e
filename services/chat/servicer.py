"""ChatService on the wire: proto to domain and back, nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from google.protobuf.empty_pb2 import Empty

from aisle.chat.v1 import chat_service_pb2 as pb
from aisle.chat.v1 import conversation_pb2
from aisle.chat.v1.chat_service_pb2_grpc import ChatServiceServicer
from services.chat.application.create_conversation import CreateConversation
from services.chat.application.delete_conversation import DeleteConversation
from services.chat.application.read_articles import GetArticle, ListArticles
from services.chat.application.read_conversation import GetConversation, ListMessages
from services.chat.application.send_message import Said, SendMessage
from services.chat.application.write_articles import WriteArticles
from services.chat.domain import event as happened
from services.chat.domain.article import Article
from services.chat.domain.conversation import Author, Citation, Conversation, Message, State
from services.chat.domain.errors import conversation_not_found, owner_not_caller
from services.runtime import telemetry
from services.runtime.errors import AisleError
from services.runtime.interceptors import current_call
from services.runtime.paging import PageTokens, page_size

Context = Any
_PAGE = 50
_LARGEST_PAGE = 200
_AUTHORS = {
    Author.SHOPPER: conversation_pb2.AUTHOR_SHOPPER,
    Author.ASSISTANT: conversation_pb2.AUTHOR_ASSISTANT,
}
_STATES = {
    State.STREAMING: conversation_pb2.MESSAGE_STATE_STREAMING,
    State.COMPLETE: conversation_pb2.MESSAGE_STATE_COMPLETE,
    State.INTERRUPTED: conversation_pb2.MESSAGE_STATE_INTERRUPTED,
    State.FAILED: conversation_pb2.MESSAGE_STATE_FAILED,
}


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the service can do."""

    create_conversation: CreateConversation
    get_conversation: GetConversation
    delete_conversation: DeleteConversation
    list_messages: ListMessages
    send_message: SendMessage
    get_article: GetArticle
    list_articles: ListArticles
    write_articles: WriteArticles


class ChatServicer(ChatServiceServicer):
    """Answers the rpcs of ChatService."""

    def __init__(self, use_cases: UseCases, tokens: PageTokens) -> None:
        """Take the use cases and what makes page tokens."""
        self._do = use_cases
        self._tokens = tokens

    async def CreateConversation(
        self, request: pb.CreateConversationRequest, context: Context
    ) -> conversation_pb2.Conversation:
        """Begin a conversation."""
        return _conversation(await self._do.create_conversation(_asking(request.owner, owner_not_caller())))

    async def GetConversation(
        self, request: pb.GetConversationRequest, context: Context
    ) -> conversation_pb2.Conversation:
        """Return a conversation to its owner."""
        return _conversation(await self._do.get_conversation(*_own(request.name, request.owner)))

    async def DeleteConversation(self, request: pb.DeleteConversationRequest, context: Context) -> Empty:
        """Delete a conversation."""
        await self._do.delete_conversation(*_own(request.name, request.owner))
        return Empty()

    async def ListMessages(self, request: pb.ListMessagesRequest, context: Context) -> pb.ListMessagesResponse:
        """Return a page of what was said."""
        cursor = self._tokens.read(request)
        size = page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = int(cursor[0]) if cursor else 0
        messages = await self._do.list_messages(*_own(request.parent, request.owner), after, size + 1)
        token = self._tokens.make([messages[size - 1].position], request) if len(messages) > size else ""
        return pb.ListMessagesResponse(messages=[_message(one) for one in messages[:size]], next_page_token=token)

    async def SendMessage(
        self, request: pb.SendMessageRequest, context: Context
    ) -> AsyncIterator[pb.SendMessageResponse]:
        """Say something and stream the answer."""
        parent, owner = _own(request.parent, request.owner)
        said = Said(parent, owner, request.text, _last(request.product), request.request_id.lower())
        async with aclosing(self._do.send_message(said)) as events:
            async for event in events:
                yield _event(event)

    async def GetArticle(self, request: pb.GetArticleRequest, context: Context) -> conversation_pb2.Article:
        """Return an article."""
        return _article(await self._do.get_article(_last(request.name)))

    async def ListArticles(self, request: pb.ListArticlesRequest, context: Context) -> pb.ListArticlesResponse:
        """Return a page of articles."""
        cursor = self._tokens.read(request)
        size = page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        articles = await self._do.list_articles((cursor[0], cursor[1]) if cursor else None, size + 1)
        more = len(articles) > size
        token = self._tokens.make([articles[size - 1].title, articles[size - 1].key], request) if more else ""
        return pb.ListArticlesResponse(articles=[_article(one) for one in articles[:size]], next_page_token=token)

    async def BatchUpsertArticles(
        self, request: pb.BatchUpsertArticlesRequest, context: Context
    ) -> pb.BatchUpsertArticlesResponse:
        """Create or replace articles."""
        articles = [Article(_last(one.name), one.title, one.topic, one.body) for one in request.articles]
        written = await self._do.write_articles(articles)
        return pb.BatchUpsertArticlesResponse(
            written_count=written.articles, indexed_passage_count=written.indexed_passages
        )


def _own(name: str, owner: str) -> tuple[str, str]:
    """Return a conversation's key and who asks for it. Raises NotFound when somebody else is behind the call."""
    key = _last(name)
    return key, _asking(owner, conversation_not_found(key))


def _asking(owner: str, otherwise: AisleError) -> str:
    """Return who asks: the owner a request names must be the user the call is made for."""
    call = current_call.get()
    if call is None or call.caller.subject != owner:
        raise otherwise
    return owner


def _last(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rpartition("/")[2]


def _conversation(conversation: Conversation) -> conversation_pb2.Conversation:
    made = conversation_pb2.Conversation(
        name=f"conversations/{conversation.key}", owner=conversation.owner, title=conversation.title
    )
    made.create_time.FromDatetime(conversation.create_time)
    made.update_time.FromDatetime(conversation.update_time)
    return made


def _message_name(message: Message) -> str:
    return f"conversations/{message.conversation}/messages/{message.key}"


def _message(message: Message) -> conversation_pb2.Message:
    made = conversation_pb2.Message(
        name=_message_name(message),
        author=_AUTHORS[message.author],
        text=message.text,
        citations=[_citation(citation) for citation in message.citations],
        products=message.products,
        degraded=message.degraded,
        state=_STATES[message.state],
    )
    made.create_time.FromDatetime(message.create_time)
    return made


def _citation(citation: Citation) -> conversation_pb2.Citation:
    return conversation_pb2.Citation(
        index=citation.index,
        article=f"articles/{citation.article}",
        title=citation.title,
        section=citation.section,
        passage=citation.passage,
    )


def _article(article: Article) -> conversation_pb2.Article:
    made = conversation_pb2.Article(
        name=f"articles/{article.key}", title=article.title, topic=article.topic, body=article.body
    )
    if article.update_time is not None:
        made.update_time.FromDatetime(article.update_time)
    return made


def _event(event: happened.Event) -> pb.SendMessageResponse:
    match event:
        case happened.Started(question, answer):
            started = pb.AnswerStarted(question=_message_name(question), answer=_message_name(answer))
            return pb.SendMessageResponse(started=started)
        case happened.Activity(kind, text):
            return pb.SendMessageResponse(activity=pb.Activity(kind=kind, text=text))
        case happened.TextDelta(text):
            return pb.SendMessageResponse(text_delta=text)
        case happened.Cited(citation):
            return pb.SendMessageResponse(citation=_citation(citation))
        case happened.Shown(product):
            return pb.SendMessageResponse(product=product)
        case happened.Finished(message):
            for step in message.degraded:
                telemetry.degraded_answers.add(1, {"aisle.step": step, telemetry.RPC_METHOD: "SendMessage"})
            return pb.SendMessageResponse(finished=_message(message))
    raise AssertionError(event)
