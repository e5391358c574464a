//! A rehearsal as a page for a browser: text and tables, nothing from elsewhere.

use std::fmt::Write as _;

use super::tally::{Stopped, Tally};
use crate::domain::html::escaped;

const HEAD: &str = "<!doctype html><html lang=\"zh\"><head><meta charset=\"utf-8\"><style>\
    body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin-bottom:2em}td,th{border:1px solid #999;\
    padding:2px 8px;text-align:left}td.n{text-align:right}</style>";

pub(super) fn page(title: &str, tally: &Tally) -> String {
    let Tally { calls, unread, stopped, warned, listed, .. } = tally;
    let mut page = format!("{HEAD}<title>{0}</title></head><body><h1>{0}</h1>", escaped(title));
    let _ = write!(
        page,
        "<p>HIS 交易 {calls} 笔；将被拦截 {} 笔，涉及医疗费总额 {} 元；将被提醒 {} 笔；无法检查 {unread} 笔。</p>",
        stopped.calls,
        stopped.yuan(),
        warned.calls
    );
    for (heading, lines) in tally.tables() {
        let _ =
            write!(page, "<h2>按{heading}</h2><table><tr><th>{heading}</th><th>拦截</th><th>提醒</th><th>元</th></tr>");
        for (name, line) in lines {
            let _ = write!(
                page,
                "<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td></tr>",
                escaped(name),
                line.stopped,
                line.warned,
                line.yuan()
            );
        }
        page.push_str("</table>");
    }
    page.push_str("<h2>将被拦截的交易</h2><table><tr><th>记录</th><th>时间</th><th>交易</th><th>报文</th><th>元</th><th>规则</th></tr>");
    for Stopped { record, at, infno, msgid, yuan, rules } in listed {
        let [at, infno, msgid, rules] = [at, infno, msgid, rules].map(|text| escaped(text));
        let _ = write!(
            page,
            "<tr><td class=n>{record}</td><td>{at}</td><td>{infno}</td><td>{msgid}</td><td class=n>{yuan}</td><td>{rules}</td></tr>"
        );
    }
    page + "</table></body></html>\n"
}
