"""A GPU that is not there: code for CUDA runs on a CPU, with real numbers, and fails where it would fail on a GPU.

    from tests.support import virtual_gpu
    virtual_gpu.install("t4")  # or "h200": from here on, in the main thread of this process

Every tensor is an ordinary CPU tensor. Where it "lies" is noted on its storage: its views share it, and memory is
counted until PyTorch frees it. Three things make code believe it:

1. What a tensor says of itself (`device`, `is_cuda`), its moves (`to`, `cpu`, `cuda`) and everything that makes a
   tensor with `device=` are replaced; `numpy()` of a tensor on a GPU is refused.
2. `Operations` sees every operation, those of backward passes too. It raises where a CPU tensor meets one of a GPU,
   notes where results lie, and draws from the GPU's own random generator.
3. `cuda_numbers` computes as a GPU's cores do, and casts what CUDA's autocast casts.

Not simulated: speed, full memory, cuDNN's choice of algorithms, atomics (another order of sums in every run), what has
no CUDA kernel, other threads, where `torch.load` puts a tensor, autocast inside PyTorch's Python functions.
"""

import contextlib
import functools
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import torch
import torch._dynamo  # it lists PyTorch's functions when it is imported: before some are replaced
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support import cuda_numbers
from tests.support.cuda_numbers import tensors_in

CHIPS = {"t4": ("Tesla T4", (7, 5), 16), "h200": ("NVIDIA H200", (9, 0), 139)}  # name, capability, GiB
CPU = torch.device("cpu")
ANYWHERE = "anywhere"  # C++ made it out of nothing, inside an operation or a backward pass: it is where it is needed
UNKNOWN = SimpleNamespace(device=CPU)  # of a storage that nobody has placed yet
copies: list[str] = []  # "tensors.py:82 (to)": copies to a GPU for which a CPU waits, those that are not non_blocking
used, peak = Counter(), Counter()  # bytes on each device
chip = SimpleNamespace(generators=[], tf32=False)  # a random generator for each GPU
raw_device, raw_to = Tensor.device, Tensor.to

CROSSING = {"aten::copy_", "aten::set_", "aten::_foreach_copy_"}  # may read from another device
INDEXING = {f"aten::{name}" for name in "index index_put index_put_ _index_put_impl_ _unsafe_index".split()}
FACTORIES = """zeros ones full empty empty_strided arange linspace logspace eye scalar_tensor rand randn randint
    randperm zeros_like ones_like full_like empty_like rand_like randn_like randint_like"""
DATA = {"tensor", "as_tensor", "asarray"}
NEW = "new_zeros new_ones new_full new_empty new_empty_strided"


class Block:
    """A piece of a device's memory. It hangs on a storage and is freed with it."""

    def __init__(self, device, size: int):
        self.device, self.size = device, size
        used[device] += size
        peak[device] = max(peak[device], used[device])

    def __del__(self):
        used[self.device] -= self.size


def place(t: Tensor):
    """Where a tensor lies: a device, or ANYWHERE. Tensors without memory of their own (meta) stay as they are."""
    with torch._C.DisableTorchFunction():
        real = raw_device.__get__(t)
        return t.untyped_storage().lies.device if real == CPU and t.layout is torch.strided else real


def put(t: Tensor, device) -> Tensor:
    """The same tensor, which lies on `device` from now on, with all its views."""
    with torch._C.DisableTorchFunction():
        if raw_device.__get__(t) == CPU and t.layout is torch.strided:
            storage = t.untyped_storage()
            storage.lies = Block(device, storage.nbytes())
    return t


def device_of(t: Tensor) -> torch.device:
    return CPU if place(t) is ANYWHERE else place(t)


def numbered(device) -> torch.device:
    """A device with its number, "cuda" (or None) being the first; RuntimeError if there is no such GPU."""
    device = torch.device("cuda", device) if isinstance(device, int) else torch.device(device or "cuda")
    if device.type == "cuda" and (device.index or 0) >= len(chip.generators):
        raise RuntimeError("CUDA error: invalid device ordinal")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def note_copy(name: str) -> None:
    """Notes a blocking copy to a GPU by the nearest line that is not PyTorch's."""
    frame = sys._getframe(1)
    while frame and (frame.f_code.co_filename == __file__ or f"torch{os.sep}" in frame.f_code.co_filename):
        frame = frame.f_back
    copies.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} ({name})" if frame else name)


