//! What a HIS makes of an answer: leniently by a parser, or by where things stand.

use serde_json::{Value, json};

use crate::sandbox::call::text;

/// Beginning of every text that says "unknown, do not charge again".
const UNKNOWN_MARK: &str = "结果未知";

/// What was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// Success, with its output.
    Granted(Value),
    /// A refusal with its reason.
    Refused(String),
    /// "Unknown, do not charge again."
    Unknown,
    /// Nothing usable.
    Silence,
}

/// Reads an answer by a parser: infcode as number or text.
pub(super) fn parsed(body: &[u8]) -> Told {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Told::Silence };
    understood(text(&answer, "infcode"), text(&answer, "err_msg"), || answer["output"].clone())
}

/// Reads an answer without a parser, as a client of 2004 does: a field is what stands between its name, where that comes first,
/// and the next comma or quote; a blank in between is not foreseen.
pub(super) fn by_position(body: &[u8]) -> Told {
    let Ok(answer) = std::str::from_utf8(body) else { return Told::Silence };
    understood(member(answer, "infcode"), member(answer, "err_msg"), || found(answer))
}

fn understood(infcode: Option<String>, err_msg: Option<String>, output: impl FnOnce() -> Value) -> Told {
    match (infcode.as_deref(), err_msg.unwrap_or_default()) {
        (Some("0"), _) => Told::Granted(output()),
        (Some(_), err_msg) if err_msg.contains(UNKNOWN_MARK) => Told::Unknown,
        (Some(_), err_msg) => Told::Refused(err_msg),
        (None, _) => Told::Silence,
    }
}

/// What stands behind `"name":` up to the next comma, brace or closing quote.
fn member(answer: &str, name: &str) -> Option<String> {
    let mark = format!("\"{name}\":");
    let rest = &answer[answer.find(&mark)? + mark.len()..];
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([',', '}']).next()?,
    };
    (!value.is_empty() && value != "null").then(|| value.to_string())
}

/// Every node that the journeys read, filled with the fields they read, wherever those stand in the text.
fn found(answer: &str) -> Value {
    const FIELDS: [&str; 18] = [
        "sign_no",
        "psn_no",
        "psn_name",
        "insutype",
        "psn_type",
        "insuplc_admdvs",
        "mdtrt_id",
        "setl_id",
        "medfee_sumamt",
        "fund_pay_sumamt",
        "acct_pay",
        "psn_cash_pay",
        "hosp_part_amt",
        "fulamt_ownpay_amt",
        "overlmt_selfpay",
        "preselfpay_amt",
        "inscp_scp_amt",
        "trt_dcla_detl_sn",
    ];
    let fields: Value = FIELDS.iter().filter_map(|name| Some((*name, member(answer, name)?))).collect();
    json!({
        "signinoutb": fields, "baseinfo": fields, "insuinfo": [fields], "data": fields, "result": fields, "setlinfo": fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_understand_the_same() {
        let granted =
            r#"{"infcode":0,"err_msg":null,"output":{"setlinfo":{"setl_id":"S1","medfee_sumamt":12.50,"acct_pay":0}}}"#;
        for read in [parsed, by_position] {
            let Told::Granted(output) = read(granted.as_bytes()) else { panic!("not granted") };
            assert_eq!(text(&output["setlinfo"], "setl_id").as_deref(), Some("S1"));
            assert_eq!(text(&output["setlinfo"], "medfee_sumamt").and_then(|sum| sum.parse::<f64>().ok()), Some(12.5));
            let said = |body: &str| read(body.as_bytes());
            assert_eq!(said(r#"{"infcode":-1,"err_msg":"余额不足"}"#), Told::Refused("余额不足".to_string()));
            assert_eq!(said(r#"{"infcode":"-1","err_msg":"【结果未知】勿重收"}"#), Told::Unknown);
            assert_eq!(said("<html>"), Told::Silence);
            assert_eq!(said(r#"{"code":401}"#), Told::Silence);
        }
        assert_eq!(by_position(br#"{"infcode" : 0}"#), Told::Silence, "whoever sets the text anew is not understood");
    }
}
