"""Whether the node of a home answers, for a container's health check: ``python healthy.py HOME``.

Ends with 0 where ``/healthz`` says ok, on the port that node.yaml opens, under the certificate of the home.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from contextlib import closing
from pathlib import Path

import yaml


def main() -> int:
    """Ask once."""
    home = Path(sys.argv[1])
    port = int(yaml.safe_load((home / "node.yaml").read_text(encoding="utf-8"))["listen"].rpartition(":")[2])
    # The certificate is the home's own; the name in it is the one that peers dial.
    context = ssl.create_default_context(cafile=str(home / "identity" / "api-cert.pem"))
    context.check_hostname = False
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=4, context=context)) as line:
        line.request("GET", "/healthz")
        answer = line.getresponse()
        return int(answer.read() != b"ok\n" or answer.status != 200)


if __name__ == "__main__":
    sys.exit(main())
