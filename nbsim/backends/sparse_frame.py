# SPDX-License-Identifier: MIT
"""A flat detector in its own axes, as sparse rendering sees it from the crystal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..resolve.vectors import cross, dot, magnitude, scaled

if TYPE_CHECKING:
    from ..kernels.params import Job

Bounds = tuple[int, int, int, int]


class Frame:
    """The detector's own axes: any two directions in its plane, and its normal.

    x, y and z are along these axes, in m; a direction is x/z and y/z.

    Attributes
    ----------
    axes
        (3, 3) rows: duals of the fast and slow axis within the plane, unit normal away
        from the crystal.
    squares
        Squared lengths of the first two.
    """

    def __init__(self, job: Job) -> None:
        det = job.det
        self._beam, self._det = job.beam, det
        # Plain Python: numpy takes longer for three numbers, and there may be panels.
        f, s = det.fdet_vector.tolist(), det.sdet_vector.tolist()
        normal = cross(f, s)
        area = magnitude(normal)
        normal = scaled(normal, 1.0 / area)
        duals = scaled(cross(s, normal), 1.0 / area), scaled(cross(normal, f), 1 / area)
        if dot(det.pix0_vector.tolist(), normal) < 0.0:
            normal = scaled(normal, -1.0)
        self.axes = np.array([*duals, normal])
        self._from_axes = np.array([f, s, normal]).T
        self.squares = np.array([dot(d, d) for d in duals])
        # Of the first and last layer: x, y, z of pixel 0, 0's outer corner.
        self._corners = []
        for layer in (0, det.detector_thicksteps - 1):
            depth = (layer + det.layer_offset) * det.detector_thickstep
            self._corners.append(
                self.axes @ (det.pix0_vector + depth * det.odet_vector)
            )

    def layers(self, xmin: int, ymin: int) -> np.ndarray:
        """Return what makes subpixels of directions; see `sparse_band.BAND`."""
        pixel = self._det.pixel_size
        fine = pixel / self._det.oversample
        return np.array(
            [
                (
                    z / fine,
                    (x + xmin * pixel) / fine + 0.5,
                    (y + ymin * pixel) / fine + 0.5,
                )
                for x, y, z in self._corners
            ]
        )

    def directions(self, bounds: Bounds) -> np.ndarray:
        """Return low and high x/z, low and high y/z of pixels, over all layers."""
        xmin, xmax, ymin, ymax = bounds
        pixel = self._det.pixel_size
        half = 0.5 * pixel / self._det.oversample
        over = []
        for x, y, z in self._corners:
            across = (xmin * pixel + half + x) / z, ((xmax + 1) * pixel - half + x) / z
            along = (ymin * pixel + half + y) / z, ((ymax + 1) * pixel - half + y) / z
            over.append((*across, *along))
        low, high = np.min(over, axis=0), np.max(over, axis=0)
        return np.array([low[0], high[1], low[2], high[3]])

    def planes(self, directions: np.ndarray) -> np.ndarray:
        """Return the (4, 3) inward unit normals of a pyramid of directions."""
        x0, x1, y0, y1 = directions
        along_x, along_y = self.squares
        planes = np.array(
            [[1.0, 0.0, -x0], [-1.0, 0.0, x1], [0.0, 1.0, -y0], [0.0, -1.0, y1]]
        )
        squares = along_x + x0**2, along_x + x1**2, along_y + y0**2, along_y + y1**2
        return planes / np.sqrt(squares)[:, None]

    def ball(self, directions: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the middle of a pyramid, and how far its unit vectors are from it.

        The farthest from a point of a spherical rectangle within it is a corner.
        """
        x0, x1, y0, y1 = directions
        points = [[x, y, 1.0] for x in (x0, x1) for y in (y0, y1)]
        points.append([0.5 * (x0 + x1), 0.5 * (y0 + y1), 1.0])
        units = np.array(points) @ self._from_axes.T
        units /= np.sqrt(np.einsum("ij,ij->i", units, units))[:, None]
        apart = units[:4] - units[4]
        return units[4], math.sqrt(float(np.einsum("ij,ij->i", apart, apart).max()))

    def q_max(self, directions: np.ndarray) -> float:
        """Return the largest |q| in a pyramid of directions, 1/Angstrom."""
        x0, x1, y0, y1 = directions
        corners = np.array([[x, y, 1.0] for x in (x0, x1) for y in (y0, y1)])
        corners = corners @ self._from_axes.T
        corners /= np.linalg.norm(corners, axis=1)[:, None]
        cosine = (corners @ self._beam.incident.T).min(axis=0)
        # Beyond 90 degrees the farthest point need not be a corner.
        cosine = np.where(cosine < 0.0, -1.0, np.minimum(cosine, 1.0))
        wavelengths = self._beam.wavelength * 1e10
        return float((np.sqrt(2.0 - 2.0 * cosine) / wavelengths).max())
