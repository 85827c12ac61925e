"""Links between parties: meshes of channels, the front door, control records, introductions."""

from coterie.wire.address import PeerAddress, check_host, network_of, parse_address
from coterie.wire.clienthello import ClientHello, parse_client_hello
from coterie.wire.control import PeerClient, PeerServer, Turnstile
from coterie.wire.enrol import EnrolServer, Invitation, Invitations, accept_invitation
from coterie.wire.errors import LOST, NOT_IN_TIME, PEER_FINISHED
from coterie.wire.flow import WINDOW
from coterie.wire.frontdoor import FrontDoor, Splice, Take, read_link_name, spliced_from
from coterie.wire.handoff import Inbound, handoff_pair, recv_fd, send_fd
from coterie.wire.kept import KeptClient
from coterie.wire.linkmesh import LinkMesh, dial_tcp
from coterie.wire.local import local_meshes
from coterie.wire.mesh import OUTSIDE, RECORD_LIMIT, Channel, Mesh, Traffic, Waiting

__all__ = [
    "LOST",
    "NOT_IN_TIME",
    "OUTSIDE",
    "PEER_FINISHED",
    "RECORD_LIMIT",
    "WINDOW",
    "Channel",
    "ClientHello",
    "EnrolServer",
    "FrontDoor",
    "Inbound",
    "Invitation",
    "Invitations",
    "KeptClient",
    "LinkMesh",
    "Mesh",
    "PeerAddress",
    "PeerClient",
    "PeerServer",
    "Splice",
    "Take",
    "Traffic",
    "Turnstile",
    "Waiting",
    "accept_invitation",
    "check_host",
    "dial_tcp",
    "handoff_pair",
    "local_meshes",
    "network_of",
    "parse_address",
    "parse_client_hello",
    "read_link_name",
    "recv_fd",
    "send_fd",
    "spliced_from",
]
