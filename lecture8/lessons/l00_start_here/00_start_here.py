# %% [markdown]
# # 00 · Start here
#
# {{badges}}
#
# **In this notebook you compute a convolution by hand, write the loop that trains a network, and look at what the network
# has learned.** Then you meet the networks that won the ImageNet challenge, and learn to compare them fairly.
#
# You need some Python: functions, loops, lists. You don't need to know anything about neural networks.
#
# Afterwards you can
# * say what a convolution does, and predict the shape of its output;
# * write the training loop, and find the mistake when a network does not learn;
# * show by an experiment why images call for convolutions;
# * compare published networks fairly, and recognize a comparison that is not fair.
#
# | | time |
# |---|---|
# | everything, with the code you write | 90 minutes |
# | the 15-minute path: read sections 1, 5 and 6 (marked ➤). Run the other cells without reading them | 15 minutes |
# | the computer's part, on any laptop, without internet or a GPU | about a minute |
#
# **How it works.** Press **Shift + Enter** to run a cell. A cell with `...` is yours: replace each `...`, run it, and the notebook
# tells you what it found. If your code is right, the rest of the notebook uses *your* code. If you get stuck, move on: the notebook
# then uses its own.
#
# **The lecture notes.** This course follows the notes of a Korean lecture on these networks; when a text says “the lecture notes”, it means
# those. Words in parentheses, such as convolution (합성곱), are the Korean terms.

# %%
# @title Run this cell first { display-mode: "form" }
# {{install}}
import lecture8

run = lecture8.start()

# %%
import torch
from torch import nn

from lecture8 import (
    complexity,
    datasets,
    live,
    models,
    plots,
    published,
    teaching,
    training,
    transfer,
)
from lecture8.lessons.l00_start_here import explorers, overview, pictures
from lecture8.lessons.l00_start_here import questions as ask

macaw = datasets.animals(size=96)["macaw"]
_ = pictures.filtered(macaw, pictures.by_hand(macaw))

# %% [markdown]
# A photograph, and four tables of nine numbers. Below each table is what it finds in the photograph. A network that recognizes
# photographs is made of thousands of such tables. Nobody writes them: the network learns them from examples. This notebook shows how.
#
# **Three runs.** This is a **quick** run: small images, no internet, about a minute per notebook. Later lessons also have a **class** run on
# photographs (about half an hour on two cores, minutes on a GPU) and a **paper** run that follows the papers (hours). You choose
# in the first cell of a lesson. `lecture8.check()` says what your machine has for them.
#
# <details><summary>On Colab: keep your work</summary>
#
# *File → Save a copy in Drive* keeps what you write. To keep the list of solved tasks, too, mount your Google Drive before you begin:
# `from google.colab import drive; drive.mount("/content/drive")`. The notebooks were run with the packages of {{verified}}. If a cell
# fails on a newer Colab: *Tools → Command palette → Change runtime version*.
#
# </details>
#
# ## 1 · What a convolution does
#
# ➤ To a computer an image is a table of numbers. Here are 7 × 7 pixels of a handwritten 3; 0 is black, 9 is white. A **kernel** (커널) is a small
# table of numbers, too.

# %%
digits = datasets.digits(size=10)
three = digits.train.pixels[3, 0]
patch = (three[3:, 1:8] / 255 * 9).round()
kernel = torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])
_ = pictures.numbers(three, (3, 1), patch, kernel)

# %% [markdown]
# Lay the kernel on the image. Multiply each of the nine pixels by the number on top of it, and add up the nine products. That is all.
#
# The sum says how well this place fits the kernel. Our kernel adds the three lower pixels and subtracts the three upper ones. So the
# sum is large where the image gets brighter from top to bottom, and 0 where nothing changes.

# %%
ask.exercises["one_place"]

# %%
my_sum = ...
ask.exercises["one_place"].check(my_sum)

