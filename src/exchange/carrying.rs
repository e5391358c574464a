//! Drives one exchange: whoever waits for the answer drives it, and when nobody does any more it goes on by itself.
//!
//! So a call costs no task and no hop between tasks, and a HIS that hangs up still stops nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio_util::task::TaskTracker;

use super::answer::Hears;

/// The one who waits for the answer; may be gone.
pub struct Hearer(oneshot::Sender<Hears>);

impl Hearer {
    /// Gives the answer. When the HIS is gone the answer drops, and its receipt says so.
    pub fn hear(self, answer: Hears) {
        let _gone = self.0.send(answer);
    }
}

/// An exchange under way, as a future of its answer.
pub(super) struct Carrying {
    line: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    answer: oneshot::Receiver<Hears>,
}

impl Carrying {
    /// `line` carries the exchange to its end, and gives the answer to its hearer on the way.
    pub(super) fn begin<F>(tasks: &TaskTracker, line: impl FnOnce(Hearer) -> F) -> Carrying
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        Carrying { line: Some(Box::pin(tasks.track_future(line(Hearer(tell))))), answer }
    }
}

impl Future for Carrying {
    type Output = Hears;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Hears> {
        // Taken out while it runs: a line that panics is not run again.
        if let Some(mut line) = self.line.take()
            && line.as_mut().poll(cx).is_pending()
        {
            self.line = Some(line);
        }
        // Only the line gives the answer, and only while it runs: nobody else has to wake us.
        match self.answer.try_recv() {
            Ok(answer) => Poll::Ready(answer),
            Err(TryRecvError::Closed) => Poll::Ready(None),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        if let (Some(line), Ok(runtime)) = (self.line.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_line_that_nobody_waits_for_goes_on_to_its_end() {
        let (tasks, going_on) = (TaskTracker::new(), std::sync::Arc::new(Notify::new()));
        let (ended, end) = oneshot::channel();
        let waits = std::sync::Arc::clone(&going_on);
        let mut carrying = Carrying::begin(&tasks, async move |hearer: Hearer| {
            waits.notified().await;
            hearer.hear(None);
            waits.notified().await;
            let _ = ended.send(());
        });
        assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut carrying).poll(cx).is_pending())).await);
        assert_eq!(tasks.len(), 1);
        going_on.notify_one();
        assert!(carrying.await.is_none()); // the answer came before the end
        assert_eq!(tasks.len(), 1);
        going_on.notify_one();
        end.await.expect("it went on");
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_line_that_falls_over_says_nothing_and_is_not_run_again() {
        let carrying = Carrying::begin(&TaskTracker::new(), async move |_hearer| panic!("it falls over"));
        assert!(tokio::spawn(carrying).await.expect_err("it fell over").is_panic());
        let mut silent = Carrying::begin(&TaskTracker::new(), async move |hearer| drop(hearer));
        assert!((&mut silent).await.is_none());
    }
}
