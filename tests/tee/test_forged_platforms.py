"""Platforms that are wrong in one thing each, under roots of the test's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.hashes import SHA224
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.tee.evidence import cbor, der
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import state, verify
from tests.tee.forge import NOW, NitroPlatform, SnpPlatform

NONE = Endorsements(type="nitro")
MILAN = {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}


def snp_refused(platform: SnpPlatform) -> str:
    with pytest.raises(CoterieError) as caught:
        verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    return caught.value.code


@pytest.mark.parametrize("version", [2, 3, 5])
def test_turin(version: int) -> None:
    platform = SnpPlatform(version=version)
    claims = verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    assert (claims.product, claims.svns["fmc"], claims.svns["snp"], claims.svns["microcode"]) == (
        "Turin",
        1,
        4,
        200,
    )
    assert (claims.launch_bound, claims.measurements["measurement"]) == ("22" * 32, "11" * 48)
    assert (claims.debug, claims.migratable, claims.vmpl) == (False, False, 0)


@pytest.mark.parametrize("product", ["Milan", "Genoa"])
def test_milan_and_genoa(product: str) -> None:
    platform = SnpPlatform(product=product, tcb=MILAN, chip_id=b"\x07" * 64)
    assert verify(platform.evidence(), platform.endorsements(), NOW, platform.roots()).svns["snp"] == 8


def test_hwid_may_be_wrapped() -> None:
    platform = SnpPlatform(hwid=b"\x04\x08" + bytes(range(1, 9)))
    assert verify(platform.evidence(), platform.endorsements(), NOW, platform.roots()).product == "Turin"


def test_policy_bits_become_claims() -> None:
    platform = SnpPlatform(policy=0x30000 | 1 << 18 | 1 << 19 | 1 << 20, vmpl=2)
    claims = verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    assert (claims.debug, claims.migratable, claims.vmpl, claims.policy["single_socket"]) == (
        True,
        True,
        2,
        True,
    )


@pytest.mark.parametrize("part", ["fmc", "bootloader", "tee", "snp", "microcode"])
def test_vcek_of_other_firmware(part: str) -> None:
    platform = SnpPlatform()
    platform.certified_tcb = {**platform.tcb, part: platform.tcb[part] + 1}
    assert snp_refused(platform) == "CT-2237"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hwid": b"\x09" * 8}, "CT-2237"),
        ({"chip_id": bytes(64), "hwid": bytes(8)}, "CT-2237"),
        ({"chip_id": bytes(range(1, 9)) + b"\1" * 56}, "CT-2237"),
        ({"hwid": b"\x09" * 7}, "CT-2234"),
        ({"cpuid": (0x19, 1)}, "CT-2237"),
        ({"cpuid": (0x1A, 0x80)}, "CT-2237"),
        ({"chain_product": "Genoa"}, "CT-2237"),
        ({"name_in_vcek": "Genoa-B0"}, "CT-2237"),
        ({"leaf_name": "SEV-VLEK"}, "CT-2232"),
        ({"flags": 1 << 2}, "CT-2232"),
        ({"flags": 7 << 2}, "CT-2232"),
        ({"flags": 1 << 5}, "CT-2230"),
        ({"version": 1}, "CT-2232"),
        ({"version": 6}, "CT-2232"),
        ({"algorithm": 2}, "CT-2230"),
        ({"policy": 0x10000}, "CT-2230"),
        ({"policy": 0x30000 | 1 << 26}, "CT-2230"),
        ({"patches": {0x4C: b"\1"}}, "CT-2230"),
        ({"patches": {0x18B: b"\1"}}, "CT-2230"),
        ({"patches": {0x210: b"\1"}}, "CT-2230"),
        ({"patches": {0x184: b"\1"}}, "CT-2230"),
    ],
)
def test_one_thing_wrong(change: dict[str, Any], code: str) -> None:
    assert snp_refused(SnpPlatform(**change)) == code


def test_revocation_list() -> None:
    platform = SnpPlatform(crl_number=7)
    claims = verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    assert claims.revocation == "checked"
    assert 7 in claims.marks.values()
    assert claims.issued == "2026-05-31T00:00:00Z"
    assert snp_refused(SnpPlatform(crl_number=8, revoked=True)) == "CT-2239"
    assert snp_refused(SnpPlatform(crl_number=8, crl_issued=NOW - timedelta(days=31))) == "CT-2236"
    good = platform.endorsements()
    other = SnpPlatform(crl_number=7, chain_product="Genoa").endorsements()
    for crls in (other.crls, (b"no list",), (*good.crls, *good.crls)):
        with pytest.raises(CoterieError) as caught:
            verify(platform.evidence(), good.model_copy(update={"crls": crls}), NOW, platform.roots())
        assert caught.value.code == "CT-2234"


def test_certificates_out_of_order_or_missing() -> None:
    platform = SnpPlatform()
    vcek, ask, ark = platform.endorsements().certificates
    for chain in ((ask, vcek, ark), (vcek, ark, ask), (vcek, ark, ark), (ask, ask, ark), (vcek, ask), ()):
        with pytest.raises(CoterieError) as caught:
            verify(platform.evidence(), Endorsements(type="snp", certificates=chain), NOW, platform.roots())
        assert caught.value.code in {"CT-2232", "CT-2234", "CT-2235"}


@given(st.binary(max_size=400))
def test_chip_certificates_of_any_bytes(content: bytes) -> None:
    for read in (der.parse_chip_certificate, der.serial_of, der.subject_of, der.issuer_of):
        with pytest.raises(CoterieError, match="CT-2234"):
            read(content)


# AWS Nitro


def nitro_refused(platform: NitroPlatform, evidence: Evidence | None = None) -> str:
    with pytest.raises(CoterieError) as caught:
        verify(evidence or platform.evidence(), NONE, NOW, platform.roots())
    return caught.value.code


def test_nitro_with_a_job_in_pcr_16() -> None:
    platform = NitroPlatform(pcrs={0: b"\1" * 48, 16: b"\5" * 48})
    claims = verify(platform.evidence(), NONE, NOW, platform.roots())
    assert (claims.launch_bound, claims.debug) == ("05" * 48, False)
    assert claims.report_data == bytes(range(64)).hex()


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "SHA256"},
        {"module_id": ""},
        {"module_id": "a\nb"},
        {"module_id": 5},
        {"pcrs": {}},
        {"pcrs": {0: b"\1" * 32}},
        {"pcrs": {32: b"\1" * 48}},
        {"pcrs": {"0": b"\1" * 48}},
        {"cabundle": []},
        {"cabundle": ["text"]},
        {"user_data": b"\1" * 513},
        {"nonce": b"\1" * 513},
        {"public_key": b"\1" * 1025},
        {"timestamp": -1},
        {"timestamp": True},
        {"timestamp": 2**60},
        {"nonce": ...},
        {"more": 1},
    ],
)
def test_nitro_fields_out_of_bounds(changes: dict[str, object]) -> None:
    assert nitro_refused(NitroPlatform(changes=changes)) == "CT-2230"


def test_nitro_headers_and_chain() -> None:
    assert nitro_refused(NitroPlatform(protected=bytes.fromhex("a10126"))) == "CT-2230"
    assert nitro_refused(NitroPlatform(unprotected={1: -35})) == "CT-2230"
    platform = NitroPlatform()
    assert nitro_refused(platform, platform.evidence(tag=True)) == "CT-2230"
    assert nitro_refused(NitroPlatform(leaf_usage="key_cert_sign")) == "CT-2235"
    assert nitro_refused(NitroPlatform(changes={"certificate": b"\x30\x00"})) == "CT-2234"
    later = int((NOW + timedelta(minutes=6)).timestamp() * 1000)
    assert nitro_refused(NitroPlatform(changes={"timestamp": later})) == "CT-2236"
    with pytest.raises(CoterieError, match="CT-2235"):
        verify(NitroPlatform().evidence(), NONE, NOW, Roots())
    with pytest.raises(CoterieError, match="CT-2234"):
        verify(platform.evidence(), Endorsements(type="nitro", keys=(b"k",)), NOW, platform.roots())


def test_chain_with_more_authorities_than_allowed_or_unknown_demands() -> None:
    assert nitro_refused(NitroPlatform(ca=False)) == "CT-2235"
    assert nitro_refused(NitroPlatform(root_depth=0)) == "CT-2235"
    assert nitro_refused(NitroPlatform(demand=True)) == "CT-2235"
    assert nitro_refused(NitroPlatform(middle_usage="crl_sign")) == "CT-2235"
    assert nitro_refused(NitroPlatform(hash=SHA224())) == "CT-2235"


def test_parts_that_nobody_asked_for() -> None:
    platform = NitroPlatform()
    evidence = Evidence.of("nitro", platform.evidence().blob, {"certificates": b"x"})
    assert nitro_refused(platform, evidence) == "CT-2230"
    with pytest.raises(CoterieError, match="CT-2230"):
        state(evidence)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=20)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def code_of(content: bytes) -> str | None:
    """The code with which CBOR is refused; None if it is not."""
    try:
        cbor.decode(content, 10**6)
    except CoterieError as error:
        return error.code
    return None


@given(PLAIN)
def test_plain_cbor_comes_back(value: object) -> None:
    encoded = cbor2.dumps(value)
    if code_of(encoded) is None:
        assert cbor.decode(encoded, 10**6) == value
    else:
        with pytest.raises(cbor2.CBORError, match="depth"):
            cbor2.loads(encoded, max_depth=cbor.DEPTH)


@given(st.binary(max_size=60))
def test_cbor_of_any_bytes_is_refused_or_has_one_form(content: bytes) -> None:
    code = code_of(content)
    assert code in (None, "CT-2230")
    assert code is not None or cbor2.dumps(cbor.decode(content, 10**6)) == content


@pytest.mark.parametrize(
    "text",
    [
        *(
            "c11a514b67b0",
            "f93c00",
            "1801",
            "5f4101ff",
            "9f01ff",
            "a201010102",
            "0102",
            "f7",
            "d81c01",
            "a1f601",
        ),
        *("c24101", "5b7fffffffffffffff", "81818181818181818181", "a1820102f6", "e0", "fb3ff0000000000000"),
    ],
)
def test_cbor_that_is_more_than_plain(text: str) -> None:
    with pytest.raises(CoterieError, match="CT-2230"):
        cbor.decode(bytes.fromhex(text), 10**6)


def test_cbor_larger_than_its_limit() -> None:
    with pytest.raises(CoterieError, match="CT-2230"):
        cbor.decode(b"\x00" * 11, 10)
