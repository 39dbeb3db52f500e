"""Runs the control plane: `python -m services.control_plane`."""

from contextlib import AsyncExitStack

from services.control_plane.ads import SERVICE, AdsServer
from services.control_plane.settings import ControlPlaneSettings
from services.control_plane.snapshot import SnapshotCache
from services.control_plane.sources import descriptors
from services.control_plane.sources.registry_file import RegistryFile
from services.runtime.serve import Service, run


def main() -> None:
    """Wire sources to snapshots and snapshots to streams."""
    settings = ControlPlaneSettings.load()

    async def build(stack: AsyncExitStack) -> Service:
        cache = SnapshotCache()
        registry = RegistryFile(settings.registry, descriptors.methods(), settings.poll_seconds)
        return Service(
            full_name=SERVICE,
            register=AdsServer(cache).register,
            checks={"topology": cache.ready},
            background=[lambda: cache.follow(registry.topologies())],
        )

    run(settings, build)


if __name__ == "__main__":
    main()
