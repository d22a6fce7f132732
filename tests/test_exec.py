"""A program of any language is judged by `exec:COMMAND`; each way of breaking the protocol is told apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import jsonschema
import numpy as np
import pytest

import adapters
from adapters import lines, program
from adapters.numpy import Adapter as Reference
from adapters.protocol import Died, NoAnswer, NotProvided
from conformance import __main__ as command
from conformance.record import records
from conformance.run.processes import supervisor
from tests import program as fakes

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8"))
SPOKEN = f"exec:{sys.executable} -m tests.program"
X = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]], np.float32)
POINT = np.float32(1)  # a logit without an axis, at which the mistakes show


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def load(mistake: str = "") -> Any:
    return adapters.load(f"{SPOKEN} {mistake}")


def judge(mistake: str, output: Path, **options: Any) -> records.Record:
    given: dict[str, Any] = {"tier": "quick", "check_timeout": 60.0} | options
    return supervisor.run(
        supervisor.Order(f"{SPOKEN} {mistake}".strip(), "cpu", "eager", output=output, **given), lambda now: None
    )


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("exec:./prog", [("exec:./prog", "cpu", "eager")]),
        ("exec:./prog:cuda,numpy", [("exec:./prog", "cuda", "eager"), ("numpy", "cpu", "eager")]),
        ("exec:docker run image:1.2 --a=b:c:cpu:jit", [("exec:docker run image:1.2 --a=b:c", "cpu", "jit")]),
        ("""exec:p 'a,b' "c,d":cpu""", [("""exec:p 'a,b' "c,d\"""", "cpu", "eager")]),
        ('exec:"p x:cpu"', [('exec:"p x:cpu"', "cpu", "eager")]),
    ],
)
def test_a_command_is_told_from_its_device_and_from_other_targets(text: str, targets: list[Any]) -> None:
    assert [supervisor.parse(part) for part in supervisor.split(text)] == targets


def test_the_files_of_two_commands_are_told_apart() -> None:
    names = [records.file_name(f"exec:{text}:cpu:eager") for text in ("./a b", "./a/b", "x" * 999, "x" * 998)]
    assert len(set(names)) == 4
    assert all(Path(name).name == name and len(name) < 100 for name in names)


