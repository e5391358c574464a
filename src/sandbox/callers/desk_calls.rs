//! One simulated HIS: its calls, and how it calls again when it did not hear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::Books;
use super::dialect::{Desk, Dialect, Habit, Journey, Message};
use super::heard::{Told, by_position, parsed};
use super::post::{Heard, Post};
use crate::domain::clock::Clock;
use crate::sandbox::call::text;
use crate::sandbox::draw::Draw;
use crate::sandbox::people::Person;

/// How often a call is sent before the clerk gives up.
pub(super) const TRIES: usize = 3;

/// Counts of a day while it runs, shared by all callers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Visits that came to an end.
    pub journeys: AtomicU64,
    /// Calls sent.
    pub calls: AtomicU64,
    /// Calls refused.
    pub refusals: AtomicU64,
    /// Answers that said "unknown".
    pub unknowns: AtomicU64,
    /// Calls not heard.
    pub silences: AtomicU64,
}

/// One simulated HIS.
pub struct Caller {
    pub(super) desk: Desk,
    pub(super) draw: Draw,
    pub(super) books: Books,
    post: Post,
    tally: Arc<Tally>,
}

/// A patient at the desk, as far as 1101 and the registration told.
pub(super) struct Patient {
    pub(super) certno: String,
    pub(super) psn_no: String,
    pub(super) insutype: String,
    pub(super) psn_type: String,
    pub(super) insuplc_admdvs: String,
    pub(super) psn_name: String,
    pub(super) mdtrt_id: String,
}

impl Caller {
    /// A HIS that calls `gateway` (`http://HOST:PORT`) and waits `patience` for each answer, or a third of it by habit.
    ///
    /// # Errors
    /// When the address has another form.
    pub fn new(
        dialect: &'static Dialect,
        gateway: &str,
        patience: Duration,
        seed: u64,
        clock: Arc<dyn Clock>,
        tally: Arc<Tally>,
    ) -> Result<Caller, String> {
        let salt = u64::from(crc32c::crc32c(dialect.fixmedins_code.as_bytes()));
        let patience = if dialect.habit == Habit::GivesUpEarly { patience / 3 } else { patience };
        let post = Post::new(gateway, patience)?;
        let draw = Draw::from_seed(seed ^ salt);
        Ok(Caller { desk: Desk::new(dialect, clock), draw, books: Books::default(), post, tally })
    }

    /// What this institution believes.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Signs in (9001).
    pub async fn sign_in(&mut self) {
        let input = json!({"signIn": {"opter_no": "sb01", "mac": "00-00-5E-00-53-01", "ip": "192.0.2.1"}});
        if let Told::Granted(output) = self.insist("9001", "", &input).await {
            self.desk.sign_no = text(&output["signinoutb"], "sign_no").unwrap_or_default();
        }
    }

    /// Signs out (9002).
    pub async fn sign_out(&mut self) {
        let input = json!({"signOut": {"sign_no": self.desk.sign_no, "opter_no": "sb01"}});
        self.insist("9002", "", &input).await;
    }

    /// One patient comes for one thing, drawn from the institution's mix.
    pub async fn serve(&mut self, person: &Person) {
        let journey = self.journey();
        let (name, reached) = match journey {
            Journey::Outpatient => ("门诊 outpatient", self.outpatient(person).await),
            Journey::Inpatient => ("住院 inpatient", self.inpatient(person).await),
            Journey::Pharmacy => ("药店 drugstore", self.pharmacy(person).await),
            Journey::Filing => ("备案 filing", self.filing(person).await),
        };
        *self.books.journeys.entry(name).or_default() += 1;
        self.books.given_up += u64::from(reached.is_none());
        self.tally.journeys.fetch_add(1, Ordering::Relaxed);
    }

    fn journey(&mut self) -> Journey {
        let mix = self.desk.dialect.mix;
        let mut left = self.draw.below(mix.iter().map(|(_, weight)| weight).sum());
        let drawn = mix.iter().find(|(_, weight)| match left.checked_sub(*weight) {
            Some(less) => {
                left = less;
                false
            }
            None => true,
        });
        drawn.map_or(Journey::Outpatient, |(journey, _)| *journey)
    }

    /// 1101.
    pub(super) async fn identify(&mut self, person: &Person) -> Option<Patient> {
        let Told::Granted(output) = self.insist("1101", "", &inquiry(person)).await else { return None };
        let (base, insurance) = (&output["baseinfo"], &output["insuinfo"][0]);
        Some(Patient {
            certno: person.certno.clone(),
            psn_no: text(base, "psn_no")?,
            psn_name: text(base, "psn_name")?,
            insutype: text(insurance, "insutype")?,
            psn_type: text(insurance, "psn_type")?,
            insuplc_admdvs: text(insurance, "insuplc_admdvs")?,
            mdtrt_id: String::new(),
        })
    }

