//! Door: the admin port.
