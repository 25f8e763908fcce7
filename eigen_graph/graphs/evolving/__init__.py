"""What evolution works with: blueprints, patches, the evidence for them, and the gate that they must pass."""