    /// Fee rows of a catalogue in which the code's last digit is the class, and their sum.
    pub(super) fn fee_rows(&mut self, batch: &str, rows_max: u64) -> (Vec<Value>, Decimal) {
        let dialect = self.desk.dialect;
        let time = self.desk.now().second();
        let mut sum = Decimal::ZERO;
        let mut rows = Vec::new();
        for row in 0..1 + self.draw.below(rows_max) {
            let price = Decimal::new(i64::try_from(100 + self.draw.below(25_000)).unwrap_or(100), 2);
            let count = Decimal::from(1 + self.draw.below(3));
            sum += price * count;
            let code = format!("XSB{:08}A{}", self.draw.below(100_000_000), self.draw.below(10));
            rows.push(json!({
                "feedetl_sn": format!("{batch}{row}"), "rxno": format!("{batch}R"), "rx_circ_flag": "0",
                "fee_ocur_time": time, "med_list_codg": code, "medins_list_codg": format!("Y{code}"),
                "det_item_fee_sumamt": dialect.amount(price * count), "cnt": dialect.amount(count),
                "pric": dialect.amount(price), "bilg_dept_codg": "A03", "bilg_dept_name": "沙箱内科",
                "bilg_dr_codg": "D990000000001", "bilg_dr_name": "沙箱医师", "hosp_appr_flag": "1",
            }));
        }
        (rows, sum)
    }

    /// A number of the institution's own, never the same twice.
    pub(super) fn own_number(&self) -> String {
        format!("{}{:05}", self.desk.now().compact(), self.desk.sent() % 100_000)
    }

    /// Sends a call again as long as no usable answer is heard.
    pub(super) async fn insist(&mut self, infno: &str, insuplc_admdvs: &str, input: &Value) -> Told {
        let mut message = self.desk.wrap(infno, insuplc_admdvs, input.clone());
        for _ in 1..TRIES {
            match self.send(infno, &message).await {
                Told::Silence => self.books.repeats += 1,
                told => return told,
            }
            message = self.again(message, infno, insuplc_admdvs, || input.clone());
        }
        self.send(infno, &message).await
    }

    /// The same for what is done once: a refusal that says `already` tells that a try whose answer was not heard did it.
    pub(super) async fn insist_done(
        &mut self,
        infno: &str,
        insuplc_admdvs: &str,
        input: &Value,
        already: &str,
    ) -> Option<()> {
        match self.insist(infno, insuplc_admdvs, input).await {
            Told::Granted(_) => Some(()),
            Told::Refused(err_msg) if err_msg.contains(already) => Some(()),
            _ => None,
        }
    }

    /// The message that follows an unheard one: wrapped anew, or by habit the very same.
    pub(super) fn again(
        &mut self,
        unheard: Message,
        infno: &str,
        insuplc_admdvs: &str,
        input: impl FnOnce() -> Value,
    ) -> Message {
        match self.desk.dialect.habit {
            Habit::RepeatsMsgid => unheard,
            _ => self.desk.wrap(infno, insuplc_admdvs, input()),
        }
    }

    /// One call and what was heard. A status other than 200 is not read further, as real clients do.
    pub(super) async fn send(&mut self, infno: &str, message: &Message) -> Told {
        *self.books.calls.entry(infno.to_string()).or_default() += 1;
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
        let read = if self.desk.dialect.habit == Habit::ReadsByPosition { by_position } else { parsed };
        let told = match self.post.send("POST", &message.target, &message.headers, &message.body).await {
            Heard::Answer(answer) if answer.status == 200 => read(&answer.body),
            Heard::Answer(_) | Heard::NotSent(_) | Heard::Silence(_) => Told::Silence,
        };
        let (own, shared) = match &told {
            Told::Granted(_) => return told,
            Told::Refused(_) => (&mut self.books.refusals, &self.tally.refusals),
            Told::Unknown => (&mut self.books.unknowns, &self.tally.unknowns),
            Told::Silence => (&mut self.books.silences, &self.tally.silences),
        };
        *own += 1;
        shared.fetch_add(1, Ordering::Relaxed);
        told
    }
}

/// The input of 1101 for a person who shows an identity card.
pub fn inquiry(person: &Person) -> Value {
    json!({"data": {
        "mdtrt_cert_type": "02", "mdtrt_cert_no": person.certno, "card_sn": "", "begntime": "",
        "psn_cert_type": "01", "certno": person.certno, "psn_name": person.psn_name,
    }})
}
