//! Bounds that the stored format or the line rests on, each with its unit and its relation to its neighbours.
//! Bounds that a site may change are settings (`config/medgate.toml`).

/// A body up to this size is kept in memory and inside its record; a larger one goes to a body file.
pub const BUFFERED_BYTES_MAX: usize = 1024 * 1024;
/// One frame of the journal, header and padding included.
pub const FRAME_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The head of one message (request or status line with all headers).
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines of one message; hyper parses up to 100 without an allocation.
pub const HEADER_LINES_MAX: usize = 100;
/// Room that an intent reserves for its outcome: the largest outcome frame.
pub const OUTCOME_ROOM_BYTES: usize = BUFFERED_BYTES_MAX + 2 * HEAD_BYTES_MAX + 64 * 1024;
/// A body that the gateway seals, or an answer that it opens: both forms stand in one record, the sealed one hardly compresses.
pub const SEALED_BODY_BYTES_MAX: usize = 768 * 1024;
/// What the last part of a tail-held answer is (`journal.md`, Large bodies).
pub const TAIL_HELD_BYTES: usize = 64 * 1024;
/// A batch of the writer.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Records in a batch of the writer.
pub const BATCH_RECORDS_MAX: usize = 1024;

// An incompressible body with its head must fit one frame, and a frame must fit a batch.
const _: () = assert!(OUTCOME_ROOM_BYTES < FRAME_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX < BATCH_BYTES_MAX);
