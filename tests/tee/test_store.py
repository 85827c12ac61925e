"""The store of endorsements: what was seen is not forgotten, and what is older is refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence import store as store_module
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.model import Endorsements
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore, platform_key
from tests.tee import material
from tests.tee.forge import NOW, SnpPlatform
from tests.tee.material import INTEL_TIME, needs_material


def refused(store: EndorsementStore, platform: SnpPlatform, given: Endorsements | None) -> str:
    with pytest.raises(CoterieError) as caught:
        store.verify(platform.evidence(), given, NOW, platform.roots())
    return caught.value.code


def listed(number: int, **change: object) -> SnpPlatform:
    return SnpPlatform(crl_number=number, **change)  # type: ignore[arg-type]


def test_endorsements_are_given_once_and_found_again(tmp_path: Path) -> None:
    store, platform = EndorsementStore(tmp_path / "store"), listed(5)
    assert refused(store, platform, None) == "CT-2243"
    given = platform.endorsements()
    claims, digest = store.verify(platform.evidence(), given, NOW, platform.roots())
    assert store.verify(platform.evidence(), None, NOW, platform.roots()) == (claims, digest)
    assert EndorsementStore(tmp_path / "store").archived(digest) == given
    other = listed(5, chip_id=b"\x09" * 8 + bytes(56))
    assert refused(store, other, None) == "CT-2243"
    assert platform_key(other.evidence()) != platform_key(platform.evidence())


def test_a_lower_number_is_refused_for_good(tmp_path: Path) -> None:
    store = EndorsementStore(tmp_path)
    for number in (5, 6, 6):
        platform = listed(number)
        store.verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    assert refused(store, listed(5), listed(5).endorsements()) == "CT-2242"
    again = EndorsementStore(tmp_path)
    assert refused(again, listed(5), listed(5).endorsements()) == "CT-2242"
    assert (
        refused(again, listed(6), listed(6, crl_issued=NOW - timedelta(days=2)).endorsements()) == "CT-2242"
    )
    newest = store.verify(listed(6).evidence(), None, NOW, listed(6).roots())[0]
    assert set(newest.marks) == set(again.marks())
    assert 6 in again.marks().values()


def test_endorsements_without_a_list_do_not_push_out_those_with_one(tmp_path: Path) -> None:
    store, full = EndorsementStore(tmp_path), listed(5)
    bare = full.endorsements().model_copy(update={"crls": ()})
    store.verify(full.evidence(), bare, NOW, full.roots())
    assert store.current(full.evidence()).crls == ()
    store.verify(full.evidence(), full.endorsements(), NOW, full.roots())
    store.verify(full.evidence(), bare, NOW, full.roots())
    assert len(store.current(full.evidence()).crls) == 1


def test_what_does_not_verify_raises_no_mark(tmp_path: Path) -> None:
    store = EndorsementStore(tmp_path)
    forged = listed(10**9)
    forged.certified_tcb = {**forged.tcb, "snp": 9}
    assert refused(store, forged, forged.endorsements()) == "CT-2237"
    assert store.marks() == {}
    assert list((tmp_path / "archive").iterdir()) == []


def test_expired_endorsements_in_the_store_are_refused(tmp_path: Path) -> None:
    store, platform = EndorsementStore(tmp_path), listed(5)
    store.verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    with pytest.raises(CoterieError, match="CT-2236"):
        store.verify(platform.evidence(), None, NOW + timedelta(days=40), platform.roots())


def test_a_crash_before_the_marks_are_written_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes fail one after the other, from the first on: whatever is told was remembered before."""
    first, second = listed(5), listed(9)
    old, new = first.endorsements(), second.endorsements()
    EndorsementStore(tmp_path).verify(first.evidence(), old, NOW, first.roots())
    real = store_module.atomic_write
    for allowed, highest in ((0, 5), (1, 5), (2, 9)):  # before the archive, the marks, the pointer
        done: list[Path] = []

        def failing(
            path: Path, data: bytes, mode: int = 0o600, allowed: int = allowed, done: list[Path] = done
        ) -> None:
            if len(done) == allowed:
                raise KeyboardInterrupt
            done.append(path)
            real(path, data, mode)

        with monkeypatch.context() as patch:
            patch.setattr(store_module, "atomic_write", failing)
            with pytest.raises(KeyboardInterrupt):
                EndorsementStore(tmp_path).verify(second.evidence(), new, NOW, second.roots())
        reopened = EndorsementStore(tmp_path)
        assert max(number for name, number in reopened.marks().items() if name.endswith("number")) == highest
        assert reopened.current(first.evidence()) == old
        (tmp_path / "archive" / f"{new.digest[7:]}.json").unlink(missing_ok=True)
    assert refused(EndorsementStore(tmp_path), first, old) == "CT-2242"
    store = EndorsementStore(tmp_path)
    store.verify(second.evidence(), new, NOW, second.roots())
    assert store.current(first.evidence()) == new


