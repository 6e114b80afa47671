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

__version__ = "0.1.0"

_MODULES = (
    "checkpoints", "complexity", "course", "datasets", "distributed", "exercises", "explore", "measure", "models",
    "plots", "progress", "published", "recipes", "streams", "teaching", "training", "transfer",
)  # fmt: skip
__all__ = [*_MODULES, "check", "start"]


def __getattr__(name):
    if name in ("start", "check"):
        return getattr(importlib.import_module("lecture8.session"), name)
    if name in _MODULES:
        return importlib.import_module(f"lecture8.{name}")
    raise AttributeError(f"module 'lecture8' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
