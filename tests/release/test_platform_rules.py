"""The platform's rules: the report in the documentation is today's, and a zip that breaks a rule is found."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from build_addon import ROOT, build
from release.platform_rules import PAGE, RULES, Extension, report, with_report

pytestmark = pytest.mark.blender


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("bpy")
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return build("linux-x64", tmp_path_factory.mktemp("dist"), ROOT / "build" / "wheels", lock=lock)


def test_the_report_in_the_documentation_is_todays(extension: Path) -> None:
    """Where it is not: `uv run --group blender python -m release.platform_rules --write`."""
    page = PAGE.read_text("utf-8")
    assert with_report(page, report(Extension(extension))) == page


BREACHES = {
    "exec('1')": "No `exec`",
    "import blender_addon.core": "Our own modules are imported by relative names",
    "import sys\nsys.path.append('x')": "`sys.path` is left alone",
    "import subprocess\nsubprocess.run(['python', '-m', 'pip', 'install', 'x'])": "Nothing is installed",
    "import urllib.request": "No connection but",
    "from pathlib import Path\nPath(__file__).with_name('x').write_text('')": "Nothing is written into",
    "bl_info = {}": "No `bl_info`",
}


@pytest.mark.parametrize("code", BREACHES)
def test_code_that_breaks_a_rule_is_found(tmp_path: Path, code: str) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("__init__.py", code)
    (check,) = (check for rule, check in RULES if rule.startswith(BREACHES[code]))
    assert check(Extension(broken))[0].startswith("__init__.py")


def test_a_manifest_that_breaks_a_rule_is_found(extension: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(extension) as old, zipfile.ZipFile(broken, "w") as new:
        text = old.read("blender_manifest.toml").decode()
        text = text.replace('name = "RealCam"', 'name = "RealCam for Blender"').replace('"Camera"', '"Cameras"')
        text = text.replace("follows it", "follows it.")
        new.writestr("blender_manifest.toml", text)
        new.writestr("core/x.pyc", b"")
    rules = ("The", "Tags", "Tagline", "Reviewable:")
    found = {rule.split()[0]: check(Extension(broken)) for rule, check in RULES if rule.split()[0] in rules}
    assert found == {
        "The": ["RealCam for Blender"],
        "Tags": ["Cameras"],
        "Tagline": ["One photo and a real camera become a video that follows it."],
        "Reviewable:": ["core/x.pyc"],
    }
