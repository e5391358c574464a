//! Bodies as flows: from memory at once, from a body file frame by frame.

use std::sync::Arc;

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
    let (chunks, flow) = Flow::channel(Some(file.raw_len), CHUNKS_WAITING_MAX);
    let bodies = line.journal.bodies().clone();
    line.tasks.spawn(async move {
        let mut reader = match bodies.read(&file).await {
            Ok(reader) => reader,
            Err(error) => return drop(chunks.send(Err(FlowBroken::Source(error.into()))).await),
        };
        while let Some(chunk) = reader.next().await {
            if chunks.send(chunk.map_err(|error| FlowBroken::Source(error.into()))).await.is_err() {
                return; // The other side is gone.
            }
        }
    });
    flow
}
