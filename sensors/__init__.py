"""Pure decoders: bytes in, samples out."""
