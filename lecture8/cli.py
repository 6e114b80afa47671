"""The command line, `python -m lecture8`: train a network, list the networks, count one, check the machine.

Each subcommand is one function that takes the parsed arguments and returns the exit code. A complaint is one sentence
on stderr; nothing heavy is imported before the arguments are understood.
"""

import argparse
import contextlib
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

PLAIN = "plain"  # the recipe of no paper
GENERATED = ("digits", "glyphs", "textures")  # gray or color, at any size
PUBLISHED = ("cifar10", "imagenette", "ants_bees", "pets", "flowers")  # on disk, or downloaded
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 128 + signal.SIGINT

EXAMPLES = """\
examples:
  python -m lecture8 list
  python -m lecture8 profile vgg16 --size 224
  python -m lecture8 train resnet20 --data digits --epochs 5 --out runs/digits
  python -m lecture8 train --help
"""

TRAIN = """\
Train a network, and write into the folder RUN:

  settings.json   what was asked for
  history.csv     loss and accuracy of every epoch, after every epoch
  checkpoint.pt   from which a run that was stopped goes on
  weights.pt      the trained network, for training.load_weights

The same command again goes on where the run was stopped, whatever stopped it; other settings in the same RUN are
refused. SIGTERM saves a checkpoint and ends with exit code 143, Ctrl-C with 130; 0 means finished, 1 that training
failed, 2 that something in the command is wrong.
"""

