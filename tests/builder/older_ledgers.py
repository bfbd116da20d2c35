"""A folder whose ledgers an older version wrote: without checksums of their rows, and known only by their last attempt."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from builder.store.manifest import hash_json


def unseal(root: Path, name: str = "ledger.sqlite") -> None:
    """Take away what newer versions keep of a ledger, in it and in the manifest."""
    with closing(sqlite3.connect(root / name)) as connection, connection:
        for table in ("jobs", "requests", "attempts"):
            if ("seal",) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall():
                connection.execute(f"ALTER TABLE {table} DROP COLUMN seal")
        connection.execute("DELETE FROM meta WHERE key LIKE 'sealed_from_%' OR key = 'content'")
    manifest = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))
    manifest["ledgers"][name].pop("requests", None)
    del manifest["sha256"]
    whole = {**manifest, "sha256": hash_json(manifest)}
    (root / "MANIFEST.json").write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
