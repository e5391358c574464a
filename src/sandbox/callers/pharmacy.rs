//! A purchase in a drugstore: trial, settlement in one call, every ninth brought back.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::desk_calls::{Caller, Patient};
use super::heard::Told;
use crate::sandbox::people::Person;

impl Caller {
    /// One purchase. `None` when no bill was reached.
    pub(super) async fn pharmacy(&mut self, person: &Person) -> Option<()> {
        let patient = self.identify(person).await?;
        let (rows, sum) = self.fee_rows(&self.own_number(), 4);
        let begntime = self.desk.now().second();
        let input = json!({"druginfo": self.purchase(&patient, &begntime, sum), "drugdetail": rows});
        let Told::Granted(_) = self.insist("2101", &patient.insuplc_admdvs, &input).await else { return None };
        // The number of the invoice stays with the purchase, as the till prints it before the platform is asked.
        let invono = self.invoice();
        let mut bill = self
            .settle("2102", &patient, |caller| {
                let mut druginfo = caller.purchase(&patient, &begntime, sum);
                druginfo["invono"] = invono.clone();
                json!({"druginfo": druginfo, "drugdetail": rows})
            })
            .await;
        if self.books.bills.len() % 9 == 8 {
            self.take_back("2103", &patient, &mut bill).await;
        }
        self.books.bills.push(bill);
        Some(())
    }

    fn purchase(&mut self, patient: &Patient, begntime: &str, sum: Decimal) -> Value {
        let mut druginfo = self.voucher(patient);
        druginfo["begntime"] = json!(begntime);
        druginfo["medfee_sumamt"] = self.desk.dialect.amount(sum);
        druginfo["med_type"] = json!("41");
        druginfo
    }
}
