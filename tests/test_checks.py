"""Bad arguments: one sentence says what was given, what was expected and what to do, wherever a student meets it."""

import copy
import math

import numpy as np
import pytest
import torch

from lecture8 import checkpoints, checks, complexity, datasets, measure, models, plots, teaching, training
from lecture8.history import History
from lecture8.lessons.l02_alexnet import curves, photos
from lecture8.lessons.l03_zfnet import clutter
from lecture8.lessons.l05_googlenet import modules
from lecture8.lessons.l07_inception_v3 import calibration, kernels
from lecture8.models import small

NET = small.resnet(8, width=2, channels=1)
DATA = datasets.digits(8)
PICTURES = torch.rand(4, 8, 8)
NAN = math.nan
LOGITS = torch.rand(3, 2)


def fit(**given):
    net = copy.deepcopy(NET)
    training.fit(**{"net": net, "data": DATA, "optimizer": torch.optim.SGD(net.parameters()), "epochs": 1} | given)


def split(**given):
    return datasets.Split(DATA.train.pixels, DATA.train.labels, **given)


def data(**given):
    parts = {"train": DATA.train, "valid": DATA.valid, "test": DATA.test, "classes": DATA.classes, "name": "x"}
    return datasets.Data(**parts | given)


def bars(values):
    plots.bars(values, xlabel="x")


def lines(series, x=None):
    plots.lines(series, x, xlabel="x", ylabel="y")


def per_class(logits, labels):
    calibration.calibration(logits, torch.tensor(labels))


