"""Colour arithmetic for the pictures: OKLab in numpy, and repainting an object without touching its light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Mode = Literal["hue", "vivid", "grey", "light", "all", "none"]

_RGB_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]], dtype=np.float32)  # fmt: skip
_LMS_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]], dtype=np.float32)  # fmt: skip
_LMS_TO_RGB = np.linalg.inv(_RGB_TO_LMS).astype(np.float32)
_LAB_TO_LMS = np.linalg.inv(_LMS_TO_LAB).astype(np.float32)
_TO_LINEAR = (np.arange(256) / 255.0).astype(np.float32)
_TO_LINEAR = np.where(_TO_LINEAR <= 0.04045, _TO_LINEAR / 12.92, ((_TO_LINEAR + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)


@dataclass(frozen=True, slots=True)
class Oklch:
    """A colour by lightness, chroma and hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    def shifted(self, lightness: float = 0.0, chroma: float = 1.0) -> Oklch:
        """Return this colour made lighter by a step and stronger by a factor."""
        return Oklch(self.lightness + lightness, self.chroma * chroma, self.hue)

    def rgb(self) -> tuple[int, int, int]:
        """Return the colour as 8-bit sRGB."""
        angle = np.deg2rad(self.hue)
        lab = np.array([self.lightness, self.chroma * np.cos(angle), self.chroma * np.sin(angle)], dtype=np.float32)
        red, green, blue = (int(value) for value in lab_to_srgb(lab))
        return red, green, blue


@dataclass(frozen=True, slots=True)
class Coat:
    """How an object takes paint: which part, what share of its top stays bare, how loud the rest may be."""

    mode: Mode
    keep_top: float = 0.0
    calm: float = 1.0


def srgb_to_lab(pixels: npt.NDArray[np.uint8]) -> Array:
    """Turn 8-bit sRGB pixels into OKLab."""
    lms = np.cbrt(_TO_LINEAR[pixels] @ _RGB_TO_LMS.T)
    lab: Array = (lms @ _LMS_TO_LAB.T).astype(np.float32)
    return lab


def lab_to_srgb(lab: Array) -> npt.NDArray[np.uint8]:
    """Turn OKLab into 8-bit sRGB, clipping what the screen cannot show."""
    lms = lab @ _LAB_TO_LMS.T
    linear = np.clip((lms * lms * lms) @ _LMS_TO_RGB.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    pixels: npt.NDArray[np.uint8] = np.round(encoded * 255.0).astype(np.uint8)
    return pixels


def repaint(pixels: npt.NDArray[np.uint8], target: Oklch | None, coat: Coat) -> npt.NDArray[np.uint8]:
    """Move the object's own colour to the target and leave its other materials alone.

    Mode `hue` moves the dominant hue, `vivid` only where it is strong, `grey` the colourless parts, `light` those
    of them that are bright, `all` everything, `none` nothing.
    """
    solid = pixels[..., 3] > 8
    lab = srgb_to_lab(pixels[solid][:, :3])
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    strong = _ramp(chroma, 0.06, 0.085)[:, None] if coat.mode == "vivid" else np.float32(0.0)
    raw = lab.copy()
    _warm_greys(lab, chroma, hue)
    lab += (raw - lab) * strong
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    if target is not None and coat.mode != "none":
        rows = np.nonzero(solid)[0] / pixels.shape[0]
        below = _ramp(rows.astype(np.float32), coat.keep_top - 0.02, coat.keep_top + 0.02) if coat.keep_top else 1.0
        weight, centre = _region(lab[:, 0], chroma, hue, coat.mode)
        weight = (weight * below).astype(np.float32)
        total = float(weight.sum()) + 1e-6
        mean = (float((lab[:, 0] * weight).sum()) / total, float((chroma * weight).sum()) / total, centre)
        painted = _moved(lab, chroma, hue, target, mean, coat.mode)
        rest = lab * np.array([1.0, coat.calm, coat.calm], np.float32) if coat.calm < 1.0 else lab
        lab = rest + (painted - rest) * weight[:, None]
    elif coat.calm < 1.0:
        lab[:, 1:] *= coat.calm
    result = pixels.copy()
    result[solid, :3] = lab_to_srgb(lab.astype(np.float32))
    return result


def _warm_greys(lab: Array, chroma: Array, hue: Array) -> None:
    """Take the violet out of greys and darks and the rose out of browns, in place: on warm paper both would glow."""
    violet = 1.0 - _ramp(np.abs(_turn(hue - 298.0)), 30.0, 46.0)
    dark = 1.0 - _ramp(lab[:, 0], 0.46, 0.62)
    deep = dark * (1.0 - _ramp(chroma, 0.14, 0.20))
    pale = 0.9 * (1.0 - _ramp(chroma, 0.05, 0.085))
    lab[:, 1:] *= (1.0 - 0.75 * violet * np.maximum(deep, pale))[:, None]
    rosy = (1.0 - _ramp(np.abs(_turn(hue - 5.0)), 24.0, 34.0)) * dark * (1.0 - _ramp(chroma, 0.09, 0.115))
    turn = np.deg2rad(38.0) * rosy
    cosine, sine = np.cos(turn), np.sin(turn)
    lab[:, 1], lab[:, 2] = lab[:, 1] * cosine - lab[:, 2] * sine, lab[:, 1] * sine + lab[:, 2] * cosine


def _region(light: Array, chroma: Array, hue: Array, mode: Mode) -> tuple[Array, float]:
    if mode == "all":
        return np.ones_like(chroma), 0.0
    if mode in ("grey", "light"):
        faint = 1.0 - _ramp(chroma, 0.06, 0.11)
        return (faint * _ramp(light, 0.54, 0.66) if mode == "light" else faint).astype(np.float32), 0.0
    bins = np.bincount(((hue + 360.0) % 360.0 / 10.0).astype(np.int64), weights=chroma, minlength=36)
    smooth = bins + np.roll(bins, 1) + np.roll(bins, -1)
    centre = float(np.argmax(smooth)) * 10.0 + 5.0
    near = 1.0 - _ramp(np.abs(_turn(hue - centre)), 48.0, 70.0)
    return (near * (_ramp(chroma, 0.06, 0.085) if mode == "vivid" else _ramp(chroma, 0.012, 0.045))).astype(
        np.float32
    ), centre


def _moved(lab: Array, chroma: Array, hue: Array, target: Oklch,
           mean: tuple[float, float, float], mode: Mode) -> Array:  # fmt: skip
    mean_light, mean_chroma, centre = mean
    # Very light and very dark paints keep less contrast, as they do under a real lamp.
    room = min(1.0, 2.4 * min(target.lightness, 1.02 - target.lightness) + 0.25)
    light = np.clip(target.lightness + (lab[:, 0] - mean_light) * room, 0.10, 0.985)
    if mode in ("hue", "vivid"):
        strength = chroma * (target.chroma / max(mean_chroma, 0.02))
        angle = np.deg2rad(target.hue + 0.25 * _turn(hue - centre))
    else:
        strength = np.full_like(chroma, target.chroma) * np.clip((1.0 - light) * 4.0, 0.0, 1.0)
        angle = np.full_like(hue, np.deg2rad(target.hue))
    return np.stack([light, strength * np.cos(angle), strength * np.sin(angle)], axis=1).astype(np.float32)


def _ramp(values: Array, low: float, high: float) -> Array:
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    smooth: Array = (share * share * (3.0 - 2.0 * share)).astype(np.float32)
    return smooth


def _turn(degrees: Array) -> Array:
    turned: Array = ((degrees + 180.0) % 360.0 - 180.0).astype(np.float32)
    return turned
