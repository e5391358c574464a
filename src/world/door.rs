//! From the hospital to whichever gateway runs: the inbound door without its sockets, and a network that loses answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::gateway::{Life, Point};
use super::{Canary, World};
use crate::domain::clock::Clock;
use crate::exchange::door::{Answer, Exchanges, Intake, RequestHead};
use crate::outbound::Flow;
use crate::sandbox::call::text;
use crate::sandbox::callers::dialect::Message;
use crate::sandbox::draw::Draw;

/// How every text begins that says "unknown".
const UNKNOWN_MARK: &str = "结果未知";
/// What a platform says of a cancel that was done before.
const DONE_BEFORE_MARK: &str = "已撤销";

/// One call of the hospital.
pub(super) struct Asking<'a> {
    pub(super) infno: &'static str,
    /// 就诊ID that it is about.
    pub(super) mdtrt_id: &'a str,
    pub(super) message: &'a Message,
}

/// What the hospital makes of it.
#[derive(Debug)]
pub(super) enum Heard {
    /// infcode 0, with its output.
    Granted(Value),
    /// -1 with a reason.
    Refused(String),
    /// -1 that says "unknown, do not charge again".
    Unknown,
    /// No usable answer, and why.
    Silence(&'static str),
    /// Nobody listens: nothing was sent.
    NotSent,
}

impl Heard {
    pub(super) fn told(&self) -> String {
        match self {
            Heard::Granted(_) => "hears success".to_owned(),
            Heard::Refused(why) => format!("hears a refusal: {}", why.chars().take(60).collect::<String>()),
            Heard::Unknown => "hears that the outcome is unknown".to_owned(),
            Heard::Silence(why) => format!("hears nothing: {why}"),
            Heard::NotSent => "finds nobody listening".to_owned(),
        }
    }

    /// A cancel that was done before is as good as one that is done now.
    pub(super) fn undid(&self) -> bool {
        matches!(self, Heard::Granted(_)) || matches!(self, Heard::Refused(why) if why.contains(DONE_BEFORE_MARK))
    }
}

impl World {
    /// Makes a call and waits as long as the hospital does; `lost` percent of the answers do not arrive.
    pub(super) async fn ask(self: &Arc<Self>, asking: &Asking<'_>, lost: u32, draw: &mut Draw) -> Heard {
        let Some(life) = self.life().filter(|life| !life.is_over()) else { return Heard::NotSent };
        let asked_ns = self.clock.mono_ns();
        let patience = Duration::from_millis(self.plan.conduct.patience_ms);
        let mut carrying = Box::pin(carry(Arc::clone(&life), asking.message.clone()));
        let carried = tokio::select! {
            biased;
            () = life.fate.over() => return Heard::Silence("the connection broke"),
            carried = tokio::time::timeout(patience, &mut carrying) => carried,
        };
        let answer = match carried {
            _ if life.is_over() => return Heard::Silence("the connection broke"),
            Ok(Some(answer)) => answer,
            Ok(None) => return Heard::Silence("the gateway closed the connection"),
            Err(_) => {
                if self.has(Canary::HandsOverToNobody) {
                    tokio::spawn(async move { carrying.await.map(|answer| answer.receipt.handed(0)) });
                }
                return Heard::Silence("its patience ended");
            }
        };
        self.hand_over(&life, asking, answer, (lost, asked_ns), draw).await
    }

    async fn hand_over(
        &self,
        life: &Life,
        asking: &Asking<'_>,
        answer: Answer,
        (lost, asked_ns): (u32, u64),
        draw: &mut Draw,
    ) -> Heard {
        if life.fate.ends_at(Point::BeforeAnswer) {
            return Heard::Silence("the connection broke");
        }
        if draw.chance(lost) {
            return Heard::Silence("the connection broke before the answer was through");
        }
        let Some(mut body) = whole(answer.body).await else { return Heard::Silence("the answer was cut") };
        match self.has(Canary::ForgetsHandedOver) {
            true => drop(answer.receipt),
            false => answer.receipt.handed(body.len() as u64),
        }
        if self.has(Canary::AltersRepeat) && self.witness().is_said(&body) {
            body = [&body, &b" "[..]].concat().into();
        }
        let heard = read(&body);
        self.note_handed(asking, &heard);
        life.fate.ends_at(Point::AfterAnswer);
        if draw.chance(lost) {
            return Heard::Silence("the answer was lost behind the gateway's socket");
        }
        if let (Heard::Granted(output), "2207") = (&heard, asking.infno)
            && let Some(setl_id) = text(&output["setlinfo"], "setl_id")
        {
            let found = self.witness().heard(&setl_id, &body, asked_ns);
            found.into_iter().for_each(|found| self.find(found.invariant, found.what));
        }
        heard
    }

    fn note_handed(&self, asking: &Asking<'_>, heard: &Heard) {
        match (asking.infno, heard) {
            ("2207", Heard::Granted(output)) => {
                let setl_id = text(&output["setlinfo"], "setl_id");
                setl_id.into_iter().for_each(|setl_id| self.witness().handed(&setl_id));
            }
            ("2208" | "2601", heard) if heard.undid() => self.witness().undo_handed(asking.mdtrt_id),
            _ => {}
        }
    }
}

async fn carry(life: Arc<Life>, message: Message) -> Option<Answer> {
    let head = RequestHead {
        method: "POST".to_owned(),
        target: message.target.into(),
        http_minor: 1,
        headers: message.headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        carried: http::Extensions::new(),
        peer: SocketAddr::from(([192, 0, 2, 10], 50_000)),
        certificate: None,
        content_length: Some(message.body.len() as u64),
        permit: None,
        budget: None,
    };
    let mut intake = life.line.intake(head);
    match intake.feed(message.body.into()).await {
        Ok(()) => intake.carry().await,
        Err(answer) => Some(*answer),
    }
}

async fn whole(mut flow: Flow) -> Option<Bytes> {
    let mut all = Vec::new();
    while let Some(chunk) = flow.next().await {
        all.extend_from_slice(&chunk.ok()?);
    }
    Some(all.into())
}

fn read(body: &[u8]) -> Heard {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Heard::Silence("the answer is no JSON") };
    let err_msg = text(&answer, "err_msg").unwrap_or_default();
    match text(&answer, "infcode").as_deref() {
        Some("0") => Heard::Granted(answer["output"].clone()),
        Some(_) if err_msg.contains(UNKNOWN_MARK) => Heard::Unknown,
        Some(_) => Heard::Refused(err_msg),
        None => Heard::Silence("the answer says nothing"),
    }
}
