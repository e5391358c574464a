//! Door: takes the HIS's connections, writes the only HTTP shape of an answer.
