"""03 ZFNet: the solutions of its builds and exercises, and their checks."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import complexity, models
from lecture8.lessons.l03_zfnet import clutter
from lecture8.lessons.l03_zfnet.deconvnet import climb, transposed
from lecture8.lessons.l03_zfnet.fields import reach
from lecture8.models.layers import Network, sequential
from lecture8.models.zfnet import occlusion, project
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong
from lecture8.words import phrase


def first_stages(channels, kernel, strides, paddings):
    c_in, c1, c2 = channels
    return nn.Sequential(
        nn.Conv2d(c_in, c1, kernel, strides[0], paddings[0]),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.Conv2d(c1, c2, 5, strides[1], paddings[1]),
        nn.ReLU(),
    )


def unpool(values, switches, before):
    empty = torch.zeros(before).flatten(2)
    filled = empty.scatter_add(2, switches.flatten(2), values.flatten(2))
    return filled.view(before)


def descend(trail, x):
    for layer, before, switches in reversed(trail):
        if isinstance(layer, nn.MaxPool2d):
            x = unpool(x, switches, before)
        elif isinstance(layer, nn.ReLU):
            x = x.relu()
        else:
            x = transposed(x, layer, before)
    return x


def reconstruct(layers, images, channel):
    maps, trail = climb(layers, images)
    unit = torch.zeros_like(maps)
    strongest = maps[:, channel].amax((1, 2), keepdim=True)
    unit[:, channel] = maps[:, channel] * (maps[:, channel] == strongest)
    return descend(trail, unit)


def receptive_field(windows):
    field, jump = 1, 1
    for kernel, stride in windows:
        field = field + (kernel - 1) * jump
        jump = jump * stride
    return field


def occlusion_map(net, image, label, square, step):
    places = range(0, image.shape[-1] - square + 1, step)
    corners = [(top, left) for top in places for left in places]
    covered = image.repeat(len(corners), 1, 1, 1)
    for one, (top, left) in zip(covered, corners):
        one[:, top : top + square, left : left + square] = 0
    with torch.no_grad():
        probabilities = net(covered).softmax(1)
    return probabilities[:, label].reshape(len(places), len(places))


SETTINGS = [  # settings, an input
    (((3, 8, 12), 7, (2, 2), (1, 0)), (3, 34, 34)),
    (((1, 6, 10), 11, (4, 1), (5, 2)), (1, 32, 32)),
]


def check_first_stages(answer) -> Verdict:
    for settings, input_shape in SETTINGS:
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Sequential):
            return wrong(f"Expected an nn.Sequential, got {type(mine).__name__}.")
        verdict = same_network(mine, first_stages(*settings), input_shape)
        if not verdict:
            return wrong(verdict.message)
        if [*map(type, mine)] != [*map(type, first_stages(*settings))]:
            return wrong(
                "It computes the right thing. Put exactly the five layers into one nn.Sequential, so that the lesson "
                "can take them apart later."
            )
    return correct("The first two stages of ZFNet, and with other settings those of AlexNet.")


def check_unpool(answer) -> Verdict:
    images = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    values, switches = F.max_pool2d(images, 3, 2, ceil_mode=True, return_indices=True)
    wanted = unpool(values, switches, images.shape)
    got = called(answer, values, switches, images.shape)
    if not isinstance(got, Tensor) or got.shape != wanted.shape:
        return wrong(f"Expected the shape before pooling, {shape(wanted)}, got {shape(got)}.")
    if torch.allclose(got, wanted, atol=1e-5):
        return correct(
            "Every value is back where the maximum was, and winners of two windows got both."
        )
    once = (
        torch.zeros(images.shape).flatten(2).scatter(2, switches.flatten(2), values.flatten(2))
    )
    if torch.allclose(got, once.view(images.shape), atol=1e-5):
        return wrong(
            "The places are right. But these windows overlap, and a pixel that wins in two of them must get the sum of "
            "both values. `scatter` writes over the first value; `scatter_add` adds."
        )
    if torch.equal(got != 0, wanted != 0):
        return wrong("The places are right, the values are not: add up `values` there.")
    return wrong(
        "Values are in the wrong places: `switches` counts the pixels of a channel row by row."
    )


FIELDS = [
    ((5, 1),),
    ((3, 1), (3, 1)),
    ((7, 2), (3, 2), (5, 2)),
    ((11, 4), (3, 2), (5, 1), (3, 1)),
]


def check_receptive_field(answer) -> Verdict:
    for windows in FIELDS:
        got, wanted = called(answer, windows), receptive_field(windows)
        if got == wanted:
            continue
        found = f"windows (kernel, stride) {', '.join(map(str, windows))} see {wanted} pixels, yours says {got}."
        if got == 1 + sum(kernel - 1 for kernel, _ in windows):
            return wrong(
                f"Right for stride 1. A window after a stride steps over `jump` pixels: {found}"
            )
        late, jump = 1, 1
        for kernel, stride in windows:
            jump *= stride
            late += (kernel - 1) * jump
        if got == late:
            return wrong(
                f"The stride of a layer spreads the windows after it, not its own: {found}"
            )
        return wrong(f"Not yet: {found}")
    return correct("The field after one, two, three and four layers, with and without strides.")


class Summing(nn.Module):
    """A small network of which every pixel matters, for gray and color images of 12 × 12."""

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.linspace(-1, 1, x.shape[-2] * x.shape[-1])
        first = (x.sum(1).flatten(1) * weights).sum(1) / 30
        return torch.stack([first, 0 * first], 1)


def check_occlusion_map(answer) -> Verdict:
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0)) + 0.5
    kept, net = image.clone(), Summing()
    for label in (0, 1):
        got = called(answer, net, image, label, 4, 2)
        everything = occlusion(net, kept, 4, 2)
        wanted = everything[..., label]
        if not torch.equal(image, kept):
            return wrong("Your function has changed the image itself: cover copies of it.")
        if not isinstance(got, Tensor) or got.shape != wanted.shape:
            return wrong(
                f"Expected one probability for each of {shape(wanted)} places, got {shape(got)}."
            )
        if torch.allclose(got, wanted, atol=1e-5):
            continue
        if torch.allclose(got, wanted.T, atol=1e-5):
            return wrong(
                "Rows and columns are swapped: the first index of the image is the row, from the top."
            )
        if torch.allclose(got, everything[..., 1 - label], atol=1e-5):
            return wrong(
                "These are the probabilities of the other class: take that of `label`."
            )
        if got.max() > 1 or got.min() < 0:
            return wrong(
                "These are no probabilities: the softmax of the logits, over the classes, is missing."
            )
        if (got - got[0, 0]).abs().max() < 1e-6:
            return wrong(
                "The value is the same everywhere: is each copy covered at its own place?"
            )
        return wrong(
            "The values differ: is the square gray (0), of the right size, and its corner at (top, left)?"
        )
    return correct("The same map as the library's `occlusion`, and the image is as it was.")


def check_seen(answer) -> Verdict:
    for stripes, values in ((3, 16), (14, 16), (8, 16), (16, 16), (20, 32), (70, 32), (5, 7)):
        want = abs(stripes - values * round(stripes / values))
        got = called(answer, stripes, values)
        if got != want:
            where = f"{stripes} stripes on {values} values show as {want}, not {got}."
            if got == stripes:
                return wrong(
                    f"Not unchanged: more than half as many stripes as values do not fit: {where}"
                )
            if isinstance(got, int | float) and got == -want:
                return wrong(
                    f"Right but for the sign, and a number of stripes has none: {where}"
                )
            if stripes > 1.5 * values:
                return wrong(f"Right at first, but the folding continues forever: {where}")
            return wrong(f"Not yet: {where}")
    return correct(
        "The distance to the nearest multiple of the number of values, for every case tried."
    )


RULES = {
    "gradient": lambda x, signal: signal * (x > 0),
    "deconvnet": lambda x, signal: signal.relu(),
    "guided": lambda x, signal: signal.relu() * (x > 0),
}


def check_rules(answer) -> Verdict:
    x, signal = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0)).chunk(2)
    for rule, want in RULES.items():
        got = called(answer, rule, x, signal)
        if not isinstance(got, Tensor) or got.shape != x.shape:
            return wrong(
                f"For {rule!r} expected a tensor of x's shape {shape(x)}, got {shape(got)}."
            )
        if not torch.allclose(got, want(x, signal)):
            for other, values in RULES.items():
                if torch.allclose(got, values(x, signal)):
                    return wrong(f"For {rule!r} you return what the rule {other!r} gives.")
            return wrong(
                f"For {rule!r} the values are those of none of the three rules: start from `signal`."
            )
    return correct("All three: they differ only in which signals a ReLU lets back down.")


def chain() -> tuple[nn.Sequential, Network, Tensor]:
    """Five layers with random weights, as a chain and as the library's `project` takes them, and some images."""
    torch.manual_seed(0)
    layers = first_stages((2, 4, 5), 3, (1, 1), (1, 2))
    stages = {"conv1": sequential(a=layers[0], b=layers[1], c=layers[2])}
    net = Network(stages | {"conv2": sequential(a=layers[3], b=layers[4])}, nn.Identity(), 2)
    return layers, net, torch.randn(3, 2, 30, 30)