# %% [markdown]
# Now move the kernel one pixel to the right and do it again, until it has been everywhere. Every place gives one number. Together they
# are a new image, the **feature map** (특징 맵). This operation is called a **convolution** (합성곱). (In mathematics a convolution flips the kernel first; deep learning does not.)
#
# **Build it.** In PyTorch a table of numbers is a **tensor**. `t[0:3, 1:4]` are its rows 0, 1, 2 and its columns 1, 2, 3; `t * u` multiplies
# number by number; `t.sum()` adds everything up. The task and its hints come first, then the cell that you complete.

# %%
ask.builds["convolve"]


# %%
def convolve(image, kernel):
    size = len(kernel)
    height, width = image.shape[0] - size + 1, image.shape[1] - size + 1
    feature_map = torch.zeros(height, width)
    for row in range(height):
        for column in range(width):
            window = ...  # the part of the image that lies under the kernel
            feature_map[row, column] = ...  # multiply number by number, then add up
    return feature_map


convolve = ask.builds["convolve"].use(convolve)

# %%
live.show(
    "convolution", {"image": patch}, pictures.sliding(patch, kernel, convolve(patch, kernel))
)

# %% [markdown]
# Where the picture answers to your mouse, move the window and change the kernel. Orange is positive, purple negative. The largest sums lie along the *upper* edge of the lower stroke. The most negative ones lie where the middle
# stroke ends and it gets darker. One small table of numbers has found the horizontal edges of the 3.
#
# Why 5 × 5 and not 7 × 7? A 3 × 3 kernel fits in only five positions side by side in seven pixels.
#
# The same function works on a photograph. These are four kernels, all written by hand:

# %%
owl = datasets.animals(size=64)["owl"].float().mean(0)  # the mean of red, green and blue: gray
maps = {
    name: convolve(owl, torch.tensor(table).float()) for name, table in pictures.KERNELS.items()
}
_ = pictures.filtered(owl, maps)

# %%
ask.exercises["left_edge"]

# %%
my_kernel = ...
ask.exercises["left_edge"].check(my_kernel)

# %% [markdown]
# ## 2 · From one kernel to a layer
#
# A **layer** (층) is one step of a network: numbers go in, numbers come out. To describe one you need a few more words.
#
# * **Stride** (보폭): how far the kernel moves each time. Stride 2 skips every other place, so height and width become about half.
# * **Padding** (패딩): zeros around the image, so that the kernel also fits at the border. With stride 1, a 3 × 3 kernel with padding 1 keeps the size.
# * **Channel** (채널): a color image is three tables, for red, green and blue. A kernel that reads it is 3 × 3 × 3, and all 27 products are added
#   up. Each kernel makes one feature map. A layer with 16 kernels makes 16, and these are the 16 channels that the next layer sees.
# * **Parameters** (파라미터): the numbers that training changes. They are the **weights**, which are the numbers of the kernels, and one **bias** per
#   kernel, which is added to every sum.
# * **ReLU**: sets negative values to 0. What fits the kernel stays, what does not fit is dropped.
# * **Max pooling** (최대 풀링): keeps the largest value of each window, here 2 × 2. Height and width are halved; what was found stays, its exact place does not.
#
# In PyTorch the layer is `nn.Conv2d(channels in, kernels, kernel_size=3, stride=1, padding=0)`: `nn.Conv2d(3, 16, kernel_size=3)` reads 3
# channels and makes 16. `nn.Linear(256, 10)` reads 256 numbers and makes 10. `nn.Sequential(a, b, c)` runs layers one after the other.
#
# Move the controls. Before each move, guess the size of the feature map.

# %%
explorers.convolution()

# %% [markdown]
# The usual order is convolution (here with padding 1), ReLU, pooling. Here it is for a whole digit:

# %%
_ = pictures.steps(three, pictures.KERNELS["brighter below"])

# %%
guess_shape = teaching.predict(ask.predictions["shape"])
guess_shape

