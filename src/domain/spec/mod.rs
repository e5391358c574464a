//! The specification's own words, as data in `rules/`: which fields a message has, what codes mean. Read by people's tools
//! through `profile`, and by the rules that hold calls to them.

pub mod codes; // What codes mean.
pub mod complaint; // What is wrong with a text, where, and the cure.
pub mod fields; // Which fields a message has.
pub mod nearest; // The known word that somebody may have meant.
pub mod sheet; // One file, read with places.
pub mod texts; // The files of `rules/`, built in.
