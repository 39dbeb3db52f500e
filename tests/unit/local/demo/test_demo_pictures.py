"""Pictures come out in the stated size, small, different from each other and in the product's colour."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from local.demo.catalogue import build_catalogue
from local.demo.colour import Coat, Oklch, repaint, srgb_to_lab
from local.demo.families import things
from local.demo.model import DemoProduct
from local.demo.pictures import compose

ASSETS = Path(__file__).parents[4] / "frontend/node_modules/@lobehub/fluent-emoji-3d/assets"
needs_assets = pytest.mark.skipif(
    not ASSETS.is_dir(), reason="the npm package @lobehub/fluent-emoji-3d is not installed in frontend/"
)
PRODUCTS = build_catalogue().products
SAMPLE = PRODUCTS[::37]


@needs_assets
@pytest.mark.parametrize("product", SAMPLE, ids=lambda product: str(product.id))
def test_pictures_decode_to_the_stated_size_and_stay_light(product: DemoProduct) -> None:
    pictures = compose(product, ASSETS)
    assert tuple(image for image, _ in pictures) == product.images
    for image, data in pictures:
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "WEBP"
            assert picture.size == (image.width, image.height)
        assert len(data) <= 25_000


@needs_assets
def test_a_picture_is_the_same_every_time() -> None:
    assert compose(SAMPLE[0], ASSETS) == compose(SAMPLE[0], ASSETS)


@needs_assets
def test_no_two_products_of_a_family_share_a_first_picture() -> None:
    covers = [
        compose(product, ASSETS)[0][1]
        for product in PRODUCTS
        if product.family in {"slippers", "novels", "oil-lamps", "scarves"}
    ]
    assert len(set(covers)) == len(covers)


@needs_assets
def test_every_object_the_pictures_need_is_in_the_package() -> None:
    assert not [code for code in things() if not (ASSETS / f"{code}.webp").is_file()]


def test_repainting_moves_the_dominant_hue_and_keeps_the_outline() -> None:
    red = np.zeros((8, 8, 4), np.uint8)
    red[2:6, 2:6] = (200, 40, 50, 255)
    blue = Oklch(0.5, 0.12, 260.0)
    painted = repaint(red, blue, Coat("hue"))
    lab = srgb_to_lab(painted[3, 3, :3])
    assert abs(np.degrees(np.arctan2(lab[2], lab[1])) % 360 - 260.0) < 8
    assert (painted[..., 3] == red[..., 3]).all()


def test_unpainted_objects_keep_their_colours() -> None:
    lemon = np.full((4, 4, 4), (250, 210, 60, 255), np.uint8)
    assert np.abs(repaint(lemon, Oklch(0.5, 0.12, 260.0), Coat("none")).astype(int) - lemon).max() <= 2
