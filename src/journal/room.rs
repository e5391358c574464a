//! Room on disk: an intent is admitted only when its outcome is sure to fit what is already allocated.

use super::segment::CLOSE_LEN;
use super::settings::Bounds;

/// The spare segment behind the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spare {
    /// Stands ready, zero-filled.
    Ready,
    /// The writer is making it the live segment.
    Taken,
    /// Wanted, or being made.
    Making,
    /// There is no room for one; it is tried again.
    NoRoom,
}

/// The account of one journal, in bytes.
#[derive(Debug)]
pub struct Room {
    bounds: Bounds,
    live: u64,
    spare: Spare,
    next_first_batch: u64,
    reserved: u64,
    queued: u64,
}

impl Room {
    /// Nothing is there yet.
    pub fn new(bounds: Bounds) -> Room {
        Room { bounds, live: 0, spare: Spare::Making, next_first_batch: 0, reserved: 0, queued: 0 }
    }

    /// What may still be promised. Rolling over loses less than one frame at the end of the live segment.
    pub fn free(&self) -> u64 {
        let next = self.bounds.segment_bytes.saturating_sub(self.next_first_batch + CLOSE_LEN);
        let total = match self.spare {
            Spare::Ready => self.live.saturating_sub(self.bounds.frame_bytes) + next,
            Spare::Taken | Spare::Making | Spare::NoRoom => self.live,
        };
        total.saturating_sub(self.reserved + self.queued)
    }

    /// Bytes queued for the writer or in its batch.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// Takes room for a frame, and reserves more for what must follow it; false when there is too little.
    pub fn admit(&mut self, frame: u64, reserve: u64) -> bool {
        let fits = frame + reserve <= self.free();
        if fits {
            self.queued += frame;
            self.reserved += reserve;
        }
        fits
    }

    /// Turns a reservation into a queued frame, which is never refused.
    pub fn redeem(&mut self, reserve: u64, frame: u64) {
        self.release(reserve);
        self.queued += frame;
    }

    /// Gives a reservation back.
    pub fn release(&mut self, reserve: u64) {
        self.reserved = self.reserved.saturating_sub(reserve);
    }

    /// Queued frames left the queue: written, refused or kept for later.
    pub fn left_queue(&mut self, frames: u64) {
        self.queued = self.queued.saturating_sub(frames);
    }

    /// What the writer sees: bytes left in the live segment, and what the first batch of the next one will take.
    pub fn measured(&mut self, live_left: u64, next_first_batch: u64) {
        self.live = live_left.saturating_sub(CLOSE_LEN);
        self.next_first_batch = next_first_batch;
    }

    /// The state of the spare.
    pub fn spare(&self) -> Spare {
        self.spare
    }

    /// The spare changed.
    pub fn spare_is(&mut self, spare: Spare) {
        self.spare = spare;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        segment_bytes: 10_000,
        outcome_room_bytes: 900,
        frame_bytes: 1_000,
        batch_bytes: 4_000,
        batch_records: 8,
        memory_bytes: 1 << 20,
    };
    const FIRST: u64 = 500;

    /// A stand-in for live segment and spare: packs frames as the writer does.
    struct Packing {
        left: u64,
        spares: u32,
    }

    impl Packing {
        fn put(&mut self, frame: u64) -> Result<(), &'static str> {
            if frame + CLOSE_LEN > self.left {
                self.spares = self.spares.checked_sub(1).ok_or("an outcome needs a segment that is not there")?;
                self.left = BOUNDS.segment_bytes - FIRST;
            }
            self.left -= frame;
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn an_admitted_intent_has_room_for_its_outcome_whatever_comes_between(
            steps in prop::collection::vec((0u8..4, 1u64..=BOUNDS.frame_bytes), 1..400),
        ) {
            let mut room = Room::new(BOUNDS);
            let mut disk = Packing { left: BOUNDS.segment_bytes - FIRST, spares: 1 };
            room.spare_is(Spare::Ready);
            let mut promised = Vec::new();
            for (what, len) in steps {
                room.measured(disk.left, FIRST);
                room.spare_is(if disk.spares > 0 { Spare::Ready } else { Spare::NoRoom });
                let written = match what {
                    0 => room.admit(len, BOUNDS.outcome_room_bytes).then(|| promised.push(())).is_some(),
                    1 => room.admit(len, 0),
                    2 if promised.pop().is_some() => {
                        room.redeem(BOUNDS.outcome_room_bytes, len.min(BOUNDS.outcome_room_bytes));
                        disk.put(len.min(BOUNDS.outcome_room_bytes)).unwrap();
                        room.left_queue(len.min(BOUNDS.outcome_room_bytes));
                        false
                    }
                    3 if len == 1 && disk.spares == 0 => {
                        disk.spares = 1;
                        false
                    }
                    _ => false,
                };
                if written {
                    disk.put(len).unwrap();
                    room.left_queue(len);
                }
            }
            while promised.pop().is_some() {
                disk.put(BOUNDS.outcome_room_bytes).unwrap();
            }
        }
    }
}
