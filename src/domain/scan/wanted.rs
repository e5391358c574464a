//! The set of keys whose values are worth keeping, made to be asked once per key of a body.

use std::sync::Arc;

/// Key names in buckets by length, first and last byte, so that most unwanted keys are dismissed by one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    buckets: Vec<Vec<Arc<str>>>,
}

const BUCKETS: usize = 256;

impl Wanted {
    /// A set of last-key names, compared exactly.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Wanted {
        let mut wanted = Wanted { buckets: vec![Vec::new(); BUCKETS] };
        for key in keys {
            if wanted.find(key.as_bytes()).is_none() {
                wanted.buckets[bucket(key.as_bytes())].push(key.into());
            }
        }
        wanted
    }

    /// The one copy of a wanted key; `None` when its value is not to be kept.
    pub fn find(&self, key: &[u8]) -> Option<&Arc<str>> {
        self.buckets[bucket(key)].iter().find(|known| known.as_bytes() == key)
    }
}

fn bucket(key: &[u8]) -> usize {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    (key.len() * 37 + usize::from(first) * 11 + usize::from(last)) % BUCKETS
}
