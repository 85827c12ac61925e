"""Evidence of real machines: what must verify does, and what must be refused is, for the right reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.tee.evidence import certificates, nitro
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import state, verify
from tests.tee import material
from tests.tee.material import INTEL_TIME, SNP_TIME, at, flipped, needs_material, with_blob

pytestmark = needs_material

VENDORS = Roots()
some = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def refused(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots = VENDORS) -> str:
    """The code of the refusal."""
    with pytest.raises(CoterieError) as caught:
        verify(evidence, endorsements, now, roots)
    return caught.value.code


# Intel


def test_sgx_verifies_and_says_what_is_open() -> None:
    claims = verify(*material.intel("sgx_quote"), INTEL_TIME, VENDORS)
    assert claims.tcb_status == "ConfigurationAndSWHardeningNeeded"
    assert claims.advisories == ("INTEL-SA-00289", "INTEL-SA-00615")
    assert bytes.fromhex(claims.report_data).rstrip(b"\0") == b"Hello, world!"
    assert (claims.debug, claims.revocation, claims.assurance) == (False, "checked", "hardware")
    assert claims.marks["intel/tcb/sgx/00a067110000"] == 17


def test_tdx_verifies_in_its_time_only() -> None:
    evidence, endorsements = material.intel("tdx_quote")
    claims = verify(evidence, endorsements, INTEL_TIME, VENDORS)
    assert (claims.tcb_status, claims.advisories, claims.debug, claims.migratable) == (
        "UpToDate",
        (),
        False,
        False,
    )
    assert claims.measurements["mr_td"].startswith("91eb2b44d141d4ec")
    assert refused(evidence, endorsements, INTEL_TIME + timedelta(days=60)) == "CT-2236"
    assert refused(evidence, endorsements, at("2023-07-01")) == "CT-2236"


def test_tdx_of_an_outdated_platform_is_refused() -> None:
    evidence, endorsements = material.intel("tdx_quote_outdated")
    assert state(evidence).type == "tdx"
    assert refused(evidence, endorsements, at("2026-03-01")) == "CT-2238"


def test_collateral_of_another_platform_is_refused() -> None:
    evidence, _ = material.intel("tdx_quote")
    _, other = material.intel("tdx_quote_outdated")
    assert refused(evidence, other, at("2026-03-01")) == "CT-2238"
    sgx, _ = material.intel("sgx_quote")
    assert refused(sgx, Endorsements(type="sgx", collateral=other.collateral), at("2026-03-01")) in {
        "CT-2231",
        "CT-2238",
    }


def test_intel_root_is_the_one_that_dcap_qvl_has_built_in() -> None:
    import dcap_qvl

    evidence, endorsements = material.intel("tdx_quote")
    found = dcap_qvl.QuoteCollateralV3(
        **{
            name: bytes.fromhex(value) if name.endswith(("crl", "signature")) else value
            for name, value in endorsements.collateral.items()
        }
    )
    assert dcap_qvl.verify(evidence.blob, found, int(INTEL_TIME.timestamp())).status == "UpToDate"


@pytest.mark.parametrize("name", ["sgx_quote", "tdx_quote"])
def test_intel_under_another_root_is_refused(name: str) -> None:
    roots = Roots(profile="development", intel={"Intel SGX Root CA": "00" * 32})
    assert refused(*material.intel(name), INTEL_TIME, roots) == "CT-2235"


@pytest.mark.parametrize(("name", "signed"), [("sgx_quote", 432), ("tdx_quote", 632)])
@some
@given(st.data())
def test_one_flipped_bit_in_a_signed_quote(name: str, signed: int, data: st.DataObject) -> None:
    evidence, endorsements = material.intel(name)
    bit = data.draw(st.integers(0, 8 * signed - 1))
    changed = with_blob(evidence, flipped(evidence.blob, bit))
    assert refused(changed, endorsements, INTEL_TIME) in {"CT-2230", "CT-2231", "CT-2232", "CT-2238"}


@some
@given(st.data())
def test_what_can_change_in_a_quote_is_not_what_the_receipt_names(data: st.DataObject) -> None:
    evidence, endorsements = material.intel("tdx_quote")
    whole = verify(evidence, endorsements, INTEL_TIME, VENDORS)
    bit = data.draw(st.integers(8 * 632, 8 * len(evidence.blob) - 1))
    try:
        claims = verify(with_blob(evidence, flipped(evidence.blob, bit)), endorsements, INTEL_TIME, VENDORS)
    except CoterieError:
        return
    assert claims == whole


@pytest.mark.parametrize("field", ["tcb_info", "qe_identity", "pck_crl", "root_ca_crl", "tcb_info_signature"])
def test_changed_collateral_is_refused(field: str) -> None:
    evidence, endorsements = material.intel("tdx_quote")
    text = endorsements.collateral[field]
    place = text.find("17") if text.startswith("{") else len(text) // 2
    other = "8" if text[place + 1] != "8" else "7"
    changed = {**endorsements.collateral, field: text[: place + 1] + other + text[place + 2 :]}
    assert refused(evidence, Endorsements(type="tdx", collateral=changed), INTEL_TIME) in {
        "CT-2231",
        "CT-2234",
        "CT-2238",
    }


def test_collateral_whose_chain_is_not_whole() -> None:
    """Without the issuer of a list, its number would be remembered as another's, and could be rolled back."""
    evidence, endorsements = material.intel("tdx_quote")
    for field in ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain"):
        pem = endorsements.collateral[field]
        root = pem[pem.rindex("-----BEGIN") :]
        for text in (root, pem.replace("BEGIN CERT", "BEGINX CERT", 1), "words\n" + pem, pem + root, ""):
            changed = {**endorsements.collateral, field: text}
            assert refused(evidence, Endorsements(type="tdx", collateral=changed), INTEL_TIME) == "CT-2234"