def test_a_program_answers_as_the_adapter_behind_it() -> None:
    ours: Any = Reference()
    theirs = load()
    assert (theirs.name, theirs.version) == ("reference", "1.0 (x86)")
    assert theirs.features == {"logsumexp", *cast("list[str]", fakes.HELLO["features"])} - {"strides"}
    views: list[Any] = [X, X.T, X[::-1, ::2], np.broadcast_to(X[0], (4, 3)), X[:, :0]]
    for x in views:
        for adapter in (ours, theirs):
            assert adapter.asarray(x) is x
        np.testing.assert_array_equal(theirs.softmax(x), ours.softmax(x))
    labels, weight, c = np.array([2, 0]), np.array([1, 2, 3], np.float32)[::-1], np.float32(2)
    options: dict[str, Any] = {"weight": weight, "ignore_index": 0, "reduction": "mean", "label_smoothing": 0.1}
    answers: list[list[Any]] = [
        [
            adapter.softmax_cross_entropy(X, labels, **options),
            adapter.vjp("softmax_cross_entropy", X, c, labels=labels, **options),
            adapter.vjp("softmax_cross_entropy", X, X[:, 0], labels=X, wrt="labels"),
            adapter.jvp("logsumexp", X, X[::-1], axis=0),
            adapter.hvp("softmax", X, X, X[:, ::-1]),
            adapter.softmax(X, where=X > 0),
            adapter.exp(X),
            adapter.log(X),
        ]
        for adapter in (theirs, ours)
    ]
    for got, expected in zip(*answers, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(RuntimeError, match="axis 5 is out of bounds"):
        theirs.softmax(X, axis=5)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float16", "int8", "bool", "complex64"])
def test_arrays_keep_their_bits_on_the_way(name: str) -> None:
    x = np.arange(24, dtype=np.uint8).view(lines.FORMATS[name]) if name != "bool" else np.array([True, False])
    there = lines.packed(x[::-2], True)
    assert fakes.unpacked(there).tobytes() == x[::-2].tobytes()
    assert lines.unpacked(fakes.packed(x)).tobytes() == x.tobytes()


def test_what_hello_does_not_list_is_absent_and_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = load()
    bare.features, bare._operations = frozenset(), frozenset({"softmax", "softmax_cross_entropy"})
    monkeypatch.setattr(bare, "_ask", lambda *given: pytest.fail("asked"))
    with pytest.raises(NotProvided, match=r"^reference has no class_axis$"):
        bare.softmax(X, axis=0)
    with pytest.raises(NotProvided, match=r"^reference has no index_labels, reduction$"):
        bare.softmax_cross_entropy(X, np.array([0, 1]), reduction="mean")
    with pytest.raises(NotProvided, match=r"^reference has no log_softmax$"):
        bare.log_softmax(X)
    assert not hasattr(bare, "logsumexp")


def test_every_line_of_a_conversation_fits_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    ask = lines.Process.ask

    def heard(self: lines.Process, message: Any) -> Any:
        said.append(json.loads(json.dumps(message)))
        said.append(ask(self, message))
        return said[-1]

    monkeypatch.setattr(lines.Process, "ask", heard)
    adapter = load()
    with pytest.raises(RuntimeError):
        adapter.softmax(X.T, axis=(0, 1, 2))
    adapter.softmax(X[:, ::-1])
    adapter.vjp(
        "softmax_cross_entropy", X, np.float32(1), labels=np.array([0, 1]), reduction="sum", ignore_index=0
    )
    kinds = [next(iter(line)) for line in said]
    assert kinds == ["protocol", "protocol", *["id"] * 6]
    assert [set(line) for line in said if "error" in line] == [{"id", "error"}]
    checked = jsonschema.Draft202012Validator(SCHEMA)
    for line in said:
        checked.validate(line)
    unsaid = ("refuses", "name-of-ours", "unknown-operation", "short", "base64")  # what no schema says
    for mistake, wrong in fakes.HELLOS.items():
        assert mistake in unsaid or not checked.is_valid(fakes.HELLO | wrong)
    for mistake, wrong in fakes.ARRAYS.items():
        array = {"id": 1, "array": fakes.packed(X) | wrong}
        assert mistake in unsaid or not checked.is_valid(array)


def test_the_schema_lists_the_formats_and_features_of_the_suite() -> None:
    assert SCHEMA["$defs"]["format"]["enum"] == list(lines.FORMATS)
    assert set(SCHEMA["$defs"]["feature"]["enum"]) == program.KNOWN["features"]
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert all(f"`{feature}`" in page for feature in program.KNOWN["features"])


def test_the_lines_of_the_page_fit_the_schema() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8").partition("## The lines")[2]
    rest, found = "".join(line[4:] for line in page.splitlines() if line.startswith("    ")), 0
    while rest:
        line, end = json.JSONDecoder().raw_decode(rest)
        jsonschema.Draft202012Validator(SCHEMA).validate(line)
        rest, found = rest[end:].lstrip(), found + 1
    assert found == 6


ANSWERS = {
    "dies": "the program ended: signal SIGABRT",
    "exits": "the program ended: exit code 3",
    "closes": "the program ended: it wrote no more, and ran on",
    "cut": """the program ended: exit code 0, within a line: '{"id": 1, "arr'""",
    "babbles": r"the program wrote 'Loading weights \u2026' to standard output, which is for answers alone",
    "bytes": r"the program wrote '\ufffd\ufffd' to standard output, which is for answers alone",
    "no-json": """an answer is no JSON: "{'id': 1}\"""",
    "deep": """an answer is no JSON: '{"a":{"a":""",
    "endless": "an answer is longer than 1048",
    "another-id": "an answer has the id 0, not 1",
    "two-kinds": "an answer has one of array, not_provided and error, not array and error",
    "no-kind": "an answer has one of array, not_provided and error, not none",
    "no-array": "an array has format, shape and data; the answer's is [0.5]",
    "short": "an answer's data has 3 bytes, not the 4 of float32 []",
    "unknown-format-of-answer": "an answer's format is float31, which is none",
    "object": "an answer's format is object, which is none",
    "shape": "an answer's shape is [2.5], not a list of sizes",
    "negative": "an answer's shape is [-1], not a list of sizes",
    "base64": "an answer's data is no base64: ?",
    "no-data": "an answer's data is no base64: None",
}


@pytest.mark.parametrize("mistake", ANSWERS)
def test_each_mistake_is_told_in_one_line_and_the_next_call_has_a_new_process(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "END", 0.5)
    adapter = load(mistake)
    with pytest.raises(NoAnswer) as caught:
        adapter.softmax(POINT)
    assert str(caught.value).startswith(ANSWERS[mistake])
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, Died) == ("the program ended" in ANSWERS[mistake])
    np.testing.assert_allclose(adapter.softmax(X).sum(axis=-1), 1, rtol=1e-6)


def test_every_mistake_has_its_line() -> None:
    assert {*ANSWERS, "hangs"} == {
        *fakes.MISTAKES,
        *fakes.ARRAYS,
        "another-id",
        "two-kinds",
        "no-kind",
        "no-array",
    }


