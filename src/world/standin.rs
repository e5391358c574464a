//! The platform: the stand-in's books behind lines on which everything goes wrong that goes wrong on real ones.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::gateway::{Fate, Point};
use super::plan::{Plan, draw_of};
use super::{Canary, World};
use crate::domain::clock::Clock;
use crate::domain::outcome::Cause;
use crate::outbound::{Counts, Heard, NeverSent, Outgoing, Platform, Replied, ReplyBody, ReplyHead, Silence, Unsent};
use crate::sandbox::call::Call;
use crate::sandbox::direct::Taken;
use crate::sandbox::draw::Draw;
use crate::sandbox::ledger::Habits;
use crate::sandbox::platform::{Platform as Books, Settings};

/// What goes wrong with one call. "Performs" means that the books change.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// Nothing.
    None,
    /// Nobody can be reached: nothing leaves.
    Unreachable,
    /// The connection breaks, and nothing was or will be performed.
    Lost,
    /// Performs, then the connection breaks.
    PerformsThenBreaks,
    /// Performs at once, answers after so many milliseconds.
    AnswersLate(u64),
    /// Performs only after so many milliseconds, then answers.
    PerformsLate(u64),
    /// The connection breaks, and it is performed after so many milliseconds.
    BreaksThenPerforms(u64),
    /// Performs; half of the answer comes through.
    HalfAnswer,
    /// Refuses, for a reason of its own.
    Refuses,
    /// -1 that means "I do not know": performed or not.
    WrapsSilence { performs: bool },
    /// The page of a box between: performed or not.
    Page502 { performs: bool },
    /// 200 with bytes that say nothing: performed.
    Garbled,
}

impl Mishap {
    fn draw(draw: &mut Draw) -> Mishap {
        let late = 4_000 + draw.below(90_000);
        let very_late = 20_000 + draw.below(400_000);
        let performs = draw.chance(50);
        match draw.below(14) {
            0 => Mishap::Unreachable,
            1 => Mishap::Lost,
            2..=4 => Mishap::PerformsThenBreaks,
            5 => Mishap::AnswersLate(late),
            6 => Mishap::PerformsLate(late),
            7 => Mishap::AnswersLate(very_late),
            8 => Mishap::BreaksThenPerforms(very_late),
            9 => Mishap::HalfAnswer,
            10 => Mishap::Refuses,
            11 => Mishap::WrapsSilence { performs },
            12 => Mishap::Page502 { performs },
            _ => Mishap::Garbled,
        }
    }
}

/// The platform.
pub(super) struct Standin {
    pub(super) platform: Arc<Books>,
    cruelty: u32,
    draw: Mutex<Draw>,
}

impl Standin {
    pub(super) fn new(plan: &Plan, clock: Arc<dyn Clock>) -> Standin {
        let habits = Habits {
            lenient: true,
            settles_twice: plan.settles_twice,
            knows_its_msgids: plan.knows_its_msgids,
            ..Habits::default()
        };
        let settings = Settings { habits, shape: plan.shape, ..Settings::default() };
        let platform = Books::new(settings, clock).expect("no state file is taken up");
        Standin {
            platform: Arc::new(platform),
            cruelty: plan.cruelty,
            draw: Mutex::new(draw_of(plan.begins_unix_ns.cast_unsigned(), 3)),
        }
    }

    /// How long a call takes there and back, and what goes wrong with it.
    fn fate_of(&self, infno: &str) -> (Duration, Duration, Mishap) {
        let mut draw = self.draw.lock().unwrap_or_else(PoisonError::into_inner);
        let (there, back) = (10 + draw.below(400), 5 + draw.below(800));
        let moves_money = matches!(infno, "2207" | "2208" | "2601");
        let percent = if moves_money { self.cruelty } else { self.cruelty / 3 };
        let mishap = if draw.chance(percent) { Mishap::draw(&mut draw) } else { Mishap::None };
        (Duration::from_millis(there), Duration::from_millis(back), mishap)
    }
}

