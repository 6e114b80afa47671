"""The whole course as a web site, from the executed notebooks: `make site` writes it to build/site.

Built by Jupyter Book (version 1) in an environment of its own, build/site-env, and looked through at the end: every
link within the site leads somewhere, and no page needs the network. MathJax is fetched once, by npm.
"""

import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import nbformat
import yaml
from bs4 import BeautifulSoup

from lecture8 import course, words
from lecture8.words import say
from tools.build import conditions, glossary_page, notebooks, notes_page, npm, players, teaching_plan, translate

ROOT = conditions.ROOT
TARGET, PAGES, ENVIRONMENT = (ROOT / "build" / name for name in ("site", "site-pages", "site-env"))
PLAYERS = ROOT / "build" / "site-players"
LIBRARIES = ROOT / "build" / "site-libraries"
JUPYTER_BOOK = "jupyter-book>=1.0.4,<2"  # 2 fetches its theme from the network at every build
MATHJAX = {"mathjax": "3.2.2"}
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}  # what a page fetches when it is opened
# Jupyter Book's own except sphinx_thebe, which runs code on pages and declares its scripts twice
EXTENSIONS = ["sphinx_togglebutton", "sphinx_copybutton", "myst_nb", "jupyter_book", "sphinx_comments",
              "sphinx_external_toc", "sphinx.ext.intersphinx", "sphinx_design", "sphinx_book_theme"]  # fmt: skip

CONFIG = {
    "title": "Lecture 8: transfer learning and the ImageNet CNN lineage",
    "author": "the lecture8 maintainers",
    "copyright": "2026",
    "execute": {"execute_notebooks": "off"},
    "only_build_toc_files": True,
    "sphinx": {
        "config": {
            "extensions": EXTENSIONS,
            "mathjax_path": "mathjax/es5/tex-mml-chtml.js",
            "nb_ipywidgets_js": {},  # widgets are what `players` made of them
            "html_js_files": [["players/player.js", {"defer": "defer"}]],
            "suppress_warnings": ["mystnb.unknown_mime_type", "myst.header", "myst.xref_missing"],
            "html_theme_options": {"use_fullscreen_button": False},
        }
    },
}
NAMES = {"en": "English", "ko": "한국어"}
HOME = f"""# {CONFIG["title"]}

Lessons in which every experiment is a running, checked measurement: you predict, build, measure, and only then read
the explanation. Here they are as they were run; to run them, open them on Colab or
[fetch the course]({notebooks.repository()}). Beside them:
[how we fooled ourselves](docs/how_we_fooled_ourselves.md),
[where the notes and the papers differ](docs/notes_against_papers.md),
[the words, in English and Korean](docs/glossary.md), and [plans for teaching](plans/00_start_here.md).

| | lesson | the question |
|--|--|--|"""


def home() -> str:
    """The first page: the lessons and what they ask."""
    rows = [
        f"| {lesson.notebook[:2]} | [{say(lesson.title)}](notebooks/{lesson.notebook}.ipynb) | {say(lesson.question)} |"
        for lesson in course.LESSONS
    ]
    return "\n".join([translate.said(HOME).rstrip(), *rows, ""])


def switched(text: str, page: str, language: str) -> str:
    """The text of a page with a link to the same page in each other language below its title."""
    title, _, rest = text.partition("\n")
    up = "../" * (page.count("/") + (language != "en"))
    others = [one for one in words.languages() if one != language]
    links = [f"[{NAMES[one]}]({up}{'' if one == 'en' else f'{one}/'}{page})" for one in others]
    return f"{title}\n\n{' · '.join(links)}\n{rest}"


def write_edition(language: str) -> dict[str, list[str]]:
    """Lays the pages in the language that is spoken into build/site-pages; the parts of its table of contents."""
    folder = PAGES / ("" if language == "en" else language)
    names = [source.stem for source in notebooks.sources()]
    pages = {"index.md": home()}
    pages |= {f"plans/{name}.md": teaching_plan.plan(name, language).text for name in names}
    pages |= {f"docs/{path.name}": translate.said(path.read_text(encoding="utf-8")) for path in ROOT.glob("docs/*.md")}
    pages |= {"docs/glossary.md": glossary_page.page(), "docs/notes_against_papers.md": notes_page.page()}
    for page, text in pages.items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(switched(text, page, language), encoding="utf-8")
    (folder / "notebooks").mkdir()
    for name in names:
        notebook = nbformat.read(notebooks.NOTEBOOKS / notebooks.place(name, language), 4)
        # pictures from other servers would be fetched by every reader
        text = notebooks.BADGE.sub(r"[\1](\2)\n", notebook.cells[0].source)
        notebook.cells[0].source = switched(text, f"notebooks/{name}.ipynb", language)
        players.lay(players.shown(players.alive(notebook, name)), PLAYERS)
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    place = folder.relative_to(PAGES)
    docs = sorted(page.removesuffix(".md") for page in pages if page.startswith("docs/"))
    parts = {
        say("The lessons"): [f"notebooks/{name}" for name in names],
        say("Beside them"): docs,
        say("For teachers"): [f"plans/{name}" for name in names],
    }
    first = [] if language == "en" else ["index"]  # that of the English pages is the root of the whole site
    return {title: [(place / file).as_posix() for file in first * (not n) + files]
            for n, (title, files) in enumerate(parts.items())}  # fmt: skip


