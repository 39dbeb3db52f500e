"""Runs the control plane: `python -m services.control_plane`."""

from contextlib import AsyncExitStack

import grpc

from aisle.mesh.v1.mesh_service_pb2_grpc import add_MeshAdminServiceServicer_to_server
from services.control_plane.ads import SERVICE, AdsServer
from services.control_plane.replies import MemoryReplies
from services.control_plane.servicer import MeshServicer
from services.control_plane.settings import ControlPlaneSettings
from services.control_plane.snapshot import SnapshotCache
from services.control_plane.sources import descriptors
from services.control_plane.sources.delivery_book import DeliveryBook
from services.control_plane.sources.endpoint_slices import EndpointSlices, slices
from services.control_plane.sources.kubernetes_api import ApiAccess, KubernetesApi
from services.control_plane.sources.kubernetes_mirror import Mirror
from services.control_plane.sources.registry_file import RegistryFile
from services.runtime.serve import Service, run


async def build(settings: ControlPlaneSettings, stack: AsyncExitStack) -> Service:
    """Wire sources to snapshots, and snapshots to streams."""
    cache = SnapshotCache()
    mirror = _slices(settings) if settings.source == "kubernetes" else None
    registry = RegistryFile(
        settings.registry,
        descriptors.methods(),
        settings.poll_seconds,
        settings.delivery,
        EndpointSlices(mirror) if mirror is not None else None,
    )
    ads = AdsServer(cache)
    mesh = MeshServicer(cache, ads, DeliveryBook(settings.delivery), lambda: registry.problems)

    def register(server: grpc.aio.Server) -> None:
        ads.register(server)
        add_MeshAdminServiceServicer_to_server(mesh, server)

    return Service(
        full_name=SERVICE,
        more_names=("aisle.mesh.v1.MeshAdminService",),
        register=register,
        replies=MemoryReplies(),
        checks={"topology": cache.ready},
        background=[
            lambda: cache.follow(registry.topologies()),
            *([mirror.follow] if mirror is not None else []),
        ],
    )


def _slices(settings: ControlPlaneSettings) -> Mirror:
    """Return the mirror of the slices in our namespace."""
    access = ApiAccess(
        settings.kubernetes_url, settings.namespace(), settings.kubernetes_token_file, settings.kubernetes_ca_file
    )
    return Mirror(KubernetesApi(access), slices(settings.kubernetes_selector))


if __name__ == "__main__":
    settings = ControlPlaneSettings.load()
    run(settings, lambda stack: build(settings, stack))