def test_lists_of_another_issuer_are_refused() -> None:
    evidence, endorsements = material.intel("tdx_quote")
    _, processor = material.intel("sgx_quote")
    for field in ("pck_crl", "root_ca_crl"):
        other = processor.collateral["pck_crl"] if field == "pck_crl" else endorsements.collateral["pck_crl"]
        changed = {**endorsements.collateral, field: other}
        assert refused(evidence, Endorsements(type="tdx", collateral=changed), INTEL_TIME) in {
            "CT-2231",
            "CT-2234",
        }


@some
@given(st.data())
def test_one_changed_character_of_collateral_changes_nothing_or_refuses(data: st.DataObject) -> None:
    evidence, endorsements = material.intel("tdx_quote")
    field = data.draw(st.sampled_from(sorted(endorsements.collateral)))
    text = endorsements.collateral[field]
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0aAfF19 \n-X\u00e9"))
    changed = {**endorsements.collateral, field: text[:place] + other + text[place + 1 :]}
    try:
        claims = verify(evidence, Endorsements(type="tdx", collateral=changed), INTEL_TIME, VENDORS)
    except CoterieError:
        return
    assert claims == verify(evidence, endorsements, INTEL_TIME, VENDORS)


def test_collateral_that_lacks_something() -> None:
    evidence, endorsements = material.intel("tdx_quote")
    for field in endorsements.collateral:
        rest = {name: value for name, value in endorsements.collateral.items() if name != field}
        assert refused(evidence, Endorsements(type="tdx", collateral=rest), INTEL_TIME) == "CT-2234"


# AMD SEV-SNP


@pytest.mark.parametrize(("name", "policy"), [("virtee", 0), ("trustee", 31)])
def test_snp_verifies(name: str, policy: int) -> None:
    claims = verify(*material.snp(name), SNP_TIME, VENDORS)
    assert (claims.product, claims.vmpl, claims.debug, claims.migratable) == ("Milan", 0, False, False)
    assert (claims.policy["abi_minor"], claims.policy["smt_allowed"]) == (policy, True)
    reported = {part: claims.svns[part] for part in ("bootloader", "tee", "snp", "microcode")}
    assert reported == {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}
    assert claims.revocation == "absent"
    assert claims.root.startswith("AMD ARK-Milan")


def test_snp_with_debug_holds_and_says_so() -> None:
    assert verify(*material.snp("debug"), SNP_TIME, VENDORS).debug is True


@pytest.mark.parametrize("name", ["virtee", "trustee", "debug"])
def test_snp_is_valid_with_its_vcek_only(name: str) -> None:
    evidence, endorsements = material.snp(name)
    assert refused(evidence, endorsements, at("2022-01-01")) == "CT-2236"
    assert refused(evidence, endorsements, at("2031-01-01")) == "CT-2236"


@pytest.mark.parametrize("name", ["test-vcek-invalid-legacy.der", "test-vcek-invalid-new.der"])
def test_forged_vcek_is_refused(name: str) -> None:
    evidence, _ = material.snp("trustee")
    forged = material.snp_endorsements(material.read(f"snp/trustee/{name}"))
    assert refused(evidence, forged, SNP_TIME) == "CT-2235"


def test_vcek_of_another_chip_is_refused() -> None:
    evidence, _ = material.snp("trustee")
    _, other = material.snp("virtee")
    assert refused(evidence, other, SNP_TIME) == "CT-2231"


