"""Whatever changes, is refused and breaks off in whatever order: the rules of the protocol hold, in both variants."""

import logging
import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, SENDING_ORDER, Snapshot
from tests.unit.control_plane.clients import Client, DeltaClient, Response, SotwClient
from tests.unit.control_plane.worlds import Part, world

NAMES = ("shop", "shop-http", "teller", "front")
PARTS = st.builds(Part, st.integers(0, 2), st.integers(0, 2), st.integers(-1, 1))
TARGETS = st.frozensets(st.sampled_from(NAMES))
WORLDS = st.builds(
    world,
    st.dictionaries(st.sampled_from(NAMES), PARTS, min_size=1),
    st.fixed_dictionaries({"edge": TARGETS, "egress": TARGETS}),
    st.integers(0, 1),
    st.integers(0, 1),
)
# Nothing in it is in any other world: whatever was refused before, this is new.
ELSEWHERE = world({"elsewhere": Part(9, 9, 9)}, {"edge": frozenset(), "egress": frozenset({"elsewhere"})}, 9, 9)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Refusals are logged, and here there are thousands."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


class Protocol(RuleBasedStateMachine):
    """A server that changes its mind and a client that answers one response at a time, or refuses, or reconnects."""

    client_class: ClassVar[type[Client]]

    def __init__(self) -> None:
        super().__init__()
        self.client = self.client_class()
        # Versions that were refused and are wanted still: they must not come again on this stream.
        self.refused: dict[tuple[str, str], str] = {}
        # Versions it acknowledged last: to be told again to run on them cannot be held against them.
        self.known: dict[tuple[str, str], str] = {}
        # Those of them that it refused all the same, with nothing else to blame: they do not come again for nothing,
        # which is until another snapshot is wanted, a cluster waits for them, or they were sent beside something new.
        self.left: dict[tuple[str, str], str] = {}
        # What was refused together without a word on which it was: when one of it changes, all may come again.
        self.together: list[dict[tuple[str, str], str]] = []
        # What may be sent although the client has it: once what it asked for anew, and for as long as the stream lasts
        # what it refused a part of, because nobody can know which part it took.
        self.excused: set[tuple[str, str]] = set()
        self.doubted: set[tuple[str, str]] = set()
        # Set while a client of the variant that cannot help it came back to other clusters.
        self.lenient = False

    @initialize(snapshot=WORLDS)
    def begin(self, snapshot: Snapshot) -> None:
        self.goal = snapshot
        self.client.connect(snapshot)
        self.accept_everything()

    @rule(snapshot=WORLDS)
    def publish(self, snapshot: Snapshot) -> None:
        self.goal = snapshot
        self.left = {}
        self.forget_what_is_not_wanted()
        self.client.session.aim_at(snapshot)
        self.take()

    @precondition(lambda self: self.client.waiting)
    @rule()
    def accept(self) -> None:
        before = dict(self.client.asked)
        response = self.client.accept()
        self.known |= {(response.type_url, name): one.digest for name, one in response.resources.items()}
        self.after_answer(before)

    @precondition(lambda self: self.client.waiting)
    @rule(data=st.data(), tells=st.booleans())
    def refuse(self, data: st.DataObject, tells: bool) -> None:
        response = self.client.waiting[0]
        had = self.client.has[response.type_url]
        new = [name for name, one in response.resources.items() if had.get(name) is not one]
        minded = data.draw(st.lists(st.sampled_from(new), unique=True, min_size=1)) if new else []
        spared = [name for name in new if name not in minded]
        applied = data.draw(st.lists(st.sampled_from(spared), unique=True)) if spared else []
        self.turn_down(minded if tells else [], applied)

    @precondition(lambda self: self.client.waiting)
    @rule()
    def refuse_everything(self) -> None:
        """However stubborn a client is, the server leaves it at that after a while."""
        for _ in range(60):
            if not self.client.waiting:
                return
            self.turn_down([], [])
        raise AssertionError("it never ends")

    def turn_down(self, minded: list[str], applied: list[str]) -> None:
        """Refuse the oldest response, saying what is minded unless nothing is, and having taken some of it."""
        response = self.client.waiting[0]
        had = self.client.has[response.type_url]
        new = [name for name, one in response.resources.items() if had.get(name) is not one]
        reason = "; ".join(f'name: "{name}" is not well' for name in minded) or "not like this"
        before = dict(self.client.asked)
        self.client.refuse(reason, applied)
        self.blame(response, minded or new)
        if not minded:
            self.together.append({(response.type_url, name): one.digest for name, one in response.resources.items()})
        self.forget_what_is_not_wanted()
        self.doubted |= {(response.type_url, name) for name in (*response.resources, *response.removed)}
        self.after_answer(before)

    @rule()
    def reconnect(self) -> None:
        converged = self.converged()
        self.lenient = self.lenient or (isinstance(self.client, SotwClient) and not converged)
        recognised = self.client.recognisable(self.goal)
        self.refused, self.together, self.left = {}, [], {}
        self.excused = (
            set() if recognised else {(kind, name) for kind in SENDING_ORDER for name in self.client.has[kind]}
        )
        has = self.client.has
        self.known = {
            (kind, one.name): one.digest
            for kind in has
            for one in self.goal.of(kind).values()
            if has[kind].get(one.name) is one
        }
        self.client.connect(self.goal)
        sent = self.take()
        assert not (converged and recognised and sent)

    @rule(type_url=st.sampled_from(SENDING_ORDER), tells=st.booleans())
    def answer_something_stale(self, type_url: str, tells: bool) -> None:
        before = self.client.session.status()
        refusal = "late" if tells else None
        if isinstance(self.client, SotwClient):
            self.client.send(type_url, frozenset({"never"}), "of another stream", refusal)
        elif isinstance(self.client, DeltaClient) and type_url in self.client.asked:
            self.client.send(type_url, nonce="of another stream", refusal=refusal)
        assert self.client.session.due() == []
        assert self.client.session.status() == before

    @invariant()
    def routes_lead_to_clusters_that_are_there(self) -> None:
        clusters = self.client.has[CLUSTERS].keys()
        wanted = {name for one in self.client.has[ROUTES].values() for _, name in one.refers_to}
        assert self.lenient or wanted <= clusters

    def teardown(self) -> None:
        """All is accepted from now on, so the last world arrives."""
        if hasattr(self, "goal"):
            last = self.goal
            for snapshot in (ELSEWHERE, last):
                self.publish(snapshot)
                self.accept_everything()
                assert self.converged(), self.apart()

    def accept_everything(self) -> None:
        self.take()
        for _ in range(100):
            if not self.client.waiting:
                return
            self.accept()
            self.routes_lead_to_clusters_that_are_there()
        raise AssertionError("it never ends")

    def after_answer(self, asked_before: dict[str, frozenset[str]]) -> None:
        for type_url, names in self.client.asked.items():
            anew = {(type_url, name) for name in names - asked_before.get(type_url, frozenset())}
            self.excused |= anew
            self.refused = {key: at for key, at in self.refused.items() if key not in anew}
            self.left = {key: at for key, at in self.left.items() if key not in anew}
        self.known = {(kind, name): at for (kind, name), at in self.known.items() if name in self.client.has[kind]}
        self.take()
        if self.converged():
            self.lenient = False

    def blame(self, response: Response, names: list[str]) -> None:
        """Take a version for refused unless it is known to be good; those that are, when there is no other."""
        kind = response.type_url
        versions = {(kind, name): one.digest for name, one in response.resources.items()}
        good = {key: at for key, at in versions.items() if self.known.get(key) == at}
        self.refused |= {(kind, name): versions[kind, name] for name in names if (kind, name) not in good}
        self.left = {key: at for key, at in self.left.items() if key not in versions}
        if good == versions:
            self.left |= versions

    def forget_what_is_not_wanted(self) -> None:
        """A refused version may come again when another was wanted in between."""
        forgiven: set[tuple[str, str]] = set()
        for group in self.together:
            if not all(self.goal.select(kind).holds(name, at) for (kind, name), at in group.items()):
                forgiven |= group.keys()
        kept = [(key, at) for key, at in self.refused.items() if key not in forgiven]
        self.refused = {(kind, name): at for (kind, name), at in kept if self.goal.select(kind).holds(name, at)}

    def take(self) -> list[Response]:
        sent = self.client.take()
        for response in sent:
            self.check(response)
        return sent

    def check(self, response: Response) -> None:
        """Nothing refused comes again, and nothing without a reason."""
        kind, had = response.type_url, self.client.has[response.type_url]
        for name, one in response.resources.items():
            assert self.refused.get((kind, name)) != one.digest
        left = {(kind, name) for name, one in response.resources.items() if self.left.get((kind, name)) == one.digest}
        news = [name for name, one in response.resources.items() if had.get(name) is not one]
        excused = [name for name in response.resources if (kind, name) in self.excused | self.doubted]
        gone = response.removed or (isinstance(self.client, SotwClient) and had.keys() - response.resources.keys())
        assert news or excused or gone, response
        assert not left or left & self.excused or gone or left != {(kind, name) for name in response.resources}
        if isinstance(self.client, DeltaClient):
            assert left <= self.excused
            assert set(news) | set(excused) == response.resources.keys(), (kind, news, excused)
        self.excused -= {(kind, name) for name in response.resources}
        if kind == CLUSTERS:
            # Which of them changed for a server that does not know where the client was, the client cannot tell.
            self.excused |= {(ENDPOINTS, name) for name in response.resources}

    def apart(self) -> dict[str, tuple[list[str], list[str]]]:
        """Return what the client lacks or has in another version, and what it has too many, by type."""
        found = {}
        for kind in SENDING_ORDER:
            has, wanted = self.client.has[kind], self.goal.of(kind)
            lacking = [name for name, one in wanted.items() if has.get(name) is not one]
            found[kind] = (lacking, sorted(has.keys() - wanted.keys()))
        return found

    def converged(self) -> bool:
        """Return whether the client runs on the goal and nothing is under way."""
        has, goal = self.client.has, self.goal
        return (
            not self.client.waiting
            and not self.refused
            and all(has[kind] == dict(goal.of(kind)) for kind in (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES))
            and all(goal.of(kind)[name] is one for kind in SENDING_ORDER for name, one in has[kind].items())
        )


class StateOfTheWorld(Protocol):
    """The rules for StreamAggregatedResources."""

    client_class = SotwClient


class Delta(Protocol):
    """The rules for DeltaAggregatedResources."""

    client_class = DeltaClient


PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
# The same games each time where everybody waits for them; new ones in the long run, which is for finding.
LONG = os.environ.get("AISLE_LONG") == "1"
EXTENT = settings(
    max_examples=1000 if LONG else 80, stateful_step_count=25, deadline=None, phases=PHASES, derandomize=not LONG
)
# A thousand games take minutes, and many on a machine that has other things to do.
pytestmark = pytest.mark.timeout(3600 if LONG else 300)
TestStateOfTheWorld = StateOfTheWorld.TestCase
TestStateOfTheWorld.settings = EXTENT
TestDelta = Delta.TestCase
TestDelta.settings = EXTENT
