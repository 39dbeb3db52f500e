"""What one process has to say to Redis about the budgets of one tenant: requests that wait, and leases that changed."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.llm.adapters.budget_script import heading, key_of, mention
from services.llm.domain.budget import Amount, Budget, BudgetSpent
from services.llm.domain.lease import Hold, Lease

# A request is repeated so many times while others are asked to give back what they hold idle.
RECALLS = 2
# What is idle for so long goes back.
_IDLE_SECONDS = 1.0
# No call lasts so long: nobody will settle what a lease was used for before.
_FORGOTTEN_SECONDS = 900.0
# Budgets in one message: a script must not keep Redis from others for long.
_MOST_BUDGETS = 300


@dataclass(slots=True, eq=False)
class Ask:
    """A request that waits for an answer: what is set aside, which budget is spent, or None when Redis is away."""

    leases: Sequence[Lease]
    amount: Amount
    answer: asyncio.Future[Sequence[Hold] | BudgetSpent | None]
    # What is set aside here, and the leases that Redis is asked for.
    held: list[Hold] = field(default_factory=list)
    lacking: list[Lease] = field(default_factory=list)
    recalls: int = 0

    def hold(self, now: float) -> bool:
        """Set aside what leases hold, and note the others; returns whether nothing is lacking."""
        self.held, self.lacking = [], []
        for lease in self.leases:
            if lease.lacks(self.amount, now):
                self.lacking.append(lease)
            else:
                self.held.append(lease.take(self.amount, now))
        return not self.lacking

    def granted(self, now: float) -> list[Hold]:
        """Return all that is set aside, here and in Redis."""
        for lease in self.lacking:
            lease.touched_at = now
        return [*self.held, *(Hold(lease, lease.window, *lease.needs(self.amount)) for lease in self.lacking)]

    def refused(self) -> None:
        """Put back what was set aside here."""
        for hold in self.held:
            hold.undo()
        self.held = []


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and whom the reply is for."""

    keys: Sequence[str]
    arguments: Sequence[int]
    leases: Sequence[Lease]
    asks: Sequence[Ask]
    sent_at: float


class Desk:
    """The leases of one tenant in this process."""

    def __init__(self, tenant: str, replica: str, numbers: Iterator[int]) -> None:
        """Take whose budgets these are, what names this process, and the numbers of its messages."""
        self._tenant = tenant
        self._said = key_of(tenant, f"said:{replica}")
        self._numbers = numbers
        self._leases: dict[str, Lease] = {}
        self.asks: list[Ask] = []
        # Leases of which something is idle, owed or not yet told.
        self.stirred: set[Lease] = set()
        # What was sent and not answered.
        self.pending: Message | None = None
        self.talking = asyncio.Lock()
        # The process leaves: all goes back at once.
        self.leaving = False

    def lease(self, budget: Budget) -> Lease:
        """Return the lease of a budget, with the limits as they are now."""
        lease = self._leases.get(budget.key)
        if lease is None:
            lease = self._leases[budget.key] = Lease(budget)
        lease.budget = budget
        return lease

    @property
    def idle(self) -> bool:
        """Whether there is nothing here that matters."""
        return not (self._leases or self.asks or self.stirred or self.pending)

    def note(self, lease: Lease) -> None:
        """Remember whether there is something to say about a lease."""
        if lease.quiet:
            self.stirred.discard(lease)
        else:
            self.stirred.add(lease)

    def withdraw(self, ask: Ask) -> None:
        """Take a request back whose asker has gone, and put back what it was granted at that moment."""
        if ask.answer.done() and not ask.answer.cancelled():
            granted = ask.answer.result()
            if granted is not None and not isinstance(granted, BudgetSpent):
                for hold in granted:
                    hold.undo()
                self.stirred.update(ask.leases)
        ask.answer.cancel()

    def sweep(self, now: float) -> bool:
        """Forget leases nobody used for long; returns whether there were any."""
        gone = [
            key
            for key, lease in self._leases.items()
            if lease.quiet and now - max(lease.touched_at, lease.asked_at) > _FORGOTTEN_SECONDS
        ]
        for key in gone:
            del self._leases[key]
        return bool(gone)

    def compose(self, now: float, wall: float) -> Message | None:
        """Return the next message: what waits, what changed, what goes back; None when there is nothing to say."""
        asks, needs = self._waiting(now)
        leases = [*needs]
        for lease in self.stirred:
            if len(leases) >= _MOST_BUDGETS:
                break
            if lease not in needs:
                leases.append(lease)
        if not leases:
            return None
        arguments = heading(next(self._numbers), wall)
        for lease in leases:
            need = needs.get(lease)
            back = need is not None or self._goes_back(lease, now)
            arguments += mention(lease, back, None if self.leaving else need)
        places = {lease: at for at, lease in enumerate(leases, 1)}
        arguments.append(len(asks))
        for ask in asks:
            arguments += (len(ask.lacking), int(ask.recalls >= RECALLS))
            for lease in ask.lacking:
                arguments += (places[lease], *lease.needs(ask.amount))
        keys = [self._said, *(key_of(self._tenant, lease.budget.key) for lease in leases)]
        self.pending = Message(keys, arguments, leases, asks, now)
        return self.pending

    def _waiting(self, now: float) -> tuple[list[Ask], dict[Lease, tuple[int, int]]]:
        """Return the requests Redis is asked, and for each lease they lack the largest need."""
        waiting, self.asks = self.asks, []
        asks, needs = list[Ask](), dict[Lease, tuple[int, int]]()
        for ask in waiting:
            if ask.answer.done():
                continue
            if len(needs) >= _MOST_BUDGETS:
                self.asks.append(ask)
            elif ask.hold(now):
                # The reply to somebody else's request brought enough along.
                ask.answer.set_result(ask.held)
            else:
                asks.append(ask)
                for lease in ask.lacking:
                    if lease not in needs:
                        lease.grow(now)
                    tokens, micros = lease.needs(ask.amount)
                    most = needs.get(lease, (0, 0))
                    needs[lease] = (max(tokens, most[0]), max(micros, most[1]))
        return asks, needs

    def _goes_back(self, lease: Lease, now: float) -> bool:
        return self.leaving or lease.recalled or lease.owes or now - lease.touched_at > _IDLE_SECONDS
