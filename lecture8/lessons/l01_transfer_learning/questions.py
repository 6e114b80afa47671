"""01 Transfer learning: predictions, builds, exercises, quiz."""

from lecture8.lessons.l01_transfer_learning import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "one_label": Prediction(
        "A new head for these photographs, trained on ten images: one of each animal. The features stay as they are. Then 300 zoomed crops. "
        "Which features do better, those of the trained network or random ones, as before any training?",
        {
            "the trained ones, clearly": "The network has never been taught panda or lemur. A new linear layer can use its kernels for them. "
            "Crops of one photograph share colors and background, so part of this is easy: the pixels alone are the baseline in the next cell.",
            "about the same": "Random kernels respond to edges and colors, too, and do far better than guessing (10 %). That is not much: "
            "those that were trained on photographs do clearly better.",
            "neither is better than guessing": "That would be so if features were tied to the ten classes of CIFAR-10. They describe the "
            "image; the classes are only in the last layer.",
        },
    ),
    "few": Prediction(
        "A handful of labeled images, and three networks. A starts from random weights and trains everything. B starts from the similar source and "
        "trains everything. C starts from the similar source, and only its new head learns. Which one is best on new images?",
        {
            "A: random weights": "It is not tied to anything learned elsewhere. But a handful of labels does not teach a whole network to see.",
            "B: from the source, all trained": "It can adapt everything, and at this learning rate it ends behind. Why it does is the question after this one.",
            "C: from the source, head alone": "Only a few hundred numbers learn. That helps if the frozen features already separate the classes: the same head on "
            "frozen random features does far worse, as the next figure shows.",
        },
    ),
    "remedy": Prediction(
        "B trains everything at one rate and ends behind C. Two suspects, two remedies. *Head first*: train the new head alone, then everything. *Layer-wise "
        "rates*: train everything at once, but the lower a layer, the more slowly. Which remedy closes most of the gap?",
        {
            "head first": "The idea: a random head sends useless gradients down and spoils the weights below. Over eight seeds head first gains "
            "two points and helps in only half of the seeds. (It is close to fastai's `fine_tune` and to LP-FT.)",
            "layer-wise rates": "It is ahead of one rate in each of the eight seeds. Is it because small steps keep what the lower layers "
            "know? That can be measured, and you will.",
            "both alike": "They sound alike, because both protect the lower layers. But after its first phase, head first trains all layers at "
            "the full rate again.",
        },
    ),
    "stripes": Prediction(
        "100 labeled letters. One network starts from random weights, another from weights trained on striped gratings, which look nothing like "
        "letters. The same recipe for both, everything learns. The stripes …",
        {
            "hurt": "Wrong knowledge might have to be unlearned first. That does not show: with either recipe the network from stripes is ahead in "
            "each of the five seeds. (At a rate three times as large it is not.)",
            "make no difference": "No class and no shape is shared. But edges in all directions are, and a network that has learned to find edges "
            "starts ahead.",
            "help by about ten points or more": "At one rate for all layers 48 against 38 %, layer-wise 47 against 30 %. A source can help without looking like the "
            "target.",
        },
    ),
    "much": Prediction(
        "Now with many labels, and all layers train at one rate. How do random weights and the similar source compare at the end?",
        {
            "random weights have overtaken it": "That can happen when a source is bad and the recipe holds on to it. This source is good.",
            "the source leads by less than 10 points": "With enough labels the random start learns most of what the source had to give. It may need more "
            "epochs for it.",
            "the source leads by 10 points or more": "With a handful of labels it does. But its lead comes from what the labels cannot teach, and "
            "many labels can teach a lot.",
        },
    ),
    "general": Prediction(
        "2,000 labeled letters. Freeze the first two of six convolutions, train the rest. With two convolutions learned from gratings the network "
        "reads 96 %, the same as when nothing is frozen. And with two RANDOM convolutions, never trained, frozen? (Batch normalization gets the statistics of the letters in each case.)",
        {
            "96 %, too": "Then “the first layers are general” would mean nothing: any two layers would do, and the rest would adapt. "
            "This control has to be run before the sentence may be written.",
            "several points lower": "So learned layers are better than arbitrary ones, even if learned on stripes. The four layers above "
            "make up for much, but not for all.",
            "about 10 %, guessing": "Random kernels still pass on what is in the image, only mixed up. Four trained layers can do a "
            "lot with that.",
        },
    ),
    "drift": Prediction(
        "`freeze` has set requires_grad = False for every parameter of the features. Then the head was trained. What in the features is different afterwards?",
        {
            "nothing": "The optimizer cannot change these parameters. But it is not the only thing that writes into a network.",
            "some of its weights": "A parameter without a gradient is skipped by the optimizer, momentum included.",
            "the running means and variances": "They are not parameters but *buffers*. The forward pass updates them whenever batch normalization is in "
            "training mode, and `net.train()` puts it there.",
        },
    ),
    "harm": Prediction(
        "The statistics moved, from those of the source images toward those of the target images. What did that do to the accuracy on the TARGET, for weights from "
        "gratings with 100 labels?",
        {
            "it fell by several points": "It sounds like a bug, so it should hurt. For the old task it is one. For the new one the layers now "
            "expect what they really get.",
            "it changed by less than a point": "That is what happens with printed digits as the source: their statistics fit letters already.",
            "it rose by several points": "Statistics set once to those of the letters, before any training, gain as much: what helps is that they "
            "fit. Adapting them on purpose is a known method. Do it knowingly, and do not call the features frozen.",
        },
    ),
    "handwriting": Prediction(
        "Real handwritten digits as the source, light on black, clean, centered. With 100 labels and layer-wise rates they lead to 46 %, printed digits to 84 %. Now change "
        "the handwritten images, step by step: other shades, both polarities, noise, then size, rotation and position as in the letters. Where do they end?",
        {
            "still near 46 %": "That would be so if the shapes were the reason: handwriting has no serifs. The shapes are the same at every step.",
            "more than halfway to printed digits": "The shapes stayed the same. The source lacked what varies in the target: shade, polarity, "
            "noise, size, rotation and position. In this order the last step is the largest; taken alone it leads to 61 %.",
            "above printed digits": "The strokes are still coarser: these scans have 8 × 8 pixels. Printed digits drawn as coarsely end "
            "at about the same place.",
        },
    ),
}

