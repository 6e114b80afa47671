"""The papers' recipes: every number is the paper's or marked as chosen, and the schedules are stepped, not computed."""

import math

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import datasets, models, plots, published, recipes, training

OF_THE_PAPERS = {  # batch, optimizer, momentum, weight decay, learning rate, epochs; None: the paper does not say
    "alexnet": (128, "SGD", 0.9, 5e-4, 0.01, 90),
    "zfnet": (128, "SGD", 0.9, None, 0.01, 70),
    "vgg": (256, "SGD", 0.9, 5e-4, 0.01, 74),
    "googlenet": (None, "SGD", 0.9, None, None, None),
    "resnet": (256, "SGD", 0.9, 1e-4, 0.1, 120),
    "resnet_cifar": (128, "SGD", 0.9, 1e-4, 0.1, 182),
    "resnet110_cifar": (128, "SGD", 0.9, 1e-4, 0.1, 182),
    "inception_v3": (32, "RMSProp", None, None, 0.045, 100),
    "inception_v4": (32, "RMSProp", None, None, 0.045, None),
}
KEYS = ("batch", "optimizer", "momentum", "weight_decay", "rate", "epochs")


def net_of_one():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_table_holds_what_the_papers_say_and_the_rest_is_marked(name):
    recipe, paper = recipes.find(name), recipes.find(name).paper
    found = tuple(None if isinstance(paper[k], float) and math.isnan(paper[k]) else paper[k] for k in KEYS)
    assert found == OF_THE_PAPERS[name]
    assert set(recipe.chosen) == {key for key, value in zip(KEYS, found, strict=True) if value is None}
    assert str(recipe).count("(left open)") == len(recipe.chosen) and paper["source"] in str(recipe)
    assert all(recipe[key] > 0 for key in KEYS if key != "optimizer")


def test_every_line_of_the_table_is_a_recipe():
    assert list(published.read("recipes")["recipe"]) == list(recipes.RECIPES) == list(OF_THE_PAPERS)


def test_steps_become_epochs():
    assert [round(600_000 * 256 / 1_281_167)] == [recipes.find("resnet").epochs]
    steps = -(-45_000 // 128)
    assert [round(step / steps) for step in (32_000, 48_000, 64_000)] == [91, 136, recipes.find("resnet_cifar").epochs]
    assert 370_000 * 256 / 1_281_167 == pytest.approx(recipes.find("vgg").epochs, rel=0.01)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_trains(name):
    data, net, recipe = datasets.digits(size=8).take(100), net_of_one(), recipes.find(name)
    optimizer, scheduler = recipe.build(net, epochs=2)
    kind = torch.optim.RMSprop if recipe.paper["optimizer"] == "RMSProp" else torch.optim.SGD
    (group,) = optimizer.param_groups
    assert type(optimizer) is kind and (group["momentum"], group["weight_decay"]) == (
        recipe["momentum"], recipe["weight_decay"],
    )  # fmt: skip
    before = net[0].weight.detach().clone()
    history = training.fit(net, data, optimizer, 2, batch_size=20, scheduler=scheduler,
                           objective=recipe.objective(net), device="cpu")  # fmt: skip
    assert history["lr"][0] == pytest.approx(recipe.rates()[0]) and not torch.equal(net[0].weight, before)


def test_rmsprop_has_the_papers_decay_and_epsilon():
    for name in ("inception_v3", "inception_v4"):
        (group,) = recipes.find(name).build(net_of_one())[0].param_groups
        assert (group["alpha"], group["eps"]) == (0.9, 1.0)


# --- schedules -------------------------------------------------------------------------------------------------------


def stepped(scheduler_of, epochs, rate):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], rate)
    scheduler, found = scheduler_of(optimizer), []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_schedules_are_those_of_pytorch():
    for name, schedule in {
        "googlenet": lambda optimizer: lr_scheduler.StepLR(optimizer, 8, 0.96),
        "inception_v3": lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.94),
        "resnet_cifar": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [91, 136]),
    }.items():
        recipe = recipes.find(name)
        assert recipe.rates() == pytest.approx(stepped(schedule, recipe.epochs, recipe["rate"]), rel=1e-9)


def test_warm_up_of_resnet_110():
    rates = recipes.find("resnet110_cifar").rates()
    assert rates[0] == pytest.approx(0.01) and rates[1:] == recipes.find("resnet_cifar").rates()[1:]