BAD = [
    # pictures
    (lambda: plots.curves({}), "given histories={}: expected name -> the History that fit returns"),
    (lambda: plots.curves(History()), "given a History as histories: expected name -> the History"),
    (lambda: plots.curves({"a": History()}), "given 'a' without numbers"),
    (lambda: lines({}), "given series={}: expected a name -> its runs × points, at least one"),
    (lambda: lines({"a": [[1, 2], [3]]}), "given 'a' without numbers, or with runs of several lengths"),
    (lambda: lines({"a": [1, 2, 3]}, [1, 2]), "given 2 values of x: expected one for every point"),
    (lambda: plots.images([]), "given pictures: none; expected N × H × W or N × C × H × W with 1 or 3 channels"),
    (lambda: plots.images(torch.rand(2, 8, 8, 3)), "given pictures: 2 × 8 × 8 × 3; expected N × H × W"),
    (lambda: plots.images(PICTURES, ["a"]), "given 1 titles for 4 pictures: expected one for each"),
    (lambda: plots.images(PICTURES, columns=0), "given columns=0: expected a whole number, 1 or more"),
    (lambda: plots.images(PICTURES, size=0), "given size=0: expected a finite number above 0"),
    (lambda: plots.images(["a"]), "given pictures=['a']: expected arrays of numbers"),
    (lambda: bars({}), "given values={}: expected a name -> its value"),
    (lambda: bars({"a": []}), "given 'a' without numbers"),
    (
        lambda: plots.stages(NET),
        "given a Network as profile: expected what complexity.profile(net, image_size) returns",
    ),
    (lambda: plots.diagrams.diagram(NET, None), "given profile=None: expected what complexity.profile"),
    # formulas
    (lambda: complexity.conv_size(5, 3, 0), "given stride=0: expected a whole number, 1 or more"),
    (lambda: complexity.conv_size(5, 7), "given size=5 and padding=0: a kernel that reaches over 7 fits nowhere"),
    (lambda: complexity.conv_size(5, 3, 1, -1), "given padding=-1: expected a whole number, 0 or more"),
    (lambda: complexity.conv_size("5", 3), "given size='5': expected a whole number"),
    (lambda: complexity.conv_params(3, 8, 3, groups=0), "given groups=0: expected a whole number, 1 or more"),
    (lambda: complexity.conv_params(3, 8, 3, groups=2), "groups=2: expected a number that divides c_in=3 and c_out=8"),
    (lambda: complexity.conv_params(3, 8, (3, 0)), "given kernel=0: expected a whole number, 1 or more"),
    (lambda: complexity.conv_macs(3, 8, 3, None), "given out_size=None: expected a whole number, 1 or more"),
    (lambda: complexity.linear_macs(-1, 2), "given c_in=-1: expected a whole number, 0 or more"),
    (lambda: complexity.conv_transpose_size(1, 1, 1, 5), "of which nothing is left: expected less padding"),
    (lambda: complexity.receptive_field(1, 1, NAN), "given kernel=nan: expected a finite number above 0"),
    (lambda: complexity.profile(NET, 10**9), "given image_size=1000000000 and batch=1: expected (channels, height"),
    (lambda: complexity.memory(NET, 8, 10**19), "at most 10**17 values in a batch"),
    # networks
    (lambda: NET(None), "given images=None: expected a batch of images as a tensor"),
    (lambda: small.alexnet(activation="relu"), "given activation='relu': expected a class of layers, such as nn.Tanh"),
    (lambda: small.alexnet(activation=torch.relu), "as activation: expected a class of layers"),
    (lambda: small.alexnet(width=2.0), "given width=2.0: expected a whole number, 1 or more"),
    (lambda: small.zfnet(without=3), "given without=3; only layers 3, 4, 6 and 7"),
    (lambda: small.zfnet(dropout=NAN), "given dropout=nan: expected a finite number from 0 to 1"),
    (lambda: small.vgg(kernel=2), "given kernel=2: expected an odd number"),
    (lambda: small.vgg(blocks=0), "given blocks=0: expected a whole number, 1 or more"),
    (lambda: small.inception(modules=-1), "given modules=-1: expected a whole number"),
    (lambda: small.inception_resnet(scale=NAN), "given scale=nan: expected a finite number"),
    (lambda: small.resnet("20"), "given depth='20': expected a whole number"),
    (lambda: models.build("resnet18", residual="no"), "given residual='no': expected True or False"),
    # training and measuring
    (lambda: fit(net=None), "given net=None: expected a network (torch.nn.Module)"),
    (lambda: fit(seed=2**70), "expected a whole number from 0 to"),
    (lambda: training.evaluate(DATA, NET), "given a Data as net: expected a network (torch.nn.Module)"),
    (lambda: training.evaluate(NET, None), "given data=None: expected what datasets returns"),
    (lambda: training.label_smoothing(2), "given amount=2: expected a finite number from 0 to 1"),
    (lambda: training.auxiliary_objective("x"), "given weight='x': expected a finite number, 0 or more"),
    (lambda: training.ten_crop(PICTURES, 9), "given size=9: expected a whole number from 1 to 8"),
    (lambda: checkpoints.save_weights(NET, "/proc/x.pt"), "/proc/x.pt cannot be written (No such file or directory)"),
    (lambda: checkpoints.save_weights("x.pt", NET), "given net='x.pt': expected a network"),
    (lambda: measure.latency(NET, (1, 8, 8), seconds=NAN), "given seconds=nan: expected a finite number, 0 or more"),
    (lambda: measure.ratio(NET, None), "given reference=None: expected a function without arguments"),
    (lambda: measure.ratio(len, len, rounds=1.5), "given rounds=1.5: expected a whole number, 1 or more"),
    # data
    (lambda: datasets.glyphs(8, 5, characters="A"), "given characters='A'; expected two or more of"),
    (lambda: datasets.glyphs(8, 5, 1.5), "given seed=1.5: expected a whole number from 0 to"),
    (lambda: DATA.with_normalization(0.5, 0.5), "given mean=0.5: expected one number per channel, such as (0.5,)"),
    (lambda: split(std=(NAN,)), "given a mean or std=nan: expected a finite number"),
    (lambda: DATA.take(torch.tensor([-1])), "expected an int64 tensor of indices from 0 to 1296"),
    (lambda: DATA.take(torch.tensor([0.5])), "expected an int64 tensor of indices"),
    (lambda: DATA.take(2000), "given which=2000: expected a whole number from 1 to 1,297"),
    (
        lambda: DATA.map(lambda pixels: None),
        "given pixels=None: expected pixels as a tensor, which `change` must return",
    ),
    (lambda: DATA.batches("train", 64, 0), "given generator=0: expected torch.Generator().manual_seed(0)"),
    (lambda: data(classes=("a",) * 10), "two classes are called 'a': give each a name of its own"),
    (lambda: data(valid=None), "given valid=None: expected a Split"),
    (lambda: data(augment=3), "given augment=3: expected a function of (images, generator)"),
    (lambda: datasets.compose(None), "given step=None: expected a function of (images, generator)"),
    (lambda: datasets.to_bytes([1]), "given images=[1]: expected a tensor with values from 0 to 1"),
    (lambda: datasets.image_folder(None, 8), "given path=None: expected the path of a folder"),
    # lessons
    (lambda: clutter.cluttered_digits(20, 1, 1.5), "given seed=1.5: expected a whole number from 0 to"),
    (lambda: per_class(LOGITS, [0, 9, 1]), "given labels of 3 (torch.int64): expected whole numbers from 0 to 1"),
    (lambda: per_class(LOGITS * NAN, [0, 1, 1]), "given logits that are not all finite"),
    (lambda: kernels.photograph("dog"), "given name='dog': expected one of 'china', 'flower', 'grace_hopper'"),
    (lambda: curves.epochs_to([0.1], "x"), "given target='x': expected a finite number"),
    (lambda: photos.square(torch.zeros(3, 8, 8), 0), "given side=0: expected a whole number, 1 or more"),
    (lambda: modules.branches(complexity.profile(NET, (1, 8, 8)), "x"), "given stage='x': expected a stage"),
    (lambda: teaching.same_network(None, NET, (1, 8, 8)), "given mine=None: expected a network (torch.nn.Module)"),
    (lambda: teaching.quiz(None), "given asked=None: expected a question"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_bad_arguments_get_one_sentence(call, words):
    with pytest.raises((ValueError, TypeError, OSError)) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers():
    checks.whole(size=np.int64(3), least=3, most=3)
    checks.number(lr=np.float32(0.5), rate=1, above=0, most=1)
    assert complexity.profile(NET, (np.int64(1), 8, 8)).input_size == (1, 8, 8)


@pytest.mark.parametrize("value", [True, 0, 5, 2.0, "2", None, torch.tensor(2), np.float64(2)])
def test_what_is_no_whole_number_in_range(value):
    with pytest.raises(ValueError, match="expected a whole number from 1 to 4"):
        checks.whole(n=value, most=4)


@pytest.mark.parametrize("value", [True, 0, 1.5, math.inf, NAN, "1", None, 1j])
def test_what_is_no_number_in_range(value):
    with pytest.raises(ValueError, match="expected a finite number above 0, at most 1"):
        checks.number(x=value, above=0, most=1)