builds = {
    "replace_head": Build(
        title="a new head",
        difficulty=1,
        task="""
        Write `replace_head(net, num_classes)`. The last layer of our networks is `net.classifier.fc`, an `nn.Linear`. Put a new one in
        its place: as many inputs as the old one has, `num_classes` outputs.
        """,
        hints=[
            "A linear layer knows its sizes: `old.in_features`, `old.out_features`.",
            "`nn.Linear(old.in_features, num_classes)`; its weights start at random.",
        ],
        solution=answers.replace_head,
        explanation="In torchvision the last layer is `net.fc` (ResNet) or `net.classifier[-1]` (AlexNet, VGG).",
        check_answer=answers.check_replace_head,
    ),
    "freeze": Build(
        title="freeze a part",
        difficulty=1,
        task="""
        Write `freeze(module)`: no parameter of this part gets a gradient any more. `module.parameters()` lists them all; each has an attribute
        `requires_grad`.
        """,
        hints=[
            "Loop over `module.parameters()`.",
            "Inside the loop: `parameter.requires_grad = False`.",
        ],
        solution=answers.freeze,
        explanation="`module.requires_grad_(False)`, with the underscore, does this loop for you. Without it, Python just adds an attribute that nobody reads.",
        check_answer=answers.check_freeze,
    ),
    "layerwise": Build(
        title="a learning rate for each stage",
        difficulty=2,
        task="""
        Write `layerwise(net, lr, factor)`: a list of parameter groups for an optimizer. The head learns at `lr`, the last stage at `lr · factor`, the
        one before it at `lr · factor²`, and so on down to the image. Only the rate is missing.
        """,
        hints=[
            "The loop visits the stages from the head down. Each time the rate gets smaller.",
            "`lr = lr * factor`",
        ],
        solution=answers.layerwise,
        explanation="Every optimizer of torch.optim takes such a list. With factor 1 all layers learn alike.",
        check_answer=answers.check_layerwise,
    ),
    "train_mode": Build(
        title="frozen means frozen",
        difficulty=3,
        task="""
        Write `train_mode(net)`, to be called instead of `net.train()` before each epoch. The whole network goes into training mode, but each batch
        normalization whose weight is frozen goes back into evaluation mode: it then uses its running statistics, and leaves them alone.
        """,
        hints=[
            "`net.modules()` lists all layers; `isinstance(module, nn.BatchNorm2d)` picks those you need.",
            "A list comprehension will do: `[m for m in net.modules() if …]`.",
            "In the loop: a norm is frozen if `norm.weight.requires_grad` is False; `norm.eval()` puts it in evaluation mode.",
        ],
        solution=answers.train_mode,
        explanation="Frozen dropout layers would need the same. `transfer.freeze` of this course does both, and keeps it through `net.train()`.",
        check_answer=answers.check_train_mode,
    ),
}  # fmt: skip

