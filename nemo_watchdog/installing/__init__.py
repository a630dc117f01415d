"""The program on a machine: its own environment below /opt, its unit, its policy, and the way back."""
