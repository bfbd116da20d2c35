"""What goes wrong at the hub, as errors that name the way out."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from builder.errors import EndpointError, SeedbedError
from builder.hub.target import Target
from builder.language.messages import worded
from builder.store.files import system_error

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TOKEN = "HF_TOKEN"
_LOOK_AND_AGAIN = worded("Look at HF_ENDPOINT; then run the same command again.")
_LONGEST_ANSWER = 300  # characters of what the hub says


@contextlib.contextmanager
def told(target: Target, token: str, names: Sequence[str] = ()) -> Iterator[None]:
    """What goes wrong at the hub, as one error with its way out and without the token."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except SeedbedError:
        raise
    except Exception as raised:
        error: BaseException = raised
        while isinstance(error, RuntimeError) and error.__cause__ is not None:  # of one file among those sent at once
            error = error.__cause__
        if isinstance(error, HfHubHTTPError):
            raise _refusal(error, target, token, names) from None
        if isinstance(error, httpx2.TransportError):
            raise EndpointError(
                worded(
                    "{hub}: cannot be reached ({name}: {one_line})",
                    hub=target.hub,
                    name=type(error).__name__,
                    one_line=one_line(str(error)),
                ),
                worded("Look at the network, and at HF_ENDPOINT; then run the same command again."),
            ) from None
        if isinstance(error, OSError) and (named := system_error(error)) is not None:
            raise named from None
        # The client stumbles in many ways over an answer that is none.
        said = one_line(str(error)).replace(token, "***")
        raise EndpointError(
            worded(
                "{hub}: does not answer as the hub does ({name}: {said})",
                hub=target.hub,
                name=type(error).__name__,
                said=said,
            ),
            _LOOK_AND_AGAIN,
        ) from None


def _refusal(error: "HfHubHTTPError", target: Target, token: str, names: Sequence[str]) -> SeedbedError:
    status = error.response.status_code
    said = one_line(error.server_message or "").replace(token, "***")
    said = f"{status}: {said}" if said else str(status)
    if status == 401 and not names:
        return EndpointError(
            worded("{hub}: does not know the token in {token} ({said})", hub=target.hub, token=TOKEN, said=said),
            worded(
                "Make one that may write at {hub}/settings/tokens, and put it into {token}.",
                hub=target.hub,
                token=TOKEN,
            ),
        )
    if status == 404 and not names:  # where every hub says whose a token is
        return EndpointError(
            worded("{hub}: does not answer as the hub does ({said})", hub=target.hub, said=said), _LOOK_AND_AGAIN
        )
    if status in (401, 403, 404):
        return EndpointError(
            worded(
                "{address}: the token in {token} may not write there, or there is no such user or organisation "
                "({said})",
                address=target.address,
                token=TOKEN,
                said=said,
            ),
            (
                worded(
                    "It is known as {names}: name one of them before the slash, or take a token that may write.",
                    names=", ".join(names),
                )
                if names
                else worded("Take a token that may write.")
            ),
        )
    if status in (409, 412):
        return EndpointError(
            worded(
                "{address}: changed while it was sent to, so nothing was committed ({said})",
                address=target.address,
                said=said,
            ),
            worded("Run the same command again: what was sent is not sent again."),
        )
    if status in (402, 413, 507):
        return EndpointError(
            worded("{address}: the hub has no room for it ({said})", address=target.address, said=said),
            worded("Make room there, or pay for more."),
        )
    return EndpointError(
        worded("{address}: the hub refuses or fails ({said})", address=target.address, said=said),
        worded("Run the same command again later: what was sent is not sent again."),
    )


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ANSWER else line[: _LONGEST_ANSWER - 1] + "…"
