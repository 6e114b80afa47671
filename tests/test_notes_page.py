"""The notes against the papers: all 36 places, each in the lesson that shows it, and the page made from them."""

from lecture8 import course, published
from tools.build import headings, notes_page

LESSONS = {  # correction -> the lesson that shows it
    **dict.fromkeys((8, 31), "00_start_here"),
    **dict.fromkeys((1, 2), "01_transfer_learning"),
    **dict.fromkeys(range(3, 8), "02_alexnet"),
    9: "03_zfnet",
    **dict.fromkeys((10, 11, 12, 13, 35), "04_vgg"),
    **dict.fromkeys(range(14, 21), "05_googlenet"),
    **dict.fromkeys(range(21, 31), "06_resnet"),
    **dict.fromkeys((32, 33), "07_inception_v3"),
    34: "08_inception_v4",
    36: "09_complexity",
}


def test_every_place_is_in_the_table_once_its_lesson_is_there():
    assert sorted(LESSONS) == list(range(1, 37))
    table = published.read("corrections").set_index("number")["lesson"].to_dict()
    wanted = {n: lesson for n, lesson in LESSONS.items() if course.lesson(lesson).written}
    assert {n: lesson for n, lesson in table.items() if n in wanted} == wanted
    assert set(table) <= set(LESSONS)


def test_every_place_is_shown_in_its_lesson():
    for number, lesson in LESSONS.items():
        if course.lesson(lesson).written and number not in notes_page.RIGHT:
            assert notes_page.section(lesson, number), f"{lesson} does not show correction {number}"
    for number, heading in notes_page.RIGHT.items():
        assert headings.complaint(LESSONS[number], heading) == ""
    assert notes_page.section("06_resnet", 22) == "1 · A deeper network must be at least as good. Must it?"


def test_the_page_is_up_to_date():
    found = notes_page.PAGE.read_bytes()
    assert found == notes_page.page().encode(), "run `python -m tools.build.notes_page`"