@pytest.mark.parametrize("product", ["genoa", "turin"])
def test_other_products_chain_is_refused(product: str) -> None:
    evidence, endorsements = material.snp("trustee")
    other = material.snp_endorsements(endorsements.certificates[0], product)
    assert refused(evidence, other, SNP_TIME) == "CT-2235"


def test_mixed_amd_chain_is_refused() -> None:
    evidence, endorsements = material.snp("trustee")
    vcek, ask, _ = endorsements.certificates
    genoa = material.amd_chain("genoa")[1]
    assert refused(evidence, Endorsements(type="snp", certificates=(vcek, ask, genoa)), SNP_TIME) == "CT-2235"


def test_real_turin_vcek_goes_with_its_chain_alone() -> None:
    from coterie.tee.evidence import der

    vcek = der.parse_chip_certificate(material.read("snp/virtee-sev/tests_certs_data_vcek_turin.der"))
    ask, ark = material.amd_chain("turin")
    chain = [certificates.load(one, "") for one in (ask, ark)]
    assert certificates.check_chain(chain, SNP_TIME, VENDORS.amd).startswith("Turin ")
    vcek.check_issued_by(der.subject_of(ask), chain[0].public_key())
    assert (vcek.name, vcek.number("1.3.6.1.4.1.3704.1.3.8")) == ("SEV-VCEK", 9)
    assert vcek.octets("1.3.6.1.4.1.3704.1.4", 8).hex() == "1e550a8ee5cf9f4d"
    evidence, _ = material.snp("trustee")
    turin = material.snp_endorsements(
        material.read("snp/virtee-sev/tests_certs_data_vcek_turin.der"), "turin"
    )
    assert refused(evidence, turin, SNP_TIME) == "CT-2231"
    genoa = certificates.load(material.amd_chain("genoa")[0], "")
    with pytest.raises(CoterieError, match="CT-2235"):
        vcek.check_issued_by(der.subject_of(material.amd_chain("genoa")[0]), genoa.public_key())


@pytest.mark.parametrize("name", ["virtee", "trustee"])
@some
@given(st.integers(0, 8 * 0x4A0 - 1))
def test_one_flipped_bit_in_a_report(name: str, bit: int) -> None:
    evidence, endorsements = material.snp(name)
    changed = with_blob(evidence, flipped(evidence.blob, bit))
    assert refused(changed, endorsements, SNP_TIME) in {"CT-2230", "CT-2231", "CT-2232"}


@some
@given(st.data())
def test_one_flipped_bit_in_a_vcek(data: st.DataObject) -> None:
    evidence, endorsements = material.snp("virtee")
    vcek, ask, ark = endorsements.certificates
    bit = data.draw(st.integers(0, 8 * len(vcek) - 1))
    changed = Endorsements(type="snp", certificates=(flipped(vcek, bit), ask, ark))
    assert refused(evidence, changed, SNP_TIME) in {"CT-2232", "CT-2234", "CT-2235", "CT-2236"}


@some
@given(st.data())
def test_one_flipped_bit_in_the_amd_chain(data: st.DataObject) -> None:
    evidence, endorsements = material.snp("virtee")
    chain = list(endorsements.certificates)
    which = data.draw(st.sampled_from([1, 2]))
    chain[which] = flipped(chain[which], data.draw(st.integers(0, 8 * len(chain[which]) - 1)))
    changed = Endorsements(type="snp", certificates=tuple(chain))
    assert refused(evidence, changed, SNP_TIME) in {"CT-2234", "CT-2235", "CT-2236"}


# AWS Nitro


@pytest.mark.parametrize("name", material.NITRO)
def test_nitro_verifies_in_its_hours_only(name: str) -> None:
    evidence, none = material.nitro(name)
    made = nitro.parse(evidence.blob).made_at
    claims = verify(evidence, none, made, VENDORS)
    assert claims.debug is (name != "valid-attestation-doc-bytes")
    assert (claims.revocation, claims.root.split()[:2]) == ("none", ["AWS", "aws.nitro-enclaves"])
    assert refused(evidence, none, made + timedelta(hours=4)) == "CT-2236"
    assert refused(evidence, none, made - timedelta(hours=1)) == "CT-2236"


def test_nitro_from_the_future_is_refused() -> None:
    evidence, none = material.nitro("debug-mode-attestation-doc-bytes")
    document = nitro.parse(evidence.blob)
    leaf = certificates.load(document.certificates[0], "")
    # The leaf begins three seconds before the document, so only the chain's other dates could be earlier.
    assert refused(evidence, none, leaf.not_valid_before_utc - timedelta(seconds=1)) == "CT-2236"


