"""Routes of questions on assets: for people and programs of this node, and for other participants."""