def test_a_plateau_divides_by_ten_three_times_and_no_more():
    recipe = recipes.find("alexnet")
    falling = recipe.rates(losses=[1 / epoch for epoch in range(1, 91)])
    assert set(falling) == {0.01}
    flat = recipe.rates(losses=[1.0] * 90)
    assert sorted(set(flat)) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2])
    # the first loss counts as a fall; then patience, and the epoch that exhausts it
    assert flat.index(flat[30]) < 30 and [flat.count(rate) for rate in sorted(set(flat))[:0:-1]] == [7, 6, 6]


def test_a_schedule_is_stretched_to_another_number_of_epochs():
    short = recipes.find("resnet_cifar").rates(18)
    assert short.count(0.1) == 9
    assert short[9] == pytest.approx(0.01) and short[-1] == pytest.approx(0.001)
    slow, whole = recipes.find("googlenet").rates(25), recipes.find("googlenet").rates()
    assert slow == pytest.approx([whole[10 * epoch] for epoch in range(25)])
    assert recipes.find("resnet110_cifar").rates(5)[0] == pytest.approx(0.01)


# --- what goes with a step -------------------------------------------------------------------------------------------


def test_gradients_of_inception_v3_are_clipped_at_two():
    net = net_of_one()
    optimizer, _ = recipes.find("inception_v3").build(net)
    for weight in net.parameters():
        weight.grad = torch.full_like(weight, 5.0)
    optimizer.step()
    assert torch.cat([p.grad.flatten() for p in net.parameters()]).norm() == pytest.approx(2.0, rel=1e-4)


def test_filters_of_zfnet_are_scaled_back_after_every_step():
    net = net_of_one()
    optimizer, _ = recipes.find("zfnet").build(net)
    net[0].weight.data.fill_(3.0)
    for weight in net.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert net[0].weight.square().mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.1] * 4, rel=1e-4)


def test_objectives():
    plain, heads = net_of_one(), models.small.inception(width=4, channels=1, modules=4, auxiliary=True)
    assert recipes.find("resnet").objective(plain) is training.cross_entropy
    assert recipes.find("googlenet").objective(plain) is training.cross_entropy
    assert recipes.find("googlenet").objective(heads).__qualname__ == "auxiliary_objective(0.3, 0.0)"
    assert recipes.find("inception_v3").objective(heads).__qualname__ == "auxiliary_objective(0.3, 0.1)"
    assert recipes.find("inception_v3").objective(plain).__qualname__ == "label_smoothing(0.1)"


def test_frozen_weights_stay_out():
    net = net_of_one()
    net[0].requires_grad_(False)
    (group,) = recipes.find("resnet").build(net)[0].param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in net[3].parameters()]


# --- bad input and the picture ---------------------------------------------------------------------------------------


def message(call, *args, **kwargs):
    with pytest.raises(ValueError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 300, text
    return text


def test_bad_input():
    build = recipes.find("vgg").build
    assert "did you mean 'resnet'? choose from alexnet, zfnet" in message(recipes.find, "ResNet")
    assert "unknown recipe 7" in message(recipes.find, 7)
    for epochs in (0, -1, 2.5, True):
        assert f"given epochs={epochs!r}; expected a whole number" in message(build, net_of_one(), epochs=epochs)
    for rate in (0, -0.1, math.inf, math.nan, "0.1"):
        assert f"given rate={rate!r}; expected a learning rate above 0" in message(build, net_of_one(), rate=rate)
    frozen = net_of_one().requires_grad_(False)
    assert "no parameter of this network learns" in message(build, frozen)


def test_picture_draws_the_rates_that_the_scheduler_gives():
    figure = plots.recipes.schedules(recipes.RECIPES.values())
    panels = {ax.get_title(): ax.lines[0] for ax in figure.axes if ax.lines}
    assert set(panels) == {name.replace("_", " ") for name in recipes.RECIPES}
    for name in ("alexnet", "googlenet", "resnet110_cifar"):
        line = panels[name.replace("_", " ")]
        assert list(line.get_ydata()) == recipes.find(name).rates()
    assert panels["alexnet"].get_linestyle() != panels["googlenet"].get_linestyle(), "told apart without color"
    assert len(plots.recipes.schedules([recipes.find("vgg")]).axes) == 1