TRAIN_EXAMPLES = """\
examples:
  a minute on a laptop
    python -m lecture8 train resnet20 --width 8 --data digits --epochs 5 --out runs/digits
  photographs, one folder per class, with published weights to start from
    python -m lecture8 train resnet50 --data ~/flowers --pretrained --lr 0.01 --epochs 10 --out runs/flowers
  ImageNet on the 8 GPUs of one machine
    torchrun --nproc-per-node 8 -m lecture8 train resnet50 --data ~/imagenet --epochs 90 --batch-size 2048 --warmup 5 \\
        --out runs/imagenet
  ImageNet on 2 machines: on both, with the address of the first
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m lecture8 train ...

docs/scaling.md says what to expect of 1, 8 and 64 GPUs.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the program); returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except BrokenPipeError:  # `… list | head`
        return 0
    except (ValueError, OSError, ModuleNotFoundError) as error:
        return _complain(error, BAD_INPUT)
    except MemoryError as error:
        return _complain(error, FAILED)
    except RuntimeError as error:
        from lecture8 import streams

        sentence = streams.killed_worker(error)
        if sentence is None:
            raise
        return _complain(sentence, FAILED)


def _complain(error: Exception | str, code: int) -> int:
    if int(os.environ.get("RANK", 0)) == 0:  # of several processes that find the same mistake, the first says so
        print(f"lecture8: {error}", file=sys.stderr)
    return code


# --- arguments -----------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise SystemExit(_complain(f"{message}; `{self.prog} --help` says more", BAD_INPUT))


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m lecture8", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Lecture 8 on the command line: the ImageNet networks, counted and trained.",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def add(name, run, text, **more) -> _Parser:
        sub = commands.add_parser(name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        sub.set_defaults(run=run)
        return sub

    _train_arguments(add("train", _train, "train a network into a folder", description=TRAIN, epilog=TRAIN_EXAMPLES))
    add("list", _list, "the networks that there are")
    sub = add("profile", _profile, "what a network costs: parameters, multiply-adds, receptive field, by stage")
    sub.add_argument("network", metavar="NETWORK", help="a name from `python -m lecture8 list`")
    sub.add_argument("--size", type=_whole, metavar="N", help="height and width of the images (default: the paper's)")
    add("check", _check, "what this machine has for the course, and what it lacks")
    return parser


def _train_arguments(sub: _Parser) -> None:
    sets = ", ".join((*GENERATED, *PUBLISHED))
    sub.add_argument("network", metavar="NETWORK", help="a name from `python -m lecture8 list`")
    sub.add_argument(
        "--data", required=True, help="a folder of photographs, {train,val}/CLASS/*.jpg or CLASS/*.jpg, which are "
        f"decoded while training; or one of {sets}, which are held in memory",
    )  # fmt: skip
    sub.add_argument("--out", required=True, metavar="RUN", type=Path, help="the folder to write to, or to go on in")
    options = {
        "the run": [
            ("--recipe", str, PLAIN, "how to train: a paper's way, from `python -m lecture8 list`, or plain, the "
             "default: SGD with momentum 0.9, weight decay 0.0001, the rate falling along half a cosine"),
            ("--epochs", _whole, None, "default 10, or as in the paper; its schedule is stretched"),
            ("--batch-size", _whole, None, "images of a step, of all processes together (default 128, or the paper's)"),
            ("--lr", _positive, None, "learning rate (default 0.1 for batches of 256, or the paper's, in proportion to "
             "the batch size)"),
            ("--warmup", _count, 0, "plain recipe: raise the rate over so many epochs to its full value (default 0)"),
            ("--seed", _count, 0, "of weights, order and crops (default 0)"),
        ],
        "the network and its images": [
            ("--size", _whole, None, "height and width of the images (default: the network's; of generated sets 16)"),
            ("--width", _whole, None, "channels of the first stage, of networks for small images (default 16)"),
            ("--pretrained", None, False, "start from published ImageNet weights, with a new last layer"),
        ],
        "the machine": [
            ("--device", str, None, "cuda, mps or cpu (default: the best there is)"),
            ("--workers", _count, None, "processes that decode photographs, for each that trains (default: one per "
             "core, 16 at most)"),
            ("--accumulate", _whole, 1, "take each batch in so many pieces, which needs less memory (default 1)"),
            ("--compile", None, False, "compile the network: slower to start, then faster"),
            ("--sync-bn", None, False, "batch normalization over the batch of all GPUs, not each one's share"),
            ("--checkpoint-minutes", _minutes, 10.0, "write a checkpoint so often, besides after every epoch "
             "(default 10)"),
        ],
    }  # fmt: skip
    for title, rows in options.items():
        group = sub.add_argument_group(title)
        for name, kind, default, text in rows:
            what = {"--lr": "RATE", "--device": "NAME", "--recipe": "NAME"}.get(name, "N")
            takes = {"action": "store_true"} if kind is None else {"type": kind, "default": default, "metavar": what}
            group.add_argument(name, help=text, **takes)


def _number(kind, fits, expected: str):
    def parse(text: str):
        with contextlib.suppress(ValueError):
            value = kind(text)
            if fits(value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected}, not {text!r}")

    return parse


_whole = _number(int, lambda n: n >= 1, "a whole number, 1 or more")
_count = _number(int, lambda n: 0 <= n < 2**63, "a whole number, 0 or more")
_positive = _number(float, lambda x: 0 < x < math.inf, "a number above 0")
_minutes = _number(float, lambda x: 0 <= x < math.inf, "a number of minutes, 0 or more")


# --- list, profile, check ------------------------------------------------------------------------------------------


def _list(args) -> int:
    from lecture8 import models, recipes

    rows = [("network", "year", "layers", "params", "multiply-adds", "images", "weights")]
    for name, a in models.ARCHITECTURES.items():
        size = " x ".join(map(str, a.input_size))
        rows.append((name, a.year, a.depth, f"{a.params:,}", f"{a.macs:,}", size, "yes" if a.weights else "no"))
    _print_table(rows, left=(0, 6))
    print("\nweights: whether published ImageNet weights fit, for train --pretrained")
    print(f"train --data: a folder of photographs, or {', '.join((*GENERATED, *PUBLISHED))}")
    print(f"train --recipe: {PLAIN}, {', '.join(recipes.RECIPES)}")
    return 0


def _profile(args) -> int:
    import torch

    from lecture8 import complexity, models

    channels, size = models.find(args.network).input_size[:2]
    size = args.size or size
    given = {"input_size": size} if "input_size" in models.options(args.network) else {}
    with torch.device("meta"):  # shapes are enough: no memory, and no random weights to draw
        net = models.build(args.network, **given)
    cost = complexity.profile(net, (channels, size, size))
    print(f"{args.network}: {cost.summary()}\n")
    rows = [("stage", "output", "params", "multiply-adds", "field")]
    for stage in cost.stages:
        shape = "not used" if stage.output_shape is None else " x ".join(map(str, stage.output_shape))
        field = "image" if stage.field is None else f"{stage.field:,}"
        rows.append((stage.name, shape, f"{stage.params:,}", f"{stage.macs:,}", field))
    _print_table(rows, left=(0, 1))
    return 0


def _check(args) -> int:
    from lecture8 import session

    table = session.check()
    _print_table([("", *table.columns), *table.itertuples()], left=range(5))
    return 0 if (table["ok"].drop("GPU") == "yes").all() else FAILED


def _print_table(rows, left) -> None:
    """Columns as wide as their contents; the numbers in `left` are those set flush left."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        print("  ".join(cells).rstrip())


