"""AlexNet as it ran: half of the kernels on each of two GPUs (section 3.2 and Figure 2 of the paper in alexnet.py).

The two halves talk in four places only: before conv3, fc6 and fc7, where each GPU gets what the other found, and at the
end, where the first GPU gathers all. Everywhere else a GPU sees its own half.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture8 import checks
from lecture8.models.alexnet import FACTS, LAYERS, alexnet_init, stage
from lecture8.models.layers import LocalResponseNorm, Network, map_size, sequential
from lecture8.models.registry import register


class TwoGPUs(nn.Module):
    """One stage, half of its kernels on each GPU; what goes out is a pair of tensors, one per GPU.

    sees: what each half works on: the "images", its "own" half of the stage before, or "both" halves (an exchange)
    """

    def __init__(self, gpu1: nn.Module, gpu2: nn.Module, sees: str):
        super().__init__()
        self.gpu1, self.gpu2, self.sees = gpu1, gpu2, sees

    def forward(self, x):
        """The images, or the pair of the stage before -> (N × c_out / 2 × …, N × c_out / 2 × …)."""
        first, second = (x, x) if self.sees == "images" else x
        inputs = []
        for half, own in ((self.gpu1, first), (self.gpu2, second)):
            device = next(half.parameters()).device
            both = self.sees == "both"
            inputs.append(torch.cat([first.to(device), second.to(device)], 1) if both else own.to(device))
        return self.gpu1(inputs[0]), self.gpu2(inputs[1])


class Gather(nn.Module):
    """The last layer, on the first GPU, of what both hold."""

    def __init__(self, fc: nn.Linear):
        super().__init__()
        self.fc = fc

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        first, second = pair
        return self.fc(torch.cat([first, second.to(first.device)], 1))


@register(**FACTS)
def alexnet_two_gpus(num_classes: int = 1000, *, input_size: int = 227, devices: Sequence = ()) -> Network:
    """AlexNet as the two halves that sat on two GPUs and talk before conv3 and the fully connected layers only.

    3 × 227 × 227 -> logits, on the first device; with the weights of `halve` the same function as `alexnet`.
    devices: where the two halves go, such as ("cuda:0", "cuda:1"); both on the CPU if left out
    """
    if len(devices) not in (0, 2):
        raise ValueError(f"given {len(devices)} devices; expected two, such as ('cuda:0', 'cuda:1'), or none")

    def both(make, sees: str) -> TwoGPUs:
        return TwoGPUs(make(), make(), sees)

    def hidden(c_in: int) -> nn.Sequential:
        return sequential(
            flatten=nn.Flatten(), fc=nn.Linear(c_in, 2048), relu=nn.ReLU(inplace=True), drop=nn.Dropout(0.5)
        )

    stages, c = {}, 3
    for name, (width, kernel, stride, padding, groups, norm, pool) in LAYERS.items():

        def half(c_in=c // groups, c_out=width // 2, window=(kernel, stride, padding), norm=norm, pool=pool):
            return stage(c_in, c_out, *window, 1, LocalResponseNorm() if norm else None, pool)

        stages[name] = both(half, "images" if name == "conv1" else "own" if groups == 2 else "both")
        c = width
    size = map_size(input_size, (11, 4, 0), *[(3, 2, 0)] * 3)
    fc6, fc7 = (both(lambda c_in=c_in: hidden(c_in), "both") for c_in in (c * size**2, 4096))
    checks.whole(num_classes=num_classes)
    net = Network(stages, sequential(fc6=fc6, fc7=fc7, fc8=Gather(nn.Linear(4096, num_classes))), size=input_size)
    for module in net.modules() if devices else ():
        if isinstance(module, TwoGPUs):
            module.gpu1.to(devices[0])
            module.gpu2.to(devices[1])
        elif isinstance(module, Gather):
            module.to(devices[0])
    return alexnet_init(net)


def halve(net: Network, devices: Sequence = ()) -> Network:
    """`alexnet_two_gpus` with the weights of an `alexnet`: each GPU gets one half of the kernels of every layer."""
    double = alexnet_two_gpus(net.classifier.fc8.out_features, input_size=net.size, devices=devices)
    whole = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    pairs = [m for m in double.modules() if isinstance(m, TwoGPUs)]
    for layer, pair in zip(whole[:-1], pairs, strict=True):
        for kind in ("weight", "bias"):
            for i, half in enumerate((pair.gpu1, pair.gpu2)):
                [own] = [p for name, p in half.named_parameters() if name.endswith(kind)]
                own.data.copy_(getattr(layer, kind).data.chunk(2)[i])
    double.classifier.fc8.fc.load_state_dict(net.classifier.fc8.state_dict())
    return double.train(net.training)
