"""Commands that listen on a port."""

import os
import secrets
import sys
from typing import Annotated

import typer

from builder.language.messages import worded


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port.")] = 8765,
    faults: Annotated[str, typer.Option(help="How to misbehave, such as 429=0.2,500=0.1,cut=0.05,latency=0.2.")] = "",
    api_key_env: Annotated[
        str | None,
        typer.Option(
            help="Ask for the key in this environment variable. By default any key does on this machine's own addresses, "
            "and on others one is made and shown once."
        ),
    ] = None,
) -> None:
    """Serve the embedded teacher over HTTP.

    An OpenAI-compatible endpoint for trying any tool, and one that misbehaves on request.
    """
    from builder.errors import UsageError
    from builder.procedural.teacher.embedded import Faults
    from builder.procedural.teacher.embedded import serve as listen
    from builder.procedural.teacher.guard import is_loopback

    key = os.environ.get(api_key_env) if api_key_env else None
    if api_key_env and not key:
        raise UsageError(
            worded("${api_key_env} is not set", api_key_env=api_key_env),
            worded("Export it, or leave --api-key-env out."),
        )
    if key is None and not is_loopback(host):
        key = secrets.token_urlsafe(24)
        print(f"seedbed: {host} can be reached from elsewhere; the key, shown this once: {key}", file=sys.stderr)
    print(f"seedbed: embedded teacher at http://{host}:{port}/v1 (Ctrl-C stops it)", file=sys.stderr, flush=True)
    listen(host, port, Faults.parse(faults), key)
