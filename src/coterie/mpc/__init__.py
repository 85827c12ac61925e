"""Secure multi-party computation: trace a program to a tape, deal randomness for it, run it.

A program is an ordinary function over a :class:`Context`. :func:`trace` writes down all that it will do,
:func:`run` does it at a compute party or a guest, :func:`deal` serves it at the dealer, who may also do so
ahead, into files (:func:`deal_ahead`), :func:`twin` computes the same in the clear.
"""

from coterie.mpc import functions
from coterie.mpc.arrays import Bits, Private, Secret
from coterie.mpc.context import FRAC, Context, Program
from coterie.mpc.corrections import Dealing
from coterie.mpc.dealer import deal
from coterie.mpc.errors import TAPE_OTHER, TAPE_USED
from coterie.mpc.follower import Inputs, Outputs
from coterie.mpc.form import Form
from coterie.mpc.network import Network
from coterie.mpc.plaintext import RowBlocks
from coterie.mpc.protocols import PROTOCOLS
from coterie.mpc.protocols.discrete import law as noise_law
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import fits
from coterie.mpc.run import run
from coterie.mpc.seeds import Entropy
from coterie.mpc.shares import Kept
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.storage import HOLD
from coterie.mpc.tape import MOST_PARTIES, Correlations, Disclosure, Setting, Tape
from coterie.mpc.tapefile import Binding, Named, Part, TapeHead, most_bytes, peek
from coterie.mpc.tapefile_reader import TapeFile, take_copy
from coterie.mpc.tapefile_writer import TapeFiles, TapeFolder, Target, deal_ahead
from coterie.mpc.trace import trace
from coterie.mpc.twin import TwinOutputs, twin

STATEMENTS = {kind: protocol.statement for kind, protocol in PROTOCOLS.items() if protocol.statement}
"""What each protocol assumes and shows, by kind of operation."""

__all__ = [
    "FRAC",
    "HOLD",
    "MOST_PARTIES",
    "STATEMENTS",
    "TAPE_OTHER",
    "TAPE_USED",
    "Binding",
    "Bits",
    "Context",
    "Correlations",
    "Dealing",
    "Disclosure",
    "Entropy",
    "Form",
    "Inputs",
    "Interval",
    "Kept",
    "Named",
    "Network",
    "Outputs",
    "Part",
    "Private",
    "Program",
    "ProtocolStatement",
    "RowBlocks",
    "Secret",
    "Setting",
    "Tape",
    "TapeFile",
    "TapeFiles",
    "TapeFolder",
    "TapeHead",
    "Target",
    "TwinOutputs",
    "deal",
    "deal_ahead",
    "fits",
    "functions",
    "most_bytes",
    "noise_law",
    "peek",
    "run",
    "take_copy",
    "trace",
    "twin",
]
