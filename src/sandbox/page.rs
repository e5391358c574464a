//! `GET /`: what the stand-in holds, for a vendor who tries a HIS against it. Plain HTML that any old browser shows.

use std::fmt::Write as _;

use crate::domain::html::escaped;

use super::institutions::INSTITUTIONS;
use super::ledger::{Ledger, Standing, known_numbers};
use super::platform::{Platform, plain_reply};
use super::register::{Line, Register};
use super::spec;
use super::wire::Reply;
use super::yuan;

/// Rows of each table at most.
const ROWS: usize = 20;

/// The page.
pub(super) fn answer(platform: &Platform) -> Reply {
    let mut page = String::with_capacity(32 * 1024);
    page.push_str(HEAD);
    {
        let books = platform.books();
        if let Some(temper) = &books.temper {
            let drawn = format!("脾性 temper：种子 {}，出错 {}%，{:?}", temper.seed, temper.cruelty, temper.habits);
            let _ = writeln!(page, "<p>{}</p>", escaped(&drawn));
        }
        summary(&mut page, &books.ledger, &books.register);
        calls(&mut page, &books.register);
        settlements(&mut page, &books.ledger);
        visits(&mut page, &books.ledger);
        stock(&mut page, &books.ledger);
        persons(&mut page, &books.ledger);
    }
    institutions(&mut page);
    transactions(&mut page);
    page.push_str("</body></html>\n");
    plain_reply(200, "text/html; charset=utf-8", page)
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>医保平台沙箱 medgate sandbox</title>\n\
<style>body{font-family:sans-serif;margin:1em}table{border-collapse:collapse;margin:.5em 0 1.5em}\
td,th{border:1px solid #999;padding:2px 8px;text-align:left}th{background:#eee}.no{color:#a00}.yes{color:#060}</style></head><body>\n\
<h1>医保平台沙箱</h1>\n<p><b>不是真实平台，人员与机构全部虚构，切勿用于生产。</b> This is not a medical-insurance platform; nobody in it exists.</p>\n\
<p>接口 / calls: POST 任一种地址，如 <code>/hsa/hgs/1101</code>、<code>/fsi/api/rsfComIfsService/callService</code>。\
机构编号用下表的沙箱编号。控制与账本 / control: <a href=\"/_sandbox\">/_sandbox</a>、<a href=\"/_sandbox/ledger\">/_sandbox/ledger</a></p>\n";

fn summary(page: &mut String, ledger: &Ledger, register: &Register) {
    let totals = ledger.totals(None);
    let rows = [
        ("收到的调用 calls", register.arrived().to_string()),
        ("就诊 visits", ledger.visits_open().count().to_string()),
        ("结算行 settlement rows", totals.rows.to_string()),
        ("医疗费总额 total", yuan::text(totals.medfee_sumamt)),
        ("基金支付 fund", yuan::text(totals.fund_pay_sumamt)),
        ("个人账户 account", yuan::text(totals.acct_pay)),
        ("现金 cash", yuan::text(totals.psn_cash_pay)),
        ("备案 filings", ledger.filings_standing().to_string()),
        ("目录对照 mappings", ledger.mapped().to_string()),
        ("结算清单 lists", ledger.lists_uploaded().to_string()),
        ("文件 files", ledger.files_kept().to_string()),
        ("审核结果 verdicts", ledger.verdicts_given().to_string()),
        ("已日结 days closed", ledger.days_closed().to_string()),
    ];
    table(page, "概况", &["项目", "数值"], rows.into_iter().map(|(name, value)| vec![name.to_string(), value]));
}

fn calls(page: &mut String, register: &Register) {
    let last: Vec<&Line> = register.newest(ROWS).collect();
    page.push_str("<h2>最近的调用</h2>\n");
    let rows = last.iter().map(|line| {
        let verdict = match (line.granted, line.committed) {
            (_, None) => "处理中".to_string(),
            (true, _) => "成功".to_string(),
            (false, _) if line.fault.is_empty() => format!("拒绝：{}", line.said),
            (false, _) => format!("按脚本出错：{} {}", line.fault, line.said),
        };
        let name = format!("{} {}", line.infno, spec::name(&line.infno));
        vec![line.number.to_string(), name, line.fixmedins_code.clone(), line.msgid.clone(), verdict]
    });
    table(page, "", &["序号", "交易", "机构", "msgid", "结果"], rows);
}

fn settlements(page: &mut String, ledger: &Ledger) {
    let rows = ledger.settlements().iter().rev().take(ROWS).map(|row| {
        let standing = match (&row.standing, &row.undoes) {
            (Standing::Live, None) => "有效".to_string(),
            (Standing::Live, Some(target)) => format!("撤销 {target}"),
            (Standing::Cancelled(by), _) => format!("已被 {by} 撤销"),
            (Standing::Reversed, _) => "已冲正".to_string(),
        };
        let shares = [row.shares.scope.sum, row.shares.fund(), row.shares.account, row.shares.cash].map(yuan::text);
        let mut cells = vec![row.setl_id.clone(), row.infno.clone(), row.psn_no.clone(), row.mdtrt_id.clone()];
        cells.extend(shares);
        cells.push(standing);
        cells
    });
    let heads = ["setl_id", "交易", "psn_no", "mdtrt_id", "总额", "基金", "账户", "现金", "状态"];
    table(page, "最近的结算", &heads, rows);
}

fn visits(page: &mut String, ledger: &Ledger) {
    let rows = ledger.visits_open().take(ROWS).map(|visit| visit.to_vec());
    table(page, "就诊", &["mdtrt_id", "psn_no", "登记交易", "费用行", "未结算行"], rows);
}

fn stock(page: &mut String, ledger: &Ledger) {
    let rows = ledger.stock().into_iter().take(ROWS).map(|(item, count)| {
        let text = |name: &str| item.text(name).to_string();
        vec![
            text("fixmedins_code"),
            text("fixmedins_hilist_id"),
            text("fixmedins_hilist_name"),
            text("fixmedins_bchno"),
            count.to_string(),
        ]
    });
    table(page, "库存", &["机构", "商品", "名称", "批次", "数量"], rows);
}

fn persons(page: &mut String, ledger: &Ledger) {
    let rows =
        ledger.persons().enumerate().filter(|(at, _)| *at < ROWS || at % 100 == 99).map(|(_, (person, balance))| {
            let special = match (person.civil, person.idet_type, person.insu_stas) {
                (_, _, "2") => "暂停参保",
                (true, _, _) => "公务员",
                (_, "23", _) => "医疗救助",
                _ => "",
            };
            vec![
                person.psn_no.clone(),
                person.certno.clone(),
                person.psn_name.clone(),
                person.insutype.to_string(),
                person.insuplc_admdvs.to_string(),
                yuan::text(balance),
                special.to_string(),
            ]
        });
    table(
        page,
        "人员（前若干名与每百名一名）",
        &["psn_no", "证件号", "姓名", "险种", "参保地", "账户余额", "特殊身份"],
        rows,
    );
}

fn institutions(page: &mut String) {
    let rows = INSTITUTIONS.iter().map(|one| vec![one.code.to_string(), one.name.to_string(), one.tier.to_string()]);
    table(page, "机构", &["编号", "名称", "级"], rows);
}

fn transactions(page: &mut String) {
    let rows = known_numbers().map(|infno| vec![infno.to_string(), spec::name(infno).to_string()]);
    table(page, "会的交易", &["编号", "名称"], rows);
}

fn table(page: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    if !title.is_empty() {
        let _ = writeln!(page, "<h2>{title}</h2>");
    }
    page.push_str("<table><tr>");
    for head in heads {
        let _ = write!(page, "<th>{head}</th>");
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{}</td>", escaped(&cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}
