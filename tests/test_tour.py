"""The notebook, examples/tour.ipynb, under a real Jupyter kernel: every cell shows what the file
says, and a cell that waits can be interrupted as the stop button does it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import procs

TOUR = Path(__file__).resolve().parent.parent / "examples" / "tour.ipynb"
LIMIT = 120.0  # a kernel needs a second to start, and ten on a busy machine

EXECUTE = """
import json, sys, tempfile, os
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

notebook = nbformat.read(sys.argv[1], as_version=4)
with tempfile.TemporaryDirectory() as os.environ["JUPYTER_RUNTIME_DIR"]:
    # The sockets have the same names in each run, and are made here.
    os.chdir(os.environ["JUPYTER_RUNTIME_DIR"])
    config = Config(ConnectionFileMixin={"transport": "ipc"})  # no port is opened
    NotebookClient(notebook, timeout=60, kernel_name="python3", config=config).execute()
print(json.dumps([cell.get("outputs", []) for cell in notebook.cells]))
"""

INTERRUPT = """
import os, tempfile
from jupyter_client.manager import KernelManager

runtime = tempfile.TemporaryDirectory()
os.environ["JUPYTER_RUNTIME_DIR"] = runtime.name
os.chdir(runtime.name)  # the sockets have the same names in each run, and are made here
manager = KernelManager(kernel_name="python3", transport="ipc")
manager.start_kernel()
client = manager.blocking_client()
client.start_channels()
client.wait_for_ready(timeout=60)


def reply(asked):
    while True:
        message = client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == asked:
            return message["content"]


try:
    for wait in ("recv()", "send(1)"):
        cell = f"import gochan; print('waiting', flush=True); gochan.Chan().{wait}"
        # After an error a kernel aborts what comes too soon, unless it is told not to.
        asked = client.execute(cell, stop_on_error=False)
        while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        print(reply(asked)["ename"])
    print(reply(client.execute("raise SystemError(gochan.go(int, '42').result())"))["evalue"])
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    runtime.cleanup()
"""


def shown(outputs: list[dict[str, Any]]) -> list[str]:
    """What a reader sees of a cell, but for addresses, times, paths and colours."""
    seen: list[str] = []
    for output in outputs:
        if output["output_type"] == "error":
            seen.append(f"{output['ename']}: {output['evalue']}")
        elif output["output_type"] == "stream":
            seen.append(f"{output['name']}: " + "".join(output["text"]))
        else:
            seen.append("".join(output["data"]["text/plain"]))
            seen += [kind for kind in sorted(output["data"]) if kind != "text/plain"]
    varying = r"0x[0-9a-f]+|(?<=for )[0-9.]+(?= m?s)|(?<=started at ).*?(?=[:,>])|(?<=-)\d+"
    return [re.sub(varying, "...", text) for text in seen]


def test_every_cell_shows_what_the_file_says() -> None:
    told = json.loads(TOUR.read_text(encoding="utf-8"))["cells"]
    found = json.loads(procs.run(EXECUTE, str(TOUR), limit=LIMIT).ok())
    assert len(found) == len(told)
    for cell, outputs in zip(told, found, strict=True):
        if cell["cell_type"] == "code":
            assert shown(outputs) == shown(cell["outputs"]), "".join(cell["source"])


def test_a_cell_that_waits_can_be_interrupted() -> None:
    done = procs.run(INTERRUPT, limit=LIMIT).ok()
    assert done.splitlines() == ["KeyboardInterrupt", "KeyboardInterrupt", "42"]
