//! Distinct, varied 2207 calls of 4 KB: every one has its own msgid, visit, batch and person, and its own trace codes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Body length: exactly this, all variants.
pub const BODY_BYTES: usize = 4096;
const VARIANTS: u64 = 64;
/// Stands where the serial number of a call goes.
const SERIAL: &str = "################";

/// Ready-made texts with places for the serial number.
pub struct Calls {
    texts: Vec<Text>,
    next: AtomicU64,
}

struct Text {
    bytes: Vec<u8>,
    serials: Vec<usize>,
}

impl Calls {
    /// Makes the variants.
    pub fn new() -> Calls {
        Calls { texts: (0..VARIANTS).map(text).collect(), next: AtomicU64::new(1) }
    }

    /// Writes the next call, head and body, into `out`.
    pub fn write_next(&self, out: &mut Vec<u8>) {
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        let text = &self.texts[(serial % VARIANTS) as usize];
        let digits = format!("{serial:016}");
        out.clear();
        out.extend_from_slice(&text.bytes);
        for at in &text.serials {
            out[*at..*at + SERIAL.len()].copy_from_slice(digits.as_bytes());
        }
    }
}

fn text(variant: u64) -> Text {
    let mut draw = Draw(variant.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut body = format!(
        r#"{{"infno":"2207","msgid":"H43010000001{SERIAL}00","mdtrtarea_admvs":"430100","insuplc_admdvs":"430102","recer_sys_code":"MBS_LOCAL","dev_no":"","dev_safe_info":"","cainfo":"","signtype":"","infver":"V1.0","opter_type":"1","opter":"{:06}","opter_name":"收费员","inf_time":"2026-11-21 10:{:02}:{:02}","fixmedins_code":"H43010000001","fixmedins_name":"测试医院","sign_no":"{:012}","input":{{"data":{{"psn_no":"43000000{SERIAL}","mdtrt_cert_type":"02","mdtrt_cert_no":"43{SERIAL}","card_sn":"","psn_cert_type":"01","certno":"43{SERIAL}","med_type":"11","medfee_sumamt":{}.{:02},"psn_setlway":"01","mdtrt_id":"MZ{SERIAL}","chrg_bchno":"P{SERIAL}","insutype":"310","acct_used_flag":"1","invono":"{:010}","fulamt_ownpay_amt":{}.5,"overlmt_selfpay":0,"preselfpay_amt":{}.25,"inscp_scp_amt":{},"pub_hosp_rfom_flag":"0"}},"drug_trac_info":["#,
        draw.below(999_999),
        draw.below(60),
        draw.below(60),
        draw.below(999_999_999_999),
        draw.below(2000),
        draw.below(100),
        draw.below(9_999_999_999),
        draw.below(100),
        draw.below(100),
        draw.below(1000),
    );
    while body.len() + 110 < BODY_BYTES {
        let (row, code) = (draw.below(99_999_999_999), draw.below(u64::MAX));
        let _ = write!(body, r#"{{"feedetl_sn":"{row:011}","drug_trac_codg":"{code:020}","trdn_flag":"0"}},"#);
    }
    body.pop(); // The comma after the last row.
    body.push_str(r#"],"pad":""#);
    while body.len() + 3 < BODY_BYTES {
        let _ = write!(body, "{}", draw.below(10));
    }
    body.push_str("\"}}");
    assert_eq!(body.len(), BODY_BYTES, "a body of another length");
    let head = "POST /fsi/api/rsfComIfsService/callService HTTP/1.1\r\nHost: platform\r\nContent-Type: application/json; charset=UTF-8\r\nAccept: */*\r\nUser-Agent: HIS/1.0\r\n";
    let text = format!("{head}Content-Length: {BODY_BYTES}\r\n\r\n{body}");
    let serials = text.match_indices(SERIAL).map(|(at, _)| at).collect();
    Text { bytes: text.into_bytes(), serials }
}

/// xorshift64: the same variants in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
