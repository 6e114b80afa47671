"""The table of costs agrees with its sources; the Pareto set and the limits mean what they say."""

import pandas as pd
import pytest
import torch
import torchvision

from lecture8 import models, published
from lecture8.lessons.l09_complexity import budget, explorers


def test_accuracies_are_those_that_torchvision_states():
    table = published.read("imagenet_accuracy")
    ours = table[table["source"] == "torchvision"]
    assert len(ours) == 15
    for row in ours.itertuples():
        stated = torchvision.models.get_weight(row.weights).meta["_metrics"]["ImageNet-1K"]
        assert (row.top1, row.top5) == (stated["acc@1"], stated["acc@5"]), row.weights


def test_others_times_are_of_networks_that_cost_as_much_as_ours():
    for row in published.read("timm_times").itertuples():
        ours = models.ARCHITECTURES[row.network]
        assert abs(row.macs_g / (ours.macs / 1e9) - 1) < 0.01 and abs(row.params_m / (ours.params / 1e6) - 1) < 0.001


def test_table_has_every_network_with_weights_and_its_costs():
    first, new = budget.table(), budget.table("new")
    assert list(first.index) == list(new.index) and not first.isna().any().any()
    assert first["top1"]["ResNet-50"] == 76.13 and new["top1"]["ResNet-50"] == 80.858
    assert (new["top1"] >= first["top1"]).all() and (new["top1"] > first["top1"]).sum() == 5
    assert new.drop(columns=["top1", "top5"]).equals(first.drop(columns=["top1", "top5"]))
    times = published.read("reference_cpu").set_index(["network", "batch"])
    for label, row in first.iterrows():
        facts = models.ARCHITECTURES[row["network"]]
        assert (1e6 * row["params"], 1e9 * row["macs"]) == pytest.approx((facts.params, facts.macs)), label
        assert row["ms"] == times["ms"][row["network"], 1] and row["mb"] == times["mb"][row["network"], 1]
        assert row["ms_batch"] == times["ms"][row["network"], 4] / 4
    with pytest.raises(ValueError, match="unknown recipe 'newest': choose 'first' or 'new'"):
        budget.table("newest")


def test_pareto_by_hand():
    costs = {"cheap": [1, 5], "good": [2, 5], "costly": [3, 5], "twin": [2, 5], "small": [9, 1]}
    reached = {"cheap": 50, "good": 60, "costly": 60, "twin": 60, "small": 40}
    assert budget.pareto(costs, reached) == ["cheap", "good", "twin", "small"]
    assert budget.pareto({"a": [1], "b": [2]}, {"a": 2, "b": 1}) == ["a"]


def test_each_span_of_accuracy_costs_more_per_point():
    table = budget.table()
    operations, top1 = (2 * table["macs"]).to_dict(), table["top1"].to_dict()
    spans = budget.per_point(operations, top1, (70, 77))
    assert list(spans["to"]) == ["GoogLeNet", "ResNet-50", "Inception-ResNet-v2"]
    assert list(spans["per_point"].round(2)) == [0.12, 0.82, 4.21]
    for low in range(60, 77):  # not only for these edges
        for high in range(max(low + 1, 71), 79):
            assert budget.per_point(operations, top1, (low, high))["per_point"].is_monotonic_increasing, (low, high)
    by_hand = budget.per_point(
        {"a": 1, "b": 2, "beaten": 3, "c": 6}, {"a": 10, "b": 20, "beaten": 15, "c": 22}, (20.5,)
    )
    assert by_hand.values.tolist() == [["a", "b", 10, 1, 0.1], ["b", "c", 2, 4, 2.0]]


def test_work_or_memory_whichever_takes_longer():
    assert budget.seconds(8e9, 1e9, 4e9, 1e9) == 2 and budget.seconds(8e9, 5e9, 4e9, 1e9) == 5
    assert budget.attainable(2, 40e9, 10e9) == 20e9 and budget.attainable(5, 40e9, 10e9) == 40e9
    conv = budget.intensities(torch.nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), (64, 28, 28), batch=2)
    numbers = 9 * 64 * 128 + 2 * (64 * 28**2 + 128 * 14**2)
    assert conv.loc[0, ["macs", "moved"]].tolist() == [2 * 9 * 64 * 128 * 14**2, 4 * numbers]


def test_within():
    table = pd.DataFrame({"ms": [1, 2, 3], "mb": [30, 20, 10]}, index=list("abc"))
    assert list(budget.within(table, {"ms": 2}).index) == ["a", "b"]
    assert list(budget.within(table, {"ms": 2, "mb": 20}).index) == ["b"]
    assert len(budget.within(table, {})) == 3 and len(budget.within(table, {"ms": 0})) == 0
    with pytest.raises(ValueError, match="there is no cost 'watts': choose from ms, mb"):
        budget.within(table, {"watts": 1})


def test_the_explorer_keeps_to_the_limits():
    explorer = explorers.limits()
    table = budget.table()
    explorer.controls["mb"].value = explorers.UNLIMITED
    assert "Without a limit: 15 of 15 networks" in explorer.text and "Inception-ResNet-v2: 80.4 %" in explorer.text
    explorer.controls["macs"].value = explorer.controls["macs"].options[0][1]
    assert "AlexNet: 56.5 %" in explorer.text and "1 of 15 networks" in explorer.text
    explorer.controls["mb"].value = explorer.controls["mb"].options[0][1]
    assert "none of the 15 networks fits" in explorer.text
    explorer.controls["macs"].value = explorers.UNLIMITED
    limit = explorer.controls["mb"].value
    assert f"Within {limit:g} MB: {(table['mb'] <= limit).sum()} of 15" in explorer.text


def test_the_findings_are_measured_by_one_rule_for_both_machines():
    table = budget.table()
    ms, top1 = table["ms"], table["top1"]
    r, n = budget.straight(ms, top1)
    assert n == 8 and r == pytest.approx(-0.979, abs=1e-3)
    line = pd.Series({"a": 60, "b": 70, "c": 75})
    assert budget.straight(1 / (100 - line), line) == (pytest.approx(-1), 3), "a hyperbola"
    assert budget.orders_agree(ms, table["macs"]) == pytest.approx(0.989, abs=1e-3)
    here = budget.verdicts(ms[["AlexNet", "ResNet-18", "ResNet-50"]].to_dict(), {"a": 20, "b": 40})
    assert list(here["here"]) == ["≈ 2.00", "too few networks", "your verdict", "≈ 1.00", "≈ 2.3"]
    words = here["reference machine"].str.replace(r"\S+: ", "", regex=True)
    assert list(words) == ["not measured", "holds", "open", "holds", "does not hold"]
    assert "needs an NVIDIA GPU" in set(budget.verdicts(ms.to_dict(), {})["here"])


def test_resnet50_is_counted_in_five_ways():
    assert list(budget.resnet50_counts()["G"]) == ["3.86", "4.09", "4.11", "4.12", "8.18"]
    assert "4,111,512,576" in set(budget.resnet50_counts()["count"])  # as fvcore prints it
