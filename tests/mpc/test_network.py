"""The network as plans see it: classes, estimates, the choice of comparisons by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.line import LAN, WAN
from coterie.mpc.form import Form
from coterie.mpc.network import BANDWIDTHS, LATENCIES, Network
from coterie.mpc.protocols.compare import choose_comparison, equal_call, less_call, ways
from coterie.mpc.ranges import Interval
from coterie.mpc.tape import Cost, Message, Setting

PARTIES = ("lender", "telecom")


def test_named_networks_are_classes() -> None:
    for one in (Network.LAN, Network.WAN, Network.NARROW):
        assert Network.of(one.latency, one.bandwidth) == one
        assert one.latency in LATENCIES
        assert one.bandwidth * 8 in BANDWIDTHS
    assert str(Network.WAN) == "round trip 50 ms, 100 Mb/s"
    assert Network.NARROW.to_dict() == {"latency": 0.025, "bandwidth": 1.25e6}


def test_shaped_lines_are_of_these_classes() -> None:
    for shape, network in ((LAN, Network.LAN), (WAN, Network.WAN)):
        assert shape.bytes_per_second is not None
        assert Network.of(shape.one_way, shape.bytes_per_second) == network


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.25])
def test_measurements_nearby_are_one_class(scale: float) -> None:
    assert Network.of(0.025 * scale, 1.25e7 / scale) == Network.WAN


@pytest.mark.parametrize(("latency", "bandwidth"), [(0.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_no_such_network(latency: float, bandwidth: float) -> None:
    with pytest.raises(ValueError, match="a network of"):
        Network(latency, bandwidth)


def test_the_worst_line_counts() -> None:
    assert Network.worst([Network.LAN, Network.NARROW, Network.WAN]) == Network.NARROW
    assert Network.worst([Network(0.1, 1e9), Network(0.01, 1e6)]) == Network(0.1, 1e6)


def test_seconds_are_those_of_the_busiest_line_and_the_longest_chain() -> None:
    setting = Setting(("a", "b", "c"), "hub")
    network = Network(0.1, 1000.0)
    both = tuple(Cost.broadcast(setting, 100))
    # Two rounds of 0.1 s; c takes 2 * 2 * 100 bytes and 500 from the dealer.
    assert network.seconds(setting, Cost(((*both, Cost.deal(setting, 500)), both))) == pytest.approx(1.1)
    # The dealer sends more than anybody takes.
    dealt = tuple(Message("hub", party, 400) for party in setting.parties)
    assert network.seconds(setting, Cost((dealt,))) == pytest.approx(1.3)
    assert network.seconds(setting, Cost()) == 0


# Where the choice falls: the estimate is simple enough to be made by hand.


@pytest.mark.parametrize(
    ("network", "parties", "elements", "chosen", "levels"),
    [
        (Network.LAN, 2, 1_000_000, "tables", 3),
        (Network.LAN, 2, 1, "dcf", 0),
        (Network.LAN, 3, 1, "tables", 1),
        (Network.LAN, 5, 1_000_000, "tables", 3),
        (Network.WAN, 2, 100, "dcf", 0),
        (Network.WAN, 2, 1_000, "tables", 1),
        (Network.WAN, 2, 10_000, "tables", 2),
        (Network.WAN, 2, 1_000_000, "tables", 3),
        (Network.WAN, 4, 100, "tables", 1),
        (Network.NARROW, 2, 10, "dcf", 0),
        (Network.NARROW, 2, 1_000_000, "tables", 3),
    ],
)
def test_the_way_to_compare(network: Network, parties: int, elements: int, chosen: str, levels: int) -> None:
    way, why = choose_comparison(network, parties, elements, 62)
    assert (way.name, way.levels) == (chosen, levels)
    assert why.startswith(
        f"less: {elements} values of 62 bits, {parties} parties, {network}: {way.describe()}; next "
    )


def test_the_documents_say_where_the_choice_changes() -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
    table = text.split("| network | parties | function | 1 level | 2 levels | 3 levels |")[1].split("\n\n")[0]
    network, checked = Network.LAN, 0
    for line in table.splitlines()[2:]:
        name, parties, *starts = (cell.strip() for cell in line.split("|")[1:-1])
        network = {"LAN": Network.LAN, "WAN": Network.WAN, "nar": Network.NARROW}.get(name[:3], network)
        for way, start in zip(("function", "1", "2", "3"), starts, strict=True):
            if start:
                assert _chosen(network, int(parties), int(start)) == way
                assert start == "1" or _chosen(network, int(parties), int(start) - 1) != way
                checked += 1
    assert checked == 21


def _chosen(network: Network, parties: int, elements: int) -> str:
    way, _ = choose_comparison(network, parties, elements, 62)
    return "function" if way.name == "dcf" else str(way.levels)


def test_the_fastest_comes_first() -> None:
    for order in (True, False):
        listed = ways(Network.WAN, 2, 5000, 40, 3, order)
        seconds = [way.seconds for way in listed]
        assert seconds == sorted(seconds)
        assert {way.rounds for way in listed} == {1, 2, 3, 4}


def test_no_network_is_a_local_one() -> None:
    form = Form((1_000_000,), 0, Interval(-(2.0**61), 2.0**61))
    assert less_call(None, PARTIES, form) == less_call(Network.LAN, PARTIES, form)


@pytest.mark.parametrize("call", [less_call, equal_call])
def test_all_thresholds_are_on_the_tape(call: object) -> None:
    form = Form((4,), 0, Interval(-3.0, 200.0))
    kind, params = call(Network.WAN, ("a", "b", "c"), form, [5, -(2**70)])  # type: ignore[operator]
    assert kind in ("less_tables", "equal_tables")
    assert params["thresholds"] == ["5", str(-(2**70))]
    assert set(params) == {"thresholds", "because", "levels"}
    # 200 − (−4) and 5 − (−3) decide, not 2^70: what is below the range is as good as its edge
    assert "4 values of 8 bits" in params["because"]
