"""A colleague's residual network with a mistake in it: exercise "repair" of lesson 06."""

import torch

from lecture8 import models, training
from lecture8.lessons.l06_resnet import answers


def trained(data, depth: int, width: int, lr: float, batch: int, epochs: int) -> tuple:
    """The colleague's network after its training, and the history of that."""
    torch.manual_seed(0)
    net = answers.resnet(depth, width, data.num_classes, data.image_shape[0])
    net = models.layers.he_init(answers.share_norms(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    return net, training.fit(net, data, optimizer, epochs, batch_size=batch)
