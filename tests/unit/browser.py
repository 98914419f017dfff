"""Open pages in Chromium, for the tests of the pages that a run writes.

Chromium prints the DOM of a page. A page that may run no script of ours is looked at by a probe: a second page, in the
same folder, that shows it in a frame. For files, Chromium allows this only with --allow-file-access-from-files, which
is passed for the probe alone.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH; Debian's package of that name has it")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)
PROBE = """<!doctype html><title>probe</title><body><iframe id="f" style="border:0;width:{width}px;height:900px"
  src="{page}"></iframe><pre id="measured"></pre><script>
onload = () => {{
  const frame = document.getElementById("f"), page = frame.contentDocument;
  document.getElementById("measured").textContent = JSON.stringify((() => {{ {script} }})());
}};
</script>"""


def browse(page: Path, *options: str) -> str:
    """Open a page in Chromium; return what Chromium prints."""
    profile = page.parent / f"profile-{len(list(page.parent.iterdir()))}"
    command = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def probe(page: Path, width: int, script: str) -> Any:
    """Show a page in a frame of `width` pixels; return what a script returns that knows it as `page` in `frame`."""
    probing = page.with_name(f"probe-{len(list(page.parent.iterdir()))}.html")
    probing.write_text(PROBE.format(width=width, page=page.name, script=script), encoding="utf-8")
    shown = browse(probing, "--allow-file-access-from-files", f"--window-size={width + 100},1000", "--dump-dom")
    found = re.search(r'<pre id="measured">(.*?)</pre>', shown, re.DOTALL)
    assert found, shown[-500:]
    return json.loads(html.unescape(found[1]))
