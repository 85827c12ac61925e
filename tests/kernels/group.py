"""Ristretto255 (RFC 9496) and hashing to it (RFC 9380) in integers: to be read beside the RFCs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def positive(x: int) -> int:
    """CT_ABS: of x and -x, the even one."""
    x %= P
    return P - x if x & 1 else x


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1, section 4.2: whether u/v is a square, and the non-negative root of it or of i·u/v."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    square = check == u % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1 % P
        square = square or check == -u % P
    return square, positive(r)


_, INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)
SQRT_AD_MINUS_ONE = P - positive(sqrt_ratio(-D - 1, 1)[1])
"""The odd root: the constant of section 4.1 is 2506306895336462347411141415870215270124453150747..."""


@dataclass(frozen=True)
class Element:
    """A point in affine coordinates, standing for its class."""

    x: int
    y: int

    def __add__(self, other: Element) -> Element:
        product = D * self.x * other.x * self.y * other.y % P
        x = (self.x * other.y + self.y * other.x) * pow(1 + product, -1, P) % P
        y = (self.y * other.y + self.x * other.x) * pow(1 - product, -1, P) % P
        return Element(x, y)

    def __rmul__(self, scalar: int) -> Element:
        total, power = Element(0, 1), self
        while scalar:
            if scalar & 1:
                total += power
            power += power
            scalar >>= 1
        return total

    def encode(self) -> bytes:
        """Section 4.3.2, with z = 1."""
        x, y, t = self.x, self.y, self.x * self.y % P
        u1, u2 = (1 + y) * (1 - y) % P, t
        _, root = sqrt_ratio(1, u1 * u2 * u2 % P)
        den1, den2 = root * u1 % P, root * u2 % P
        inverse = den1 * den2 * t % P
        den = den2
        if t * inverse % P & 1:
            x, y, den = y * SQRT_M1 % P, x * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
        if x * inverse % P & 1:
            y = -y % P
        return positive(den * (1 - y)).to_bytes(32, "little")


def decode(data: bytes) -> Element | None:
    """Section 4.3.1; None for what encodes no element."""
    s = int.from_bytes(data, "little")
    if s >= P or s & 1:
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, root = sqrt_ratio(1, v * u2 * u2 % P)
    x = positive(2 * s * root * u2)
    y = u1 * root * root * u2 * v % P
    if not square or x * y % P & 1 or y == 0:
        return None
    return Element(x, y)


def map_to_element(data: bytes) -> Element:
    """MAP, section 4.3.4."""
    t = int.from_bytes(data, "little") % 2**255 % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -positive(s * t) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return Element(w0 * pow(w1, -1, P) % P, w2 * pow(w3, -1, P) % P)


def derive(uniform: bytes) -> Element:
    """An element from 64 uniform bytes, section 4.3.4."""
    return map_to_element(uniform[:32]) + map_to_element(uniform[32:])


def expand_message(message: bytes, tag: bytes) -> bytes:
    """expand_message_xmd with SHA-512 to 64 bytes, RFC 9380, section 5.3.1."""
    suffix = tag + bytes([len(tag)])
    first = hashlib.sha512(bytes(128) + message + (64).to_bytes(2, "big") + b"\0" + suffix).digest()
    return hashlib.sha512(first + b"\1" + suffix).digest()
