"""The main jobs, each a few steps: read this first.

build     seeds ──▶ grow ──▶ decide ──▶ publish, until exactly the target is kept
rebuild   the ledger's replies, read again ──▶ decide ──▶ publish, without a request
curate    files ──▶ decide ──▶ publish, or a folder's rows decided again
add       files ──▶ behind a folder's rows ──▶ decide ──▶ publish, as if all had come at once
"""

from builder.pipeline.adding import Added, add_files
from builder.pipeline.building import build
from builder.pipeline.curating import curate_files, curate_folder
from builder.pipeline.ledgers import unchecked
from builder.pipeline.looking import status, verify
from builder.pipeline.publishing import Outcome, publish, rewrite_report
from builder.pipeline.rebuilding import Rebuilt, rebuild

__all__ = [
    "Added",
    "Outcome",
    "Rebuilt",
    "add_files",
    "build",
    "curate_files",
    "curate_folder",
    "publish",
    "rebuild",
    "rewrite_report",
    "status",
    "unchecked",
    "verify",
]
