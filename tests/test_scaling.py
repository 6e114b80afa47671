"""docs/scaling.md says what its script computes, and the script computes what it says."""

import pytest

from lecture8 import models
from tools import scaling

PARAMS = models.find("resnet50").params


@pytest.fixture(scope="module")
def tables():
    return scaling.tables()


@pytest.mark.parametrize("name", ["needs", "clusters", "published"])
def test_page_has_the_table_that_the_script_prints(tables, name):
    page = (scaling.ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert f"\n\n{tables[name]}\n\n" in page, "`python -m tools.scaling` prints the new table: put it into the page"


def test_script_prints_them_all(tables, capsys):
    scaling.main([])
    assert capsys.readouterr().out == "\n\n".join(tables.values()) + "\n"


def test_numbers_in_the_text_are_those_of_the_script(tables):
    page = " ".join((scaling.ROOT / "docs" / "scaling.md").read_text(encoding="utf-8").split())
    one, eight, _, _, slow = scaling.CLUSTERS
    rate = scaling.A100[0]
    assert f"trains on {rate:,} images a second" in page
    assert f"crops and flips {scaling.DECODED} photographs" in page
    assert f"{slow.all_reduce(PARAMS) * 1e3:.0f} ms of sending for {slow.step(rate) * 1e3:.0f} ms of computing" in page
    times = scaling.hours(one, one.step(rate)), scaling.hours(eight, eight.step(rate) + eight.all_reduce(PARAMS))
    assert f"ours say {times[0]:.0f} hours and {times[1] * 60:.0f} minutes" in page
    for batch in (256, 2048, 8192):
        assert f"{0.1 * batch / 256:g} for {batch:,}" in page
    assert 3 <= slow.all_reduce(PARAMS) / slow.step(rate) < 3.5  # "three times slower"


def test_ring_arithmetic():
    """Two processes exchange half of the gradients twice; many send nearly all of them twice."""
    two, many = scaling.Cluster(2, "", 1e9, 2), scaling.Cluster(1000, "", 1e9, 1000)
    assert two.all_reduce(250_000_000) == pytest.approx(1)
    assert many.all_reduce(250_000_000) == pytest.approx(2, rel=2e-3)
    assert scaling.Cluster(1, "", None, 1).all_reduce(250_000_000) == 0


def test_gpus_and_cores_share_the_batch():
    cluster = scaling.Cluster(8, "", 1e9, 800)
    assert cluster.step(50) == 2 and cluster.decoding(2) == pytest.approx(100 / (2 * scaling.DECODED))
    assert scaling.hours(cluster, 3600) == pytest.approx(90 * 1_281_167 / 800)


def test_measures_real_photographs(tmp_path, capsys):
    import numpy as np
    from PIL import Image

    for i in range(3):
        Image.fromarray(np.full((30, 40, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.jpg")
    rate = scaling.measure(tmp_path)
    out = capsys.readouterr().out
    assert rate > 0 and f"training: {rate:.0f} a second" in out and out.startswith("3 photographs, ")
    with pytest.raises(SystemExit, match=r"there is no \.jpg in"):
        scaling.measure(tmp_path / "none")