def test_marks_that_are_gone_or_damaged(tmp_path: Path) -> None:
    store, platform = EndorsementStore(tmp_path), listed(5)
    _, digest = store.verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    marks = (tmp_path / "marks.json").read_bytes()
    for content in (b"", b"{}", b'{"version":"coterie/marks/v1","highest":{"a":"5"}}', b"x" * (2**20 + 1)):
        (tmp_path / "marks.json").write_bytes(content)
        assert refused(store, platform, platform.endorsements()) == "CT-2244"
    (tmp_path / "marks.json").unlink()
    with pytest.raises(CoterieError, match="CT-2244"):
        EndorsementStore(tmp_path)
    (tmp_path / "marks.json").write_bytes(marks)
    name = digest.removeprefix("sha256:") + ".json"
    (tmp_path / "archive" / name).write_bytes(b"{}")
    assert refused(store, platform, None) == "CT-2244"
    for wrong in ("../../etc/passwd", "sha256:" + "0" * 63):
        with pytest.raises(CoterieError, match="CT-2244"):
            store.archived(wrong)
    with pytest.raises(CoterieError, match="CT-2243"):
        store.archived("sha256:" + "0" * 64)


def test_many_at_once(tmp_path: Path) -> None:
    platforms = [listed(number) for number in range(1, 9)]
    outcomes: list[str] = []

    def one(platform: SnpPlatform) -> None:
        try:
            EndorsementStore(tmp_path).verify(
                platform.evidence(), platform.endorsements(), NOW, platform.roots()
            )
            outcomes.append("kept")
        except CoterieError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=one, args=(platform,)) for platform in platforms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"kept", "CT-2242"}
    assert len(outcomes) == 8
    assert 8 in EndorsementStore(tmp_path).marks().values()


def test_evidence_that_brings_its_endorsements(tmp_path: Path) -> None:
    sim = SimAttester(tmp_path / "home", bytes(32), now=lambda: NOW)
    roots = Roots(profile="development", simulated=frozenset({sim.pin}))
    store = EndorsementStore(tmp_path / "store")
    claims, digest = store.verify(sim.quote(bytes(64)), None, NOW, roots)
    assert claims.marks == {}
    assert store.archived(digest) == Endorsements(type="sim")


@needs_material
def test_intel_collateral_is_found_by_platform(tmp_path: Path) -> None:
    store = EndorsementStore(tmp_path)
    evidence, endorsements = material.intel("tdx_quote")
    claims, _ = store.verify(evidence, endorsements, INTEL_TIME, Roots())
    assert platform_key(evidence) == "b0c06f000000"
    assert store.verify(evidence, None, INTEL_TIME, Roots())[0] == claims
    assert store.marks()["intel/tcb/tdx/b0c06f000000"] == 17
    newer = {**store.marks(), "intel/tcb/tdx/b0c06f000000": 18}
    store.remember(evidence, endorsements, claims.model_copy(update={"marks": newer}))
    with pytest.raises(CoterieError, match="CT-2242"):
        store.verify(evidence, endorsements, INTEL_TIME, Roots())
