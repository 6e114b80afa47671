"""Lecture 8: transfer learning and the ImageNet CNN lineage, as code to run and measure.

    import lecture8
    from lecture8 import complexity, datasets, models, plots, training

    run = lecture8.start()                                          # first line of every notebook
    data = datasets.digits()                                        # tensors: .train .valid .test
    net = models.small.resnet20(num_classes=data.num_classes)
    print(complexity.profile(net, data.image_shape))                # params, multiply-adds, receptive field
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    history = training.fit(net, data, optimizer, epochs=5)
    plots.curves({"ResNet-20": history})

Modules are imported when first used, so that `import lecture8` costs next to nothing.
"""

import importlib
import os

__version__ = "1.0.0"

_MODULES = (
    "checkpoints", "complexity", "course", "datasets", "devices", "history", "lessons", "measure", "models", "plots",
    "published", "scale", "teaching", "training", "transfer",
)  # fmt: skip
__all__ = [*_MODULES, "check", "start"]


def __getattr__(name):
    if name in ("start", "check"):
        _wait_politely()
        return getattr(importlib.import_module("lecture8.session"), name)
    if name in _MODULES:
        return importlib.import_module(f"lecture8.{name}")
    raise AttributeError(f"module 'lecture8' has no attribute {name!r}; it has {', '.join(__all__)}")


def _wait_politely() -> None:
    """Lets torch's threads give way to other programs; works before torch is imported, and on Linux only.

    They wait for one another by turning in circles, 300,000 times (manual of GNU's libgomp, GOMP_SPINCOUNT), which
    keeps a core from the one that is waited for if anybody else wants it. On two cores, beside two other programs, an
    epoch of `small.resnet20` took 49 s; with 3,000 turns 2.5 s, and alone as long as before (0.49 s).
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def __dir__():
    return sorted([*globals(), *__all__])