# %%
layers = nn.Sequential(nn.Conv2d(1, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
out = layers(torch.zeros(1, 1, 16, 16))  # one image, one channel, 16 × 16 pixels
guess_shape.reveal(" × ".join(str(length) for length in out.shape[1:]))

# %%
ask.exercises["output_size"]


# %%
def output_size(size, kernel, stride, padding):
    return ...  # your code


ask.exercises["output_size"].check(output_size)

# %%
ask.exercises["conv_params"]

# %%
my_params = ...
ask.exercises["conv_params"].check(my_params)

# %% [markdown]
# ## 3 · Your first network
#
# The task: read 1,797 handwritten digits. Their 8 × 8 pixels are enlarged to 10 × 10 and placed in the middle of a 16 × 16 frame. The same people wrote training and test digits, so this does not measure new handwriting.


# %%
def frame(pixels, moved):
    """N × 1 × 10 × 10 pictures in black 16 × 16 ones: each in the middle, or at a random place."""
    generator = torch.Generator().manual_seed(8)
    corners = torch.randint(0, 7, (len(pixels), 2), generator=generator)
    canvas = torch.zeros(len(pixels), 1, 16, 16, dtype=torch.uint8)
    for i, (top, left) in enumerate(corners if moved else torch.full_like(corners, 3)):
        canvas[i, :, top : top + 10, left : left + 10] = pixels[i]
    return canvas


data = digits.map(lambda pixels: frame(pixels, moved=False))
_ = plots.images(data.train.images[:20], [str(int(label)) for label in data.train.labels[:20]])
data

# %% [markdown]
# Each image has a **label** (레이블), its true **class**: one of the ten digits. The images are in three parts. The network learns from the **training** images. We look at the **validation** images while we work, for
# instance to choose settings. The **test** images are never used to choose anything: if you use a number to make a choice, this number
# becomes too optimistic. The results below are for test images; all settings were fixed before. A network that does much better on training images than
# on new ones is **overfitting** (과적합).
#
# **Build it.** A **convolutional neural network** (CNN, 합성곱 신경망) is a list of layers. The last one is a **linear layer**: each of its ten outputs is a
# weighted sum of *all* its inputs. Complete the list; the shapes on the right are channels × height × width.

# %%
ask.builds["cnn"]


# %%
def build_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # gives 16 × 16 × 16
        nn.ReLU(),
        nn.MaxPool2d(2),  # gives 16 × 8 × 8
        ...,  # a convolution with 32 kernels: gives 32 × 8 × 8
        ...,
        ...,  # gives 32 × 4 × 4
        nn.Flatten(),  # all numbers in one row
        nn.Linear(..., 10),  # from how many numbers? to ten classes
    )


build_cnn = ask.builds["cnn"].use(build_cnn)

# %% [markdown]
# This table follows one image through the network. *params* counts the parameters. *macs* counts **multiply-adds** (곱셈-덧셈): one multiplication and one
# addition, the unit of work. *field* is the **receptive field** (수용 영역): the width of the square of pixels that one value of a feature map depends on. It is
# counted up to the last pooling; after Flatten, every output depends on the whole image.

# %%
complexity.profile(build_cnn(), data.image_shape)

# %% [markdown]
# ## 4 · What training is
#
# At first all weights are random numbers. Show the network a 3:

# %%
torch.manual_seed(0)  # the same random numbers every time
net = build_cnn()
image = data.test.images[data.test.labels == 3][:1]
logits = net(image)
probabilities = logits.softmax(1)
_ = pictures.answer(image[0, 0], probabilities[0].detach(), data.classes)

# %% [markdown]
# Ten numbers come out, one for each class. They are called **logits** (로짓). The **softmax** turns them into probabilities: it raises e to the power
# of each logit, and divides by the sum. PyTorch's initial weights are small, so all ten logits are close to 0 and each class gets about 10 %.
#
# The **loss** (손실) says in one number how wrong that is: −log(*p*), where *p* is the probability of the true class and log the natural logarithm. It is 0 for *p* = 1, and large
# when *p* is small. With the logits $z_1, …, z_{10}$ and the true class $y$ it reads
#
# $$\text{loss} = -\log \frac{e^{z_y}}{e^{z_1} + … + e^{z_{10}}}.$$
#
# This is the **cross-entropy** of softmax and label; for several images we take the mean.

# %%
ask.exercises["start"]

# %%
my_loss = ...
ask.exercises["start"].check(my_loss)

# %% [markdown]
# **Training** makes the loss smaller, step by step. One step uses a **batch** (배치), here 32 images:
#
# 1. Set the gradients (step 4) to zero. PyTorch *adds* each new gradient to the old one, so leftovers would spoil this step.
# 2. *Forward*: compute the logits of the images.
# 3. Compare them with the labels: the loss.
# 4. *Backward*: compute the **gradient** (기울기). For every weight it says how the loss changes when this weight grows a little.
# 5. *Step*: move every weight a little against its gradient, so that the loss falls. The **learning rate** (학습률) sets how far.
#
# One pass over all training images is an **epoch** (에폭). PyTorch computes the gradients; an **optimizer** moves the weights. Ours is SGD (stochastic gradient descent: one batch at a time) with
# **momentum**: each step keeps 0.9 of the step before, which smooths the path.
#
# Is step 4 true? Make one weight larger by 0.01 and look:

# %%
net.zero_grad()
loss = nn.functional.cross_entropy(net(image), torch.tensor([3]))
loss.backward()
weight = net[0].weight  # of the first convolution
before_step = weight[0, 0, 0, 0].item()
expected = 0.01 * weight.grad[0, 0, 0, 0].item()
with torch.no_grad():
    weight[0, 0, 0, 0] = before_step + 0.01
    changed = (nn.functional.cross_entropy(net(image), torch.tensor([3])) - loss).item()
    weight[0, 0, 0, 0] = before_step
teaching.claim(
    "From the gradient we expect the loss to change by ≈ {expected:.6f}; it changes by ≈ {changed:.6f}.",
    abs(changed - expected) < 0.1 * abs(expected),
    expected=expected,
    changed=changed,
)

# %% [markdown]
# **Build it.** These five steps train every network of this course. You need five calls, here in the wrong order:
# `loss.backward()` computes the gradients; `optimizer.step()` moves the weights; `net(images)` gives the logits; `optimizer.zero_grad()`
# forgets the old gradients; `nn.functional.cross_entropy(logits, labels)` gives the loss.

# %%
ask.builds["train_epoch"]


# %%
def train_epoch(net, batches, optimizer):
    net.train()  # training mode: some layers of later lessons need to know
    for images, labels in batches:
        ...  # 1. forget the old gradients
        logits = ...  # 2. forward
        loss = ...  # 3. nn.functional.cross_entropy(…) does softmax and −log in one
        ...  # 4. backward
        ...  # 5. step


train_epoch = ask.builds["train_epoch"].use(train_epoch)

# %% [markdown]
# Now train. The **seed** (시드) fixes all random numbers: the initial weights and the order of the images. Three seeds show how much of a
# result is luck. The **accuracy** (정확도) is the share of the images that are classified correctly.

# %%
SEEDS, EPOCHS = (0, 1, 2), 6  # if you change them, choose by the validation curve below


def train(build, data, seed, epochs=EPOCHS, lr=0.05):
    torch.manual_seed(seed)
    net = build()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    valid = []
    for _ in range(epochs):
        train_epoch(net, data.batches("train", 32, order), optimizer)
        valid.append(training.evaluate(net, data, "valid").accuracy)
    return net, valid


# %% tags=["measured"]
cnns = [train(build_cnn, data, seed) for seed in SEEDS]
_ = plots.lines(
    {"three seeds": [valid for _, valid in cnns]}, xlabel="epoch", ylabel="validation accuracy"
)
cnn = [training.evaluate(net, data, "test").accuracy for net, _ in cnns]
teaching.claim(
    "The three networks read ≈ {a:.1f}, ≈ {b:.1f} and ≈ {c:.1f} % of the 300 test digits: more than 93 % each.",
    min(cnn) > 0.93,
    **{name: 100 * accuracy for name, accuracy in zip("abc", cnn)},
    hint="Look at the validation curve: is it still rising?",
)

# %% [markdown]
# (✅: the notebook has checked this sentence on your machine. ≈ marks a measured number: it may differ a little from machine to machine.)
#
# **Find the bug.** The next loop does the same five things (forward and loss are in one line), and raises no error. Compare it with the loop above, and look at what it reaches after one, two and three epochs.


# %%
def broken_epoch(net, batches, optimizer):
    net.train()
    for images, labels in batches:
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()


torch.manual_seed(0)
student = build_cnn()
sgd = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
for epoch in (1, 2, 3):
    broken_epoch(student, data.batches("train", 32, torch.Generator().manual_seed(epoch)), sgd)
    print(f"epoch {epoch}: ≈ {100 * training.evaluate(student, data, 'valid').accuracy:.1f} %")

# %%
ask.exercises["mend"]


# %%
def mended_epoch(net, batches, optimizer):
    return ...  # your code


ask.exercises["mend"].check(mended_epoch)

# %% [markdown]
# ## 5 · What the network has learned
#
# ➤ A network is layers of kernels, one after the other. They start as random numbers, and training changes them step by step until the
# answers fit the labels. Ours has seen 1,297 digits six times. These are its 16 first kernels before and after. Orange is positive, purple negative.

# %% tags=["measured"]
torch.manual_seed(0)
before = next(build_cnn().parameters()).detach()
trained = cnns[0][0].cpu().eval()
after = next(trained.parameters()).detach()
_ = pictures.kernels(before, after)
size, change = float(before.abs().mean()), float((after - before).abs().mean())
teaching.claim(
    "The weights had a mean absolute value of ≈ {size:.2f}; training moved a weight by ≈ {change:.2f} on average.",
    0.2 * size < change < 5 * size,
    size=size,
    change=change,
)

# %% [markdown]
# Nobody wrote these kernels. Compare them with yours from section 1: which ones respond to edges, and in which direction?
#
# And this is what they find in a 3. Bright means: here the pattern of this kernel is present.

# %% tags=["measured"]
with torch.no_grad():
    first = trained[:2](image)[0]  # convolution and ReLU
    second = trained[:5](image)[0]  # up to the second ReLU
_ = pictures.feature_maps(image[0, 0], first, second)
silent = float((second.amax((1, 2)) == 0).sum())
teaching.claim(
    "In the second layer ≈ {silent:.0f} of {all} feature maps are all black: their kernels find nothing in this 3.",
    0 < silent < len(second),
    silent=silent,
    all=len(second),
)

# %% [markdown]
# In the first layer you still see the 3: some maps show its upper or lower edges, some its strokes, some the background. In the second layer
# the maps are coarser and show only parts of the digit, such as an end or a bend. The linear layer then weighs all of them.
#
# Now the answer of the trained network for the same 3:

# %% tags=["measured"]
with torch.no_grad():
    sure = trained(image).softmax(1)[0]
_ = pictures.answer(image[0, 0], sure, data.classes)
teaching.claim("The 3 gets a probability of ≈ {p:.3f}.", sure[3] > 0.5, p=float(sure[3]))

# %% [markdown]
# **Look at the mistakes.** These are the eight test digits for which the network gave the true class the lowest probability.
# Above each: the true digit → the network's answer. Would you have read them? (If both are the same, the network was right but unsure.)

# %% tags=["measured"]
with torch.no_grad():
    given = trained(data.test.images).softmax(1)
labels, predicted = data.test.labels, given.argmax(1)
worst = given[range(len(labels)), labels].argsort()[:8]
titles = [f"{int(labels[i])} → {int(predicted[i])}" for i in worst]
_ = plots.images(data.test.images[worst], titles, columns=8, size=1.1)
wrong = int((predicted != labels).sum())
teaching.claim(
    "≈ {wrong} of {all} test digits are misclassified.",
    0 < wrong < 30,
    wrong=wrong,
    all=len(labels),
)

# %% [markdown]
# A **confusion matrix** (혼동 행렬) shows all answers: rows are the true digits, columns the predictions. Correct predictions are on the diagonal.

# %% tags=["measured"]
confusion = torch.zeros(10, 10, dtype=torch.long)
for true, said in zip(labels, predicted):
    confusion[true, said] += 1
assert confusion.sum() == len(labels)
_ = pictures.confusion(confusion, data.classes)

# %% [markdown]
# ## 6 · Why convolutions?
#
# ➤ Is a convolution worth the trouble? Compare it with the simplest classifier there is: one linear layer on the pixels.


# %%
def build_linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 10))


