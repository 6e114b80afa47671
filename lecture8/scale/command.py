"""Trains the lecture's networks, lists them, profiles one of them, or checks this machine: `python -m lecture8`."""

import argparse
import json
import re
import sys
from pathlib import Path

TRAIN = """\
Train a network, and write into the folder RUN: settings.json; history.csv, the scores of each epoch; checkpoint.pt,
from which the same command resumes; at the end weights.pt, for checkpoints.load_weights. SIGTERM and Ctrl-C write a
checkpoint and end with exit code 143 and 130. A minute on a laptop, and ImageNet on 8 GPUs (docs/scaling.md):

  python -m lecture8 train resnet20 --width 8 --data digits --epochs 5 --out RUN
  torchrun --nproc-per-node 8 -m lecture8 train resnet50 --data ~/imagenet --batch-size 2048 --warmup 5 --out RUN
"""
OPTIONS = {
    "--data": (str, None, "a folder with train/CLASS/*.jpg and val/CLASS/*.jpg; or digits, glyphs, textures, cifar10"),
    "--out": (Path, None, "the folder to write to, or to resume in"),
    "--recipe": (str, "plain", "a paper's, from `python -m lecture8 list`; default plain: SGD along half a cosine"),
    "--epochs": (int, None, "default: the recipe's, whose schedule is stretched"),
    "--batch-size": (int, None, "images of a step, of all processes together (default: the recipe's)"),
    "--lr": (float, None, "learning rate (default: the recipe's, in proportion to the batch size)"),
    "--warmup": (int, 0, "epochs in which the learning rate rises, plain recipe only (default 0)"),
    "--seed": (int, 0, "of initial weights, order, augmentation and dropout (default 0)"),
    "--size": (int, None, "height and width of the images (default: 224; in memory what is usual)"),
    "--width": (int, None, "channels of the first stage, of networks for small images"),
    "--device": (str, None, "cuda, mps or cpu (default: the best there is)"),
    "--workers": (int, 4, "processes that decode photographs, for each process that trains (default 4)"),
    "--checkpoint-minutes": (float, 10.0, "between checkpoints within an epoch (default 10)"),
}
FREE = ("run", "out", "device", "workers", "checkpoint_minutes", "compile")  # may change when a run resumes


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the program); returns the exit code."""
    args = parser().parse_args(argv)
    try:
        return args.run(args)
    except (ValueError, OSError, ImportError, ArithmeticError, RuntimeError) as error:
        sentence = str(error).strip().splitlines()[-1]  # an error in a worker has that process's traceback in its text
        if isinstance(error, RuntimeError):
            if not re.search("out of memory|DataLoader worker", str(error)):
                raise
            sentence = "memory ran out, of the device or of a worker: give a smaller --batch-size or fewer --workers"
        print(f"lecture8: {sentence.removeprefix('ValueError: ')}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """All commands with their options; `run` of what it parses is the function that does it."""
    parser = argparse.ArgumentParser(prog="python -m lecture8", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="the networks").set_defaults(run=_list)
    commands.add_parser("check", help="what this machine has for the course").set_defaults(run=_check)
    profile = commands.add_parser("profile", help="what a network costs, layer by layer")
    train = commands.add_parser("train", help="train a network", description=TRAIN)
    train.formatter_class = argparse.RawDescriptionHelpFormatter
    for sub, run in ((train, _train), (profile, _profile)):
        sub.set_defaults(run=run)
        sub.add_argument("network", metavar="NETWORK", help="a name from `python -m lecture8 list`")
    profile.add_argument("--size", type=int, metavar="SIZE", help="height and width of the images")
    for name, (kind, default, text) in OPTIONS.items():
        train.add_argument(name, type=kind, default=default, required=name in ("--data", "--out"), help=text)
    train.add_argument("--compile", action="store_true", help="compile the network: slower to start, then faster")
    return parser


def _list(args) -> int:
    from lecture8 import models, published

    print(*models.ARCHITECTURES.values(), sep="\n")
    print(f"\ntrain --recipe: {', '.join(published.read('recipes')['recipe'])}")
    return 0


def _check(args) -> int:
    from lecture8 import session

    table = session.check()
    print(table.to_string())
    return 0 if (table["ok"].drop("GPU") == "yes").all() else 1


def _profile(args) -> int:
    from lecture8 import complexity, models

    channels, size = models.find(args.network).input_size[:2]
    size = args.size or size
    given = {"input_size": size} if "input_size" in models.options(args.network) else {}
    cost = complexity.profile(models.build(args.network, **given), (channels, size, size))
    print(cost.summary(), cost.table().to_string(index=False), sep="\n\n")
    return 0


def _train(args) -> int:
    import torch

    from lecture8 import checkpoints, devices, models
    from lecture8.scale import data
    from lecture8.scale.run import RANK, WORLD, Run, find_recipe

    recipe, options = find_recipe(args.recipe), models.options(args.network)
    args.epochs, args.batch_size = args.epochs or int(recipe["epochs"]), args.batch_size or int(recipe["batch"])
    args.lr = args.lr or recipe["lr"] * args.batch_size / recipe["batch"]  # Goyal et al. 2017, section 2.1
    if min(args.epochs, args.batch_size, args.lr, args.epochs - args.warmup) <= 0 or args.batch_size % WORLD:
        raise ValueError(f"expected --epochs above --warmup, --lr above 0, --batch-size a multiple of {WORLD}")
    if args.warmup and recipe["rule"] != "cosine":
        raise ValueError(f"the learning rate of {args.recipe} is its paper's: leave --warmup out")
    train, valid = data.find(args.data, args.size, args.seed, 1 if "channels" in options else 3)
    fitting = dict(zip(("channels", "input_size"), train.image_shape, strict=False), auxiliary=args.recipe != "plain")
    given = {key: value for key, value in fitting.items() if key in options}
    given |= {"width": args.width} if args.width else {}
    torch.manual_seed(args.seed)
    net = models.build(args.network, num_classes=len(train.classes), **given)
    settings = {key: value for key, value in vars(args).items() if key not in FREE} | {"images": len(train)}
    machine = devices.pick_device(args.device), args.workers, args.checkpoint_minutes
    run = Run(net, train, valid, args.out, settings, *machine)
    if args.compile:
        net.compile()
    if RANK == 0:
        with checkpoints.replacing(args.out / "settings.json") as draft:
            draft.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        print(", ".join(f"{key} {value}" for key, value in settings.items()), flush=True)
    number = run.train() or 0
    if RANK == 0:
        print("stopped; the same command resumes" if number else f"accuracy {run.rows[-1]['valid_accuracy']:.2%}")
    return 128 + number if number else 0
