//! Machine code of the baseline tier runs, and computes what the optimising tier computes.
