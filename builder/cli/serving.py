"""Commands that listen on a port."""

import os
import sys
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.")] = 8765,
    faults: Annotated[str, typer.Option(help="How to misbehave, such as 429=0.2,500=0.1,cut=0.05,latency=0.2.")] = "",
    api_key_env: Annotated[
        str | None, typer.Option(help="Ask for the key in this environment variable; any key does by default.")
    ] = None,
) -> None:
    """Serve the embedded teacher over HTTP.

    An OpenAI-compatible endpoint for trying any tool, and one that misbehaves on request.
    """
    from builder.errors import UsageError
    from builder.teachers.embedded import Faults
    from builder.teachers.embedded import serve as listen

    key = os.environ.get(api_key_env) if api_key_env else None
    if api_key_env and not key:
        raise UsageError(f"${api_key_env} is not set", "Export it, or leave --api-key-env out.")
    print(f"seedbed: embedded teacher at http://{host}:{port}/v1 (Ctrl-C stops it)", file=sys.stderr, flush=True)
    listen(host, port, Faults.parse(faults), key)
