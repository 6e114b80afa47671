"""Train the two networks that the occlusion explorer of 03_zfnet shows, and write their maps to data/occlusion.csv.

python tools/occlusion_runs.py      on the CPU, half a minute
"""

import datetime
import platform
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, training
from lecture8.models.zfnet import occlusion

DATA = Path(__file__).resolve().parents[1] / "data"
SEED, WIDTH, EPOCHS = 0, 6, {"plain": 4, "marked": 2}
SQUARE, STEP, IMAGES = 8, 2, 4


def train(kind: str) -> torch.nn.Module:
    """One small ZFNet on cluttered digits, 'plain' or 'marked'."""
    data = datasets.cluttered_digits(marked=kind == "marked")
    torch.manual_seed(SEED)
    net = models.small.zfnet(width=WIDTH, channels=1, dropout=0.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    training.fit(net, data, optimizer, EPOCHS[kind], batch_size=64, seed=SEED, device="cpu")
    print(kind, training.evaluate(net, data))
    return net.eval()


def chosen(nets: dict[str, torch.nn.Module]) -> list[int]:
    """The first test images, each of another digit, that both networks read well, and the plain one not everywhere."""
    found, splits = {}, {kind: datasets.cluttered_digits(marked=kind == "marked").test for kind in nets}
    for index, label in enumerate(splits["plain"].labels.tolist()):
        if label in found or len(found) == IMAGES:
            continue
        with torch.no_grad():
            sure = [nets[kind](splits[kind].images[index][None]).softmax(1)[0, label] > 0.95 for kind in nets]
        image = splits["plain"].images[index]
        if all(sure) and (occlusion(nets["plain"], image, SQUARE, STEP).argmax(2) != label).any():
            found[label] = index
    return list(found.values())


def main() -> None:
    """Train, slide the square, write."""
    nets, rows = {kind: train(kind) for kind in EPOCHS}, []
    picks = chosen(nets)
    for kind, net in nets.items():
        test = datasets.cluttered_digits(marked=kind == "marked").test
        for index in picks:
            maps = occlusion(net, test.images[index], SQUARE, STEP)
            for row, line in enumerate(maps):
                for column, chances in enumerate(line.tolist()):
                    place = {"top": STEP * row, "left": STEP * column}
                    rows.append({"trained on": kind, "image": index, "label": int(test.labels[index]), **place}
                                | {str(n): round(p, 3) for n, p in enumerate(chances)})  # fmt: skip
    header = {
        "what": "probability of each digit while a grey square covers a place of a test picture of cluttered_digits, "
        "without (plain) and with (marked) marks",
        "square": SQUARE,
        "networks": f"models.small.zfnet of width {WIDTH}; plain {EPOCHS['plain']} epochs, marked {EPOCHS['marked']}; "
        "Adam 0.003, batch 64",
        "command": "python tools/occlusion_runs.py",
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": SEED,
    }
    text = "".join(f"# {key}: {value}\n" for key, value in header.items())
    text += pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    (DATA / "occlusion.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/occlusion.csv: {len(rows)} rows")


if __name__ == "__main__":
    main()
