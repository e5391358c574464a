//! A read-only view of a body: one incremental byte scanner.
