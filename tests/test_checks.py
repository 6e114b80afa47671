"""Bad arguments: one sentence says what was given, what was expected and what to do, wherever a student meets it.

The table has every module's: a bad argument that needs no more than a call belongs here.
"""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from lecture8 import checkpoints, complexity, datasets, measure, models, plots, published, teaching, training, transfer
from lecture8.checks import number, whole
from lecture8.course import link
from lecture8.history import History
from lecture8.lessons.l02_alexnet import curves
from lecture8.lessons.l03_zfnet import clutter
from lecture8.lessons.l07_inception_v3 import calibration, kernels
from lecture8.models import small
from lecture8.models.inception_v3 import separate
from lecture8.models.zfnet import project

NET, RGB, PLAIN = small.resnet(8, width=2, channels=1), small.resnet(8, width=2), small.vgg(width=4, norm=False)
FROZEN = copy.deepcopy(NET).requires_grad_(False)
DATA = datasets.digits(8)
BYTES, FLOATS = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, 1, 4, 4)
PICTURES, IMAGE = torch.rand(4, 8, 8), torch.zeros(1, 3, 32, 32)
NAN = math.nan
LOGITS = torch.rand(3, 2)
QUESTION = teaching.Question("?", {"a": "no", "b": "yes"}, "b")


def fit(**given):
    net = copy.deepcopy(NET)
    training.fit(**{"net": net, "data": DATA, "optimizer": torch.optim.SGD(net.parameters()), "epochs": 1} | given)


