"""The command `python -m lecture8 train`: its options, and the run that they make."""

import json
from pathlib import Path

DESCRIPTION = """\
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


def train(args) -> int:
    """Train as the parsed options say; returns the exit code."""
    import torch

    from lecture8 import checkpoints, devices, models
    from lecture8.scale import data
    from lecture8.scale.run import RANK, WORLD, Run, find_recipe, say

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
    say(", ".join(f"{key} {value}" for key, value in settings.items()))
    number = run.train()
    say("stopped; the same command resumes" if number else f"accuracy {run.rows[-1]['valid_accuracy']:.2%}")
    return 128 + number if number else 0
