"""The Python SDK: everything that a node's REST API offers, as typed calls.

On the machine of a node, its home folder says all that is needed::

    with Client(home=Path("/var/lib/coterie/lender")) as lender:
        job = lender.submit(Path("score.yaml").read_text())
        job = lender.wait(job.id, on_progress=print)
        lender.download(job.id, "report.html", Path("report.html"))

From elsewhere: ``Client(url, token, fingerprint)``. The node's certificate is pinned by its SHA-256
fingerprint; no certificate authority takes part. Every failure is a :class:`coterie.errors.CoterieError`: the
one that the node reports, or one of the codes 605x.
"""

from .client import Client
from .errors import NODE_AWAY, NODE_NOT_PINNED

__all__ = ["NODE_AWAY", "NODE_NOT_PINNED", "Client"]
