//! Commands of the programs.
