"""What a network costs and how far it sees: formulas on the board, then one walk through the network.

    cost = complexity.profile(net, (3, 224, 224))           # params, macs, receptive field: total, by stage, by layer

Conventions, the same in every table of this course (all numbers are for ONE image):

* macs: multiply-adds of convolutions, linear layers and matrix products; one multiply and one add count 1, not 2.
  Biases, batch norm, pooling, activations, softmax and additions are not counted, nor what is computed from weights
  alone (weight norm), whatever the images.
* params: every parameter once, also when layers share it; buffers (running means) are not parameters.
* activations: values that need memory of their own: the input, and the output of every convolution, linear layer,
  matrix product, resampling and pooling layer, also global pooling written as a mean over height × width. ReLU, batch
  norm, LRN, dropout, addition, scaling, concatenation, flattening and pooling of single units (7 × 7 to 7 × 7) can do
  without and count nothing. This is the convention of the VGG-16 list in the CS231n course notes.
* field: the receptive field, in input pixels, of one unit; the larger of height and width. Branches that meet are
  united, from the first to the last pixel that any of them sees. jump: input pixels between two neighboring units.
  Global pooling, flattening and matrix products between pixels end the field: after them a unit sees the whole image,
  and `Profile.field` is that of the last feature map before. What was computed from the whole map and then joins a map
  again (the gate of squeeze-and-excitation, the statistics of group norm) is taken as a constant: it neither ends the
  field nor adds depth. After upsampling the field differs between units, and a bound that is never smaller is
  reported. Where windows slide over pixels that a function put elsewhere (`F.fold`), the network is refused.
* depth: convolutions and linear layers on the longest path, as in the names VGG-16 and ResNet-50.
* The network is profiled as in `eval()`: no auxiliary heads, no dropout.

Rooms: `formulas` (start here), `rules` (which formula for which torch function), `sight` (what a unit sees), `walk`
(the engine), `profile` (what comes out).
"""

# The function `profile` has the name of its module; imported here, the function keeps the name.
from lecture8.complexity.formulas import conv_macs, conv_params, conv_size  # noqa: I001  in two
from lecture8.complexity.formulas import linear_macs, linear_params, receptive_field
from lecture8.complexity.profile import Profile, profile
from lecture8.complexity.walk import WalkError, check_input, tensors_in

__all__ = [
    "Profile", "WalkError", "check_input", "conv_macs", "conv_params", "conv_size", "linear_macs", "linear_params",
    "profile", "receptive_field", "tensors_in",
]  # fmt: skip
