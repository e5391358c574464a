//! The golden table of what is heard against who asked.

use std::fmt::Write;

use super::*;
use crate::domain::scan::Scanner;
use crate::profile::Texts;

const MSGID: &str = "H44030000001202401020304050001";

/// Who asks: label, number, insured elsewhere.
const ASKERS: [(&str, &str, bool); 16] = [
    ("查询 1101", "1101", false),
    ("预结算 2206", "2206", false),
    ("文件 9102", "9102", false),
    ("对账 3201", "3201", false),
    ("明细 2204", "2204", false),
    ("上传 3505", "3505", false),
    ("状态 2402", "2402", false),
    ("状态 2201", "2201", false),
    ("未归类", "8888", false),
    ("未归类(异地)", "8888", true),
    ("撤销 2208", "2208", false),
    ("撤销 2208(异地)", "2208", true),
    ("结算 2207", "2207", false),
    ("结算 2207(异地)", "2207", true),
    ("无报文头 4262", "4262", false),
    ("平台来电 7108", "7108", false),
];

/// What is heard: label, status, body.
const REPLIES: [(&str, u16, &str); 46] = [
    ("成功，数字0，只有结算ID", 200, r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1"}}}"#),
    (
        "成功，字符\"0\"，医药机构结算ID等于报文ID",
        200,
        r#"{"infcode":"0","output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1","medins_setl_id":"H44030000001202401020304050001"}}}"#,
    ),
    (
        "成功，但医药机构结算ID是别的报文",
        200,
        r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1","medins_setl_id":"H44030000001202401010000000009"}}}"#,
    ),
    (
        "成功，医药机构结算ID为空",
        200,
        r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1","medins_setl_id":""}}}"#,
    ),
    (
        "成功，output在最前",
        200,
        r#"{"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1"}},"infcode":0,"err_msg":"success"}"#,
    ),
    ("成功，但没有任何内容", 200, r#"{"infcode":0,"err_msg":null,"output":{}}"#),
    ("成功，结算ID是文本null", 200, r#"{"infcode":"0","output":{"setlinfo":{"setl_id":"null","mdtrt_id":null}}}"#),
    ("成功，output是密文", 200, r#"{"cainfo":"x","infcode":"0","output":"tQx9sdAbCd==","signtype":"SM2"}"#),
    ("失败，数字-1，业务原因", 200, r#"{"infcode":-1,"err_msg":"该就诊无有效费用明细","output":null}"#),
    ("失败，字符\"-1\"，业务原因", 200, r#"{"infcode":"-1","err_msg":"该就诊无有效费用明细"}"#),
    ("失败，没有说明", 200, r#"{"infcode":-1,"err_msg":null}"#),
    ("失败，平台自己的下游超时", 200, r#"{"infcode":-1,"err_msg":"调用异地平台超时"}"#),
    ("失败，Read timed out", 200, r#"{"infcode":-1,"err_msg":"java.net.SocketTimeoutException: Read Timed Out"}"#),
    ("失败，该笔结算已撤销", 200, r#"{"infcode":-1,"err_msg":"该笔结算已撤销，请勿重复办理"}"#),
    ("失败，已经结算", 200, r#"{"infcode":-1,"err_msg":"该就诊已经结算"}"#),
    ("失败，未签到", 200, r#"{"infcode":-1,"err_msg":"操作员未签到，请先签到"}"#),
    ("状态码是字符\"1\"", 200, r#"{"infcode":"1","output":{"setlinfo":{"setl_id":"S1"}}}"#),
    ("状态码是数字500", 200, r#"{"infcode":500,"err_msg":"系统异常"}"#),
    ("状态码是\"0000\"", 200, r#"{"infcode":"0000","output":{"setlinfo":{"setl_id":"S1"}}}"#),
    ("状态码为空", 200, r#"{"infcode":"","err_msg":"","output":null}"#),
    ("两个状态码互相矛盾", 200, r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1"}},"infcode":-1}"#),
    ("两个状态码一致", 200, r#"{"infcode":-1,"err_msg":"无此人员","infcode":"-1"}"#),
    (
        "包在别的信封里",
        200,
        r#"{"success":true,"data":{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1"}}}}"#,
    ),
    ("网关拒绝，code 401", 200, r#"{"code":401,"message":"签名时间戳超时!"}"#),
    ("网关拒绝，code \"401\"", 200, r#"{"code":"401","message":"AK无效"}"#),
    ("网关其他code 500", 200, r#"{"code":500,"message":"服务调用失败"}"#),
    ("code 0", 200, r#"{"code":0,"type":"success","message":"","data":{"stmtResult":"1"}}"#),
    ("code -1", 200, r#"{"code":-1,"type":"error","message":"人员不存在","data":null}"#),
    ("success true", 200, r#"{"success":true}"#),
    ("success false", 200, r#"{"success":"false","message":"无此处方"}"#),
    ("空对象", 200, "{}"),
    ("没有正文", 200, ""),
    ("HTML页面", 200, "<html><body>login</body></html>"),
    ("文件的字节", 200, "PK\u{3}\u{4}zip"),
    ("JSON有头无尾", 200, r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1""#),
    ("JSON里引号没转义", 200, r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","psn_name":"A "B""}}}"#),
    ("没有正文", 204, ""),
    ("跳转", 302, ""),
    ("页面", 400, "<html>bad request</html>"),
    ("code 401", 401, r#"{"code":401,"message":"签名错误"}"#),
    ("code 403", 403, r#"{"code":403,"message":"forbidden"}"#),
    ("页面", 404, "<html>not found</html>"),
    ("平台自己答了-1", 404, r#"{"infcode":-1,"err_msg":"交易不存在"}"#),
    ("带成功报文", 500, r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1"}}}"#),
    ("页面", 502, "<html>Bad Gateway</html>"),
    ("code 401", 504, r#"{"code":401,"message":"x"}"#),
];

fn view_of(profile: &Profile, body: &str) -> View {
    let mut scanner = Scanner::new(profile.reply_wanted(), None, None);
    scanner.feed(body.as_bytes());
    scanner.finish()
}

/// One line for each outcome, with those who get it.
fn render(profile: &Profile, label: &str, heard: &HeardFacts<'_>, out: &mut String) {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (asker, infno, cross_region) in ASKERS {
        let tx = profile.transaction(infno);
        let asked = Asked { class: tx.class, tx, cross_region, msgid: Some(MSGID) };
        let (outcome, cause) = judge(profile, &asked, heard);
        let word = match outcome {
            Outcome::Confirmed => "确认",
            Outcome::Refused => "拒绝",
            Outcome::Unknown => "未知",
        };
        let verdict = format!("{word} {}", cause.word());
        match groups.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, askers)) => askers.push(asker),
            None => groups.push((verdict, vec![asker])),
        }
    }
    writeln!(out, "\n{label}").expect("a text can be written to");
    for (verdict, askers) in groups {
        let who = if askers.len() == ASKERS.len() { "所有交易".to_owned() } else { askers.join("、") };
        writeln!(out, "  {verdict} ← {who}").expect("a text can be written to");
    }
}

#[test]
fn every_answer_is_judged_as_the_table_says() {
    let profile = Profile::load("baseline", &Texts::embedded()).expect("the baseline is whole");
    let mut now = String::from(
        "# 判定表：听到什么 × 哪类交易 → 结果与原因（money.md §1）。\n\
         # 未知 = 平台可能已办，也可能没办：占住业务键，不重发，等证据。拒绝 = 平台没办，可以重来。\n",
    );
    render(&profile, "一个字节也没有发出", &HeardFacts::NeverSent, &mut now);
    for (label, cause) in
        [("发出后超时", Cause::TimedOut), ("发出后连接断开", Cause::Broken), ("发出后网关停机", Cause::Stop)]
    {
        render(&profile, label, &HeardFacts::Silence(cause), &mut now);
    }
    let whole = view_of(&profile, REPLIES[0].2);
    render(
        &profile,
        "HTTP 200 回执中途断开",
        &HeardFacts::Reply { status: 200, view: &whole, said: &profile.envelope_of_reply(&whole), complete: false },
        &mut now,
    );
    for (label, status, body) in REPLIES {
        let view = view_of(&profile, body);
        render(
            &profile,
            &format!("HTTP {status} {label}"),
            &HeardFacts::Reply { status, view: &view, said: &profile.envelope_of_reply(&view), complete: true },
            &mut now,
        );
    }
    if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write("tests/data/judge.txt", &now).expect("the table can be written");
    }
    let golden = std::fs::read_to_string("tests/data/judge.txt").unwrap_or_default();
    let differs = now.lines().zip(golden.lines()).find(|(is, was)| is != was);
    let how = "set MEDGATE_UPDATE_GOLDEN=1 to rewrite tests/data/judge.txt, then have the change signed";
    assert!(now == golden, "{how}; first difference: {differs:#?}");
}

#[test]
fn silence_is_never_taken_for_refusal() {
    let profile = Profile::load("baseline", &Texts::embedded()).expect("the baseline is whole");
    let statuses = [100, 200, 204, 301, 302, 400, 408, 409, 418, 500, 502, 503, 504, 599];
    for infno in ["2207", "2304", "2102", "2208", "2601", "2201", "2401", "2204", "3505", "3201", "9999"] {
        let tx = profile.transaction(infno);
        let asked = Asked { class: tx.class, tx, cross_region: false, msgid: None };
        for body in ["", "<html/>", "{}", "null", "[]", "{\"infcode\":\"\"}", "{\"infcode\":0", "{\"code\":502}"] {
            let view = view_of(&profile, body);
            for status in statuses {
                let said = profile.envelope_of_reply(&view);
                let heard = HeardFacts::Reply { status, view: &view, said: &said, complete: true };
                let (outcome, cause) = judge(&profile, &asked, &heard);
                assert_eq!(outcome, Outcome::Unknown, "{infno} {status} {body} {cause:?}");
            }
        }
    }
}
