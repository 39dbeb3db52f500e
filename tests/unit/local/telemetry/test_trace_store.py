"""The last traces, within a bound of memory."""

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from local.telemetry.traces import MOST_SPANS, TraceStore, Wanted

SECOND = 1_000_000_000
ANY = Wanted()


def span(
    trace: int, number: int = 1, *, parent: int = 0, ms: int = 5, failed: bool = False, name: str = "GET /"
) -> Span:
    made = Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=trace * SECOND + number,
        end_time_unix_nano=trace * SECOND + number + ms * 1_000_000,
    )
    if failed:
        made.status.code = Status.STATUS_CODE_ERROR
    return made


def ids(store: TraceStore, wanted: Wanted = ANY) -> list[int]:
    return [int(kept.trace_id, 16) for kept in store.newest(wanted)]


def test_a_trace_is_put_together_from_spans_that_come_in_any_order() -> None:
    store = TraceStore(1 << 20)
    store.add("product", span(7, 3, parent=2, name="GetProduct", failed=True))
    store.add("bff", span(7, 2, parent=1, name="GET /api/v1/products/{product_id}"))
    store.add("edge", span(7, 1, ms=40, name="GET /api/"))
    kept = store.find(f"{7:032x}")
    assert kept is not None
    assert (kept.root, kept.root_service, kept.errors, len(kept.spans)) == ("GET /api/", "edge", 1, 3)
    assert kept.title == "GET /api/v1/products/{product_id}"
    assert kept.services == {"edge", "bff", "product"}


def test_a_proxy_beside_the_service_does_not_hide_what_was_asked() -> None:
    store = TraceStore(1 << 20)
    store.add("edge", span(7, 1, name="GET /api/"))
    store.add("bff-proxy", span(7, 2, parent=1, name="/api/v1/products/tarn-socks"))
    store.add("bff", span(7, 3, parent=2, name="GET /api/v1/products/{product_id}"))
    kept = store.find(f"{7:032x}")
    assert kept is not None
    assert kept.title == "GET /api/v1/products/{product_id}"


def test_what_has_no_route_is_named_by_its_address() -> None:
    store = TraceStore(1 << 20)
    asset = span(7, 1, name="GET /")
    asset.attributes.add(key="url.path").value.string_value = "/assets/index.js"
    store.add("edge", asset)
    store.add("bff", span(7, 2, parent=1, name="GET /"))
    kept = store.find(f"{7:032x}")
    assert kept is not None
    assert kept.title == "GET /assets/index.js"
    assert ids(store, Wanted(method="index.js")) == [7]


def test_traces_are_found_by_service_method_time_and_failure() -> None:
    store = TraceStore(1 << 20)
    store.add("bff", span(1, name="GET /a"))
    store.add("bff", span(2, name="GET /b", ms=500))
    store.add("llm", span(3, name="aisle.llm.v1.LlmService/EmbedTexts", failed=True))
    assert ids(store) == [3, 2, 1]
    assert ids(store, Wanted(service="bff")) == [2, 1]
    assert ids(store, Wanted(method="embedtexts")) == [3]
    assert ids(store, Wanted(duration=SECOND // 10)) == [2]
    assert ids(store, Wanted(errors_only=True)) == [3]


def test_a_page_goes_on_behind_a_place_though_newer_traces_came() -> None:
    store = TraceStore(1 << 20)
    for trace in range(1, 6):
        store.add("bff", span(trace))
    kept = store.find(f"{3:032x}")
    assert kept is not None
    store.add("bff", span(9))
    assert [int(one.trace_id, 16) for one in store.newest(Wanted(), (kept.start, kept.trace_id))] == [2, 1]


def test_ordinary_traces_leave_first_and_failed_and_slow_ones_stay() -> None:
    store = TraceStore(20_000)
    store.add("bff", span(1, failed=True))
    store.add("bff", span(2, ms=1500))
    for trace in range(3, 500):
        store.add("bff", span(trace))
    assert store.size <= 20_000
    found = ids(store)
    assert {1, 2} <= set(found)
    assert 499 in found
    assert 3 not in found


def test_failed_traces_do_not_push_out_all_others() -> None:
    store = TraceStore(20_000)
    for trace in range(1, 500):
        store.add("bff", span(trace, failed=True))
    store.add("bff", span(500))
    assert store.size <= 20_000
    assert 500 in ids(store)


def test_a_trace_that_never_ends_keeps_its_first_spans() -> None:
    store = TraceStore(64 << 20)
    for number in range(1, MOST_SPANS + 50):
        store.add("bff", span(1, number))
    kept = store.find(f"{1:032x}")
    assert kept is not None
    assert len(kept.spans) == MOST_SPANS
