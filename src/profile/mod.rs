//! Judgement: profile text to typed profile; which transaction, class, route, business key, answer shape.