def accuracies(build, data, **settings):
    nets = [train(build, data, seed, **settings)[0] for seed in SEEDS]
    return [training.evaluate(net, data, "test").accuracy for net in nets]


linear = accuracies(build_linear, data)
teaching.claim(
    "One linear layer reads ≈ {low:.0f} to ≈ {high:.0f} % of the test digits.",
    min(linear) > 0.88,
    low=100 * min(linear),
    high=100 * max(linear),
)

# %% [markdown]
# That is about as good as the CNN, for much less work. So what are the convolutions good for? So far every digit is in the middle of its
# frame. Move the digits. (A **point** below is one percent of the images.)

# %%
moved = digits.map(lambda pixels: frame(pixels, moved=True))
_ = plots.images(
    moved.train.images[:20], [str(int(label)) for label in moved.train.labels[:20]]
)

# %%
guess_moved = teaching.predict(ask.predictions["moved"])
guess_moved

# %%
cnn_moved, linear_moved = accuracies(build_cnn, moved), accuracies(build_linear, moved)
bars = {"CNN": cnn, "CNN, moved": cnn_moved, "linear": linear, "linear, moved": linear_moved}
lost = [b - a for b, a in zip(cnn, cnn_moved)]
lost_linear = [b - a for b, a in zip(linear, linear_moved)]
guess_moved.reveal(ask.who_lost_more(lost, lost_linear), pictures.accuracies(bars))

