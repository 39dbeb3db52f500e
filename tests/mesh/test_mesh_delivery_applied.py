"""What people apply to the mesh: validated, told what would change, taken as a whole, and seen by Envoy."""

from collections.abc import Iterator

import grpc
import pytest

from aisle.mesh.v1 import mesh_service_pb2 as pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub
from tests.mesh.rig import Mesh, eventually

pytestmark = pytest.mark.servers

STAFF = (("x-aisle-caller", "cli"), ("x-aisle-subject", "users/staff"), ("x-aisle-role", "admin"))
FAULT = "services: {analytics: {fault: {abort: {code: ABORTED, percent: 100}}}}"


@pytest.fixture
def admin(mesh: Mesh) -> Iterator[MeshAdminServiceStub]:
    """The control plane's administration; whatever a test applies is taken back."""
    with grpc.insecure_channel(f"127.0.0.1:{mesh.control_plane_port}") as channel:
        stub = MeshAdminServiceStub(channel)
        yield stub
        stub.ApplyDelivery(pb.ApplyDeliveryRequest(), metadata=STAFF)


def test_applied_file_is_told_before_and_reaches_envoy(admin: MeshAdminServiceStub, mesh: Mesh) -> None:
    before = admin.GetDelivery(pb.GetDeliveryRequest(), metadata=STAFF)
    told = admin.ApplyDelivery(pb.ApplyDeliveryRequest(text=FAULT, validate_only=True), metadata=STAFF)
    assert list(told.changes) == ["analytics: fault: none -> 100 % fail with ABORTED"]
    assert list(told.differences) == [
        pb.DeliveryChange(service="analytics", field="fault", after="100 % fail with ABORTED")
    ]
    assert admin.GetDelivery(pb.GetDeliveryRequest(), metadata=STAFF) == before
    done = admin.ApplyDelivery(pb.ApplyDeliveryRequest(text=FAULT, etag=before.etag), metadata=STAFF)
    assert done.changes == told.changes
    assert (done.delivery.text, done.delivery.services[0].fault) == (FAULT, "100 % fail with ABORTED")
    eventually(
        lambda: "x-fault" not in mesh.admin("/config_dump").text and "grpc_status" in mesh.admin("/config_dump").text
    )
    again = admin.ApplyDelivery(pb.ApplyDeliveryRequest(text=FAULT), metadata=STAFF)
    assert (again.changes, again.delivery.etag) == ([], done.delivery.etag)


def test_what_is_not_there_yet_is_told(admin: MeshAdminServiceStub) -> None:
    text = "services: {analytics: {weights: {stable: 90, v9: 10}}, ghost: {max_calls: 1}}"
    done = admin.ApplyDelivery(pb.ApplyDeliveryRequest(text=text), metadata=STAFF)
    assert list(done.delivery.problems) == [
        "analytics: no replica runs version 'v9'",
        "ghost: no such service is registered",
    ]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (pb.ApplyDeliveryRequest(text="services: ["), grpc.StatusCode.INVALID_ARGUMENT, "not YAML"),
        (
            pb.ApplyDeliveryRequest(text="services: {analytics: {weights: {stable: 0}}}"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the weights are all 0",
        ),
        (pb.ApplyDeliveryRequest(text=FAULT, etag="old"), grpc.StatusCode.ABORTED, "Somebody changed"),
    ],
)
def test_what_cannot_be_applied_changes_nothing(
    admin: MeshAdminServiceStub, request_: pb.ApplyDeliveryRequest, code: grpc.StatusCode, words: str
) -> None:
    before = admin.GetDelivery(pb.GetDeliveryRequest(), metadata=STAFF)
    with pytest.raises(grpc.RpcError, match=words) as refused:
        admin.ApplyDelivery(request_, metadata=STAFF)
    assert refused.value.code() is code
    assert admin.GetDelivery(pb.GetDeliveryRequest(), metadata=STAFF) == before


def test_only_staff_may(admin: MeshAdminServiceStub) -> None:
    shopper = (("x-aisle-caller", "bff"), ("x-aisle-subject", "users/anna"), ("x-aisle-role", "shopper"))
    with pytest.raises(grpc.RpcError) as refused:
        admin.ApplyDelivery(pb.ApplyDeliveryRequest(text=FAULT), metadata=shopper)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
