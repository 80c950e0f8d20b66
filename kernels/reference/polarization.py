# SPDX-License-Identifier: MIT
"""Polarization factor of a reflected ray."""

from ..jit import scalar, scalar_inline
from .vectors import cross, dot, unit


@scalar
def field_axes(incident, axis):
    """Return unit vectors of the E field (closest to `axis`) and B field of a ray."""
    B_in = unit(cross(axis, incident))
    return unit(cross(incident, B_in)), B_in


@scalar_inline
def kahn(cos_2theta_sqr, twist):
    """Kahn et al. (1982), 0.5 (1 + cos^2 2theta - K cos 2psi sin^2 2theta).

    For all loops, whatever way suits them to the last product, the `twist`.
    """
    return 0.5 * (1.0 + cos_2theta_sqr - twist)


@scalar
def polarization_factor(kahn_factor, incident, diffracted, axis):
    """Return the factor of a reflected ray, see `kahn`.

    C: ``polarization_factor``. cos 2psi of the angle psi = atan2(B, E) is
    written as (E^2 - B^2) / (E^2 + B^2), without trigonometry.

    Parameters
    ----------
    kahn_factor
        K, -1 to 1; 0 is an unpolarized beam.
    incident, diffracted
        Unit vectors of the rays.
    axis
        Unit vector of the E field ("polar_vector").
    """
    cos_2theta = dot(incident, diffracted)
    cos_2theta_sqr = cos_2theta * cos_2theta
    if kahn_factor == 0.0:
        return kahn(cos_2theta_sqr, 0.0)
    E_in, B_in = field_axes(incident, axis)
    E_out = dot(diffracted, E_in)
    B_out = dot(diffracted, B_in)
    E_sqr = E_out * E_out
    B_sqr = B_out * B_out
    cos_2psi = 1.0
    if E_sqr + B_sqr > 0.0:
        cos_2psi = (E_sqr - B_sqr) / (E_sqr + B_sqr)
    return kahn(cos_2theta_sqr, kahn_factor * cos_2psi * (1.0 - cos_2theta_sqr))