# %% [markdown]
# One more. Shuffle the 256 pixels of the moved digits, all images in the same way:

# %%
order = torch.randperm(16 * 16, generator=torch.Generator().manual_seed(8))
shuffled = moved.map(lambda pixels: pixels.flatten(2)[:, :, order].unflatten(2, (16, 16)))
_ = plots.images(
    shuffled.train.images[:10], [str(int(label)) for label in shuffled.train.labels[:10]]
)

# %%
guess_shuffle = teaching.predict(ask.predictions["shuffle"])
guess_shuffle

# %%
cnn_shuffled = accuracies(build_cnn, shuffled)
linear_shuffled = accuracies(build_linear, shuffled)
bars |= {"CNN, moved and shuffled": cnn_shuffled, "linear, moved and shuffled": linear_shuffled}
lost_again = [b - a for b, a in zip(cnn_moved, cnn_shuffled)]
guess_shuffle.reveal(ask.what_shuffling_did(lost_again), pictures.accuracies(bars))

# %% [markdown]
# So a convolution builds in two assumptions. A pattern that is useful at one place is useful everywhere, and neighboring pixels belong
# together. Both are good approximations for photographs. (The first is called **weight sharing**.) Shuffling breaks both at once; this experiment does not separate them.
#
# **Do not believe it yet.** The CNN differs from the linear classifier in more than its convolutions. Change the experiment:

