"""The simulated platform: the default where no hardware is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coterie.crypto import now as clock
from coterie.crypto import timestamp
from coterie.tee.evidence import simulated
from coterie.tee.evidence.attest.attester import check_report_data
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.evidence.model import Evidence


class SimAttester:
    """Signs evidence of type ``sim`` with a key of this process alone, which the home's simulated root
    certifies.
    """

    def __init__(
        self,
        home: Path,
        measurement: bytes,
        *,
        launch_bound: bytes | None = None,
        svn: int = 1,
        debug: bool = False,
        now: Callable[[], datetime] = clock,
    ) -> None:
        """:param home: folder of the simulated root; made on first use.
        :param measurement: 32 to 64 bytes that whoever starts the process has computed over what it executes.
        :param launch_bound: 32-byte digest of the job, as hardware has it from launch.
        """
        self._measurement = measurement
        self._launch_bound = launch_bound
        self._svn, self._debug, self._now = svn, debug, now
        self._key = Ed25519PrivateKey.generate()
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        opened = SimulatedHome(home, now())
        self._chain = opened.certify(spki, now())
        self.pin = opened.pin
        """Digest of the simulated root's key, for :attr:`Roots.simulated`."""

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes. Errors: CT-2248."""
        check_report_data(report_data)
        statement = simulated.Statement(
            measurement=self._measurement.hex(),
            report_data=report_data.hex(),
            launch_bound=None if self._launch_bound is None else self._launch_bound.hex(),
            debug=self._debug,
            svn=self._svn,
            made_at=timestamp(self._now()),
        )
        return Evidence.of("sim", simulated.seal_statement(statement, self._key, self._chain))
