"""Training on a published dataset with loss on the responses only, and evaluating the result."""

import os

# Both are read once, when torch and huggingface_hub are first imported, so they have to be set before that.
# Passive waiting: worker threads sleep between steps instead of spinning on cores that others use.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
