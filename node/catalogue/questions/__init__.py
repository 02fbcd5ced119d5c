"""Questions on assets: asked by people, answered by the publisher for everybody or for the asker alone."""
