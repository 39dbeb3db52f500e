"""One type of resource on one stream: what the proxy asked for, what it has, and what it refused.

Refusals are contained: a resource that was refused is held at its last good version until another one of it is wanted,
and the others of its type go on. When the proxy does not say which one it minds, all that were new are held.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    NOTHING,
    SECRETS,
    TAKEN_WHOLE,
    Difference,
    Resource,
    Selection,
    Snapshot,
)

EVERYTHING = "*"
# Of these nothing is taken away while something the proxy runs on may still refer to it.
_KEPT_WHILE_USED = frozenset({CLUSTERS, ENDPOINTS, SECRETS})
# Stands for a version nobody knows, for example of what was in a response that the proxy refused.
UNKNOWN = ""
# Stands for the version of what a proxy may have taken and may be left with for now.
PERHAPS = "?"

# How Envoy names what it minds, most telling first; the last one is any mention of the name.
_MENTIONS = (
    r"(?:cluster|listener)\(s\) (?:.*, )?{name}:",
    r'(?:^|[ {{])(?:cluster_)?name: "{name}"',
    r"(?<![\w.-]){name}(?![\w-]|\.\w)",
)


@dataclass(slots=True)
class Subscription:
    """One type on one stream."""

    type_url: str
    everything: bool = False
    names: frozenset[str] = frozenset()
    # Set once names were asked for: from then on no names means nothing, no longer everything.
    named: bool = False
    # What the proxy has, and by name the versions of what is not as it stands there.
    has: Selection = NOTHING
    differs: dict[str, str] = field(default_factory=dict)
    # What differed before the response in flight: refused, it settles none of it.
    replaced: dict[str, str] = field(default_factory=dict)
    # What the response in flight tells by name, none for what it takes away; and the names of responses that were
    # refused with nothing new in them: nobody knows what became of these, they are told again with the next snapshot.
    told: Mapping[str, Resource | None] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    # What it last acknowledged, and what is on its way to it.
    good: Selection = NOTHING
    in_flight: Selection | None = None
    nonce: str = ""
    # Set once it runs on something of this type, from this stream or an earlier one.
    running: bool = False
    # Versions of resources it refused, as far as they are still wanted.
    held: dict[str, str] = field(default_factory=dict)
    # Those of them that are held because the proxy did not say which it minds, as they were refused together: when
    # another version of one of them is wanted, they are tried again together.
    suspects: tuple[frozenset[str], ...] = ()
    acknowledged: str = ""
    acknowledged_at: datetime | None = None
    refused: str = ""
    reason: str = ""
    refused_at: datetime | None = None

    def wants(self, name: str) -> bool:
        """Return whether the proxy asked for a name."""
        return self.everything or name in self.names

    def desired(self, snapshot: Snapshot, keeping: bool) -> Selection:
        """Return what is to be on this stream: what was asked for of a snapshot, the last good of what was refused,
        and while `keeping`, what is about to be taken away.
        """
        selection = snapshot.select(self.type_url, None if self.everything else self.names)
        kept = self._about_to_go(selection) if keeping else ()
        if not self.held and not kept:
            return selection
        fitting = (self._last_good(one) for one in selection.resources.values())
        return Selection((*(one for one in fitting if one is not None), *kept))

    def difference(self, desired: Selection, keeping: bool) -> Difference:
        """Return what leads the proxy to what is desired."""
        found = desired.since(self.has)
        if not self.differs:
            return found
        changed = {one.name: one for one in found.changed}
        removed = dict.fromkeys(found.removed)
        for name, version in self.differs.items():
            wanted = desired.resources.get(name)
            if wanted is None and not self._stays(name, version, keeping):
                removed[name] = None
            elif wanted is not None and wanted.digest != version:
                changed[name] = wanted
            else:
                changed.pop(name, None)
                removed.pop(name, None)
        return Difference(tuple(changed[name] for name in sorted(changed)), tuple(sorted(removed)))

    def sent(self, desired: Selection, difference: Difference, nonce: str, restates: bool) -> None:
        """Remember what went out. What the proxy brought along and was told nothing about, it still has, unless the
        response restates all there is.
        """
        self.nonce, self.in_flight = nonce, desired
        # What it brought along in just the version that is wanted now is as good as acknowledged.
        brought = [one for name, one in desired.resources.items() if self.differs.get(name) == one.digest]
        if brought:
            self.good = Selection((*self.good.resources.values(), *brought))
        self.told = {**dict.fromkeys(difference.removed), **{one.name: one for one in difference.changed}}
        doubted = self.doubtful & self.told.keys()
        self.has, self.replaced = desired, {**self.differs, **dict.fromkeys(doubted, UNKNOWN)}
        self.doubtful -= doubted
        settled = self.told.keys() | desired.resources.keys()
        self.differs = {} if restates else {name: at for name, at in self.replaced.items() if name not in settled}

    def accept(self, now: datetime) -> None:
        """Take an acknowledgement of what is in flight."""
        assert self.in_flight is not None
        self.acknowledged, self.acknowledged_at = self.in_flight.version, now
        self.good, self.running, self.in_flight = self._asked_for(self.in_flight), True, None

    def refuse(self, reason: str, now: datetime) -> tuple[str, ...]:
        """Take a refusal of what is in flight, and return the names that are held from now on.

        None is when there was nothing in it but what had been good before: then it is left at that.
        """
        assert self.in_flight is not None
        refused, self.in_flight = self.in_flight, None
        asked_for = {name: one for name, one in self.told.items() if self.wants(name)}
        new = {name: one.digest for name, one in asked_for.items() if one and not self.good.holds(name, one.digest)}
        if not new:
            self.doubtful |= asked_for.keys()
            return ()
        minded = mentioned(reason, new)
        # A proxy that came with something nobody knows cannot be told to stay on part of it: then all is held.
        knows = bool(self.acknowledged) or not self.running
        guilty = minded if minded and knows else frozenset(new)
        self.held |= {name: new[name] for name in guilty}
        self.suspects = tuple(one for one in (*self.suspects, guilty - minded) if one)
        self.refused, self.reason, self.refused_at = self._asked_for(refused).version, reason, now
        self._return_to_good(asked_for.keys() - minded)
        return tuple(sorted(minded or guilty))

    def look_up(self, snapshot: Snapshot) -> None:
        """Take a new snapshot as a new try for what was left in doubt."""
        if self.doubtful:
            self.send_again(self.doubtful)
            self.doubtful = frozenset()
        self.forget_refusals_of_other_than(snapshot)

    def forget_refusals_of_other_than(self, snapshot: Snapshot) -> None:
        """Let go of refusals of what is no longer wanted: it may be sent again when it ever is."""
        if not self.held:
            return
        wanted = snapshot.select(self.type_url)
        gone = {name for name, at in self.held.items() if not wanted.holds(name, at)}
        # It may have been one of these: those refused with it get another try.
        cleared = [group for group in self.suspects if group & gone]
        self.suspects = tuple(group for group in self.suspects if group not in cleared)
        gone = gone.union(*cleared)
        self.held = {name: at for name, at in self.held.items() if name not in gone}
        if not self.held:
            self.refused, self.reason, self.refused_at = "", "", None

    def send_again(self, names: Iterable[str]) -> None:
        """Have resources sent although they are unchanged: the proxy needs them anew."""
        self.differs |= {name: UNKNOWN for name in names if self.wants(name)}

    def drop(self, names: frozenset[str]) -> None:
        """Forget what is no longer asked for: when it is again, it is sent again."""
        self.has = self.has.without(names & self.has.resources.keys())
        self.good = self.good.without(names & self.good.resources.keys())
        for name in names:
            self.differs.pop(name, None)
            self.held.pop(name, None)
        self.suspects = tuple(left for group in self.suspects if (left := group - names))

    def _return_to_good(self, maybe_taken: Iterable[str]) -> None:
        """Lead the proxy back from a response it refused, of which it may have taken some: only another one makes sure.

        What was in doubt before still is. Where there is nothing good to return to, it may keep what it has for now.
        """
        before = {name: at for name, at in self.replaced.items() if self.wants(name)}
        doubted = {*maybe_taken, *(name for name, at in before.items() if at == UNKNOWN)}
        unsure = {name: UNKNOWN if name in self.good.resources else PERHAPS for name in doubted}
        self.has, self.differs = self.good, {**before, **unsure, **self.differs}

    def _asked_for(self, sent: Selection) -> Selection:
        """Return what is still asked for of what was sent."""
        if self.everything or sent.resources.keys() <= self.names:
            return sent
        return sent.without(sent.resources.keys() - self.names)

    def _last_good(self, wanted: Resource) -> Resource | None:
        return self.good.resources.get(wanted.name) if self.held.get(wanted.name) == wanted.digest else wanted

    def _about_to_go(self, selection: Selection) -> tuple[Resource, ...]:
        if self.type_url not in _KEPT_WHILE_USED:
            return ()
        return tuple(self.good.resources[name] for name in selection.since(self.good).removed if self.wants(name))

    def _stays(self, name: str, version: str, keeping: bool) -> bool:
        """Return whether the proxy may keep something for now that it brought along or may have taken."""
        return version != UNKNOWN and (name in self.held or (keeping and self.type_url in _KEPT_WHILE_USED))


def takes_all_at_first(type_url: str) -> bool:
    """Return whether a first request without names means all there are, as it did before `*` was a name."""
    return type_url in TAKEN_WHOLE


def mentioned(reason: str, names: Iterable[str]) -> frozenset[str]:
    """Return which of some names a proxy's reason speaks of; none when it names none."""
    for pattern in _MENTIONS:
        found = frozenset(name for name in names if re.search(pattern.format(name=re.escape(name)), reason))
        if found:
            return found
    return frozenset()
