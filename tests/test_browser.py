"""What the browser tests judge by, without a browser; `make test-browser` plants the same mistakes in a real one."""

import shutil

import pytest

from tests.browser import checks, install


def cell(*outputs, count=1, tags=(), source="f(1)"):
    return {
        "cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "execution_count": count,
        "outputs": list(outputs),
    }  # fmt: skip


ERROR = {"output_type": "error", "ename": "KeyError", "evalue": "'a'"}
STDOUT = {"output_type": "stream", "name": "stdout", "text": "1\n"}
STDERR = {"output_type": "stream", "name": "stderr", "text": ["careful\n"]}


@pytest.mark.parametrize(
    ("planted", "complaints"),
    [
        (cell(STDOUT), []),
        (cell(ERROR, tags=["raises-exception"]), []),
        (cell(count=None, source=" \n"), []),
        ({"cell_type": "markdown", "source": "text", "metadata": {}}, []),
        (cell(ERROR), ["cell 0 (f(1)) shows KeyError: 'a'"]),
        (cell(STDOUT, tags=["raises-exception"]), ["cell 0 (f(1)) shows no error, and should"]),
        (cell(STDOUT, STDERR), ["cell 0 (f(1)) writes to stderr: careful"]),
        (cell(count=None), ["cell 0 (f(1)) was not run"]),
    ],
)
def test_cells(planted, complaints):
    assert checks.cell_complaints([planted]) == complaints


def move(seconds=0.2, drawn=True, text="n = 3", value="3"):
    return checks.Move("n", value, seconds, drawn, text)


@pytest.mark.parametrize(
    ("moves", "complaints"),
    [
        ([move(), move(drawn=False)], []),
        ([], ["there is no control to move"]),
        ([move(), move(seconds=None, drawn=False)], ["n moved to 3: nothing changed"]),
        ([move(), move(text="❌ KeyError: 'a'")], ["n moved to 3: ❌ KeyError: 'a'"]),
        ([move(drawn=False), move(drawn=False)], ["the picture stayed the same in 2 moves"]),
    ],
)
def test_moves(moves, complaints):
    assert checks.move_complaints(moves) == complaints


def test_table_of_latencies():
    moves = [move(0.1), move(0.3, value="7"), move(0.2), move(None, drawn=False)]
    head, first, second = checks.latencies({"vgg.stack": moves, "vgg.dead": moves[3:]}).splitlines()
    assert head.split() == ["explorer", "moves", "median", "worst", "slowest", "move"]
    assert first.split() == ["vgg.stack", "3", "200", "ms", "300", "ms", "n", "to", "7"]
    assert second.split() == ["vgg.dead", "0"]


def test_missing_browser_says_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert install.chromium() == ""
    with pytest.raises(SystemExit, match=r"No Chromium here .* install Chromium or Chrome, on Debian with `sudo apt"):
        install.install_chromium()