# %%
ask.exercises["rival"]


# %%
def build_rival():
    return ...  # your code


# when the check below says ✅, remove the # of the next lines; choose lr and epochs of each network by its validation curve
# print([train(build_rival, moved, seed, epochs=30, lr=0.01)[1][-1] for seed in SEEDS])
# print(accuracies(build_rival, moved, epochs=30, lr=0.01), accuracies(build_cnn, moved, epochs=30))
# print(accuracies(build_rival, shuffled, epochs=30, lr=0.01), accuracies(build_cnn, shuffled, epochs=30))
ask.exercises["rival"].check(build_rival)

# %% [markdown]
# ## 7 · Eight years of ImageNet
#
# The ImageNet challenge (ILSVRC) used 1.2 million photographs of 1,000 classes. A network may name five classes for each photograph. If the true
# one is not among them, this is a **top-5 error** (상위 5 오류율). Here is the winner of every year, and a human. (2012 and 2013: without extra training data.) The winners of
# 2010 and 2011 used hand-designed features. AlexNet (2012) learned its features, and every winner since has been a convolutional network.
#
# The human's 5.1 % come from *one* person, who had practiced, on 1,500 test images (a second one: 12.0 % on 258). The difficulty was to tell 1,000 classes
# apart, with over a hundred breeds of dogs. So a network below 5.1 % beats that person at this task and on these photographs. It does not mean that it sees better than people.