def test_nitro_under_another_root_is_refused() -> None:
    evidence, none = material.nitro("valid-attestation-doc-bytes")
    made = nitro.parse(evidence.blob).made_at
    roots = Roots(profile="development", nitro={"aws.nitro-enclaves": "00" * 32})
    assert refused(evidence, none, made, roots) == "CT-2235"


@some
@given(st.data())
def test_one_flipped_bit_in_a_nitro_document(data: st.DataObject) -> None:
    evidence, none = material.nitro("valid-attestation-doc-bytes")
    made = nitro.parse(evidence.blob).made_at
    bit = data.draw(st.integers(0, 8 * len(evidence.blob) - 1))
    changed = with_blob(evidence, flipped(evidence.blob, bit))
    assert refused(changed, none, made) in {"CT-2230", "CT-2231", "CT-2234", "CT-2235", "CT-2236"}


# TPM 2.0


def pinned() -> Roots:
    return Roots(tpm_keys=frozenset({certificates.key_digest(material.tpm()[1].keys[0])}))


def test_tpm_quote_verifies_with_its_nonce() -> None:
    claims = verify(*material.tpm(), SNP_TIME, pinned())
    assert claims.report_data == material.read("tpm/nonce.hex").decode().strip()
    assert set(claims.measurements) == {"pcr0", "pcr1", "pcr7", "pcr16"}
    assert claims.launch_bound == claims.measurements["pcr16"] != "00" * 32


def test_tpm_key_that_is_not_pinned_is_refused() -> None:
    assert refused(*material.tpm(), SNP_TIME) == "CT-2235"


@some
@given(st.data())
def test_one_flipped_bit_in_a_tpm_quote(data: st.DataObject) -> None:
    evidence, endorsements = material.tpm()
    part = data.draw(st.sampled_from(["blob", "signature", "pcrs"]))
    content = evidence.blob if part == "blob" else evidence.aux[part]
    content = flipped(content, data.draw(st.integers(0, 8 * len(content) - 1)))
    blob = content if part == "blob" else evidence.blob
    aux = dict(evidence.aux) if part == "blob" else {**evidence.aux, part: content}
    assert refused(Evidence.of("tpm", blob, aux), endorsements, SNP_TIME, pinned()) in {
        "CT-2230",
        "CT-2231",
        "CT-2234",
    }


# All of them

Case = Callable[[], tuple[Evidence, Endorsements]]
ALL: list[Case] = [
    lambda: material.intel("sgx_quote"),
    lambda: material.intel("tdx_quote"),
    lambda: material.snp("trustee"),
    lambda: material.nitro("valid-attestation-doc-bytes"),
    material.tpm,
]


@pytest.mark.parametrize("case", ALL)
def test_cut_off_or_longer_evidence_is_refused(case: Case) -> None:
    evidence, endorsements = case()
    for size in (1, 47, 100, len(evidence.blob) // 2):
        assert refused(with_blob(evidence, evidence.blob[:size]), endorsements, INTEL_TIME, pinned())
    if evidence.type not in (
        "sgx",
        "tdx",
    ):  # padding behind a quote is not signed
        assert refused(with_blob(evidence, evidence.blob + b"\0"), endorsements, INTEL_TIME, pinned())


@pytest.mark.parametrize("case", ALL)
def test_evidence_under_another_type_is_refused(case: Case) -> None:
    evidence, endorsements = case()
    roots = Roots(profile="development")
    for kind in ("sgx", "tdx", "snp", "nitro", "tpm", "sim", "swtpm"):
        if kind != evidence.type:
            other = Evidence.of(kind, evidence.blob, dict(evidence.aux))  # type: ignore[arg-type]
            renamed = endorsements.model_copy(update={"type": kind})
            assert refused(other, renamed, INTEL_TIME, roots)
            assert refused(evidence, renamed, INTEL_TIME, roots) == "CT-2234"


@pytest.mark.parametrize("case", ALL)
def test_documents_survive_their_own_form(case: Case) -> None:
    evidence, endorsements = case()
    assert Evidence.parse(evidence.to_bytes()) == evidence
    assert Endorsements.parse(endorsements.to_bytes()) == endorsements
    assert state(evidence).body.startswith("sha256:")


@pytest.mark.parametrize("case", ALL)
def test_a_time_without_its_zone_is_refused(case: Case) -> None:
    evidence, endorsements = case()
    assert refused(evidence, endorsements, INTEL_TIME.replace(tzinfo=None)) == "CT-1112"
