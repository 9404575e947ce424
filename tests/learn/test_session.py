"""What a learner types, and what is said."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from microquart.cli import main
from microquart.learn.exercises import PACKAGE, exercises

NAME = "head-with-body"
FILE = "protocol/stream.py"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def learn(*words, code=0):
    """Type it; return what is said."""
    result = CliRunner().invoke(main, ["learn", *words])
    assert result.exit_code == code, result.output
    return result.output


def repair(folder):
    shutil.copy(PACKAGE / FILE, folder / "learn" / NAME / "microquart" / FILE)


def test_the_exercises_are_listed_with_their_state():
    said = learn()
    assert all(f"  open   {name} " in said for name in exercises())
    assert "\n0 of 18 done" in said
    learn(NAME)
    assert f"  begun  {NAME} " in learn()


def test_to_begin_one_tells_the_symptom_and_no_more(folder):
    said = learn(NAME)
    exercise = exercises()[NAME]
    assert exercise.symptom in said
    assert "python learn/head-with-body/show.py" in said
    assert exercise.file not in said
    assert not any(hint in said for hint in exercise.hints)
    copy = folder / "learn" / NAME / "microquart"
    right, wrong = ((at / FILE).read_text() for at in (PACKAGE, copy))
    assert wrong == exercise.faulty(right)


def test_a_copy_stays_as_it_is_unless_it_is_begun_again(folder):
    learn(NAME)
    show = folder / "learn" / NAME / "show.py"
    show.write_text("mine")
    assert "as you left it" in learn(NAME)
    assert show.read_text() == "mine"
    learn(NAME, "--again")
    assert show.read_text() != "mine"


@pytest.mark.slow
def test_a_check_that_fails_shows_what_differs():
    learn(NAME)
    said = learn("check", code=1)
    assert "  no  the answer to head has no content\n" in said
    assert "      expected b'', got b'Hello!'\n" in said
    assert "  ok  a 304 has no content\n" in said
    assert "\n+r1  > h1.event event Unknown" in said


@pytest.mark.slow
def test_a_repaired_copy_is_done(folder):
    learn(NAME)
    repair(folder)
    assert f"{NAME}: all 5 checks pass\n1 of 18 done; next:" in learn("check")
    assert f"  done   {NAME} " in learn()
    learn(NAME, "--again")
    assert f"  begun  {NAME} " in learn()


@pytest.mark.slow
def test_what_the_copy_prints_disturbs_no_check(folder):
    learn(NAME)
    repair(folder)
    with open(folder / "learn" / NAME / "microquart" / FILE, "a") as file:
        file.write('\nprint("I was here")\n')
    assert "all 5 checks pass" in learn("check")


@pytest.mark.slow
def test_a_copy_that_does_not_run_is_told_in_a_line(folder):
    learn(NAME)
    (folder / "learn" / NAME / "microquart" / FILE).write_text("def")
    said = learn("check", code=1)
    assert said == (
        f"{NAME}: your copy does not run: SyntaxError: invalid syntax\n"
    )


@pytest.mark.slow
def test_a_watched_copy_is_checked_after_each_change(folder):
    learn(NAME)
    with watching() as process:
        said = heard(process, "waiting for a change")
        assert "not yet" in said
        repair(folder)
        assert "all 5 checks pass" in heard(process, "1 of 18 done")
        assert process.wait(10) == 0


def test_hints_come_one_after_another():
    learn(NAME)
    hints = exercises()[NAME].hints
    for number in (1, 2, 3, 3):
        said = learn("hint")
        assert f"hint {number} of 3: {hints[number - 1]}\n" in said
        assert ("no more" in said) == (number == 3)


def test_the_solution_is_shown_as_a_change_of_the_copy():
    learn(NAME)
    said = learn("solution")
    assert said.startswith(f"learn/{NAME}/microquart/{FILE}\n@@")
    assert '\n+        if self.method == "HEAD" or self.status' in said


def test_the_chapter_is_told():
    learn(NAME)
    assert learn("chapter", NAME) == (
        "book/part-2/19-stream in the documentation\nRFC 9110, section 9.3.2\n"
    )


def test_a_command_works_from_within_the_copy(folder, monkeypatch):
    learn(NAME)
    monkeypatch.chdir(folder / "learn" / NAME / "microquart")
    assert "hint 1 of 3" in learn("hint")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "there is no exercise 'nothing'; microquart learn"),
        (["check"], "no exercise is begun; microquart learn NAME begins one"),
        (["hint", NAME], f"{NAME} is not begun; microquart learn {NAME}"),
        (["chekc", NAME], "'chekc' is no command; there are check, hint"),
        ([NAME, "--watch"], "--watch is for check"),
        (["check", "--again"], "--again is for an exercise"),
    ],
)
def test_a_mistake_is_told_in_a_line(words, message):
    result = CliRunner().invoke(main, ["learn", *words])
    assert result.exit_code in (1, 2)
    assert result.output.splitlines()[-1].startswith(f"Error: {message}")


def test_what_is_in_the_way_is_not_touched(folder):
    mine = folder / "learn" / NAME / "mine"
    mine.mkdir(parents=True)
    for words in ([NAME], [NAME, "--again"]):
        assert "is no exercise: move it away" in learn(*words, code=1)
    assert mine.is_dir()


@pytest.mark.parametrize("text", ["", "[]", '{"current": 1, "x": 2}'])
def test_a_state_that_cannot_be_read_is_told(folder, text):
    learn(NAME)
    (folder / "learn" / "progress.json").write_text(text)
    assert "progress.json cannot be read: delete it\n" in learn(code=1)


def test_the_state_is_kept_in_the_folder(folder):
    learn(NAME)
    learn("hint")
    state = json.loads((folder / "learn" / "progress.json").read_text())
    assert state == {
        "current": NAME,
        "begun": [NAME],
        "done": [],
        "hints": {NAME: 1},
    }


@pytest.mark.slow
def test_the_copy_itself_knows_no_exercises(folder):
    learn(NAME)
    done = subprocess.run(
        [sys.executable, "-m", "microquart", "learn"],
        cwd=folder / "learn" / NAME,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "this package is the copy of an exercise" in done.stderr


# -- a process --


@contextmanager
def watching():
    with subprocess.Popen(
        [sys.executable, "-m", "microquart", "learn", "check", "--watch"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process, last):
    """Return what it says up to a line that begins so."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last):
            return "".join(lines)
    raise AssertionError("".join(lines))
