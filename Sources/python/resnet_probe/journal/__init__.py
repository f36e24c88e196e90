"""What a step leaves on disk: frames, their bytes, the journal in the spool."""