impl World {
    /// One send to the platform: what comes back over the line. Who stops listening stops nothing there.
    async fn send(self: &Arc<Self>, target: &str, body: &Bytes) -> Heard {
        let call = Call::read(target, body);
        let (there, back, mishap) = self.standin.fate_of(&call.infno);
        if let Mishap::Unreachable = mishap {
            self.tell(format!("platform: {} {} does not reach it", call.infno, call.msgid));
            return Heard::NeverSent(NeverSent { why: Unsent::ConnectTimedOut });
        }
        let sent_at_unix_ns = self.clock.unix_ns();
        let (tell, heard) = oneshot::channel();
        let (world, target, body) = (Arc::clone(self), target.to_owned(), body.clone());
        tokio::spawn(async move {
            tokio::time::sleep(there).await;
            let taken = world.standin.platform.take(&target, &body);
            world.serve(&taken, mishap, back, |what| _ = tell.send(what)).await;
        });
        match heard.await.unwrap_or(Came::Nothing) {
            Came::Nothing => silence(Cause::Broken, None, sent_at_unix_ns),
            Came::Half(bytes) => silence(Cause::Cut, Some(bytes), sent_at_unix_ns),
            Came::Whole(status, bytes) => reply(status, bytes, sent_at_unix_ns),
        }
    }

    async fn serve(self: &Arc<Self>, taken: &Taken, mishap: Mishap, back: Duration, tell: impl FnOnce(Came)) {
        let sleep = |ms| tokio::time::sleep(Duration::from_millis(ms));
        let came = match mishap {
            Mishap::None | Mishap::Unreachable => Came::Whole(200, self.perform(taken, "")),
            Mishap::Lost => {
                self.leave(taken, "is lost on the way");
                Came::Nothing
            }
            Mishap::PerformsThenBreaks => {
                self.perform(taken, ", and the connection breaks");
                Came::Nothing
            }
            Mishap::AnswersLate(ms) => {
                let body = self.perform(taken, ", and answers late");
                sleep(ms).await;
                Came::Whole(200, body)
            }
            Mishap::PerformsLate(ms) => {
                sleep(ms).await;
                Came::Whole(200, self.perform(taken, " late"))
            }
            Mishap::BreaksThenPerforms(ms) => {
                tell(Came::Nothing);
                sleep(ms).await;
                self.perform(taken, " long after the connection broke");
                return;
            }
            Mishap::HalfAnswer => {
                let body = self.perform(taken, ", and half of the answer comes through");
                Came::Half(body.slice(..body.len() / 2))
            }
            Mishap::Refuses => {
                self.tell(format!("platform: {} {} is refused for no reason", taken.call.infno, taken.call.msgid));
                Came::Whole(200, self.standin.platform.leave(taken, "业务处理失败，请核对后重试"))
            }
            Mishap::WrapsSilence { performs } => {
                if performs {
                    self.perform(taken, ", and says that it timed out");
                } else {
                    self.leave(taken, "times out inside");
                }
                Came::Whole(200, self.standin.platform.saying(taken, "调用下游服务超时，未返回结果"))
            }
            Mishap::Page502 { performs } => {
                if performs {
                    self.perform(taken, ", and a box between says 502");
                } else {
                    self.leave(taken, "is stopped by a box between, which says 502");
                }
                Came::Whole(502, Bytes::from_static(b"<html>502 Bad Gateway</html>"))
            }
            Mishap::Garbled => {
                self.perform(taken, ", and the answer is garbled");
                Came::Whole(200, Bytes::from_static(b"\x00\x01 not an answer"))
            }
        };
        tokio::time::sleep(back).await;
        tell(came);
    }

    fn perform(self: &Arc<Self>, taken: &Taken, how: &str) -> Bytes {
        let platform = &self.standin.platform;
        let done = platform.perform(taken);
        let what = match (&done.refused, &done.setl_id) {
            (Some(why), _) => format!("refuses it: {}", why.chars().take(40).collect::<String>()),
            (None, Some(setl_id)) => format!("performs it: {setl_id}"),
            (None, None) if done.committed => "performs it".to_owned(),
            (None, None) => "answers".to_owned(),
        };
        self.tell(format!("platform: {} {}: {what}{how}", taken.call.infno, taken.call.msgid));
        let found =
            platform.with_ledger(|ledger| self.witness().after_act(ledger, &taken.call.msgid, self.clock.mono_ns()));
        found.into_iter().for_each(|found| self.find(found.invariant, found.what));
        done.body
    }

