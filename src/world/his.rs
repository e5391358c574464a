//! The hospital: patients come, bills are settled, and what a HIS does with silence, crashes and second thoughts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::World;
use super::bill::{Bill, Booked, Visit};
use super::door::{Asking, Heard};
use crate::domain::clock::Clock;
use crate::sandbox::call::text;
use crate::sandbox::callers::books::Paid;
use crate::sandbox::callers::dialect::{Desk, Message};
use crate::sandbox::draw::Draw;
use crate::sandbox::people::Person;

/// Sums are few, so that one person often has two bills of the same.
const SUMS: [i64; 4] = [30_000, 8_640, 125_035, 4_501];
/// Persons, so that one of them sometimes stands at two windows.
const PERSONS: u64 = 8;

/// The hospital with its books.
pub(super) struct Hospital {
    world: Arc<World>,
    persons: Vec<Person>,
    desk: Mutex<Desk>,
    books: Mutex<Vec<Bill>>,
}

/// How the settling of a bill ended for the clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Booked,
    NotCharged,
    Open,
}

impl Hospital {
    pub(super) fn new(world: &Arc<World>) -> Hospital {
        let desk = Desk::new(world.plan.dialect, Arc::clone(&world.clock) as Arc<dyn Clock>);
        let insured = |ledger: &crate::sandbox::ledger::Ledger| {
            let insured = ledger.persons().filter(|(person, _)| person.insu_stas == "1");
            insured.take(PERSONS as usize).map(|(person, _)| person.clone()).collect()
        };
        let persons = world.standin.platform.with_ledger(insured);
        Hospital { world: Arc::clone(world), persons, desk: Mutex::new(desk), books: Mutex::default() }
    }

