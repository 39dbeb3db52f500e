"""The front end's files, product pictures, health, and the headers around all of them."""

import hashlib
import hmac
import time
from pathlib import Path

import pytest

from bff import upstreams
from bff.readiness import Readiness
from tests.unit.bff.conftest import MEDIA_KEY, Bff
from tests.unit.bff.test_bff_bad_input import problem_of

PAGE = {"Accept": "text/html,application/xhtml+xml"}


def signed(key: str, expires: int, with_key: str = MEDIA_KEY) -> str:
    signature = hmac.new(with_key.encode(), f"{key}|{expires}".encode(), hashlib.sha256).hexdigest()
    return f"/media/{key}?expires={expires}&signature={signature}"


SOON = int(time.time()) + 3600


@pytest.mark.parametrize("path", ["/", "/p/slippers", "/admin/products", "/index.html"])
async def test_every_page_is_the_front_ends_page(bff: Bff, path: str) -> None:
    answer = await bff.client.get(path, headers=PAGE)
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Shop</title>")
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    for rule in (
        "default-src 'self'",
        "img-src 'self' data:",
        "style-src 'self'",
        "connect-src 'self' ws://shop.test wss://shop.test",
        "frame-ancestors 'none'",
        "object-src 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy


async def test_page_that_did_not_change_keeps_its_policy(bff: Bff) -> None:
    first = await bff.client.get("/", headers=PAGE)
    again = await bff.client.get("/", headers={**PAGE, "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    # A browser would put it in the place of the page's own, and show nothing.
    assert "content-security-policy" not in again.headers


async def test_strange_host_does_not_reach_the_policy(bff: Bff) -> None:
    answer = await bff.client.get("/", headers={**PAGE, "Host": "x; script-src *"})
    assert "script-src *" not in answer.headers["content-security-policy"]


async def test_hashed_files_are_kept_for_ever_and_sent_packed(bff: Bff) -> None:
    packed = await bff.client.get("/assets/app-1.js", headers={"Accept-Encoding": "gzip"}, follow_redirects=False)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"].startswith("text/javascript")
    plain = await bff.client.get("/assets/app-1.js", headers={"Accept-Encoding": "identity"})
    assert plain.text.startswith("export {}")
    for answer in (packed, plain):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_other_files_are_asked_for_again(bff: Bff) -> None:
    first = await bff.client.get("/theme.js")
    assert (first.text, first.headers["cache-control"]) == ("// theme", "no-cache")
    again = await bff.client.get("/theme.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/assets/gone.js", "/nothing.txt", "/api", "/v1x/y", "/..%2f..%2fetc/passwd", "/%00"])
async def test_missing_file_is_a_problem_for_programs(bff: Bff, path: str) -> None:
    problem_of(await bff.client.get(path, headers={"Accept": "*/*"}), 404)


@pytest.mark.parametrize("path", ["/assets/gone.js", "/api/v1/gone", "/media/gone"])
async def test_addresses_of_programs_are_never_the_page(bff: Bff, path: str) -> None:
    assert (await bff.client.get(path, headers=PAGE)).status_code in (403, 404)


async def test_signed_picture_is_served_and_kept(bff: Bff) -> None:
    # Not SOON: that is as long ago as the tests before this one took.
    path = signed("products/a.webp", int(time.time()) + 3600)
    answer = await bff.client.get(path)
    assert (answer.content, answer.headers["content-type"]) == (b"RIFF-picture", "image/webp")
    assert "immutable" in answer.headers["cache-control"]
    assert "max-age=3" in answer.headers["cache-control"]
    again = await bff.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/media/products/a.webp", "MEDIA_SIGNATURE_INVALID"),
        (signed("products/a.webp", SOON, "other"), "MEDIA_SIGNATURE_INVALID"),
        (signed("products/a.webp", SOON) + "0", "MEDIA_SIGNATURE_INVALID"),
        (signed("products/a.webp", SOON).replace("a.webp?", "b.webp?"), "MEDIA_SIGNATURE_INVALID"),
        (signed("products/a.webp", SOON).replace(str(SOON), str(SOON + 9)), "MEDIA_SIGNATURE_INVALID"),
        (signed("products/a.webp", int(time.time()) - 1), "MEDIA_LINK_EXPIRED"),
        ("/media/products/a.webp?expires=%C3%A9&signature=%C3%A9", "MEDIA_SIGNATURE_INVALID"),
    ],
)
async def test_forged_or_old_address_is_denied(bff: Bff, path: str, reason: str) -> None:
    problem_of(await bff.client.get(path), 403, reason)


@pytest.mark.parametrize(
    "key", ["products/gone.webp", "../secret.webp", "products/../../secret.webp", "/etc/passwd", "products"]
)
async def test_signed_address_leads_nowhere_but_to_pictures(bff: Bff, key: str) -> None:
    path = signed(key, SOON).replace("..", "%2e%2e")
    assert (await bff.client.get(path)).status_code in (403, 404)


async def test_picture_behind_a_link_out_of_the_folder_is_not_found(bff: Bff) -> None:
    folder = Path(bff.settings.media_dir)
    (folder / "products" / "link.webp").symlink_to(folder.parent / "secret.webp")
    problem_of(await bff.client.get(signed("products/link.webp", SOON)), 404)


async def test_answers_for_programs_are_not_kept_and_run_nothing(bff: Bff) -> None:
    answer = await bff.client.get("/api/v1/products/slippers")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_long_answers_are_packed(bff: Bff) -> None:
    answer = await bff.client.get("/api/v1/products", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["products"]) == 3


async def test_process_is_alive_and_ready(bff: Bff) -> None:
    assert (await bff.client.get("/healthz")).json() == {"status": "ok"}
    ready = await bff.client.get("/readyz")
    assert ready.json() == {
        "status": "ready",
        "upstreams": dict.fromkeys(("product", "llm", "chat", "recommendation", "analytics", "mesh"), "serving"),
    }


async def test_process_is_not_ready_while_nothing_answers() -> None:
    async with upstreams.connect("127.0.0.1:1") as services:
        report = await Readiness(services.channels).report()
    assert report.status == "not_ready"
    assert set(report.upstreams.values()) == {"away"}


async def test_without_a_front_end_there_are_no_pages(bff: Bff) -> None:
    object.__setattr__(bff.settings, "static_dir", "")
    from bff.static import FrontEnd

    bff.application.asgi._app.router.default = FrontEnd("")  # type: ignore[attr-defined]
    problem_of(await bff.client.get("/", headers=PAGE), 404)
