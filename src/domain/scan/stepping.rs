//! Which bytes belong to one character, so that a backslash inside a GBK character is not taken for an escape.

/// Reads the bytes of strings as UTF-8 and as GBK at once and weighs which of the two they are.
///
/// The reading is a function of the bytes seen so far, never of how they were cut into chunks.
#[derive(Debug, Clone, Default)]
pub(super) struct Stepper {
    declared_gbk: bool,
    /// Sequences that no UTF-8 text holds.
    against: u32,
    /// Whole three and four byte UTF-8 characters.
    in_favour: u32,
    /// As UTF-8: bytes of the current character seen, and still needed.
    seen: u8,
    need: u8,
    /// As GBK: the last byte was the first of a pair.
    lead: bool,
}

impl Stepper {
    /// Starts with a declared character set; a declaration only tips the scales, because clients declare wrongly.
    pub(super) fn new(declared_gbk: bool) -> Stepper {
        Stepper { declared_gbk, ..Stepper::default() }
    }

    /// True when the bytes so far are better read as GBK.
    pub(super) fn gbk(&self) -> bool {
        if self.declared_gbk { self.in_favour <= 1 + self.against } else { self.against > self.in_favour }
    }

    /// True between two characters in both readings.
    pub(super) fn between(&self) -> bool {
        self.seen == 0 && !self.lead
    }

    /// A string ended: what was begun is no character.
    pub(super) fn reset(&mut self) {
        (self.seen, self.need, self.lead) = (0, 0, false);
    }

    /// Length of the run of whole three-byte UTF-8 characters at the start: the fast way through Chinese text.
    pub(super) fn whole_characters(&mut self, bytes: &[u8]) -> usize {
        if self.gbk() || self.seen > 0 {
            return 0;
        }
        let whole = |c: &&[u8]| (0xe0..=0xef).contains(&c[0]) && c[1] & 0xc0 == 0x80 && c[2] & 0xc0 == 0x80;
        let count = bytes.chunks_exact(3).take_while(whole).count();
        if count > 0 {
            self.in_favour = self.in_favour.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            self.lead = false;
        }
        count * 3
    }

    /// True when the byte is part of a multi-byte character; false when it stands for itself.
    pub(super) fn inside(&mut self, byte: u8) -> bool {
        let second = self.lead && (0x40..=0xfe).contains(&byte) && byte != 0x7f;
        self.lead = !second && (0x81..=0xfe).contains(&byte);
        self.weigh(byte);
        byte >= 0x80 || (second && self.gbk())
    }

    fn weigh(&mut self, byte: u8) {
        if self.need > 0 && byte & 0xc0 == 0x80 {
            (self.seen, self.need) = (self.seen + 1, self.need - 1);
            if self.need == 0 {
                self.whole(self.seen);
            }
            return;
        }
        let broken = self.need > 0 || matches!(byte, 0x80..=0xc1 | 0xf5..);
        self.against = self.against.saturating_add(u32::from(broken));
        self.need = match byte {
            0xc2..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf4 => 3,
            _ => 0,
        };
        self.seen = u8::from(self.need > 0);
    }

    fn whole(&mut self, len: u8) {
        self.seen = 0;
        if len > 2 {
            self.in_favour = self.in_favour.saturating_add(1);
            self.lead &= self.gbk(); // a whole UTF-8 character leaves no half of a pair
        }
    }
}