@contextlib.contextmanager
def generator_of(gpu):
    """Random numbers come from the generator of this GPU, and the CPU's stays as it is."""
    own, kept = chip.generators[gpu.index], torch.get_rng_state()
    torch.set_rng_state(own.get_state())
    try:
        yield
    finally:
        own.set_state(torch.get_rng_state())
        torch.set_rng_state(kept)


class Move(torch.autograd.Function):
    """A copy on another device; its gradient travels back."""

    @staticmethod
    def forward(ctx, t, device):
        ctx.back = place(t)
        return put(t.detach().clone(), device)

    @staticmethod
    def backward(ctx, gradient):
        return put(gradient.detach().clone(), ctx.back), None


def to(t, *args, **kwargs):
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    options = {key: value for key, value in kwargs.items() if key != "copy"}
    device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **options)
    if device is None or not {device.type, t.device.type} <= {"cpu", "cuda"}:
        return raw_to(t, *args, **kwargs)
    device, rest = numbered(device), {"memory_format": memory_format} if memory_format else {}
    if t.device == device:
        return raw_to(t, dtype or t.dtype, copy=kwargs.get("copy", False), **rest)
    if t.is_cpu and not non_blocking:
        note_copy("to")
    return Move.apply(raw_to(t, dtype or t.dtype, **rest), device)


def made_on(make):
    """A function that makes a tensor, with a `device=` that may be a GPU; given data are a copy from the CPU."""

    def made(*args, device=None, requires_grad=False, **kwargs):
        where = None if device is None else numbered(device)
        if where is None or where.type not in ("cpu", "cuda"):
            out = make(*args, **kwargs) if where is None else make(*args, device=where, **kwargs)
            out = put(out, CPU) if place(out) is ANYWHERE else out
        elif make.__name__ in DATA:
            out = make(*args, **kwargs).to(where)
        elif where != CPU and kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        else:
            with generator_of(where) if where != CPU else contextlib.nullcontext():
                out = put(make(*args, device=CPU, **kwargs), where)
        return out.requires_grad_() if requires_grad else out

    return functools.wraps(make)(made)


def refused(convert):
    """A conversion to numpy, refused as CUDA refuses it."""

    def converted(t, *args, **kwargs):
        if t.is_cuda:
            message = f"can't convert {t.device} device type tensor to numpy."
            raise TypeError(f"{message} Use Tensor.cpu() to copy the tensor to host memory first.")
        return convert(t, *args, **kwargs)

    return functools.wraps(convert)(converted)


