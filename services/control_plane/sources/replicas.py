"""What is asked of a source that knows where replicas are, and nothing else of the mesh."""

from collections.abc import Sequence
from typing import Protocol

from services.control_plane.topology import Topology


class Replicas(Protocol):
    """Where replicas are, from a source of its own."""

    async def changed(self) -> None:
        """Wait until they may be elsewhere than before."""

    def placed(self, topology: Topology) -> Topology | None:
        """Return a topology with the replicas in it, None while nothing is known of them."""

    @property
    def problems(self) -> Sequence[str]:
        """Return what of the source could not be used."""