    /// Its books.
    pub(super) fn books(&self) -> MutexGuard<'_, Vec<Bill>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, bill: usize, what: &str) {
        self.world.tell(format!("bill {}: {what}", bill + 1));
    }

    /// A message with a msgid that was never used: a HIS keeps them in a table.
    fn wrap(&self, infno: &'static str, bill: usize, visit: usize, input: &Value) -> Message {
        let insuplc = self.books()[bill].person.insuplc_admdvs;
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut books = self.books();
        loop {
            let message = desk.wrap(infno, insuplc, input.clone());
            let used = |visit: &Visit| visit.calls.iter().any(|(_, msgid)| *msgid == message.msgid);
            if !books.iter().flat_map(|bill| &bill.visits).any(used) {
                books[bill].visits[visit].calls.push((infno, message.msgid.clone()));
                self.world.witness().sent(&message.msgid);
                return message;
            }
        }
    }

    async fn ask(
        &self,
        infno: &'static str,
        (bill, visit): (usize, usize),
        message: &Message,
        draw: &mut Draw,
    ) -> Heard {
        let mdtrt_id = self.books()[bill].visits[visit].mdtrt_id.clone();
        self.tell(bill, &format!("{infno} {} (visit {mdtrt_id})", message.msgid));
        let lost = self.world.plan.conduct.loses;
        let heard = self.world.ask(&Asking { infno, mdtrt_id: &mdtrt_id, message }, lost, draw).await;
        self.tell(bill, &format!("{infno} {}: {}", message.msgid, heard.told()));
        heard
    }

    fn open(&self, draw: &mut Draw) -> usize {
        let person = self.persons[draw.below(self.persons.len() as u64) as usize].clone();
        let sum = Decimal::new(*draw.one(&SUMS), 2);
        let mut books = self.books();
        let number = books.len() + 1;
        self.world.tell(format!("bill {number}: {} of {} comes with {sum}", person.psn_name, person.insuplc_admdvs));
        books.push(Bill {
            number,
            person,
            sum,
            visits: Vec::new(),
            booked: None,
            was_booked: Default::default(),
            undo_forgotten: Default::default(),
        });
        number - 1
    }

    /// Registers the patient, again perhaps.
    fn register(&self, bill: usize) -> usize {
        let mut books = self.books();
        let visit = books[bill].visits.len();
        let mdtrt_id = format!("V{:03}-{}", bill + 1, visit + 1);
        self.world.witness().registered(&mdtrt_id, bill);
        books[bill].visits.push(Visit { mdtrt_id, chrg_bchno: format!("B{}", bill + 1), calls: Vec::new() });
        visit
    }

    /// 2207, the voucher scanned anew.
    fn settlement(&self, bill: usize, visit: usize, draw: &mut Draw) -> Message {
        let input = {
            let books = self.books();
            let (Bill { person, sum, .. }, Visit { mdtrt_id, chrg_bchno, .. }) =
                (&books[bill], &books[bill].visits[visit]);
            json!({"data": {
                "psn_no": person.psn_no, "mdtrt_cert_type": "01", "mdtrt_cert_no": format!("990000ec{:016x}", draw.bits()),
                "psn_cert_type": "01", "certno": person.certno, "psn_name": person.psn_name, "insutype": person.insutype,
                "med_type": "11", "medfee_sumamt": self.world.plan.dialect.amount(*sum), "psn_setlway": "01",
                "mdtrt_id": mdtrt_id, "chrg_bchno": chrg_bchno, "acct_used_flag": "1",
                "invono": format!("{:010}", draw.below(10_000_000_000)),
            }})
        };
        self.wrap("2207", bill, visit, &input)
    }

    /// Settles a bill under a visit, with the habits of this hospital.
    async fn settle(&self, bill: usize, mut visit: usize, draw: &mut Draw) -> End {
        let conduct = self.world.plan.conduct;
        let mut message = self.settlement(bill, visit, draw);
        let mut end = End::NotCharged;
        for _ in 0..conduct.tries {
            let heard = self.ask("2207", (bill, visit), &message, draw).await;
            let again = match heard {
                Heard::Granted(output) => match self.book(bill, visit, &output, draw) {
                    true => return End::Booked,
                    false => draw.chance(60),
                },
                Heard::Refused(_) if end == End::Open => draw.chance(50),
                Heard::Refused(_) => {
                    end = End::NotCharged;
                    draw.chance(50)
                }
                Heard::Unknown | Heard::Silence(_) => {
                    end = End::Open;
                    if draw.chance(conduct.reverses) {
                        self.reverse(bill, visit, &message.msgid, draw).await;
                    }
                    true
                }
                Heard::NotSent => true,
            };
            if !again {
                return end;
            }
            pause(draw, 200, 40_000).await;
            if end == End::Open && draw.chance(conduct.registers_anew) {
                visit = self.register(bill);
                self.tell(bill, "is registered anew");
                message = self.settlement(bill, visit, draw);
            } else if !conduct.same_msgid {
                message = self.settlement(bill, visit, draw);
            }
        }
        end
    }

    /// Books a success; false when the HIS crashes before it has.
    fn book(&self, bill: usize, visit: usize, output: &Value, draw: &mut Draw) -> bool {
        let setlinfo = &output["setlinfo"];
        let Some(setl_id) = text(setlinfo, "setl_id") else { return false };
        if draw.chance(self.world.plan.conduct.crashes) {
            self.tell(bill, &format!("the HIS crashes before it has booked {setl_id}"));
            return false;
        }
        let amount = |name: &str| text(setlinfo, name).and_then(|text| text.parse().ok()).unwrap_or_default();
        let paid = Paid {
            medfee_sumamt: amount("medfee_sumamt"),
            fund_pay_sumamt: amount("fund_pay_sumamt"),
            acct_pay: amount("acct_pay"),
            psn_cash_pay: amount("psn_cash_pay"),
            hosp_part_amt: amount("hosp_part_amt"),
        };
        self.enter(bill, Booked { visit, setl_id, paid }, "is booked as");
        true
    }

    /// Enters a settlement in the books.
    pub(super) fn enter(&self, bill: usize, booked: Booked, how: &str) {
        self.tell(bill, &format!("{how} {}", booked.setl_id));
        self.world.witness().booked(&booked.setl_id, true);
        let mut books = self.books();
        books[bill].was_booked.insert(booked.setl_id.clone());
        books[bill].booked = Some(booked);
    }

    /// Takes what is booked out of the books.
    pub(super) fn clear(&self, bill: usize, how: &str) {
        let was = self.books()[bill].booked.take();
        let setl_id = was.map_or_else(String::new, |booked| booked.setl_id);
        self.tell(bill, &format!("{setl_id} {how}"));
        self.world.witness().booked(&setl_id, false);
    }

    /// 2601 of a settlement that was not heard of.
    async fn reverse(&self, bill: usize, visit: usize, omsgid: &str, draw: &mut Draw) {
        let psn_no = self.books()[bill].person.psn_no.clone();
        let input = json!({"data": {"psn_no": psn_no, "omsgid": omsgid, "oinfno": "2207"}});
        let message = self.wrap("2601", bill, visit, &input);
        self.ask("2601", (bill, visit), &message, draw).await;
    }

    /// Takes a booked bill back: 2208, and again until it is heard.
    async fn cancel(&self, bill: usize, draw: &mut Draw) -> bool {
        let conduct = self.world.plan.conduct;
        let Some(Booked { visit, setl_id, .. }) = self.books()[bill].booked.clone() else { return false };
        let (mdtrt_id, psn_no) = {
            let books = self.books();
            (books[bill].visits[visit].mdtrt_id.clone(), books[bill].person.psn_no.clone())
        };
        let input = json!({"data": {"setl_id": setl_id, "mdtrt_id": mdtrt_id, "psn_no": psn_no}});
        let mut message = self.wrap("2208", bill, visit, &input);
        for _ in 0..conduct.tries {
            let heard = self.ask("2208", (bill, visit), &message, draw).await;
            if heard.undid() {
                if draw.chance(conduct.crashes) {
                    self.tell(bill, "the HIS crashes before it has taken it back");
                    self.books()[bill].undo_forgotten.insert(setl_id);
                    return false;
                }
                self.clear(bill, "is taken back");
                return true;
            }
            match heard {
                Heard::Refused(_) => return false,
                Heard::Unknown if conduct.careless => {
                    self.clear(bill, "is taken back, although nobody said so");
                    return true;
                }
                _ => {}
            }
            pause(draw, 500, 30_000).await;
            if !conduct.same_msgid {
                message = self.wrap("2208", bill, visit, &input);
            }
        }
        false
    }

    /// 3505: the goods of a settlement, which only one who has booked it can name.
    async fn report(&self, bill: usize, draw: &mut Draw) {
        let Some(Booked { visit, setl_id, .. }) = self.books()[bill].booked.clone() else { return };
        let input = json!({"selinfo": {
            "med_list_codg": "XA01", "fixmedins_hilist_id": "DRUG1", "fixmedins_hilist_name": "沙箱片", "fixmedins_bchno": "L1",
            "hi_feesetl_type": "1", "setl_id": setl_id, "mdtrt_sn": format!("MZ{}", bill + 1), "manu_lotnum": "L1", "manu_date": "2026-01-01",
            "rx_flag": "0", "trdn_flag": "0", "rtal_docno": format!("R{}", bill + 1), "sel_retn_cnt": "1",
            "sel_retn_time": "2026-03-02 09:00:00", "sel_retn_opter_name": "沙箱药师", "MDTRT_SETL_TYPE": "1",
        }});
        let message = self.wrap("3505", bill, visit, &input);
        self.ask("3505", (bill, visit), &message, draw).await;
    }
}

