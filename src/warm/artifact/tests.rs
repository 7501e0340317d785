//! Artifacts as bytes: what is written is read, and nothing else.
