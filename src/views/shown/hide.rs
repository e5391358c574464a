//! What must not be seen by whoever may not see personal data: personal fields, fields nobody knows, and the same values
//! wherever else they stand (an `err_msg` that repeats a name).

use std::collections::BTreeSet;

use crate::profile::labels::{Side, labels};

use super::body::readable;
use super::leaves::{self, Leaf};

/// Stands where something was.
pub(super) const MASK: &str = "***";
/// A value of a field that nobody knows is looked for elsewhere from this length on: a shorter one may be a code, an area, a word.
const UNKNOWN_CHARS_MIN: usize = 8;
/// Values of persons that are looked for elsewhere.
const VALUES_MAX: usize = 500;

/// What is hidden in one exchange.
pub(super) struct Hidden {
    /// Nothing is: the looker may see personal data, and asked for it.
    pub(super) reveal: bool,
    values: BTreeSet<String>,
}

impl Hidden {
    /// Gathers the personal values of request, reply and own answer.
    pub(super) fn of(infno: &str, bodies: [Option<&[u8]>; 3], reveal: bool) -> Hidden {
        let mut values = BTreeSet::new();
        if !reveal {
            let sides = [Side::Request, Side::Answer, Side::Answer];
            for (side, body) in sides.into_iter().zip(bodies) {
                let Some((_, text)) = body.and_then(readable) else { continue };
                for leaf in leaves::of(&text).unwrap_or_default() {
                    let known = labels().of(infno, side, &leaf.node, &leaf.name).is_some();
                    let chars_min = if known { 2 } else { UNKNOWN_CHARS_MIN };
                    let long_enough = chars_min <= leaf.value.chars().count() && leaf.is_text;
                    if VALUES_MAX <= values.len() {
                        break;
                    }
                    if long_enough && !leaf.holds_json && !is_word(&leaf.value) && is_hidden(infno, side, &leaf) {
                        values.insert(leaf.value);
                    }
                }
            }
        }
        Hidden { reveal, values }
    }

    /// Whether the value of a leaf must not be seen.
    pub(super) fn hides(&self, infno: &str, side: Side, leaf: &Leaf) -> bool {
        !self.reveal && is_hidden(infno, side, leaf)
    }

    /// A text without the values of persons.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if !self.reveal {
            // The longest first, so that none is left in pieces.
            let mut values: Vec<_> = self.values.iter().collect();
            values.sort_by_key(|value| std::cmp::Reverse(value.len()));
            for value in values {
                if text.contains(value.as_str()) {
                    text = text.replace(value.as_str(), MASK);
                }
            }
        }
        text
    }
}

fn is_hidden(infno: &str, side: Side, leaf: &Leaf) -> bool {
    let nothing = leaf.value.is_empty() || (!leaf.is_text && leaf.value == "null");
    !nothing && labels().is_personal(&leaf.name, labels().of(infno, side, &leaf.node, &leaf.name))
}

/// Words that stand in fields nobody filled, and codes: hiding them elsewhere would hide everything.
fn is_word(value: &str) -> bool {
    value.len() <= 3 || ["null", "none", "true", "false"].contains(&value.to_ascii_lowercase().as_str())
}
