//! Builds every part from settings, starts it, stops it in order; the only file that knows all parts.
