"""Links between parties: meshes of channels, the front door, control records, introductions."""

from coterie.wire.local import local_meshes
from coterie.wire.mesh import OUTSIDE, RECORD_LIMIT, Channel, Mesh, Traffic, Waiting

__all__ = [
    "OUTSIDE",
    "RECORD_LIMIT",
    "Channel",
    "Mesh",
    "Traffic",
    "Waiting",
    "local_meshes",
]