# %%
winners, human = overview.winners_and_human()
explorers.winners()

# %% [markdown]
# Such networks took days to train on their authors' hardware. For this course we trained a small one of each family on 45,000 photographs of CIFAR-10, which has
# ten classes. They are **loaded, not trained here**. What do they say about eight photographs from elsewhere, shrunk to CIFAR-10's 32 × 32 pixels?

# %%
truth = published.read("animals").set_index("name")["cifar10"].dropna()
animals = datasets.animals(size=32)
photos = {name: animals[name] for name in truth.index}
images = transfer.normalize(torch.stack(list(photos.values())) / 255, "cifar10")
opinions = {}
for name in models.small.CIFAR10:
    small = getattr(models.small, name)(weights="cifar10").eval()
    with torch.no_grad():
        opinions[name] = small(images).softmax(1)
_ = pictures.opinions(photos, list(truth), opinions, datasets.CIFAR10_CLASSES)
true_class = torch.tensor([datasets.CIFAR10_CLASSES.index(name) for name in truth])
hits = [int((p.argmax(1) == true_class).sum()) for p in opinions.values()]
known = [100 * weights.test_accuracy for weights in models.small.CIFAR10.values()]
teaching.claim(
    "They are right for {few} to {most} of these {all} photographs (too few to rank networks), and for {a:.0f} to {b:.0f} % of CIFAR-10's own "
    "test photographs. Those look like the ones they were trained on; these may not.",
    100 * max(hits) / len(photos) < min(known),
    few=min(hits), most=max(hits), all=len(photos), a=min(known), b=max(known),
)  # fmt: skip

# %%
# optional, with an internet connection: a network trained on ImageNet sees them with 224 × 224 pixels, and knows 1,000 classes
DOWNLOAD = False  # True downloads 45 MB, once
if DOWNLOAD:
    try:
        large = transfer.pretrained("resnet18").eval()
        whole = datasets.animals(size=224)
        said = transfer.recognize(large, {name: whole[name] for name in photos})
        for photo, words in zip(photos, said):
            print(f"{photo}: {words}")
    except OSError as error:  # no internet: the answers above are what there is
        print(error)

# %%
ask.exercises["years"]

# %%
my_years = ...
ask.exercises["years"].check(my_years)

# %% [markdown]
# ## 8 · One network or seven?
#
# Every winner since 2012 is an **ensemble** (앙상블): several networks whose predictions are averaged. Anyone who compares one paper's ensemble
# with another paper's single network can prove anything. Here are the published errors of both kinds:

# %%
pairs = {
    "AlexNet (1, then 5)": (18.2, 16.4),
    "ZFNet (b) (1, then 6)": (16.0, 14.7),
    "GoogLeNet (1, then 7)": (7.89, 6.67),
    "ResNet (1 on val, 6 on test)": (4.49, 3.57),
}
_ = pictures.singles_and_ensembles(pairs)
assert all(ensemble < single for single, ensemble in pairs.values())

# %%
published_errors = published.read("imagenet_errors")
columns = ["network", "nets", "split", "crops", "top5", "source"]
published_errors[columns].dropna(subset="top5").style.hide(axis="index").format(
    {"nets": "{:.0f}", "top5": "{:g}"}, na_rep="not stated"
)

# %% [markdown]
# *nets*: how many networks are averaged. *split*: validation or test images. A **crop** (크롭) is a rectangle cut from the image; *crops*: over how many of them the predictions are averaged. A number with
# one crop must not be compared with one that has 144: the same GoogLeNet has 10.07 and 7.89 %.
#
# You may read that ZFNet lowered the error from 16.4 to 11.7 %. But 16.4 % is five AlexNets, and 11.7 % is an ensemble of Clarifai, Zeiler's company. One network against one, for ZFNet the one of the paper's Figure 3 (the chart has a larger variant, b):