def write_pages() -> None:
    """Lays everything that Jupyter Book reads into build/site-pages."""
    shutil.rmtree(PAGES, ignore_errors=True)
    parts = {}
    for language in words.languages():
        with words.speaking(language):
            parts |= write_edition(language)
    (PAGES / "_static").mkdir()
    shutil.copy(Path(__file__).with_name("site.css"), PAGES / "_static")  # which every page then loads
    contents = {
        "format": "jb-book",
        "root": "index",
        "parts": [{"caption": title, "chapters": [{"file": file} for file in files]} for title, files in parts.items()],
    }
    for file, value in (("_toc.yml", contents), ("_config.yml", CONFIG)):
        (PAGES / file).write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")


def jupyter_book() -> Path:
    """The command `jupyter-book` of its environment, which is made if it is not there."""
    command = ENVIRONMENT / "bin" / "jupyter-book"
    if not command.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "-q", JUPYTER_BOOK], check=True)
    return command


def read(site: Path) -> dict[Path, BeautifulSoup]:
    """All pages of the site."""
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")}


def anchor(page: BeautifulSoup, wanted: str) -> str:
    """The id of the heading that JupyterLab calls `wanted` (its text with hyphens for spaces); '' if there is none."""
    for heading in page.find_all(re.compile(r"h[1-6]")):
        text = heading.get_text().removesuffix("#").strip().replace("’", "'")  # Sphinx sets the curly one
        if text.replace(" ", "-") == wanted:
            place = heading if heading.get("id") else heading.find_parent("section")
            return place.get("id", "") if place else ""
    return ""


def mend_links(site: Path) -> None:
    """Links to other notebooks in the lessons' outputs, made as JupyterLab understands them, lead to pages instead."""
    pages = read(site)
    for path, page in pages.items():
        before = str(page)
        for link in page.find_all("a", href=re.compile(r"^[^:]*\.(ipynb|html)(#|$)"), download=False):
            address, _, place = link["href"].partition("#")
            other = (path.parent / urllib.parse.unquote(address).replace(".ipynb", ".html")).resolve()
            if "_sources" in address or other not in pages:
                continue
            wanted = urllib.parse.unquote(place)
            found = wanted if pages[other].find(id=wanted) else anchor(pages[other], wanted) or wanted
            link["href"] = address.replace(".ipynb", ".html") + f"#{found}" * bool(place)
        if str(page) != before:
            path.write_text(str(page), encoding="utf-8")


def complaints(site: Path) -> list[str]:
    """Links within the site that lead nowhere, and what a page would fetch from the network."""
    pages, found = read(site), []
    for path, page in sorted(pages.items()):
        where = path.relative_to(site)
        for tag, key in LOADED.items():
            for element in page.find_all(tag, attrs={key: re.compile(r"^(https?:)?//")}):
                if tag != "link" or {"stylesheet", "preload", "icon"} & set(element.get("rel", [])):
                    found.append(f"{where} fetches {element[key]}")
        for link in page.find_all("a", href=True):
            address = urllib.parse.urlsplit(link["href"])
            if address.scheme or address.netloc:
                continue
            other = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
            if not other.exists():
                found.append(f"{where} links to {link['href']}, which is not there")
            elif address.fragment and other in pages:
                if not pages[other].find(id=urllib.parse.unquote(address.fragment)):
                    found.append(f"{where} links to {link['href']}, and no place is called so there")
    return found


def main() -> int:
    """The command line; the number of complaints."""
    libraries = npm.fetch(LIBRARIES, MATHJAX)
    write_pages()
    command = [jupyter_book(), "build", PAGES, "--path-output", PAGES.parent / "site-work", "--quiet", "--all"]
    subprocess.run(command, check=True)
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.copytree(PAGES.parent / "site-work" / "_build" / "html", TARGET)
    # beside the pages, not among their sources: Jupyter Book has every page load each script that it finds there
    shutil.copytree(libraries / "mathjax" / "es5", TARGET / "_static" / "mathjax" / "es5")
    shutil.copytree(PLAYERS, TARGET / "_static" / "players")
    mend_links(TARGET)
    found = complaints(TARGET)
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{len(list(TARGET.rglob('*.html')))} pages: open {(TARGET / 'index.html').relative_to(ROOT)}")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
