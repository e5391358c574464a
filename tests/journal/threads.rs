//! The journal with its threads on the real disk.

use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::domain::exchange::Seq;
use medgate::journal::cipher::Cipher;
use medgate::journal::lock::Lock;
use medgate::journal::open::{Fresh, OpenError, Opening};
use medgate::journal::queue::{Health, NotWritten};
use medgate::journal::record::Kind;
use medgate::journal::running::Running;
use medgate::journal::settings::{SEGMENT_BYTES_MIN, Settings};
use medgate::journal::tree::Frontier;
use medgate::journal::verify::{End, verify};

use crate::life::{entries_of, frame, outcome};

fn settings() -> Settings {
    Settings {
        segment_bytes: SEGMENT_BYTES_MIN,
        cipher: Cipher::Sm4Gcm,
        compression_level: 1,
        memory_bytes_max: 64 << 20,
        mark_idle_ms: 20,
        spare_retry_ms: 100,
        reopen_retry_ms: 100,
        room_wait_ms: 30_000,
        master_key: String::new(),
    }
}

fn open(folder: &std::path::Path) -> Result<(Running, Opening), OpenError> {
    open_with(folder, &settings())
}

fn open_with(folder: &std::path::Path, settings: &Settings) -> Result<(Running, Opening), OpenError> {
    let fresh = Fresh { journal_id: [1; 16], open_salt: 2 };
    let lock = Lock::take(folder)?;
    Running::open(lock, settings, folder, fresh, Arc::new(SystemClock::start()), &entries_of())
}

#[tokio::test]
async fn a_record_that_nobody_waits_for_goes_with_the_next_one_or_after_the_idle_time() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open_with(folder.path(), &Settings { mark_idle_ms: 600_000, ..settings() }).unwrap();
    let first = journal.append(frame(Kind::Note, 1, 100)).await.unwrap();
    let rider = journal.append_with_next(frame(Kind::Note, 2, 100));
    let (rider, next) = tokio::join!(rider, journal.append(frame(Kind::Note, 3, 100)));
    assert_eq!((rider, next), (Ok(Seq(first.0 + 1)), Ok(Seq(first.0 + 2))));
    let mut records = journal.records(Seq(first.0 + 1));
    for _ in 0..2 {
        assert_eq!(records.next_record().unwrap().unwrap().header.durable_seq, first, "one batch, one sync");
    }
    journal.close().await.unwrap();
    drop(journal);
    let (journal, _) = open(folder.path()).unwrap();
    journal.append_with_next(frame(Kind::Note, 4, 100)).await.unwrap();
    journal.append_with_next(frame(Kind::Note, 5, 100)).await.unwrap();
    journal.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_over_several_segments_read_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, opening) = open(folder.path()).unwrap();
    assert!(opening.first_start);
    assert!(matches!(open(folder.path()), Err(OpenError::Lock(_))));
    let journal = Arc::new(journal);
    let callers: Vec<_> = (0..32u64)
        .map(|caller| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for round in 0..25 {
                    let exchange = caller * 1000 + round;
                    let (seq, room) = journal.intend(frame(Kind::Intent, exchange, 20_000)).await.unwrap();
                    let settled = journal.settle(outcome(exchange, seq, 20_000), room).await.unwrap();
                    assert!(settled > seq);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(journal.health(), Health::Open);
    assert!(journal.store().open_exchanges().is_empty());
    let mut reader = journal.records(Seq(1));
    let mut exchanges = 0;
    let mut last = Seq::NONE;
    let mut tree = Frontier::default();
    while let Some(record) = reader.next_record().unwrap() {
        assert_eq!(record.place.seq, Seq(last.0 + 1));
        last = record.place.seq;
        tree.push(&record.header.chain);
        exchanges += u64::from(record.header.kind == Kind::Outcome as u8);
    }
    assert_eq!(exchanges, 32 * 25);
    journal.close().await.unwrap();
    assert_eq!(journal.append(frame(Kind::Note, 0, 1)).await, Err(NotWritten::Closed));

    let report = verify(folder.path()).unwrap();
    assert_eq!((report.bad, report.end), (None, End::Sealed));
    assert!(report.segments >= 2 && report.last_seq >= last);
    let (again, opening) = open(folder.path()).unwrap();
    assert_eq!((opening.orphans, opening.cuts), (Vec::new(), Vec::new()));
    let (handed_on, mut rest) = (again.store().tree(), again.records(Seq(last.0 + 1)));
    while tree.size() < handed_on.size() {
        tree.push(&rest.next_record().unwrap().unwrap().header.chain);
    }
    assert_eq!(tree, handed_on);
    again.close().await.unwrap();
}

#[tokio::test]
async fn silence_is_witnessed_by_one_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path()).unwrap();
    let mut durable = journal.store().durable();
    let appended = journal.append(frame(Kind::Note, 0, 10)).await.unwrap();
    durable.wait_for(|seq| *seq > appended).await.unwrap();
    let mut reader = journal.records(Seq(appended.0 + 1));
    let mark = reader.next_record().unwrap().unwrap();
    assert_eq!((mark.header.known_kind(), mark.header.durable_seq), (Some(Kind::Mark), appended));
    assert_eq!(reader.next_record().unwrap(), None);
}

#[tokio::test]
async fn a_frame_beyond_the_bound_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path()).unwrap();
    let refused = journal.intend(frame(Kind::Intent, 1, 2 * 1024 * 1024)).await;
    assert_eq!(refused.err(), Some(NotWritten::TooLarge));
}
