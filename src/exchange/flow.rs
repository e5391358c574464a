//! Bodies as flows: from memory at once, from a body file frame by frame.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::domain::message::Body;
use crate::outbound::{Flow, FlowBroken};

use super::Line;

/// Chunks of a large body between its reader and its writer.
pub(super) const CHUNKS_WAITING_MAX: usize = 4;

/// The bytes of a body, to be written to either side.
pub(super) fn flow_of(line: &Arc<Line>, body: &Body) -> Flow {
    let file = match body {
        Body::Buffered(bytes) => return Flow::Whole(bytes.clone()),
        Body::Spooled(file) => Arc::clone(file),
    };
    let (chunks, flow) = mpsc::channel(CHUNKS_WAITING_MAX);
    let len = Some(file.raw_len);
    let bodies = Arc::clone(line.journal.bodies());
    line.tasks.spawn(async move {
        let mut reader = match bodies.read(&file).await {
            Ok(reader) => reader,
            Err(_) => return drop(chunks.send(Err(FlowBroken)).await),
        };
        while let Some(chunk) = reader.next().await {
            if chunks.send(chunk.map_err(|_| FlowBroken)).await.is_err() {
                return; // The other side is gone.
            }
        }
    });
    Flow::Stream { len, chunks: flow }
}

/// The next bytes of a flow; `None` at its end.
pub(super) async fn next_chunk(flow: &mut Flow) -> Option<Result<Bytes, FlowBroken>> {
    match flow {
        Flow::Whole(bytes) if bytes.is_empty() => None,
        Flow::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
        Flow::Stream { chunks, .. } => chunks.recv().await,
    }
}
