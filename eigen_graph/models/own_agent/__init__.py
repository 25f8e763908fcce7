"""An agent of one's own in the agent's chair: a graph or Runnable whose domain tools act in the episode."""
