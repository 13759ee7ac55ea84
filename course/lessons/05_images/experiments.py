"""What the ledger can run again of this lesson."""

from __future__ import annotations

import pandas as pd

from course.engine import engine, engine_errors, label
from course.images import container_image
from course.measuring import results
from course.system import reaper

PAGE = b"two boxes"


def saved_and_loaded() -> pd.DataFrame:
    """Save an image, delete it, load it again: columns arm, same (1 or 0)."""
    client, name = engine(), f"two-boxes-moved-{reaper.session()}"
    write = ["sh", "-c", f"printf '{PAGE.decode()}' > /page"]
    with engine_errors():
        writer = client.containers.run(container_image("tiny"), write, labels=label(), detach=True)
        try:
            writer.wait()
            image = writer.commit(name)  # it has the label of its container
        finally:
            writer.remove(force=True)
        try:
            archive = b"".join(image.save(named=True))
            client.images.remove(name)
            client.images.load(archive)
            loaded = client.images.get(name)
            page = client.containers.run(name, ["cat", "/page"], labels=label(), remove=True)
        finally:
            client.images.remove(name, force=True)
    return results.table([{"arm": "image", "same": int(loaded.id == image.id and page == PAGE)}])
