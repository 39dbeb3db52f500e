"""The whole use case side of the assistant over fakes, for tests that ask it something."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.chat.application.advise_products import AdviseProducts
from services.chat.application.answer_about_product import AnswerAboutProduct
from services.chat.application.answer_question import AnswerQuestion
from services.chat.application.create_conversation import CreateConversation
from services.chat.application.find_passages import FindPassages, Glossary
from services.chat.application.index_passages import IndexPassages
from services.chat.application.recover_answers import RecoverAnswers
from services.chat.application.send_message import RunningAnswers, Said, SendMessage
from services.chat.application.write_answer import WriteAnswer
from services.chat.application.write_articles import WriteArticles
from services.chat.domain.article import Article
from services.chat.domain.conversation import Message
from services.chat.domain.event import Event, Finished
from services.chat.domain.product import Aspect, Opinions, Price, Product
from tests.fakes.chat_article_book import FakeArticleBook
from tests.fakes.chat_clock import FakeClock
from tests.fakes.chat_conversation_book import FakeConversationBook
from tests.fakes.chat_embedder import FakeEmbedder
from tests.fakes.chat_passage_index import FakePassageIndex
from tests.fakes.chat_shop import FakeShop
from tests.fakes.chat_writer import FakeWriter

ARTICLES = (
    Article("returns", "Returns", "returns", "You have 30 days to return something. Sale items may be returned too."),
    Article("delivery", "Delivery", "delivery", "Standard delivery costs 4.90 EUR. Delivery to Norway takes a week."),
    Article("wool", "Wool care", "care", "Wash wool jumpers at 30 degrees. Dry wool flat."),
)
PRODUCTS = (
    Product("harbour-wool-slippers", "Harbour Wool Slippers", Price(5900), stock=9, rating=4.5, review_count=12,
            description="Warm slippers for cold floors.", attributes={"Material": "felted wool"}),
    Product("night-ferry-slippers", "Night Ferry Slippers", Price(4900), stock=0, description="Travel slippers."),
    Product("rosehip-house-slippers", "Rosehip House Slippers", Price(4500), stock=3, description="Light slippers."),
    Product("snowdrift-slippers", "Snowdrift Shearling Slippers", Price(8900), stock=5,
            description="Shearling slippers."),
)  # fmt: skip
OPINIONS = {"harbour-wool-slippers": Opinions((Aspect("warmth", 10, 1, "So warm."),))}
OWNER = "maya"


@dataclass
class Rig:
    """Everything a turn of conversation needs, in memory."""

    talks: FakeConversationBook = field(default_factory=FakeConversationBook)
    book: FakeArticleBook = field(default_factory=FakeArticleBook)
    index: FakePassageIndex = field(default_factory=FakePassageIndex)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    shop: FakeShop = field(default_factory=lambda: FakeShop(PRODUCTS, OPINIONS))
    writer: FakeWriter = field(default_factory=FakeWriter)
    clock: FakeClock = field(default_factory=FakeClock)
    running: RunningAnswers = field(default_factory=lambda: RunningAnswers("here"))

    def __post_init__(self) -> None:
        glossary = Glossary(self.book, self.clock)
        answer = AnswerQuestion(
            glossary,
            FindPassages(self.book, self.index, self.embedder, glossary),
            WriteAnswer(self.writer),
            AdviseProducts(self.shop, self.embedder),
            AnswerAboutProduct(self.shop, self.embedder),
        )
        self.index_passages = IndexPassages(self.book, self.index, self.embedder)
        self.write_articles = WriteArticles(self.book, self.index_passages, self.clock)
        self.send = SendMessage(self.talks, answer, self.running, self.clock)
        self.recover = RecoverAnswers(self.talks, self.running, self.clock)

    async def learn(self, articles: Sequence[Article] = ARTICLES) -> None:
        await self.write_articles(articles)
        self.clock.move(minutes=1)

    async def begin(self) -> str:
        return (await CreateConversation(self.talks, self.clock)(OWNER)).key

    async def ask(self, key: str, text: str, product: str = "", request_id: str = "") -> list[Event]:
        return [event async for event in self.send(Said(key, OWNER, text, product, request_id))]

    async def answer(self, text: str, product: str = "") -> Message:
        return last(await self.ask(await self.begin(), text, product))


def last(events: Sequence[Event]) -> Message:
    finished = events[-1]
    assert isinstance(finished, Finished)
    return finished.message
