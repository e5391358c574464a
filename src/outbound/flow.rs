//! A body on its way: whole in memory, or a stream that is only read as fast as it is taken.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Why a stream ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum FlowBroken {
    /// The other side broke off.
    #[error("cut short by the other side")]
    Cut(#[source] Box<dyn Error + Send + Sync>),
    /// More bytes than the setting allows.
    #[error("larger than the setting allows")]
    TooLarge,
    /// Our own side could not go on giving bytes, for example from a body file.
    #[error("the source of the body failed")]
    Source(#[source] Box<dyn Error + Send + Sync>),
}

/// A body on its way.
pub enum Flow {
    /// All of it.
    Whole(Bytes),
    /// As it comes; nothing is read ahead of whoever takes it.
    Stream {
        /// Bytes still to come, when known; a stream that ends sooner is a cut one.
        len: Option<u64>,
        /// Where they come from.
        chunks: BoxBody<Bytes, FlowBroken>,
    },
}

impl Flow {
    /// A body without a byte.
    pub fn empty() -> Flow {
        Flow::Whole(Bytes::new())
    }

    /// A stream over anything that gives frames.
    pub fn streamed(
        len: Option<u64>,
        chunks: impl Body<Data = Bytes, Error = FlowBroken> + Send + Sync + 'static,
    ) -> Flow {
        Flow::Stream { len, chunks: BoxBody::new(chunks) }
    }

    /// A stream fed from another task; at most `depth` chunks wait in between.
    ///
    /// Without a length its end must be said by an empty chunk: a feeder that fell over must not look like an end.
    pub fn channel(len: Option<u64>, depth: usize) -> (mpsc::Sender<Result<Bytes, FlowBroken>>, Flow) {
        let (feed, chunks) = mpsc::channel(depth);
        (feed, Flow::streamed(len, Fed { chunks, end_is_known: len.is_some() }))
    }

    /// Bytes still to come, when known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Flow::Whole(bytes) => Some(bytes.len() as u64),
            Flow::Stream { len, .. } => *len,
        }
    }

    /// True when it is known that no byte will come.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, FlowBroken>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The next bytes, never empty ones; `None` at the end.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FlowBroken>>> {
        let (len, chunks) = match self {
            Flow::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Flow::Whole(bytes) => return Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Flow::Stream { len, chunks } => (len, chunks),
        };
        loop {
            let frame = match ready!(Pin::new(&mut *chunks).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
                None => return Poll::Ready(None),
            };
            // Trailers do not cross: HIS clients do not know them.
            if let Ok(bytes) = frame.into_data()
                && !bytes.is_empty()
            {
                *len = len.map(|len| len.saturating_sub(bytes.len() as u64));
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = FlowBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FlowBroken>>> {
        self.poll_chunk(cx).map(|chunk| chunk.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Flow::Whole(bytes) => bytes.is_empty(),
            Flow::Stream { len, chunks } => *len == Some(0) || chunks.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.len().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the bytes: bodies name persons.
        match self {
            Flow::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Flow::Stream { len, .. } => write!(f, "Stream({len:?} bytes)"),
        }
    }
}

/// Chunks from another task.
struct Fed {
    chunks: mpsc::Receiver<Result<Bytes, FlowBroken>>,
    end_is_known: bool,
}

impl Body for Fed {
    type Data = Bytes;
    type Error = FlowBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FlowBroken>>> {
        Poll::Ready(match ready!(self.chunks.poll_recv(cx)) {
            Some(Ok(bytes)) => {
                self.end_is_known |= bytes.is_empty();
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(broken)) => Some(Err(broken)),
            None if self.end_is_known => None,
            None => {
                self.end_is_known = true;
                Some(Err(FlowBroken::Source("the feeder left without a word".into())))
            }
        })
    }
}

/// The data of the next frame of any body; trailers are passed over.
///
/// # Errors
/// When the body breaks.
pub async fn next_data<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Bytes, B::Error>> {
    loop {
        match body.frame().await? {
            Ok(frame) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(Ok(bytes)),
                Err(_trailers) => {}
            },
            Err(broken) => return Some(Err(broken)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shareable<T: Send + Sync>() {}

    #[tokio::test]
    async fn a_fed_stream_counts_down_and_ends() {
        shareable::<Flow>();
        let (feed, mut flow) = Flow::channel(Some(5), 4);
        feed.send(Ok(Bytes::from_static(b"abc"))).await.unwrap();
        feed.send(Ok(Bytes::new())).await.unwrap();
        feed.send(Ok(Bytes::from_static(b"de"))).await.unwrap();
        drop(feed);
        assert_eq!(flow.next().await.unwrap().unwrap(), "abc");
        assert_eq!(flow.len(), Some(2));
        assert_eq!(flow.next().await.unwrap().unwrap(), "de");
        assert!(flow.is_end_stream());
        assert!(flow.next().await.is_none());
    }

    #[tokio::test]
    async fn a_feeder_that_falls_over_is_no_end() {
        let (feed, mut flow) = Flow::channel(None, 4);
        feed.send(Ok(Bytes::from_static(b"abc"))).await.unwrap();
        drop(feed);
        assert!(flow.next().await.unwrap().is_ok());
        assert!(matches!(flow.next().await, Some(Err(FlowBroken::Source(_)))));
        let (feed, mut flow) = Flow::channel(None, 4);
        feed.send(Ok(Bytes::new())).await.unwrap();
        drop(feed);
        assert!(flow.next().await.is_none());
    }

    #[tokio::test]
    async fn whole_comes_once_and_prints_no_byte() {
        let mut flow = Flow::Whole(Bytes::from_static(b"110101199003077777"));
        assert_eq!(format!("{flow:?}"), "Whole(18 bytes)");
        assert!(flow.next().await.is_some());
        assert!(flow.next().await.is_none());
    }
}
