"""Links between parties: meshes of channels, the front door, control records, introductions."""

from coterie.wire.address import PeerAddress, check_host, parse_address
from coterie.wire.linkmesh import LinkMesh, dial_tcp
from coterie.wire.local import local_meshes
from coterie.wire.mesh import OUTSIDE, RECORD_LIMIT, Channel, Mesh, Traffic, Waiting

__all__ = [
    "OUTSIDE",
    "RECORD_LIMIT",
    "Channel",
    "LinkMesh",
    "Mesh",
    "PeerAddress",
    "Traffic",
    "Waiting",
    "check_host",
    "dial_tcp",
    "local_meshes",
    "parse_address",
]