    fn leave(&self, taken: &Taken, how: &str) {
        self.standin.platform.leave(taken, "");
        self.tell(format!("platform: {} {} {how}", taken.call.infno, taken.call.msgid));
    }
}

/// What comes back over the line.
enum Came {
    Nothing,
    Half(Bytes),
    Whole(u16, Bytes),
}

fn head(status: u16, len: usize) -> ReplyHead {
    ReplyHead {
        status,
        reason: Bytes::from_static(if status == 200 { b"OK" } else { b"Bad Gateway" }),
        headers: vec![(Bytes::from_static(b"Content-Type"), Bytes::from_static(b"application/json;charset=UTF-8"))],
        carried: http::Extensions::new(),
        len: Some(len as u64),
    }
}

fn reply(status: u16, bytes: Bytes, sent_at_unix_ns: i64) -> Heard {
    Heard::Reply(Box::new(Replied { head: head(status, bytes.len()), body: ReplyBody::Whole(bytes), sent_at_unix_ns }))
}

fn silence(cause: Cause, part: Option<Bytes>, sent_at_unix_ns: i64) -> Heard {
    let part = part.map(|bytes| (head(200, 2 * bytes.len()), bytes));
    Heard::Silence(Box::new(Silence { cause, part, sent_at_unix_ns }))
}

/// The line of one gateway to the platform; what a dead one does reaches nobody, and it hears nothing.
pub(super) struct Wire {
    pub(super) world: Arc<World>,
    pub(super) fate: Arc<Fate>,
}

impl Platform for Wire {
    fn call<'a>(&'a self, out: Outgoing) -> Pin<Box<dyn Future<Output = Heard> + Send + 'a>> {
        Box::pin(async move {
            if self.fate.ends_at(Point::BeforeSend) {
                return pending().await;
            }
            let target = String::from_utf8_lossy(&out.target).into_owned();
            let mut flow = out.body;
            let mut body = Vec::new();
            while let Some(Ok(chunk)) = flow.next().await {
                body.extend_from_slice(&chunk);
            }
            let body = Bytes::from(body);
            let heard = self.world.send(&target, &body).await;
            let heard = self.spoiled(heard, &target, &body).await;
            if self.fate.ends_at(Point::AfterReply) {
                return pending().await;
            }
            heard
        })
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

impl Wire {
    /// What a canary makes of what was heard.
    async fn spoiled(&self, heard: Heard, target: &str, body: &Bytes) -> Heard {
        let at = self.world.clock.unix_ns();
        let call = Call::read(target, body);
        match (self.world.canary, heard) {
            (Some(Canary::SendsAgain), Heard::Silence(_)) => self.world.send(target, body).await,
            (Some(Canary::RefusesForSilence), Heard::Silence(_)) => {
                let refusal = json!({"infcode": -1, "err_msg": "业务处理失败", "output": null});
                reply(200, refusal.to_string().into(), at)
            }
            (Some(Canary::InventsSuccess), Heard::Silence(_)) if call.infno == "2207" => {
                let setlinfo = json!({"setl_id": format!("990000X{}", call.msgid), "medins_setl_id": call.msgid});
                reply(200, json!({"infcode": 0, "output": {"setlinfo": setlinfo}}).to_string().into(), at)
            }
            (Some(Canary::MovesFen), Heard::Reply(replied)) => match replied.body {
                ReplyBody::Whole(bytes) => reply(replied.head.status, moved(&bytes), at),
                more => Heard::Reply(Box::new(Replied { body: more, ..*replied })),
            },
            (_, heard) => heard,
        }
    }
}

/// The answer with a cent more in cash.
fn moved(bytes: &Bytes) -> Bytes {
    let Ok(mut answer) = serde_json::from_slice::<Value>(bytes) else { return bytes.clone() };
    match answer.pointer_mut("/output/setlinfo/psn_cash_pay") {
        Some(cash) => *cash = json!("0.01"),
        None => return bytes.clone(),
    }
    answer.to_string().into()
}
