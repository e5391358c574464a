//! Settings: defaults, file, environment, flags; every complaint at once.
