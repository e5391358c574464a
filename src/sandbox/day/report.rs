//! The day in words: each line in Chinese and in English.

use std::fmt::{self, Write};

use super::{Day, DayReport};
use crate::sandbox::callers::books::{Belief, Books, Paid};
use crate::sandbox::callers::dialect::DIALECTS;
use crate::sandbox::yuan::text;

/// Writing into a text does not fail.
const IN_MEMORY: &str = "a text takes what is written";

/// Before the first call.
pub(super) fn opening(day: &Day) -> String {
    let (visits, seed, count) = (day.visits, day.seed, DIALECTS.len());
    let mut out = format!(
        "模拟一天：{visits} 次就诊，{count} 家沙箱机构，种子 {seed}\nPlaying a day: {visits} visits at {count} sandbox institutions, seed {seed}\n"
    );
    for dialect in &DIALECTS {
        writeln!(out, "  {} {}  {}", dialect.fixmedins_code, dialect.fixmedins_name, dialect.name).expect(IN_MEMORY);
    }
    out
}

/// After the comparison.
pub(super) fn story(report: &DayReport) -> String {
    let mut out = String::new();
    tell(report, &mut out).expect(IN_MEMORY);
    out
}

fn tell(report: &DayReport, out: &mut String) -> fmt::Result {
    writeln!(out)?;
    for (books, dialect) in report.books.iter().zip(&DIALECTS) {
        writeln!(out, "{} {}", dialect.fixmedins_code, dialect.fixmedins_name)?;
        institution(books, out)?;
    }
    faults(report, out)?;
    calls(report, out)?;
    money(report, out)?;
    verdict(report, out)
}

fn institution(books: &Books, out: &mut String) -> fmt::Result {
    let journeys: Vec<String> = books.journeys.iter().map(|(name, count)| format!("{name} {count}")).collect();
    writeln!(out, "  {}", journeys.join("  "))?;
    let count = |which: fn(&Belief) -> bool| books.bills.iter().filter(|bill| which(&bill.belief)).count();
    let charged = count(|belief| matches!(belief, Belief::Charged { .. } | Belief::CancelPending { .. }));
    let cancelled = count(|belief| matches!(belief, Belief::Cancelled { .. }));
    let pending = count(|belief| matches!(belief, Belief::Pending | Belief::CancelPending { .. }));
    let refused = count(|belief| matches!(belief, Belief::NotCharged));
    let given_up = books.given_up;
    writeln!(
        out,
        "  账单 {}：已收 {charged}，已撤销 {cancelled}，待医保办核实 {pending}，未收 {refused}；未成账单 {given_up}",
        books.bills.len()
    )?;
    writeln!(
        out,
        "  bills {}: charged {charged}, cancelled {cancelled}, pending {pending}, not charged {refused}; given up before a bill {given_up}",
        books.bills.len()
    )?;
    let calls: u64 = books.calls.values().sum();
    let Books { refusals, unknowns, silences, repeats, .. } = books;
    writeln!(out, "  调用 {calls}：被拒 {refusals}，结果未知 {unknowns}，没听到回答 {silences}，重发 {repeats}")?;
    writeln!(
        out,
        "  calls {calls}: refused {refusals}, told unknown {unknowns}, not heard {silences}, sent again {repeats}"
    )
}

fn faults(report: &DayReport, out: &mut String) -> fmt::Result {
    let struck: Vec<String> = report
        .struck
        .iter()
        .filter(|entry| entry.struck > 0)
        .map(|entry| {
            let (whose, infno) =
                (entry.fixmedins_code.as_deref().unwrap_or("*"), entry.infno.as_deref().unwrap_or("*"));
            format!("{whose} {infno} 第{}次 {}", entry.nth, entry.fault.name())
        })
        .collect();
    writeln!(out, "平台侧故障 / faults on the platform's side: {}", struck.len())?;
    struck.iter().try_for_each(|line| writeln!(out, "  {line}"))
}

fn calls(report: &DayReport, out: &mut String) -> fmt::Result {
    writeln!(out, "交易 / calls          医院发出 sent   平台收到 arrived")?;
    let sent = |infno: &str| report.books.iter().filter_map(|books| books.calls.get(infno)).sum::<u64>();
    for (infno, arrived) in &report.arrived {
        writeln!(out, "  {infno:<20} {:>12} {arrived:>16}", sent(infno))?;
    }
    writeln!(out, "  网关自答而未外发（重发、拒绝）/ answered by the gateway without a send: {}", report.counted.unsent)
}

fn money(report: &DayReport, out: &mut String) -> fmt::Result {
    let explained = &report.explained;
    writeln!(
        out,
        "金额 / yuan                              总额 total  基金 fund  账户 account  现金 cash  医院 hospital"
    )?;
    let mut row = |name: &str, paid: &Paid| {
        writeln!(
            out,
            "  {name:<36} {:>12} {:>10} {:>13} {:>10} {:>14}",
            text(paid.medfee_sumamt),
            text(paid.fund_pay_sumamt),
            text(paid.acct_pay),
            text(paid.psn_cash_pay),
            text(paid.hosp_part_amt)
        )
    };
    row("医院认为已收 / hospitals believe", &explained.believed)?;
    row("+ 网关列出的未知 / listed as unknown", &explained.listed)?;
    row("= 平台实际结算 / platform settled", &explained.settled)
}

fn verdict(report: &DayReport, out: &mut String) -> fmt::Result {
    let explained = &report.explained;
    let (done, not_done) = (explained.unknown_done.len(), explained.unknown_not_done.len());
    writeln!(out, "一致 {}；结果未知而平台已办 {done}，未办 {not_done}，均由网关列出", explained.agreed)?;
    writeln!(
        out,
        "agreed {}; unknown and done by the platform {done}, not done {not_done}, all listed by the gateway",
        explained.agreed
    )?;
    for bill in explained.unknown_done.iter().chain(&explained.unknown_not_done) {
        writeln!(out, "  ? {bill}")?;
    }
    for finding in &explained.findings {
        writeln!(out, "  ! {finding}")?;
    }
    if explained.is_good() {
        writeln!(out, "结论：三方账目互相解释，没有重复结算，没有不明差异。")?;
        writeln!(
            out,
            "RESULT: the three books explain each other; nothing was settled twice, no difference is unexplained."
        )?;
    } else {
        writeln!(out, "结论：有 {} 处差异无法解释！", explained.findings.len())?;
        writeln!(out, "RESULT: {} differences are unexplained!", explained.findings.len())?;
    }
    Ok(())
}