# --- train ---------------------------------------------------------------------------------------------------------


def _train(args) -> int:
    from lecture8 import distributed, models

    # before a data set is read, or downloaded
    if args.pretrained and "" not in models.find(args.network).weights:
        raise ValueError(
            f"no published weights fit {args.network}: leave --pretrained out, or take a network for which "
            "`python -m lecture8 list` has some"
        )
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"--out {str(args.out)!r} is a file: give the folder to write the run to")
    with distributed.session(args.device) as device:
        return _train_on(device, args)


def _train_on(device, args) -> int:
    import torch

    from lecture8 import distributed, training

    data = _data(args)
    torch.manual_seed(args.seed)
    net = _net(args, data)
    plan = _plan(args, net)
    settings = {
        "network": args.network, "data": repr(data), "recipe": args.recipe, "epochs": plan.epochs,
        "batch_size": plan.batch_size, "lr": plan.lr, "warmup": args.warmup, "seed": args.seed, "width": args.width,
        "pretrained": args.pretrained, "accumulate": args.accumulate, "sync_bn": args.sync_bn,
    }  # fmt: skip
    first = distributed.rank() == 0
    complaint = distributed.everyones(_prepare(args.out, settings) if first else None)[0]
    if complaint:
        raise ValueError(complaint)
    if first:
        print(f"{args.network} on {data}\n{plan.words}\n")
    if args.compile:
        net.compile()
    code = INTERRUPTED
    try:
        history = training.fit(
            net, data, plan.optimizer, plan.epochs, batch_size=plan.batch_size, scheduler=plan.scheduler,
            objective=plan.objective, seed=args.seed, device=device, checkpoint=args.out / "checkpoint.pt",
            watch=lambda history: history.save(args.out / "history.csv"), sync_norm=args.sync_bn,
            checkpoint_minutes=args.checkpoint_minutes, accumulate=args.accumulate,
        )  # fmt: skip
        if len(history) == plan.epochs:
            test = training.evaluate(net, data, "test", device=device)
            if first:
                _report(args.out, net, history, test)
            return 0
    except training.DivergedError as error:
        return _complain(error, FAILED)
    except SystemExit as end:
        code = end.code
    if first:
        print("The same command goes on from there.")
    return code


def _data(args):
    """What --data names: a set held in memory, or a folder to decode while training."""
    from lecture8 import datasets, models, streams, transfer

    size = args.size or models.find(args.network).input_size[1]
    if args.data not in (*GENERATED, *PUBLISHED):
        folder = Path(args.data).expanduser()
        if not folder.exists():
            raise FileNotFoundError(
                f"--data {args.data!r} is neither a folder nor a set of images: give a folder, or one of "
                f"{', '.join((*GENERATED, *PUBLISHED))}"
            )
        return streams.image_folder(folder, size, workers=args.workers)
    if args.workers is not None:
        raise ValueError(f"{args.data} is held in memory, decoded once: leave --workers out")
    if args.data in GENERATED:
        gray = "channels" in models.options(args.network) and not args.pretrained
        data = getattr(datasets, args.data)(size=args.size or 16, channels=1 if gray else 3)
    elif args.data == "cifar10":
        if args.size not in (None, 32):
            raise ValueError(f"the images of cifar10 are 32 x 32, and --size {args.size} was given: leave it out")
        data = datasets.cifar10()
    else:
        data = getattr(datasets, args.data)(size=size)
    return data.with_normalization(transfer.MEAN, transfer.STD) if args.pretrained else data


def _net(args, data):
    """The network for these images and classes."""
    from lecture8 import models, transfer

    if args.pretrained:
        if args.width:
            raise ValueError("published weights have one width: leave --width or --pretrained out")
        return transfer.pretrained(args.network, data.num_classes)
    channels, size = data.image_shape[:2]
    fitting = {"channels": channels, "input_size": size}
    given = {name: value for name, value in fitting.items() if name in models.options(args.network)}
    if args.recipe != PLAIN and "auxiliary" in models.options(args.network):
        given["auxiliary"] = True
    if args.width:
        given["width"] = args.width
    return models.build(args.network, num_classes=data.num_classes, **given)