class Operations(TorchDispatchMode):
    """Sees every operation on tensors, below autograd: in the forward pass, the backward pass and the optimizer."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func._schema.name
        with torch._C.DisableTorchFunction():
            tensors = list(tensors_in(args, *kwargs.values()))
            places = [place(t) for t in tensors]
            gpus = sorted({str(p) for p in places if p is not ANYWHERE and p.type == "cuda"})
            if not gpus:
                out = func(*args, **kwargs)
                home = ANYWHERE if ANYWHERE in places or not tensors else CPU
            else:
                home = torch.device(gpus[0])
                self.check(name, args, tensors, places, gpus, kwargs)
                draws = torch.Tag.nondeterministic_seeded in func.tags
                with generator_of(home) if draws else contextlib.nullcontext():
                    out = cuda_numbers.computed(func, name, args, kwargs, chip.tf32)
            if home != CPU and name not in CROSSING:
                for t in tensors_in(out):
                    lies = t.untyped_storage().lies
                    if lies is UNKNOWN or (gpus and lies.device is ANYWHERE):
                        put(t, home)
            return out

    def check(self, name, args, tensors, places, gpus, kwargs):
        """Raises where tensors do not lie together; single numbers of the CPU and its indices may."""
        if kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        if name in CROSSING:
            if name == "aten::copy_" and places[1] == CPU and not (len(args) > 2 and args[2]):
                note_copy("copy_")
            return
        indices = [id(t) for t in tensors_in(args[1]) if place(t) == CPU] if name in INDEXING else []
        if indices and places[0] != CPU:
            note_copy("index")
        far = [
            where == CPU and (t.dim() > 0 or name == "aten::cat") and (id(t) not in indices or places[0] == CPU)
            for t, where in zip(tensors, places, strict=True)
        ]
        if any(far) or len(gpus) > 1 or (name[-1] == "_" and places[0] == CPU):
            found = ", ".join(f"{tuple(t.shape)} on {where}" for t, where in zip(tensors, places, strict=True))
            message = "Expected all tensors to be on the same device, but found at least two devices"
            raise RuntimeError(f"{message}: {name} of {found}")


def replace_functions() -> None:
    """Gives Tensor and torch what is above in place of their own."""
    torch.utils._device._device_constructors()  # `with torch.device("meta")` lists the real ones: before they go
    torch.UntypedStorage.lies = UNKNOWN
    deepcopy = Tensor.__deepcopy__
    Tensor.device = property(device_of)
    Tensor.is_cuda = property(lambda t: device_of(t).type == "cuda")
    Tensor.is_cpu = property(lambda t: device_of(t).type == "cpu")
    Tensor.to = functools.wraps(raw_to)(to)
    Tensor.cpu = functools.wraps(Tensor.cpu)(lambda t, **kwargs: t.to("cpu", **kwargs))
    Tensor.cuda = functools.wraps(Tensor.cuda)(lambda t, device=None, **kwargs: t.to(numbered(device), **kwargs))
    Tensor.pin_memory = functools.wraps(Tensor.pin_memory)(lambda t, *_: t.clone())
    Tensor.__deepcopy__ = lambda t, memo: put(deepcopy(t, memo), place(t))
    for owner, names, change in (
        (Tensor, ["numpy", "__array__", "__dlpack__"], refused),
        (Tensor, NEW.split(), made_on),
        (torch, [*FACTORIES.split(), *DATA], made_on),
    ):
        for name in names:
            setattr(owner, name, change(getattr(owner, name)))
    torch.autocast = torch.amp.autocast = torch.amp.autocast_mode.autocast = cuda_numbers.Autocast


def install(kind: str = "h200", gpus: int = 1) -> None:
    """From here on this process has `gpus` of these chips and no nvidia-smi, and LECTURE8_DEVICE is forgotten."""
    name, capability, memory = CHIPS[kind]
    generators = chip.generators = [torch.Generator().manual_seed(0) for _ in range(gpus)]
    chip.tf32 = capability >= (8, 0)
    properties = SimpleNamespace(name=name, uuid="0", total_memory=memory << 30, multi_processor_count=40)
    facts = {
        **dict.fromkeys(("is_available", "is_initialized", "is_bf16_supported"), True),
        **dict.fromkeys(("init", "_lazy_init", "synchronize", "empty_cache", "set_device"), None),
        **{"is_current_stream_capturing": False, "device_count": gpus, "current_device": 0, "get_device_name": name},
        **{"get_device_capability": capability, "get_device_properties": properties},
        "device": contextlib.nullcontext(),
    }
    for key, value in facts.items():
        setattr(torch.cuda, key, lambda *_, value=value, **__: value)

    cuda = torch.cuda
    cuda.default_generators = generators
    cuda.manual_seed = lambda seed: generators[0].manual_seed(seed)
    cuda.manual_seed_all = lambda seed: [generator.manual_seed(seed) for generator in generators]
    cuda.get_rng_state = lambda device=None: generators[numbered(device).index].get_state()
    cuda.set_rng_state = lambda state, device=None: generators[numbered(device).index].set_state(state)
    cuda.memory_allocated = lambda device=None: used[numbered(device)]
    cuda.max_memory_allocated = lambda device=None: peak[numbered(device)]
    cuda.reset_peak_memory_stats = lambda device=None: peak.__setitem__(numbered(device), used[numbered(device)])
    torch.accelerator.current_stream = lambda *_: SimpleNamespace(is_capturing=lambda: False)  # optimizers ask
    os.environ.pop("LECTURE8_DEVICE", None)
    which = shutil.which
    shutil.which = lambda command, *args, **kw: None if command == "nvidia-smi" else which(command, *args, **kw)
    replace_functions()
    Operations().__enter__()
