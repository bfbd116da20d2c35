"""The Hugging Face hub: files into a dataset repository, as one commit.

    push(Target("ada/lakes", address_of_hub()), [File("README.md", b"…"), File("data/train-….parquet", Path("…"))], reporter)
    → Pushed(made=True, private=True, commit="3f2a…", sent=("README.md", …), there=(), removed=())

The token comes from $HF_TOKEN and nowhere else, and stands in no message; $HF_ENDPOINT names another hub. A file whose content is in
the repository already, or in its large files, is not sent again. Nothing changes before the commit, which is made only where the
branch still is what was looked at.
"""

from builder.hub.sending import push
from builder.hub.target import File, Pushed, Target, address_of_hub, check_target

__all__ = ["File", "Pushed", "Target", "address_of_hub", "check_target", "push"]
