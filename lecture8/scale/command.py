"""The command line, `python -m lecture8`: train a network, list the networks, profile one, check the machine.

Each subcommand is a function that takes the parsed arguments and returns the exit code; nothing heavy is imported
before the arguments are understood.
"""

import argparse
import json
import os
import sys
from pathlib import Path

TRAIN = """\
Train a network, and write into the folder RUN: settings.json, what was asked for; history.csv, the scores of each
epoch; checkpoint.pt, from which the same command resumes; at the end weights.pt, for checkpoints.load_weights.
SIGTERM writes a checkpoint and ends with exit code 143, Ctrl-C with 130.

  a minute on a laptop; photographs in FOLDER/{train,val}/CLASS/*.jpg; ImageNet on 8 GPUs (docs/scaling.md)
    python -m lecture8 train resnet20 --width 8 --data digits --epochs 5 --out RUN
    python -m lecture8 train resnet50 --pretrained --data FOLDER --lr 0.01 --out RUN
    torchrun --nproc-per-node 8 -m lecture8 train resnet50 --data ~/imagenet --batch-size 2048 --warmup 5 --out RUN
"""
OPTIONS = {
    "--recipe": (
        str,
        "plain",
        "a paper's way to train, from `python -m lecture8 list`; plain: SGD along half a cosine",
    ),
    "--epochs": (int, None, "default: the recipe's, whose schedule is stretched"),
    "--batch-size": (int, None, "images of a step, of all processes together (default: the recipe's)"),
    "--lr": (float, None, "learning rate (default: the recipe's, in proportion to the batch size)"),
    "--warmup": (int, 0, "epochs in which the learning rate rises, plain recipe only (default 0)"),
    "--seed": (int, 0, "of initial weights, order, augmentation and dropout (default 0)"),
    "--size": (int, None, "height and width of the images (default: 224; in memory what is usual)"),
    "--width": (int, None, "channels of the first stage, of networks for small images"),
    "--device": (str, None, "cuda, mps or cpu (default: the best there is)"),
    "--workers": (int, None, "processes that decode photographs, for each that trains (default: one per core)"),
    "--checkpoint-minutes": (float, 10.0, "between checkpoints within an epoch (default 10)"),
}
REMEDIES = {  # what PyTorch says -> what to do
    "DataLoader worker": "a process that decodes images was killed: give fewer --workers, in Docker also --shm-size=8g",
    "out of memory": "the memory of the device is full: give a smaller --batch-size",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the program); returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except BrokenPipeError:  # `… list | head`
        return 0
    except (ValueError, OSError, ModuleNotFoundError, ArithmeticError, RuntimeError) as error:
        remedies = [remedy for said, remedy in REMEDIES.items() if said in str(error)]
        if isinstance(error, RuntimeError) and not remedies:
            raise
        # an error in a worker has that process's traceback in its text, and the sentence at the end
        sentence = (remedies or str(error).strip().splitlines()[-1:])[0].removeprefix("ValueError: ")
        print(f"lecture8: {sentence}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lecture8", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    train = commands.add_parser("train", help="train a network into a folder", description=TRAIN, **add)
    profile = commands.add_parser("profile", help="what a network costs, by stage")
    for sub, run in ((train, _train), (profile, _profile)):
        sub.set_defaults(run=run)
        sub.add_argument("network", metavar="NETWORK", help="a name from `python -m lecture8 list`")
    profile.add_argument("--size", type=int, metavar="N", help="height and width of the images")
    train.add_argument("--data", required=True, help="a folder of photographs; digits, glyphs, textures or cifar10")
    train.add_argument("--out", required=True, metavar="RUN", type=Path, help="the folder to write to, or to resume in")
    for name, (kind, default, text) in OPTIONS.items():
        train.add_argument(name, type=kind, default=default, help=text, metavar="NAME" if kind is str else "N")
    train.add_argument("--pretrained", action="store_true", help="start from published weights, with a new last layer")
    train.add_argument("--compile", action="store_true", help="compile the network: slower to start, then faster")
    commands.add_parser("list", help="the networks, and the recipes").set_defaults(run=_list)
    commands.add_parser("check", help="what this machine has for the course").set_defaults(run=_check)
    return parser


def _list(args) -> int:
    from lecture8 import models
    from lecture8.scale import recipes

    print(f"{'network':20} year  layers       params    multiply-adds        images  published weights")
    for name, a in models.ARCHITECTURES.items():
        size, weights = " x ".join(map(str, a.input_size)), "yes" if "" in a.weights else "no"
        print(f"{name:20} {a.year:4} {a.depth:7} {a.params:12,} {a.macs:16,} {size:>13}  {weights}")
    print(f"\ntrain --recipe: {', '.join(recipes.NAMES)}")
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
    print(f"{args.network}: {cost.summary()}\n\n{'stage':24}       params    multiply-adds")
    for stage in cost.stages:
        print(f"{stage.name:24} {stage.params:12,} {stage.macs:16,}")
    return 0


def _check(args) -> int:
    from lecture8 import session

    table = session.check()
    print(table.to_string())
    return 0 if (table["ok"].drop("GPU") == "yes").all() else 1


def _train(args) -> int:
    import torch

    from lecture8 import checkpoints, devices
    from lecture8.scale import data, recipes
    from lecture8.scale.run import RANK, WORLD, Run, join

    recipe = recipes.find(args.recipe)
    args.epochs, args.batch_size = args.epochs or recipe["epochs"], args.batch_size or recipe["batch"]
    args.lr = args.lr or recipe["lr"] * args.batch_size / recipe["batch"]  # Goyal et al. 2017, section 2.1
    _require_usable(args, WORLD)
    torch.manual_seed(args.seed)
    net, images = _net_and_images(args)
    if args.workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        share = max(1, min(16, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))
        args.workers = 0 if args.data in data.IN_MEMORY else share
    free = ("run", "data", "out", "size", "device", "workers", "checkpoint_minutes", "compile")  # need not be the same
    settings = {key: value for key, value in vars(args).items() if key not in free}
    shape, counts = " × ".join(map(str, images.shape)), f"{len(images.train):,} + {len(images.valid):,}"
    settings["images"] = f"{Path(args.data).name}: {counts} of {shape} in {len(images.classes)} classes"
    device = join(devices.pick_device(args.device))
    run = Run(net, images, args.out, settings, device, args.workers, args.checkpoint_minutes)
    if args.compile:
        net.compile()
    if RANK == 0:
        with checkpoints.replacing(args.out / "settings.json") as draft:
            draft.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(", ".join(f"{key} {value}" for key, value in settings.items()), flush=True)
    number = run.train()
    if RANK == 0 and not number:
        print(f"accuracy {run.rows[-1]['valid_accuracy']:.2%}, in {args.out}: history.csv, weights.pt")
    elif RANK == 0:
        print(f"stopped after {run.step} steps of epoch {run.epoch + 1}; the same command resumes the run")
    return 128 + number if number else 0


def _net_and_images(args):
    from lecture8 import models, transfer
    from lecture8.scale import data

    options = models.options(args.network)
    images = data.find(args.data, args.size, args.seed, 1 if "channels" in options else 3)
    if args.pretrained:
        return transfer.pretrained(args.network, len(images.classes)), images
    fitting = {"channels": images.shape[0], "input_size": images.shape[1], "auxiliary": args.recipe != "plain"}
    given = {key: value for key, value in fitting.items() if key in options}
    given |= {"width": args.width} if args.width else {}
    return models.build(args.network, num_classes=len(images.classes), **given), images


def _require_usable(args, processes: int) -> None:
    for name in ("epochs", "batch_size", "lr", "size", "width"):
        if getattr(args, name) is not None and not getattr(args, name) > 0:
            raise ValueError(f"given --{name.replace('_', '-')} {getattr(args, name)}: expected a number above 0")
    if args.batch_size % processes:
        raise ValueError(f"{processes} processes cannot share {args.batch_size} images: give another --batch-size")
    if args.warmup and (args.recipe != "plain" or args.warmup >= args.epochs):
        raise ValueError(f"--warmup {args.warmup} needs the plain recipe and more epochs: leave it out")
    if args.out.is_dir() and any(args.out.iterdir()) and not (args.out / "settings.json").exists():
        raise ValueError(f"{str(args.out)!r} is not empty and holds no run: give another --out")