exercises = {
    "head": Exercise(
        title="what is left to train",
        difficulty=1,
        task="""
        ResNet-18's last layer gets 512 numbers. You replace it for 37 breeds of cats and dogs and freeze the rest. How many parameters are trained?
        """,
        hints=["One weight for each pair of input and class.", "And one bias for each class."],
        solution=answers.my_count,
        asks_value=True,
        explanation="18,981 of 11,195,493, which is 0.17 %. Few labels can place so few weights, if the frozen features separate the classes.",
        check_answer=number_check(
            18_981,
            traps={18_944: "those are the weights; a linear layer also has a bias per class.",
                   513_000: "that is the old layer, for ImageNet's 1,000 classes.",
                   11_195_493: "those are all parameters; the features are frozen.",
                   512: "each of the 37 classes has its own 512 weights."},
            unit="parameters",
        ),
    ),
    "saving": Exercise(
        title="compute frozen features once",
        difficulty=2,
        task="""
        A frozen part gives the same features for the same image in every epoch. So you can compute them once and keep them. A forward pass of
        ResNet-18 takes about 1,800,000,000 multiply-adds. You train the head on 1,000 photographs for 20 epochs. How many multiply-adds do you
        save? (Leave out the head, which is tiny.)
        """,
        hints=[
            "Without the trick, each of the 1,000 photographs passes through the network 20 times. No gradient flows through frozen layers.",
            "With it, each passes once: 19 passes are saved.",
        ],
        solution=answers.my_saving,
        asks_value=True,
        explanation="34.2 of 36 trillion. The price: every epoch sees the very same images, so there is no augmentation (random crops, mirroring).",
        check_answer=number_check(
            34_200_000_000_000,
            traps={36_000_000_000_000: "that is the cost without the trick; one pass per photograph is still needed.",
                   1_800_000_000_000: "that is what remains to be computed.",
                   102_600_000_000_000: "nothing is computed backward through frozen layers.",
                   34_200_000_000: "that is for one photograph."},
            unit="multiply-adds",
        ),
    ),
    "features": Exercise(
        title="what the last layer sees",
        difficulty=2,
        task="""
        Write `my_features(net, images)`: the features of some images, `net.features` averaged over all pixels, N × C. In evaluation mode and without
        a gradient; leave each module (`net.modules()` lists them) in the mode in which it came.
        """,
        hints=[
            "Before `net.eval()`, keep each module's own mode: `{m: m.training for m in net.modules()}`. `net.train()` would switch all of them.",
            "`with torch.no_grad():` computes without gradients.",
            "`x.mean((2, 3))` averages over height and width.",
        ],
        solution=answers.my_features,
        explanation="A linear layer trained on such vectors is called a linear probe: it shows what the features know.",
        check_answer=answers.check_features,
    ),
    "changed": Exercise(
        title="write the detector",
        difficulty=2,
        task="""
        Write `my_changed(net, act)`: look at `net.state_dict()`, call `act()`, look again, and return the list of names whose tensors
        have changed. `state_dict()` gives the live tensors, not copies: the first look needs `copy.deepcopy(net.state_dict())`.
        """,
        hints=[
            "Three steps: `before = copy.deepcopy(net.state_dict())`, then `act()`, then compare with `net.state_dict()`.",
            "`torch.equal(a, b)` is true when two tensors agree to the last bit; a list comprehension over the names will do.",
        ],
        solution=answers.my_changed,
        explanation="Without the copy both looks show the same tensors, and the list is always empty.",
        check_answer=answers.check_changed,
    ),
    "mended": Exercise(
        title="fix the setup",
        difficulty=3,
        task="""
        `prepare` should return a network with a new head and frozen features, and an optimizer that trains the head. It raises no error, and yet
        nothing learns. Write `mended(net, num_classes)`, which does it right and returns (net, optimizer).
        """,
        hints=[
            "Compare what the optimizer holds with what the network has: `held = {id(p) for g in optimizer.param_groups for p in g['params']}`, "
            "then `[name for name, p in net.named_parameters() if id(p) in held and p.requires_grad]`.",
            "`net.parameters()` lists the parameters that the network has at this moment.",
            "First the new head, then the optimizer.",
        ],
        solution=answers.mended,
        explanation="The optimizer held the parameters of the old head, which is no longer in the network. Nothing warns you.",
        check_answer=answers.check_mended,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You have 60 labeled photographs of three kinds of rust, weights from ImageNet, and one afternoon. What do you try first?",
        {
            "Fine-tune all layers at the learning rate that ImageNet was trained with": "Sixty labels would move millions of weights with large "
            "steps. In section 3 one rate for all was the worst of the three ways that start from a source.",
            "A new head on frozen features, compared on validation photographs with layer-wise fine-tuning": "Yes: both keep what the source knows, and "
            "the validation photographs decide between them.",
            "Random weights, because rust is not in ImageNet": "A source does not need your classes. Even stripes helped with 100 labels.",
        },
        "A new head on frozen features, compared on validation photographs with layer-wise fine-tuning",
    ),
    Question(
        "A report says: “Pre-trained 91 %, from random weights 84 %, so pre-training gains 7 points.” The pre-trained network had layer-wise rates, the other "
        "one rate for all. What does the report show?",
        {
            "That pre-training gains 7 points on this data": "Start and recipe both changed. With another recipe for both, the difference may be "
            "another one, as with the gratings at 2,000 labels.",
            "That layer-wise rates gain 7 points": "That would need the same start with both recipes.",
            "Neither: start and recipe changed together": "Yes: two things changed at once. All arms need one recipe, or each its own best one, found in "
            "the same way.",
        },
        "Neither: start and recipe changed together",
    ),
    Question(
        "One network serves two tasks: shared frozen features, a head for each. You train head B for an hour. Afterwards head A is ten points worse, though "
        "no weight of the features has changed. What happened?",
        {
            "The optimizer's momentum moved the features a little": "Then their weights would have changed.",
            "Batch normalization was in training mode": "Yes: its running statistics moved toward the images of task B.",
            "Head A has overfitted": "Head A was not trained at all.",
        },
        "Batch normalization was in training mode",
    ),
    Question(
        "You may read that pre-training saves time but does not raise accuracy. For which of these would you expect it to be most nearly true?",
        {
            "100,000 labels, and training until nothing improves": "Yes: this is the case in which He and colleagues found it, on COCO with 10,000 photographs and more.",
            "500 labels, and training until nothing improves": "With few labels, more epochs do not replace what the source saw. At 1,000 COCO photographs "
            "the pre-trained detector was 4.5 points ahead, though the recipe for random weights had been tuned.",
            "100,000 labels, and one epoch": "Little training is where a head start shows most.",
        },
        "100,000 labels, and training until nothing improves",
    ),
    Question(
        "You freeze the first block of a network trained on photographs, and lose nothing on X-rays. You want to write: “its first block is general”. "
        "Which control do you need first?",
        {
            "The same with a frozen random first block": "Yes: if that loses nothing either, the layers above did all the work.",
            "The same with the last block frozen": "Interesting, but it says nothing about the first one.",
            "More epochs for the frozen network": "It could only help the side that already lost nothing.",
        },
        "The same with a frozen random first block",
    ),
]