HELLOS = {
    "mute": "no hello: the program ended: exit code 1",
    "late": "no hello: no line within 1 s",
    "no-hello": "no hello: the program wrote 'Hello!' to standard output, which is for answers alone",
    "another-version": "hello of protocol 2; this suite speaks 1",
    "refuses": r"the program refuses: 'no such\n device'",
    "nameless": "hello: name is None, not a short printable text",
    "control-in-version": r"hello: version is '1\u202e0', not a short printable text",
    "name-of-ours": "hello: name is torch, which is an adapter of this suite",
    "unknown-format": "hello: formats holds float31, which is none of bfloat16, bool",
    "unknown-feature": "hello: features holds vmap, which is none of class_axis",
    "unknown-operation": "hello: operations holds softplus, which is none of ",
    "formats-of-no-list": "hello: formats is float32, not a list",
}


@pytest.mark.parametrize("mistake", HELLOS)
def test_each_wrong_hello_is_told_in_one_line(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "HELLO", 1.0 if mistake == "late" else 60.0)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the text is compared below
        load(mistake)
    assert str(caught.value).startswith(HELLOS[mistake])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("exec:./no-such-program", "cannot judge exec:./no-such-program:cpu:eager: cannot be run: No such file"),
        (f"exec:{ROOT / 'README.md'}", "cannot be run: Permission denied"),
        ("exec:", "there is no command"),
        ('exec:"./prog', "No closing quotation"),
        (f"{SPOKEN} mute", "no hello: the program ended: exit code 1; see "),
        (f"{SPOKEN} another-version", "hello of protocol 2; this suite speaks 1"),
        (f"{SPOKEN} no-formats", "dtypes is empty: there is nothing to judge"),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(
    target: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--targets", target, "--output", str(tmp_path)]) == 2
    said = list(filter(None, capsys.readouterr().out.splitlines()))
    assert line in said[0]
    assert len(said) == 2  # and the count of checks
    if " mute" in target:
        assert "libframework.so.1" in next(tmp_path.glob("*.log")).read_text(encoding="utf-8")


@pytest.mark.parametrize(("mistake", "outcome"), [("dies", "crash"), ("hangs", "timeout"), ("babbles", "fail")])
def test_it_costs_one_check(mistake: str, outcome: str, tmp_path: Path) -> None:
    record = judge(mistake, tmp_path, check_timeout=10.0, requirements=("IFC-09", "IFC-10"))
    assert record.footer is not None
    (lost,) = [check for check in record.checks if check.outcome in ("crash", "timeout", "fail")]
    assert (lost.id, lost.outcome) == ("IFC-10/softmax/float32/zero-dimensional", outcome)
    told = ANSWERS.get(mistake, "no answer within 10 s")
    assert told in str(lost.witness["got"] if outcome == "fail" else lost.message)
    assert "pass" in {check.outcome for check in record.checks if check.requirement == "IFC-09"}


def test_the_log_keeps_what_the_program_said(tmp_path: Path) -> None:
    record = judge("", tmp_path, requirements=("IFC-10",))
    assert "pid " in record.path.with_suffix(".log").read_text(encoding="utf-8")


def test_a_program_that_dies_of_every_call_is_given_up(tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    hello = json.dumps(fakes.HELLO | {"features": ["index_labels"]})
    script.write_text(
        f"input(); print('''{hello}''', flush=True); input(); raise SystemExit(9)", encoding="utf-8"
    )
    order = supervisor.Order(f"exec:{sys.executable} {script}", "cpu", "eager", "quick", tmp_path, 60.0)
    record = supervisor.run(order, lambda now: None)
    assert [check.outcome for check in record.checks][-5:] == ["crash"] * 5
    assert record.footer is not None
    assert "given up after 5 deaths in a row" in str(record.footer.error)


def test_a_program_ends_with_the_process_that_judges_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"import adapters; adapters.load('{SPOKEN} hangs').softmax(__import__('numpy').float32(1))"
    environment = os.environ | {adapters.LOG: str(log)}
    judging = subprocess.Popen([sys.executable, "-c", text], env=environment, cwd=ROOT)
    wait_for(lambda: log.exists() and log.read_text(encoding="utf-8").endswith("\n"))
    pid = int(log.read_text(encoding="utf-8").split()[-1])
    os.kill(pid, 0)
    judging.send_signal(signal.SIGKILL)
    judging.wait()
    wait_for(lambda: ended(pid))


def ended(pid: int) -> bool:
    """Return whether a process is gone, or waits for nobody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z"
    except OSError:
        return True


def wait_for(condition: Any) -> None:
    """Wait until a condition holds, half a minute at most."""
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it never holds")
