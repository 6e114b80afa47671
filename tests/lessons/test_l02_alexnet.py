"""The pictures of notebook 02 hold the data they were given."""

from lecture8.lessons.l02_alexnet import curves, explorers


def test_epochs_to_a_target():
    assert curves.epochs_to([0.2, 0.1], 0.25) == 1 and curves.epochs_to([0.5, 0.3], 0.25) is None
    assert curves.epochs_to([0.75, 0.5, 0.0], 0.25) == 2.5


def test_the_edge_says_what_the_paper_needs():
    edge = explorers.edge()
    assert "ends exactly" in edge.text and "55 → 27 → 13 → 6" in edge.text
    edge.controls["side"].value = 224
    assert "54.25 windows, rounded down to 54" in edge.text and "1 pixel on the right unused" in edge.text
    edge.controls["rounding"].value = "up"
    assert "hangs over the end by 3 pixels" in edge.text and "as the paper has it" in edge.text


def test_augmentation_counts_its_pictures():
    augment = explorers.augment()
    assert "2,178 different" in augment.text
    augment.controls["crop"].value = "off"
    assert "2 different" in augment.text and "middle" in augment.text
    before = bytes(augment.image.value)
    augment.controls["color"].value = 0.5
    assert bytes(augment.image.value) != before and "0.5 standard deviations" in augment.text