def split(pixels, labels=(0, 1), **given):
    return datasets.Split(pixels, torch.tensor(labels), **given)


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
    (lambda: plots.diagrams.diagram(NET, None), "given profile=None: expected what complexity.profile"),
    # formulas
    (lambda: complexity.conv_size(5, 3, 0), "given stride=0: expected a whole number, 1 or more"),
    (lambda: complexity.conv_size(5, 7), "given size=5 and padding=0: a kernel that reaches over 7 fits nowhere"),
    (lambda: complexity.conv_size(5, 3, 1, -1), "given padding=-1: expected a whole number, 0 or more"),
    (lambda: complexity.conv_params(3, 8, 3, groups=2), "groups=2: expected a number that divides c_in=3 and c_out=8"),
    (lambda: complexity.conv_params(3, 8, (3, 0)), "given kernel=0: expected a whole number, 1 or more"),
    (lambda: complexity.linear_macs(-1, 2), "given c_in=-1: expected a whole number, 0 or more"),
    (lambda: complexity.receptive_field(1, 1, NAN), "given kernel=nan: expected a finite number above 0"),
    (lambda: complexity.profile("vgg16"), "given net='vgg16': expected a network (torch.nn.Module)"),
    # networks
    (lambda: models.build("resnet51"), "unknown network 'resnet51': did you mean 'resnet5"),
    (lambda: models.build("resnet18", shortcuts="A"), "resnet18 has no option 'shortcuts': it takes num_classes, "),
    (lambda: models.resnet18(shortcut="D"), "unknown shortcut 'D'"),
    (lambda: models.resnet18(num_classes=0), "given num_classes=0: expected a whole number, 1 or more"),
    (lambda: models.alexnet(input_size=50), "given input_size=50, of which no pixel is left after the last pooling"),
    (lambda: models.vgg11(input_size="224"), "given input_size='224', of which no pixel is left"),
    (lambda: models.alexnet_two_gpus(input_size=67, devices=("cpu",)), "given 1 devices; expected two"),
    (lambda: small.inception(width=6), "multiple of 4, such as 8"),
    (lambda: small.resnet(21), "given depth=21; these networks have 6n + 2 layers (8, 14, 20, …): try 20"),
    (lambda: NET(None), "given images=None: expected a batch of images as a tensor"),
    (lambda: RGB(IMAGE[0]), "given one image (3 × 32 × 32), but this network takes a float batch N × 3 × height"),
    (lambda: RGB(torch.zeros(2, 1, 32, 32)), "repeat the gray channel with images.expand(-1, 3, -1, -1)"),
    (lambda: RGB(torch.zeros(2, 4, 32, 32)), "given images with 4 channels (2 × 4 × 32 × 32), but this network takes"),
    (lambda: RGB(torch.zeros(2, 3072)), "given a tensor of shape 2 × 3072, but this network takes"),
    (lambda: RGB(BYTES), "given images of type torch.uint8, but"),
    (lambda: small.alexnet(10)(torch.zeros(1, 3, 28, 28)), "given images of 28 × 28 pixels, but"),
    (lambda: models.inception_v3(3)(torch.zeros(1, 3, 74, 74)), "of at least 75: its stages shrink smaller ones"),
    (lambda: project(PLAIN, IMAGE, "block9", 0), "given stage='block9'; this network has block1, "),
    (lambda: project(PLAIN, IMAGE, "block1", 4), "given channel=4; block1 has channels 0 to 3"),
    (lambda: project(RGB, IMAGE, "conv2_x", 0), "no way back"),
    (lambda: small.alexnet(activation="relu"), "given activation='relu': expected a class of layers, such as nn.Tanh"),
    (lambda: small.zfnet(without=3), "given without=3; only layers 3, 4, 6 and 7"),
    (lambda: small.zfnet(dropout=NAN), "given dropout=nan: expected a finite number from 0 to 1"),
    (lambda: small.vgg(kernel=2), "given kernel=2: expected an odd number"),
    (lambda: small.inception_resnet(scale=NAN), "given scale=nan: expected a finite number"),
    (lambda: models.build("resnet18", residual="no"), "given residual='no': expected True or False"),
    # training and measuring
    (lambda: History().last, "this history is empty: no epoch was finished yet"),
    (lambda: fit(net=None), "given net=None: expected a network (torch.nn.Module)"),
    (lambda: fit(data=[1, 2]), "given data=[1, 2]: expected what datasets returns"),
    (lambda: fit(epochs=0), "given epochs=0: expected a whole number, 1 or more"),
    (lambda: fit(objective="cross_entropy"), "given objective='cross_entropy': expected a function (net"),
    (lambda: fit(checkpoint=5), "given checkpoint=5: expected the path of a file"),
    (lambda: fit(seed=2**70), "expected a whole number from 0 to"),
    (lambda: training.evaluate(DATA, NET), "given a Data as net: expected a network (torch.nn.Module)"),
    (lambda: training.evaluate(NET, None), "given data=None: expected what datasets returns"),
    (lambda: training.label_smoothing(2), "given amount=2: expected a finite number from 0 to 1"),
    (lambda: training.auxiliary_objective("x"), "given weight='x': expected a finite number, 0 or more"),
    (lambda: training.TenCrop(NET, 9)(PICTURES), "given size=9: expected a whole number from 1 to 8"),
    (lambda: checkpoints.save_weights(NET, "/proc/x.pt"), "/proc/x.pt cannot be written (No such file or directory)"),
    (lambda: checkpoints.save_weights(NET, f"{__file__}/x.pt"), "x.pt cannot be written (File exists): make room"),
    (lambda: checkpoints.save_weights("x.pt", NET), "given net='x.pt': expected a network"),
    (lambda: measure.latency(NET, (1, 8, 8), seconds=NAN), "given seconds=nan: expected a finite number, 0 or more"),
    (lambda: measure.ratio(NET, None), "given reference=None: expected a function without arguments"),
    (
        lambda: measure.latency(NET, (1, 8, 8), 10**19),
        "given batch=10000000000000000000: expected a whole",
    ),
    (lambda: measure.latency(NET, (3, 0, 8)), "given image_size=(3, 0, 8): expected (channels, height, width)"),
    (lambda: measure.peak_memory(NET, (1, 8, 8), 2, "adm"), "unknown optimizer 'adm': choose from sgd"),
    (lambda: measure.peak_memory(FROZEN, (1, 8, 8), 2), "the network has nothing to train: set requires_grad"),
    (lambda: measure.power(NET, (1, 8, 8), device="cpu"), "power needs an NVIDIA GPU and its nvidia-smi: choose such"),
    # transfer
    (lambda: transfer.normalize(BYTES), "expected values from 0 to 1: use images.float() / 255"),
    (lambda: transfer.normalize(torch.zeros(2, 1, 4, 4)), "expected N × 3 × height × width, in RGB"),
    (lambda: transfer.pretrained("alexnet"), "no published weights fit alexnet: "),
    (lambda: transfer.pretrained("resnet20"), "no published weights fit resnet20; there are some for"),
    (lambda: transfer.replace_head(nn.Linear(2, 2), 2), "given Linear; expected a network of lecture8.models"),
    (lambda: transfer.freeze(nn.Linear(2, 2)), "given Linear; expected a network of lecture8.models"),
    (lambda: transfer.freeze(NET, "conv1", "conv9"), "no part 'conv9': choose from conv1, conv2_x, "),
    (lambda: transfer.layerwise(nn.Linear(2, 2), 0.1, 0.5), "given Linear; expected a network of lecture8.models"),
    (lambda: transfer.layerwise(NET, 0, 0.5), "given lr=0, factor=0.5; expected lr above 0 and a factor above 0"),
    (lambda: transfer.layerwise(NET, 0.1, 2.6), "given lr=0.1, factor=2.6; expected lr above 0"),
    (lambda: transfer.layerwise(FROZEN, 0.1, 1), "every part of this network is frozen, so nothing would be trained"),
    (lambda: transfer.extract_features(NET, DATA, "fc7"), "no part 'fc7': choose from conv1, "),
    (lambda: transfer.extract_features(RGB, DATA), "given images with 1 channels"),
    (lambda: transfer.extract_features(NET, [DATA]), "given a list as data: expected what datasets returns"),
    # data
    (lambda: split(FLOATS.double()), "not a torch.float64 tensor"),
    (lambda: split(FLOATS.numpy()), "pixels must be a uint8 or float32 tensor, not ndarray"),
    (lambda: split(FLOATS, [0.0, 1.0]), "labels must be an int64 tensor, not a torch.float32 tensor"),
    (lambda: split(BYTES[:, 0]), "pixels must have the shape N × C × H × W, not 2 × 4 × 4"),
    (lambda: split(torch.zeros(2)), "features must have the shape N × …, not 2"),
    (lambda: split(FLOATS, [0, 1, 2]), "2 images but 3 labels; each image needs one label"),
    (lambda: split(FLOATS, [[0], [1]]), "labels must be one number per image, not a tensor of 2 × 1"),
    (lambda: split(FLOATS, mean=(0.5,)), "leave out mean and std, or give uint8 pixels"),
    (lambda: split(BYTES, std=(1, 2)), "must be one number, or one per channel (3 here)"),
    (lambda: split(BYTES, std=(0,)), "and std above 0"),
    (lambda: split(BYTES, crop=5), "cannot crop 5 × 5 from images of 3 × 4 × 4"),
    (lambda: split(FLOATS, crop=2), "cannot crop 2 × 2 from images"),
    (lambda: datasets.glyphs(8, 5, characters="A"), "given characters='A'; expected two or more of"),
    (lambda: datasets.glyphs(8, 5, 1.5), "given seed=1.5: expected a whole number from 0 to"),
    (lambda: DATA.with_normalization(0.5, 0.5), "given mean=0.5: expected one number per channel, such as (0.5,)"),
    (lambda: split(BYTES, std=(NAN,)), "given a mean or std=nan: expected a finite number"),
    (lambda: DATA.take(torch.tensor([-1])), "expected an int64 tensor of indices from 0 to 1296"),
    (lambda: DATA.take(torch.tensor([0.5])), "expected an int64 tensor of indices"),
    (lambda: DATA.take(2000), "given which=2000: expected a whole number from 1 to 1,297"),
    (lambda: DATA.map(lambda pixels: None), "given pixels=None: expected pixels as a tensor, which `change` must"),
    (lambda: DATA.batches("train", 64, 0), "given generator=0: expected torch.Generator().manual_seed(0)"),
    (lambda: DATA.batches("training", 4), "unknown split 'training'; choose from train, valid, test"),
    (lambda: DATA.batches("train", 0), "given batch_size=0: expected a whole number, 1 or more"),
    (lambda: DATA.batches("train", 4, augment=True), "augmentation is random: pass a generator"),
    (lambda: DATA.batches("valid", 4, torch.Generator(), augment=True), "only training images are augmented"),
    (lambda: data(classes=("a", "b")), "train labels run from 0 to 9, but with 2 classes they must lie in 0…1"),
    (lambda: data(test=split(DATA.test.pixels[:2], [-1, 0])), "test labels run from -1 to 0, but"),
    (lambda: data(valid=split(FLOATS)), "valid images are 1 × 4 × 4, train images 1 × 8 × 8; all splits need"),
    (lambda: data(train=DATA.train.take(torch.arange(0))), "'x' has no training images"),
    (lambda: data(classes=["a", "b"]), "classes must be a tuple of names, not ['a', 'b']"),
    (lambda: data(classes=("a",) * 10), "two classes are called 'a': give each a name of its own"),
    (lambda: data(valid=None), "given valid=None: expected a Split"),
    (lambda: data(augment=3), "given augment=3: expected a function of (images, generator)"),
    (lambda: datasets.compose(None), "given step=None: expected a function of (images, generator)"),
    (lambda: datasets.to_bytes([1]), "given images=[1]: expected a tensor with values from 0 to 1"),
    (lambda: datasets.random_crop(0), "given padding=0: expected a whole number, 1 or more"),
    (lambda: datasets.color_noise(DATA.train), "color noise is for RGB images; these have 1 channel(s)"),
    (lambda: datasets.image_folder(None, 8), "given path=None: expected the path of a folder"),
    (lambda: datasets.image_folder(".", 8.0), "given size=8.0: expected a whole number, 1 or more"),
    (lambda: datasets.pets("224"), "given size='224': expected a whole number, 1 or more"),
    (lambda: datasets.imagenette(0), "given size=0: expected a whole number, 1 or more"),
    (lambda: datasets.ants_bees(True), "given size=True: expected a whole number, 1 or more"),
    (lambda: datasets.animals(300), "given size=300: expected a whole number from 1 to 256"),
    # lessons
    (lambda: clutter.cluttered_digits(20, 1, 1.5), "given seed=1.5: expected a whole number from 0 to"),
    (lambda: per_class(LOGITS[0], [0.0, 0.0]), "expected N × classes"),
    (lambda: per_class(LOGITS, [0, 1]), "labels of 2"),
    (lambda: per_class(LOGITS[:0], []), "N from 1"),
    (lambda: per_class(LOGITS, [0, 9, 1]), "given labels of 3 (torch.int64): expected whole numbers from 0 to 1"),
    (lambda: per_class(LOGITS * NAN, [0, 1, 1]), "given logits that are not all finite"),
    (lambda: kernels.photograph("dog"), "given name='dog': expected one of 'china', 'flower', 'grace_hopper'"),
    (lambda: curves.epochs_to([0.1], "x"), "given target='x': expected a finite number"),
    (lambda: separate(torch.eye(4), 0), "rank=0; expected height × width, and a rank from 1 to"),
    (lambda: separate(torch.eye(4), 5), "rank=5; expected height × width, and a rank from 1 to"),
    (lambda: separate(torch.zeros(1, 3, 3)), "given a kernel of (1, 3, 3)"),
    (lambda: link("a", "10_x"), "there is no notebook '10_x': choose from 00_start_here"),
    (lambda: published.read("imagenet"), "there is no table 'imagenet': choose from"),
    (lambda: teaching.Question("?", {"a": ""}, "b"), "the answer 'b' is none of the options ['a']"),
    (lambda: QUESTION.check("c"), "'c' is no answer to this question: choose from ['b', 'a']"),
    (lambda: teaching.Prediction("?", {"a": ""}).reveal("c"), "'c' is no outcome of this prediction: choose from"),
    (lambda: teaching.Explorer(bars, {name: [1, 2] for name in "abcde"}), "given 5 controls; expected 1 to 4"),
    (lambda: teaching.Explorer(bars, {"a": [1, 2]}, start={"a": 9}), "'a' cannot start at 9: choose from [1, 2]"),
    (lambda: teaching.same_network(None, NET, (1, 8, 8)), "given mine=None: expected a network (torch.nn.Module)"),
    (lambda: teaching.quiz(None), "given asked=None: expected a question"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_bad_arguments_get_one_sentence_and_change_nothing(call, words):
    with pytest.raises((ValueError, TypeError, OSError)) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert NET.training and all(p.requires_grad for p in NET.parameters())


def test_numbers_of_numpy_are_numbers():
    whole(size=np.int64(3), least=3, most=3)
    number(lr=np.float32(0.5), rate=1, above=0, most=1)
    assert complexity.profile(NET, (np.int64(1), 8, 8)).input_size == (1, 8, 8)


@pytest.mark.parametrize("value", [True, 0, 5, 2.0, "2", None, torch.tensor(2), np.float64(2)])
def test_what_is_no_whole_number_in_range(value):
    with pytest.raises(ValueError, match="expected a whole number from 1 to 4"):
        whole(n=value, most=4)


@pytest.mark.parametrize("value", [True, 0, 1.5, math.inf, NAN, "1", None, 1j])
def test_what_is_no_number_in_range(value):
    with pytest.raises(ValueError, match="expected a finite number above 0, at most 1"):
        number(x=value, above=0, most=1)