class _Plan(NamedTuple):
    """What a recipe makes of the arguments; `words` for the reader."""

    epochs: int
    batch_size: int
    lr: float
    optimizer: object
    scheduler: object
    objective: object
    words: str


def _plan(args, net) -> _Plan:
    import torch

    from lecture8 import recipes, training

    plain = args.recipe == PLAIN
    if plain:
        epochs, batch_size, lr = 10, 128, 0.1 * 128 / 256
    else:
        if args.recipe not in recipes.RECIPES:
            raise ValueError(f"unknown recipe {args.recipe!r}: choose from {PLAIN}, {', '.join(recipes.RECIPES)}")
        if args.warmup:
            raise ValueError(f"the learning rate of {args.recipe} is its paper's: leave --warmup or --recipe out")
        recipe = recipes.find(args.recipe)
        epochs, batch_size, lr = recipe.epochs, recipe.batch_size, recipe["rate"]
    lr = args.lr or lr * (args.batch_size or batch_size) / batch_size  # Goyal et al. 2017, section 2.1
    epochs, batch_size = args.epochs or epochs, args.batch_size or batch_size
    if plain:
        optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
        scheduler, objective = _schedule(optimizer, epochs, args.warmup), training.cross_entropy
    else:
        optimizer, scheduler = recipe.build(net, epochs=epochs, rate=lr)
        objective = recipe.objective(net)
    words = "plain recipe:" if plain else f"{recipe}\n  this run:"
    words += f" {epochs} epochs, batches of {batch_size}, learning rate {lr:g}"
    return _Plan(epochs, batch_size, lr, optimizer, scheduler, objective, words)


def _schedule(optimizer, epochs: int, warmup: int):
    """Up to the full rate in equal steps over `warmup` epochs, then along half a cosine towards 0."""
    from torch.optim import lr_scheduler

    if warmup >= epochs:
        raise ValueError(f"--warmup {warmup} takes all of the {epochs} epochs: give fewer, or more --epochs")

    def factor(epoch: int) -> float:
        if epoch < warmup:
            return (epoch + 1) / (warmup + 1)
        return (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2

    return lr_scheduler.LambdaLR(optimizer, factor)


def _prepare(run: Path, settings: dict) -> str | None:
    """Make the folder and write the settings; or a complaint: it holds another run, or something else."""
    from lecture8 import checkpoints

    path, ours = run / "settings.json", ("settings.json", "history.csv", "weights.pt")
    try:
        if (run / "checkpoint.pt").is_file():
            there = json.loads(path.read_text(encoding="utf-8"))
            for key, value in settings.items():
                if there[key] != value:
                    return (
                        f"{str(run)!r} holds a run with other settings: its {key} is {there[key]!r}, and now it is "
                        f"{value!r}; give another --out, or the same settings to go on"
                    )
            return None
    except (ValueError, LookupError, TypeError, OSError) as error:
        return f"{str(path)!r} cannot be read ({error}): give another --out, or delete that folder to start anew"
    try:
        # without a checkpoint nothing was trained yet, and whatever was asked for may change
        if run.is_dir() and any(f.name not in ours and not f.name.startswith(".checkpoint") for f in run.iterdir()):
            return f"{str(run)!r} is not empty and holds no run: give another --out, or a new folder in it"
        with checkpoints.replacing(path) as draft:
            draft.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        return f"the folder {str(run)!r} cannot be written to ({error.strerror}): give another --out"
    return None


def _report(run: Path, net, history, test) -> None:
    """Write weights and history, and print the last epochs and the score on the test images."""
    from lecture8 import training

    history.meta["test"] = f"loss {test.loss!r}, accuracy {test.accuracy!r}, {test.images} images"
    history.save(run / "history.csv")
    training.save_weights(net, run / "weights.pt")
    rows = [("epoch", "loss", "accuracy", "valid loss", "valid accuracy", "lr", "seconds")]
    for row in history.rows[-10:]:
        values = [row[k] for k in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")]
        loss, right, valid_loss, valid_right = values
        times = (f"{row['lr']:.4g}", f"{row['seconds']:.1f}")
        rows.append((row["epoch"], f"{loss:.4f}", f"{right:.2%}", f"{valid_loss:.4f}", f"{valid_right:.2%}", *times))
    _print_table(rows, left=())
    print(f"\ntest: loss {test.loss:.4f}, accuracy {test.accuracy:.2%} of {test.images:,} images")
    print(f"{run} holds {', '.join(sorted(file.name for file in run.iterdir()))}")
