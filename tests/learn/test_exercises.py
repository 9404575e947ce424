"""Each exercise is a fault that can be seen, and that the suite would find."""

import asyncio
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from microquart.learn import judge, play
from microquart.learn.exercises import (
    PACKAGE,
    Exercise,
    Unfit,
    begin,
    copy_package,
    exercises,
)
from microquart.learn.session import solution
from microquart.xray.exports import jsonl

ROOT = Path(__file__).parents[2]
WHERE = "tests/learn/programs/where.py"
EXERCISES = exercises()

each = pytest.mark.parametrize(
    "exercise", EXERCISES.values(), ids=EXERCISES.keys()
)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """A copy of the package as it is."""
    folder = tmp_path_factory.mktemp("intact")
    copy_package(folder)
    return folder


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """The folders that are made so far, by the exercise."""
    return {"": tmp_path_factory.mktemp("copies")}


@pytest.fixture
def faulty(copies, exercise):
    """What a learner gets."""
    name = exercise.name
    if name not in copies:
        begin(exercise, copies[""] / name)
        copies[name] = copies[""] / name
    return copies[name]


# -- what is said of it --


@each
def test_everything_is_said(exercise: Exercise):
    assert len(exercise.hints) == 3
    assert exercise.killed_by
    texts = exercise.title, exercise.symptom, exercise.source, *exercise.hints
    assert all(text.strip() == text != "" for text in texts)
    assert exercise.symptom.endswith(".")


@each
def test_the_symptom_does_not_tell_where_the_fault_is(exercise: Exercise):
    assert ".py" not in exercise.symptom
    assert "`_" not in exercise.symptom


@each
def test_the_chapter_is_there(exercise: Exercise):
    assert (ROOT / "docs" / f"{exercise.chapter}.md").is_file()


@each
def test_the_book_has_a_page_for_it(exercise: Exercise):
    pages = (ROOT / "docs" / "book" / "part-3").glob("*.md")
    directive = f"{{exercise}} {exercise.name}\n"
    assert sum(page.read_text().count(directive) for page in pages) == 1


# -- what it changes --


@each
def test_the_core_has_the_text_once(exercise: Exercise):
    right = (PACKAGE / exercise.file).read_text()
    wrong = exercise.faulty(right)
    assert wrong != right
    compile(wrong, exercise.file, "exec")


@each
def test_the_solution_makes_the_core_of_the_faulty_one(exercise: Exercise):
    right = (PACKAGE / exercise.file).read_text()
    wrong = exercise.faulty(right)
    for hunk in re.split(
        r"^@@.*\n", "\n".join(solution(exercise)), flags=re.M
    ):
        lines = hunk.splitlines()
        before, after = (
            "".join(f"{line[1:]}\n" for line in lines if line[0] != left_out)
            for left_out in "+-"
        )
        assert wrong.count(before) == 1 or not lines
        wrong = wrong.replace(before, after) if lines else wrong
    assert wrong == right


@pytest.mark.parametrize("times", [0, 2])
def test_a_core_that_has_changed_is_told(times):
    exercise = EXERCISES["head-with-body"]
    with pytest.raises(Unfit, match=rf"protocol/stream.py {times} times"):
        exercise.faulty(exercise.before * times)


def test_a_copy_has_no_answers(intact):
    learn = intact / "microquart" / "learn"
    assert (learn / "clients.py").is_file()
    for answer in ("info.toml", "checks", "shows"):
        assert not (learn / answer).exists()


# -- what it does --


@each
def test_the_checks_hold_for_the_intact_package(exercise: Exercise):
    verdicts = map(play.judged, play.checks(str(exercise.check)))
    assert {wrong for _, wrong in verdicts} == {""}


@pytest.mark.slow
@each
def test_the_checks_do_not_hold_for_the_faulty_copy(exercise, faulty):
    assert any(verdict.wrong for verdict in judge.verdicts(exercise, faulty))


@pytest.mark.slow
@each
def test_the_program_shows_it(exercise: Exercise, faulty, capfd):
    asyncio.run(runpy.run_path(str(exercise.show))["main"]())
    right = capfd.readouterr().out
    subprocess.run([sys.executable, faulty / "show.py"], check=True)
    wrong = capfd.readouterr().out
    assert right != wrong != ""


@pytest.mark.slow
@each
def test_the_trace_shows_it_and_nothing_else(exercise: Exercise, faulty):
    right, again = (
        jsonl.read(play.recorded(str(exercise.show)))[1] for _ in range(2)
    )
    assert judge.compared(right, again) == []
    assert judge.compared(right, judge.record(exercise, faulty)) != []


# -- who finds it --


def failed(folder: Path, *tests: str) -> set[str]:
    """Run tests with the package in a folder; return which of them failed."""
    pytest_of_its_own = [sys.executable, "-P", "-m", "pytest", "-q"]
    pytest_of_its_own += ["--tb=no", "-rfE", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_of_its_own, "-o", f"pythonpath={folder} .", WHERE, *tests],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(?:FAILED|ERROR) ([^\[\s]+)", done.stdout, re.M)
    assert bool(found) == done.returncode
    return set(found)


@pytest.mark.slow
@each
def test_each_test_that_is_named_finds_it(exercise: Exercise, faulty):
    assert failed(faulty, *exercise.killed_by) == set(exercise.killed_by)


@pytest.mark.slow
def test_without_it_they_pass(intact):
    named = [name for each in EXERCISES.values() for name in each.killed_by]
    assert failed(intact, *named) == set()
