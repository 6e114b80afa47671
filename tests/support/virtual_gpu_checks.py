"""What the simulated GPU must do; run on one by tests/test_virtual_gpu.py, not collected by itself."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture8 import devices, measure, models
from tests.support import virtual_gpu
from tests.support.refusals import message

T4 = torch.cuda.get_device_capability() < (8, 0)
HALF = torch.float16 if T4 else torch.bfloat16


def ones(device=None):
    return torch.ones(3, 3, device=device)


def hooked(gpu, cpu):
    """A hook that multiplies a gradient by a tensor of the CPU."""
    out = gpu.requires_grad_() * 2
    out.register_hook(lambda gradient: gradient * cpu)
    out.sum().backward()


def stepped(gpu, cpu):
    """An optimizer whose memory has stayed on the CPU."""
    weights = nn.Parameter(gpu)
    optimizer = torch.optim.SGD([weights], lr=0.1, momentum=0.9)
    optimizer.state[weights]["momentum_buffer"] = cpu
    weights.sum().backward()
    optimizer.step()


LABELS = torch.tensor([0, 2, 1])
MIXED = {
    "sum": lambda gpu, cpu: gpu + cpu,
    "list": lambda gpu, cpu: torch.cat([gpu, cpu]),
    "network left behind": lambda gpu, cpu: nn.Linear(3, 3)(gpu),
    "labels left behind": lambda gpu, cpu: F.cross_entropy(gpu, LABELS),
    "in place": lambda gpu, cpu: cpu.add_(gpu),
    "index": lambda gpu, cpu: cpu[LABELS.cuda()],
    "made by C++": lambda gpu, cpu: F.one_hot(LABELS.cuda()) * cpu,
    "another GPU": lambda gpu, cpu: gpu + cpu.to("cuda:1"),
    "backward": hooked,
    "optimizer": stepped,
}


@pytest.mark.parametrize("mixed", MIXED)
def test_cpu_and_gpu_do_not_meet(mixed):
    assert "Expected all tensors to be on the same device" in message(RuntimeError, MIXED[mixed], ones("cuda"), ones())


def test_autocast_casts_as_cuda_does():
    images, net = torch.randn(2, 3, 8, 8, device="cuda"), nn.Conv2d(3, 4, 3).cuda()
    with torch.autocast("cuda", HALF):
        out = net(images)
        types = [out.dtype, (out @ out).dtype, out.relu().dtype, F.batch_norm(out, None, None, training=True).dtype]
        assert types == [HALF] * 4 and net.weight.dtype == torch.float32
        assert F.log_softmax(out, 1).dtype == out.exp().dtype == (out**2).dtype == out.sum().dtype == torch.float32
        with torch.autocast("cuda", enabled=False):
            assert net(images).dtype == torch.float32
        assert nn.Conv2d(3, 4, 3)(images.cpu()).dtype == torch.float32
        loss = F.cross_entropy(out.flatten(1), torch.zeros(2, dtype=torch.long, device="cuda"))
    loss.backward()
    assert loss.dtype == net.weight.grad.dtype == torch.float32
    assert torch.equal(net.bias.grad, net.bias.grad.to(HALF).float())  # it came as a number of 16 bits


def test_blocking_copies_are_noted():
    cpu, gpu = ones(), ones("cuda")
    virtual_gpu.copies.clear()
    for quiet in (cpu.to("cuda", non_blocking=True), gpu + torch.tensor(1.0), gpu.cpu(), gpu.to("cuda"), cpu + cpu):
        assert quiet.shape == (3, 3)
    gpu.copy_(cpu, non_blocking=True)
    assert virtual_gpu.copies == []
    cpu.cuda(), torch.tensor([1.0], device="cuda"), gpu[LABELS], gpu.copy_(cpu)
    assert [copied.split(" ")[1] for copied in virtual_gpu.copies] == ["(to)", "(to)", "(index)", "(copy_)"]
    assert all(copied.startswith("virtual_gpu_checks.py:") for copied in virtual_gpu.copies)


def test_memory_is_that_of_the_tensors():
    """A matrix, its gradient and momentum, 20 images and labels, logits, their log-softmax and gradient."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 1000, bias=False))
    counted = measure.peak_memory(net, (3, 8, 8), 20, optimizer="momentum", device="cuda").allocated
    assert 0 <= counted - 3 * 4 * 192_000 - 20 * (4 * 192 + 8) - 2 * 4 * 20_000 < 100  # single numbers


def test_a_gpu_is_what_the_machine_says_it_has():
    assert devices.pick_device() == torch.device("cuda")
    assert devices.Precision(devices.pick_device()).kind == str(HALF).removeprefix("torch.")
    assert "nvidia-smi" in message(ValueError, measure.power, models.small.resnet(8, num_classes=2), 32)
