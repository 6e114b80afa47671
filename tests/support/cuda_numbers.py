"""The numbers of a GPU, computed on a CPU: 16-bit products with 32-bit sums, TF32, and the casts of CUDA's autocast."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = {f"aten::{name}" for name in "convolution convolution_backward conv1d conv2d conv3d".split()}
PRODUCTS = CONVOLUTIONS | {f"aten::{name}" for name in "mm addmm bmm baddbmm mv addmv linear matmul".split()}
# docs.pytorch.org/docs/stable/amp.html, "CUDA Ops that can autocast to float16" (or bfloat16), "… to float32"
TO_16_BITS = """__matmul__ __rmatmul__ addbmm addmm addmv addr baddbmm bmm chain_matmul multi_dot conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d einsum linear matmul mm mv prelu scaled_dot_product_attention"""
TO_32_BITS = """__pow__ __rdiv__ __rpow__ __rtruediv__ acos asin binary_cross_entropy_with_logits cdist cosh
    cosine_similarity cross_entropy cumprod cumsum dist erfinv exp expm1 group_norm kl_div l1_loss layer_norm log log10
    log1p log2 log_softmax logsumexp mse_loss multi_margin_loss nll_loss norm normalize pow prod reciprocal renorm rsqrt
    sinh smooth_l1_loss softmax softmin softplus sum tan triplet_margin_loss"""
KINDS = {**dict.fromkeys(TO_16_BITS.split(), 16), **dict.fromkeys(TO_32_BITS.split(), 32)}


def tensors_in(*values):
    """All tensors among arguments, also those in lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(*value)


def changed(change, args, kwargs):
    """Arguments with `change` done to every tensor of floating-point numbers."""

    def one(x):
        if type(x) in (list, tuple):
            return type(x)(map(one, x))
        return change(x) if isinstance(x, Tensor) and x.is_floating_point() else x

    return [one(x) for x in args], {key: one(x) for key, x in kwargs.items()}


def computed(func, name, args, kwargs, tf32):
    """What an operation gives; a product or a convolution as the chip computes it."""
    kind = next(tensors_in(args)).dtype if name in PRODUCTS else None
    if kind in (torch.float16, torch.bfloat16):
        args, kwargs = changed(lambda x: x.float(), args, kwargs)
        return changed(lambda x: x.to(kind), [func(*args, **kwargs)], {})[0][0]
    if kind == torch.float32 and name in CONVOLUTIONS and tf32 and torch.backends.cudnn.allow_tf32:
        args, kwargs = changed(to_tf32, args, kwargs)
    return func(*args, **kwargs)


def to_tf32(x: Tensor) -> Tensor:
    """Images and weights, not the bias, to the nearest number with 10 bits behind the point."""
    return ((x.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32) if x.dim() > 1 else x


class Casts(TorchFunctionMode):
    """Casts what CUDA's autocast casts."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        bits, kwargs = KINDS.get(getattr(func, "__name__", "")), kwargs or {}
        if bits and torch.is_autocast_enabled("cuda"):
            wanted = torch.get_autocast_dtype("cuda") if bits == 16 else torch.float32
            cast = lambda x: x.to(wanted) if x.is_cuda and x.dtype != torch.float64 else x  # noqa: E731
            args, kwargs = changed(cast, args, kwargs)
        return func(*args, **kwargs)


class Autocast(torch.autocast):
    """PyTorch's own, which knows whether it is on and of which type, with these casts."""

    def __enter__(self):
        entered, self.casts = super().__enter__(), Casts()
        self.casts.__enter__()
        return entered

    def __exit__(self, *error):
        self.casts.__exit__(*error)
        return super().__exit__(*error)