def check_reconstruct(answer) -> Verdict:
    layers, net, images = chain()
    for channel in net.features(images).amax((0, 2, 3)).topk(2).indices.tolist():
        want = project(net, images, "conv2", channel)
        with torch.no_grad():
            got = called(answer, layers, images, channel)
            maps, _ = climb(layers, images)
        if not isinstance(got, Tensor) or got.shape != want.shape:
            return wrong(
                f"Expected reconstructions of the images' shape {shape(want)}, got {shape(got)}."
            )
        if torch.allclose(got, want, atol=1e-5):
            continue
        if torch.allclose(
            got, want / maps[:, channel].amax((1, 2)).view(-1, 1, 1, 1), atol=1e-5
        ):
            return wrong(
                "Right up to a factor: the strongest unit keeps its value, it does not become 1."
            )
        widest = max(reach(got))
        if widest > 13:
            return wrong(
                f"The widest reconstruction has {widest} pixels, and a unit here sees 13: more than one unit is left."
            )
        if sum(span > 0 for span in reach(got)) == 1:
            return wrong(
                "Only one of the images has a reconstruction: each image has a strongest unit of its own."
            )
        return wrong(
            "The reconstructions are small enough, but they are not those of the strongest units."
        )
    return correct("One unit in each image, the strongest, with its own value.")


