"""Trains the lecture's networks, lists them, profiles one of them, or checks this machine: `python -m lecture8`."""

import argparse
import re
import sys

from lecture8.scale import command


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the program); returns the exit code."""
    args = parser().parse_args(argv)
    try:
        code = args.run(args) or 0
        print(end="", flush=True)  # a closed pipe is noticed here, and not when Python ends
        return code
    except BrokenPipeError:  # as in `list | head -1`
        sys.stdout = None
        return 128 + 13  # as other programs, which SIGPIPE ends
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
    train = commands.add_parser("train", help="train a network", description=command.DESCRIPTION)
    train.formatter_class = argparse.RawDescriptionHelpFormatter
    for sub, run in ((train, command.train), (profile, _profile)):
        sub.set_defaults(run=run)
        sub.add_argument("network", metavar="NETWORK", help="a name from `python -m lecture8 list`")
    profile.add_argument("--size", type=int, metavar="SIZE", help="height and width of the images")
    for name, (kind, default, text) in command.OPTIONS.items():
        train.add_argument(name, type=kind, default=default, required=name in ("--data", "--out"), help=text)
    train.add_argument("--compile", action="store_true", help="compile the network: slower to start, then faster")
    return parser


def _list(args) -> None:
    from lecture8 import models, published

    print(*models.ARCHITECTURES.values(), sep="\n")
    print(f"\ntrain --recipe: {', '.join(published.read('recipes')['recipe'])}")


def _check(args) -> int:
    from lecture8 import session

    table = session.check()
    print(table.to_string())
    return 0 if (table["ok"].drop("GPU") == "yes").all() else 1


def _profile(args) -> None:
    from lecture8 import complexity, models

    channels, size = models.find(args.network).input_size[:2]
    size = args.size or size
    given = {"input_size": size} if "input_size" in models.options(args.network) else {}
    cost = complexity.profile(models.build(args.network, **given), (channels, size, size))
    print(cost.summary(), cost.table().to_string(index=False), sep="\n\n")


# Workers that decode images import this module again where processes are spawned, not forked.
if __name__ == "__main__":
    sys.exit(main())
