"""Small topologies for tests: one of each kind of thing."""

from dataclasses import replace

from services.control_plane.topology import Address, EdgeRoute, Endpoint, Method, Protocol, Service, Topology

READ = Method("/aisle.shop.v1.ShopService/GetThing", "shop", timeout=3.0, retry_safe=True)
SPEND = Method("/aisle.shop.v1.ShopService/SpendMoney", "shop", timeout=10.0)
TELL = Method("/aisle.teller.v1.TellerService/TellStory", "teller", streaming=True, max_duration=120, idle_timeout=30)

SHOP = Service("shop", Protocol.GRPC, (Endpoint("127.0.0.1", 1001), Endpoint("127.0.0.1", 1002)))
TELLER = Service("teller", Protocol.GRPC, (Endpoint("127.0.0.1", 1003),))
FRONT = Service("front", Protocol.HTTP, (Endpoint("127.0.0.1", 1004),))


def topology(*services: Service) -> Topology:
    """Return a mesh of these services, of all three when none is named."""
    present = services or (FRONT, SHOP, TELLER)
    routes = (
        EdgeRoute("/api/talk", "front", timeout=0, idle_timeout=300, max_request_bytes=1 << 20, websocket=True),
        EdgeRoute(
            "/api/",
            "front",
            timeout=30,
            idle_timeout=60,
            max_request_bytes=1 << 20,
            usual_seconds=0.25,
            least_at_once=8,
            most_at_once=256,
        ),
        EdgeRoute("/", "front", timeout=15, idle_timeout=60, max_request_bytes=1 << 16),
    )
    return Topology(
        edge=Address("127.0.0.1", 8080),
        egress=Address("127.0.0.1", 15001),
        services=present,
        methods=(READ, SPEND, TELL),
        edge_routes=routes if FRONT in present else (),
    )


def moved(service: Service, *ports: int) -> Service:
    """Return the service with its replicas on other ports."""
    return replace(service, endpoints=tuple(Endpoint("127.0.0.1", port) for port in ports))
