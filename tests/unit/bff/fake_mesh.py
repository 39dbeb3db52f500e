"""The administration of the mesh, as the control plane answers it."""

from typing import Any

from aisle.mesh.v1 import mesh_service_pb2 as mesh
from aisle.mesh.v1 import mesh_service_pb2_grpc as mesh_grpc
from services.runtime.errors import Conflict
from tests.unit.bff.fake_shop import CREATED, FakeShop

REASON = "Error adding/updating cluster(s) product: duplicate endpoint"


def a_status() -> Any:
    refused = mesh.TypeStatus(
        type="Cluster",
        acknowledged_version="c1",
        acknowledge_time=CREATED,
        resource_count=9,
        refused_version="c2",
        refusal_reason=REASON,
        refused_resources=["product"],
        refuse_time=CREATED,
    )
    return mesh.MeshStatus(
        services=[
            mesh.ServiceStatus(
                name="product",
                endpoints=[
                    mesh.EndpointStatus(address="127.0.0.1:50051", version="stable", zone="a"),
                    mesh.EndpointStatus(address="127.0.0.1:50052", version="v2", health=mesh.ENDPOINT_HEALTH_DRAINING),
                ],
            )
        ],
        proxies=[
            mesh.ProxyStatus(
                node_id="edge-1", variant=mesh.PROTOCOL_VARIANT_DELTA, connect_time=CREATED, types=[refused]
            ),
            mesh.ProxyStatus(node_id="edge-2", in_sync=True, types=[mesh.TypeStatus(type="Cluster", pending=True)]),
        ],
        versions=[mesh.SnapshotVersion(type="Cluster", version="c2", resource_count=9)],
        publish_time=CREATED,
        problems=["route product: no cluster"],
        source_problems=["product: 0.0.0.0:1 is left out"],
    )


class FakeMesh(mesh_grpc.MeshAdminServiceServicer):
    """Keeps a delivery file and refuses an apply that names an older one."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop
        self.text = ""

    async def GetMeshStatus(self, request: Any, context: Any) -> Any:
        self.shop.note("GetMeshStatus", request)
        return a_status()

    async def GetDelivery(self, request: Any, context: Any) -> Any:
        self.shop.note("GetDelivery", request)
        return self._delivery()

    async def ApplyDelivery(self, request: Any, context: Any) -> Any:
        self.shop.note("ApplyDelivery", request)
        differs = request.text != self.text
        changes = ["product: weights: none -> stable 90, v2 10"] if differs else []
        weights = mesh.DeliveryChange(service="product", field="weights", after="stable 90, v2 10")
        if not request.validate_only:
            if request.etag and request.etag != self._etag():
                raise Conflict("DELIVERY_CHANGED", "Somebody changed the delivery meanwhile; look at it again.")
            self.text = request.text
        return mesh.ApplyDeliveryResponse(
            delivery=self._delivery(),
            changes=changes,
            differences=[weights] if differs else [],
            problems=["product: no replica runs version 'v3'"],
        )

    def _etag(self) -> str:
        return f"e{len(self.text)}"

    def _delivery(self) -> Any:
        product = mesh.ServiceDelivery(
            service="product",
            weights=[mesh.VersionWeight(version="stable", weight=90), mesh.VersionWeight(version="v2", weight=10)],
            rules=["x-aisle-subject=users/anna -> v2"],
            shadow_version="v3",
            shadow_percent=12.5,
            fault="1 % fail with UNAVAILABLE",
            max_calls=200,
        )
        return mesh.Delivery(
            text=self.text,
            etag=self._etag(),
            services=[product] if self.text else [],
            problems=["product: no replica runs version 'v3'"] if self.text else [],
        )
