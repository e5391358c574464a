//! The stand-in platform; knows nothing of the line or its judgement.
