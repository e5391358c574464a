//! Every metric, its help and its handle.
