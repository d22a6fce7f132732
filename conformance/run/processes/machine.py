"""Describe the machine and the build that a record is made on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from adapters import BUILT_IN, ROOT
from adapters.frameworks import FRAMEWORKS
from adapters.protocol import Adapter
from conformance.record.records import CheckSet, Header

FOLDERS = ("adapters", "conformance")
# what no outcome of a check depends on: how runs are started, kept and told of, and what a failure is called
NO_JUDGES = (
    *(f"adapters/{name}" for name in ("faulty", "honest", "frameworks.toml", "releases.py", "releases.toml")),
    *(
        f"conformance/{name}"
        for name in ("run/processes", "run/sweep", "record", "ci", "cases/covering.py", "deviations.toml")
    ),
    *(
        f"conformance/{name}.py"
        for name in (
            *("__main__", "files", "foreign", "single_function", "terminal"),
            *("truth/certified", "vectors", "vectors_onnx"),
        )
    ),
)


def header(adapter: Adapter, target: str, tier: str, asked: CheckSet) -> Header:
    """Return the header of a record of `target`, starting now."""
    framework = {"name": adapter.name, "version": adapter.version, "build": build(adapter)}
    described = replace(_described(target, tier), framework=framework, asked=asked)
    return replace(described, device_model=gpu()) if adapter.device == "cuda" else described


def _described(target: str, tier: str) -> Header:
    return Header(
        target=target,
        framework={},
        device_model=proc("cpuinfo", "model name") or platform.processor(),
        python=platform.python_version(),
        # the kernel's release is a matter of the one machine and of no arithmetic
        platform=" ".join(filter(None, (platform.system(), platform.machine(), *platform.libc_ver()))),
        cpu_flags=proc("cpuinfo", "flags"),
        threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        suite_commit=commit(),
        tier=tier,
        start=now(),
        suite_digest=suite_digest(),
    )


def unknown(name: str, target: str, tier: str) -> Header:
    """Return the header of a target whose framework could not be reached."""
    return replace(_described(target, tier), framework={"name": name, "version": "", "build": ""})


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def proc(file: str, field: str) -> str:
    """Return the first value of a field in /proc/`file`; "" where there is none."""
    try:
        lines = Path("/proc", file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def free_memory() -> int:
    """Return the bytes of memory that are available; 0 where the system does not tell."""
    return int(proc("meminfo", "MemAvailable").removesuffix(" kB") or 0) * 1024


def gpu() -> str:
    """Return the first GPU and its driver, as nvidia-smi names them."""
    output = _run("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or ""
    return output.partition("\n")[0]


def commit() -> str:
    """Return the suite's commit, marked as dirty if a file that judges differs from it; "" outside a checkout."""
    at = _run("git", "describe", "--always", "--abbrev=12", "--exclude=*") or ""
    # records and pages, which a run may write among the files of a checkout, are none of it
    changed = _run("git", "status", "--porcelain", "--untracked-files=no", "--", *FOLDERS)
    return f"{at}-dirty" if changed else at


def suite_digest() -> str:
    """Return a digest of the files that judge, which tells two changed trees of one commit apart."""
    digest = sha256()
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".toml"))
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def same_suite(judged_at: str, framework: str) -> bool:
    """Return whether the files that judge `framework` are the same as at that commit of the suite."""
    if not re.fullmatch("[0-9a-f]{7,40}", judged_at):
        return False
    others = [f"adapters/{name}.py" for name in BUILT_IN if name != framework]
    left_out = [f":(exclude){path}" for path in (*others, *NO_JUDGES)]
    return _run("git", "diff", "--quiet", judged_at, "--", *FOLDERS, *left_out) is not None


def build(adapter: Adapter) -> str:
    """Return the installed distributions that an adapter's answers come from, with version and wheel tag."""
    known = FRAMEWORKS.get(adapter.name)
    beside = known.beside if known else ()
    modules = (known.package if known else adapter.name, *(name.format(mode=adapter.mode) for name in beside))
    built = []
    provided = metadata.packages_distributions()
    for distribution in sorted({name for module in modules for name in provided.get(module, [])}):
        wheel = metadata.distribution(distribution).read_text("WHEEL") or ""
        tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
        built.append(" ".join([distribution, metadata.version(distribution), *tags[:1]]))
    return "; ".join(built)


def _run(*command: str) -> str | None:
    """Run a command in the repository and return its output; None where it fails or is missing."""
    if command[0] == "git" and not (ROOT / ".git").exists():
        return None  # an installed suite is in no repository, though the folders around it may be
    # GIT_DIR and its like, which git sets in a hook, name another repository
    apart = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith("GIT_CONFIG")}
    try:
        run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20, check=True, env=apart)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()
