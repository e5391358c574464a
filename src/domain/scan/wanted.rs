//! The set of keys whose values are worth keeping, made to be asked once per key of a body.

/// Key names, grouped by their length so that most unwanted keys are dismissed by one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    by_len: Vec<Vec<Box<[u8]>>>,
}

impl Wanted {
    /// A set of last-key names, compared exactly.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Wanted {
        let mut by_len: Vec<Vec<Box<[u8]>>> = Vec::new();
        for key in keys {
            let key = key.as_bytes();
            if by_len.len() <= key.len() {
                by_len.resize(key.len() + 1, Vec::new());
            }
            let group = &mut by_len[key.len()];
            if !group.iter().any(|known| known.as_ref() == key) {
                group.push(key.into());
            }
        }
        Wanted { by_len }
    }

    /// True when the value of `key` is to be kept.
    pub fn has(&self, key: &[u8]) -> bool {
        self.by_len.get(key.len()).is_some_and(|group| group.iter().any(|known| known.as_ref() == key))
    }
}
