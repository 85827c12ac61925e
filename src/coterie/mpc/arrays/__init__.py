"""Arrays that programs compute with: a party's own plaintext, secret numbers, secret truth values.

They behave like NumPy's where protocols allow it, also under NumPy's own functions: ``np.exp(secret)`` is
``secret``'s. What would need the value itself (truth, iteration, conversion) is refused: a secret has no such
thing until it is revealed.
"""

from coterie.mpc.arrays.bits import Bits
from coterie.mpc.arrays.dispatch import implements
from coterie.mpc.arrays.opaque import Opaque
from coterie.mpc.arrays.private import Private, Transposed
from coterie.mpc.arrays.secret import Secret

__all__ = ["Bits", "Opaque", "Private", "Secret", "Transposed", "implements"]