# %%
alone = published_errors[published_errors["nets"] == 1].set_index("network")["top5"]
teaching.claim(
    "One AlexNet has {alexnet} %, one ZFNet {zfnet} %: a step of {step:.1f} points, not of 4.7.",
    round(alone["AlexNet"] - alone["ZFNet Fig. 3"], 1) == 1.7,
    alexnet=alone["AlexNet"],
    zfnet=alone["ZFNet Fig. 3"],
    step=alone["AlexNet"] - alone["ZFNet Fig. 3"],
)

# %% [markdown]
# You may also read that ResNet's 152 layers almost halved the error, from 6.67 to 3.57 %. Both numbers are ensembles on the test images, so this comparison is fairer. But
# only two of the six networks in it have 152 layers. One network each, on the validation images: GoogLeNet 7.89 % (144 crops), ResNet-152 4.49 % (dense, several scales): a large step, but not one protocol either.
#
# ## 9 · A project of your own
#
# **How well can you read the moved digits with fewer than 10,000 parameters?** The small CNN above has 9,930 and loses accuracy when digits move.
# Change the network, the learning rate, the number of epochs. Choose with the *validation* images, and look at the test images once.

# %%
ask.exercises["project"]


# %%
def build_mine():
    return ...  # your code


# when it is ready, remove the # of the next lines
# print([train(build_cnn, moved, seed, epochs=30)[1][-1] for seed in SEEDS])  # the CNN, as long
# print([train(build_mine, moved, seed, epochs=30)[1][-1] for seed in SEEDS])  # validation: choose by this
# print(accuracies(build_mine, moved, epochs=30))  # test: once, last
ask.exercises["project"].check(build_mine)

# %% [markdown]
# Write half a page, and let somebody judge it:
#
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | question | “I tried things” | says what was changed | says why it should help, before measuring |
# | fairness | one seed, or chosen on the test images | three seeds | three seeds, chosen on validation images, test used once |
# | result | below 90 % of the test digits | above `build_cnn` after as many epochs | 97 % or more (mean of three seeds) |
# | honesty | only the best run | what did not work is listed | says which differences may be luck, and why |
#
# ## 10 · Quiz

# %%
teaching.quiz(ask.quiz[0])

# %%
teaching.quiz(ask.quiz[1])

# %%
teaching.quiz(ask.quiz[2])

# %%
teaching.quiz(ask.quiz[3])

# %%
teaching.quiz(ask.quiz[4])

# %% [markdown]
# ## 정리 · What you have shown
#
# * A **convolution** (합성곱) carries one small kernel to every place. Each kernel makes one feature map.
# * **Training** repeats five steps: forget, forward, loss, backward, step. Nobody writes the kernels; they are learned.
# * When digits move, the CNN loses far less than a linear classifier. When pixels are shuffled, its advantage shrinks: it relies on neighbors.
# * An accuracy needs its seeds, and images that were not used to choose anything.
# * A published error needs its number of networks and of crops. AlexNet alone: 18.2 %, five of them: 16.4 %.
#
# ## The map of the lecture
#
# Solved tasks and first guesses are noted in a small file on the computer that runs the notebook (nowhere else;
# `teaching.progress.forget()` removes it). On Colab that computer is new every time, unless your Google Drive is mounted.
# `teaching.report(name="…")` makes a page of them to hand in; add your own measurements: `teaching.report(name="…", accuracy=0.91)`.

# %%
overview.panel()

# %%
_ = pictures.concept_map(published.read("concepts"), overview.heads())
overview.questions()

# %% [markdown]
# ## Glossary · 용어집
#
# Type a part of a term, in English or Korean:

# %%
explorers.glossary()

# %% [markdown]
# **Where to go next:** [01 Transfer learning](01_transfer_learning.ipynb), or straight to the turning point, [06 ResNet](06_resnet.ipynb).
