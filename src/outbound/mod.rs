//! Hands: one request goes out once, and what was heard comes back as a fact.