/// One patient, from the door to the door.
pub(super) async fn patient(hospital: Arc<Hospital>, number: usize) {
    let mut draw = hospital.world.draw(100 + number as u64);
    let draw = &mut draw;
    let conduct = hospital.world.plan.conduct;
    for _ in 0..1 + draw.below(2) {
        pause(draw, 0, 50_000).await;
        let bill = hospital.open(draw);
        let visit = hospital.register(bill);
        let mut end = hospital.settle(bill, visit, draw).await;
        if end == End::Booked && draw.chance(conduct.reports) {
            hospital.report(bill, draw).await;
        }
        if end == End::Booked && draw.chance(conduct.cancels) {
            pause(draw, 1_000, 200_000).await;
            let taken_back = hospital.cancel(bill, draw).await;
            if taken_back && draw.chance(40) {
                pause(draw, 1_000, 60_000).await;
                let visit = hospital.books()[bill].visits.len() - 1;
                hospital.tell(bill, "is settled again");
                end = hospital.settle(bill, visit, draw).await;
            }
        }
        if end == End::Open && conduct.comes_back && hospital.books()[bill].booked.is_none() {
            pause(draw, 300_000, 1_200_000).await;
            let visit = hospital.books()[bill].visits.len() - 1;
            hospital.tell(bill, "the clerk comes back to it");
            hospital.settle(bill, visit, draw).await;
        }
    }
}

async fn pause(draw: &mut Draw, from_ms: u64, to_ms: u64) {
    tokio::time::sleep(Duration::from_millis(from_ms + draw.below(to_ms - from_ms))).await;
}