def check_cleaned(answer) -> Verdict:
    noise = torch.randint(
        0, 120, (4, 1, 32, 32), generator=torch.Generator().manual_seed(0)
    ).to(torch.uint8)
    pixels = noise.repeat(10, 1, 1, 1)  # the same four images with the shortcut of each class
    for index, image in enumerate(pixels):
        clutter.faint(image, index // 4)
    before = pixels.clone()
    got = called(answer, pixels)
    if not torch.equal(pixels, before):
        return wrong(
            "Your function has changed the images that it was given: work on `pixels.clone()`."
        )
    if not isinstance(got, Tensor) or got.shape != pixels.shape:
        return wrong(f"Expected images of the same shape, {shape(pixels)}, got {shape(got)}.")
    changed = (got.float() != before.float()).any(0)[0]
    if not changed.any():
        return wrong(phrase("Nothing is changed."))
    by_class = got.float().view(10, *noise.shape)
    left = (by_class != by_class[0]).any(0).any(0)[0]
    share = changed.float().mean().item()
    if left.any():
        return wrong(
            f"The same image with the shortcut of another class still comes out different, in {int(left.sum())} of its pixels. Where "
            "did the gray square hurt? And does the shortcut lie at the same place for every digit?"
        )
    if share > 0.2:
        return wrong(
            f"The shortcut is gone, and so is {share:.0%} of the image: 20 % at most, or you cover the digit as well."
        )
    return correct(f"The shortcut is gone, and {1 - share:.0%} of the image is as it was.")


# Parameters of AlexNet without some of its layers
SHORTENED = {
    (): 60_965_224,
    (7,): 60_965_224 - 16_781_312,
    (3, 4): 60_965_224 - 885_120 - 663_936 - 192 * 256 * 9 + 128 * 256 * 9,
    (6, 7): 60_965_224 - 37_752_832 - 16_781_312 - 4_096_000 + 9_216_000,
}
SHORTENED[3, 4, 6, 7] = SHORTENED[3, 4] + SHORTENED[6, 7] - SHORTENED[()]


def check_shortened(answer) -> Verdict:
    for removed, want in SHORTENED.items():
        net, gone = called(answer, removed), removed or phrase("nothing")
        if not isinstance(net, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(net).__name__}.")
        try:
            cost = complexity.profile(net, (3, 227, 227))
        except complexity.WalkError as error:
            return wrong(f"Without {gone} the network stops: {error}")
        if cost.params != want:
            if removed and cost.params == SHORTENED[()]:
                return wrong(
                    f"Without {gone} it should have {want:,} parameters; yours has {cost.params:,}; none of its layers is gone."
                )
            if cost.params - want == 128 * 256 * 9:
                return wrong(
                    f"Without {gone} it should have {want:,} parameters; yours has {cost.params:,}; AlexNet's conv5 has two groups."
                )
            return wrong(
                f"Without {gone} it should have {want:,} parameters; yours has {cost.params:,}, {cost.params - want:+,}."
            )
        if cost.output_size != (1000,):
            return wrong(
                f"Without {removed} it returns {cost.output_size} instead of 1000 logits."
            )
    return correct(
        "All five networks of the table: whole, and without 7, 3 and 4, 6 and 7, and all four."
    )


def my_stripes():
    return 64 // 4 - 13


def stripes_seen(stripes, values):
    return abs(stripes - values * round(stripes / values))


def relu_back(rule, x, signal):
    if rule != "gradient":
        signal = signal.relu()
    if rule != "deconvnet":
        signal = signal * (x > 0)
    return signal


def my_share():
    return 4096 * 4096 + 4096


def cleaned(pixels):
    pixels = pixels.clone()
    pixels[:, :, :, :3] = 0
    return pixels


def shortened(removed):
    with torch.device("meta"):
        net = models.alexnet()
        if 3 in removed:
            net.features.conv3 = nn.Identity()
            net.features.conv4 = nn.Identity()
            net.features.conv5.conv = nn.Conv2d(256, 256, 3, padding=1, groups=2)
        if 7 in removed:
            net.classifier.fc7 = nn.Identity()
        if 6 in removed:
            net.classifier.fc6 = nn.Identity()
            net.classifier.fc8 = nn.Linear(9216, 1000)
    return net
