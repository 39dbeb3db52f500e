"""Starts the chat service: settings to adapters to use cases to servicer."""

from contextlib import AsyncExitStack

from aisle.chat.v1.chat_service_pb2_grpc import add_ChatServiceServicer_to_server
from services.chat.adapters import postgres_session
from services.chat.adapters.llm_embedder import LlmEmbedder
from services.chat.adapters.llm_writer import LlmWriter
from services.chat.adapters.milvus_passages import MilvusPassages
from services.chat.adapters.postgres_articles import PostgresArticleBook
from services.chat.adapters.postgres_conversations import PostgresConversationBook
from services.chat.adapters.product_shop import ProductShop
from services.chat.adapters.system_clock import SystemClock
from services.chat.application.advise_products import AdviseProducts
from services.chat.application.answer_about_product import AnswerAboutProduct
from services.chat.application.answer_question import AnswerQuestion
from services.chat.application.create_conversation import CreateConversation
from services.chat.application.delete_conversation import DeleteConversation
from services.chat.application.find_passages import FindPassages, Glossary
from services.chat.application.index_passages import IndexPassages, KeepIndexed
from services.chat.application.read_articles import GetArticle, ListArticles
from services.chat.application.read_conversation import GetConversation, ListMessages
from services.chat.application.recover_answers import RecoverAnswers
from services.chat.application.send_message import RunningAnswers, SendMessage
from services.chat.application.write_answer import WriteAnswer
from services.chat.application.write_articles import WriteArticles
from services.chat.servicer import ChatServicer, UseCases
from services.chat.settings import ChatSettings
from services.runtime import serve, sql
from services.runtime.channel import MeshChannel
from services.runtime.idempotency import PostgresReplies
from services.runtime.paging import PageTokens

# What these change is in the service's own database, and nowhere else.
_ATOMIC = [f"/aisle.chat.v1.ChatService/{method}" for method in ("CreateConversation", "DeleteConversation")]


async def build(settings: ChatSettings, stack: AsyncExitStack) -> serve.Service:
    """Connect the adapters on the stack and wire the service."""
    url = settings.database_url.get_secret_value()
    database = await stack.enter_async_context(sql.connect(url, service="chat"))
    await postgres_session.migrated(database)
    replies = PostgresReplies(database, _ATOMIC)
    await replies.prepare()
    llm = await stack.enter_async_context(MeshChannel("chat", "llm", settings.egress_address))
    product = await stack.enter_async_context(MeshChannel("chat", "product", settings.egress_address))
    index = MilvusPassages(settings.milvus_uri, settings.passages_collection, settings.milvus_token.get_secret_value())
    stack.push_async_callback(index.close)
    talks, book, clock = PostgresConversationBook(database), PostgresArticleBook(database), SystemClock()
    embedder, shop, glossary = LlmEmbedder(llm), ProductShop(product), Glossary(book, clock)
    answer = AnswerQuestion(
        glossary,
        FindPassages(book, index, embedder, glossary),
        WriteAnswer(LlmWriter(llm)),
        AdviseProducts(shop, embedder),
        AnswerAboutProduct(shop, embedder),
    )
    running, index_passages = RunningAnswers(settings.holder), IndexPassages(book, index, embedder)
    recover = RecoverAnswers(talks, running, clock)
    await recover.at_start()
    use_cases = UseCases(
        CreateConversation(talks, clock),
        GetConversation(talks),
        DeleteConversation(talks),
        ListMessages(talks),
        SendMessage(talks, answer, running, clock),
        GetArticle(book),
        ListArticles(book),
        WriteArticles(book, index_passages, clock),
    )
    servicer = ChatServicer(use_cases, PageTokens(settings.token_key.get_secret_value()))
    return serve.Service(
        full_name="aisle.chat.v1.ChatService",
        register=lambda server: add_ChatServiceServicer_to_server(servicer, server),
        checks={"postgres": database.check},
        replies=replies,
        background=(recover, KeepIndexed(index_passages)),
    )


if __name__ == "__main__":
    loaded = ChatSettings.load()
    serve.run(loaded, lambda stack: build(loaded, stack))
