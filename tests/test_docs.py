"""The pages name commands, options and places that exist; the example of docs/backend.md does what it says."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

import pytest

import adapters.faulty
import adapters.honest
from adapters.frameworks import FRAMEWORKS
from conformance import __main__ as command
from conformance import single_function
from conformance.ci import baseline
from conformance.record import reading

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "example"
PAGE = ROOT / "docs" / "backend.md"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
WORKFLOWS = EXAMPLE / ".github" / "workflows"
CALLED = ROOT / ".github" / "workflows" / "judge.yml"
TARGET = "softmark_adapter:Adapter"
BASELINE = "softmark-baseline.jsonl.xz"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The example in a folder of its own, away from Softmark."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "elsewhere"))


def judge(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "conformance", "--targets", TARGET, "--output", "results", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def test_the_template_has_fewer_than_60_lines_and_needs_nothing_of_ours_but_the_protocol() -> None:
    text = (EXAMPLE / "softmark_adapter.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert set(re.findall(r"^(?:from|import) (\S+)", text, re.MULTILINE)) == {"numpy", "toy", "adapters.protocol"}


def test_the_example_holds_against_its_baseline_and_fails_without_it(repository: Path) -> None:
    done = judge(repository, "--baseline", BASELINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "against the baseline: 0 new" in done.stdout
    assert "not judged" not in done.stdout, "requirements changed: make docs/example's baseline anew"
    found = reading.read(repository / "results" / "softmark_adapter-Adapter-cpu-eager.jsonl")
    assert {check.outcome for check in found.checks} == {"pass", "fail", "choice", "measured", "absent"}
    done = judge(repository, "--resume")
    assert done.returncode == 1
    assert "RNG-01: 14 fail" in done.stdout


def test_a_new_fault_of_the_example_fails_the_run(repository: Path) -> None:
    toy = repository / "toy.py"
    text = toy.read_text(encoding="utf-8")
    broken = text.replace("shifted = np.exp(x - x.max(axis, keepdims=True))", "shifted = np.exp(x)")
    assert broken != text
    toy.write_text(broken, encoding="utf-8")
    done = judge(
        repository, "--baseline", BASELINE, "--junit", "junit.xml", "--summary", "summary.md", "--annotations"
    )
    assert done.returncode == 1
    assert re.search(r"RNG-01: \d+ new fail", done.stdout)
    assert "::error title=ACC-01 softmax%2C softmark_adapter%3AAdapter%3Acpu%3Aeager::" in done.stdout
    assert '<failure message="softmark_adapter:Adapter:cpu:eager (toy 1.0), RNG-01' in (
        repository / "junit.xml"
    ).read_text(encoding="utf-8")
    assert "❌ fails" in (repository / "summary.md").read_text(encoding="utf-8")


def test_the_baseline_is_of_the_example() -> None:
    found = baseline.load(EXAMPLE / BASELINE, [f"{TARGET}:cpu:eager"])
    assert found[f"{TARGET}:cpu:eager"].header.framework["name"] == "toy"


@pytest.mark.parametrize("path", [WORKFLOWS / "softmark.yml", WORKFLOWS / "nightly.yml", CALLED])
def test_a_workflow_takes_each_action_at_a_commit(path: Path) -> None:
    actions = re.findall(r"- uses: (\S+)(.*)", path.read_text(encoding="utf-8"))
    assert len(actions) >= 3
    for action, tag in actions:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", tag)


def test_the_workflow_runs_what_the_command_takes() -> None:
    yaml = pytest.importorskip("yaml")
    workflow: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "softmark.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["conformance"]
    assert job["env"]["PYTHONPATH"] == "softmark"
    steps = [step["run"] for step in job["steps"] if "run" in step]
    (line,) = [step for step in steps if "conformance" in step]
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "conformance"]
    options = command._parser().parse_args(words[3:])
    assert options.targets == TARGET
    assert options.baseline == Path(BASELINE)
    assert (EXAMPLE / options.baseline).exists()
    assert any("softmark/pyproject.toml:core" in step for step in steps)


@pytest.mark.parametrize("given", ["", "known.jsonl"])
def test_the_called_workflow_runs_what_the_command_takes(given: str) -> None:
    yaml = pytest.importorskip("yaml")
    workflow: dict[Any, Any] = yaml.safe_load(CALLED.read_text(encoding="utf-8"))
    inputs, job = workflow[True]["workflow_call"]["inputs"], workflow["jobs"]["judge"]  # YAML reads "on" as true
    assert {name for name in inputs if f"inputs.{name} " not in str(job)} == set()
    (line,) = [step["run"] for step in job["steps"] if "-m conformance" in step.get("run", "")]
    values = {"TARGETS": TARGET, "TIER": "full", "BASELINE": given, "ALLOW": given, "GITHUB_STEP_SUMMARY": "s.md"}
    shown = subprocess.run(["bash", "-uc", f"printf '%s\\n' {line}"], env=values, capture_output=True, check=True)
    words = shown.stdout.decode().splitlines()
    options = command._parser().parse_args(words[3:])
    assert (options.targets, options.tier) == (TARGET, "full")
    assert options.baseline == options.allow == (Path(given) if given else None)
    assert not any("inputs." in step.get("run", "") for step in job["steps"])  # what is given is no code


def test_the_nightly_workflow_compares_each_timed_framework_with_its_record() -> None:
    yaml = pytest.importorskip("yaml")
    workflow: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "nightly.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["nightly"]
    rows = job["strategy"]["matrix"]["include"]
    assert {row["target"]: row["mode"] for row in rows} == {
        name: framework.usual for name, framework in FRAMEWORKS.items() if framework.tracked
    }
    (line,) = [step["run"] for step in job["steps"] if "-m conformance" in step.get("run", "")]
    for row in rows:
        named = dict(job["env"])
        for name, value in row.items():
            named = {key: text.replace(f"${{{{ matrix.{name} }}}}", value) for key, text in named.items()}
        words = shlex.split(Template(line).substitute(named))
        options = command._parser().parse_args(words[3:])
        assert options.targets == named["TARGET"]
        assert (ROOT / options.baseline).is_file()


def test_the_pages_name_options_that_there_are() -> None:
    line = re.compile(r"python -m (conformance|benchmarks|reports)((?: [^\s`|]+)+)")
    for page in PAGES:
        for module, rest in line.findall(page.read_text(encoding="utf-8")):
            asked = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest))
            assert asked <= options_of(module, rest.split()[0]), f"{page.name}: {module}{rest}"


def test_the_page_on_backends_names_options_that_there_are() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE.read_text(encoding="utf-8")))
    known = options_of("conformance", "") | options_of("conformance", "judge")
    assert named - known <= {"--group", "--rootdir", "--adapter"}


def options_of(module: str, first: str) -> set[str]:
    """Return the options of a command, or of its subcommand `first`."""
    main = import_module(f"{module}.__main__")
    parser = argparse.ArgumentParser()
    if module == "benchmarks":
        import_module(main.COMMANDS[first]).add_arguments(parser)
    elif module == "conformance" and first == "releases":
        import_module("conformance.run.processes.releases").add_arguments(parser)
    elif module == "conformance" and first == "sweep":
        parser = import_module("conformance.run.sweep.command").parser()
    elif module == "conformance" and first == "judge":
        single_function.add_arguments(parser)
    elif module == "reports" and first in main.COMMANDS:
        main.COMMANDS[first].add_arguments(parser)
    else:
        parser = main._parser()
    return {option for action in parser._actions for option in action.option_strings}


def test_the_pages_name_environments_that_there_are() -> None:
    known = set(
        re.findall(r"^\[testenv:([\w-]+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for page in PAGES:
        named = set(re.findall(r"tox run -e ([\w-]+)", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


def test_the_links_of_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if link.startswith("https:"):
                continue
            file, _, anchor = link.partition("#")
            place = page.parent / file if file else page
            assert place.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(place), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_two_commands_that_set_everything_up() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^    (python3 -m pip install .*)$", text, re.MULTILINE) == [
        "python3 -m pip install -r requirements/tox.txt && python3 -m tox run -e compare",
        "python3 -m pip install -r requirements/tox.txt && python3 -m tox run -e tests",
    ]
    assert len(text.splitlines()) <= 120


def test_the_readme_counts_the_gallery_and_the_honest_implementations() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    faulty = [kind for kind in vars(adapters.faulty).values() if derives(kind, adapters.faulty.Faulty)]
    honest = [kind for kind in vars(adapters.honest).values() if derives(kind, adapters.honest.Honest)]
    assert f"{len(faulty)} implementations that are wrong on purpose" in " ".join(text.split())
    assert f"{len(honest)} other honest implementations" in " ".join(text.split())
    assert f"but for what {sum(bool(kind.fails) for kind in honest)} of them do not claim" in " ".join(
        text.split()
    )


def derives(kind: object, base: type) -> bool:
    """Return True for a class derived from `base`, `base` itself excluded."""
    return isinstance(kind, type) and issubclass(kind, base) and kind is not base
