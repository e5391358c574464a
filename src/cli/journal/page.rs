//! One exchange as a page for a browser: nothing but text and tables, so that it can be read in twenty years.

use std::fmt::Write as _;

use crate::domain::html::escaped;
use crate::views::shown::{MessageShown, Shown};

const HEAD: &str = "<!doctype html><html lang=\"zh\"><head><meta charset=\"utf-8\"><style>\
    body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2px 8px;\
    text-align:left;vertical-align:top}pre{white-space:pre-wrap;word-break:break-all;background:#eee;padding:8px}</style>";

/// The list of all pages.
pub(super) fn index(what: &str, exchanges: &[Shown]) -> String {
    let mut page = format!("{HEAD}<title>{0}</title></head><body><h1>{0}</h1><table>", escaped(what));
    row(&mut page, "th", &["交易 transaction", "时间 time", "交易标识 exchange"]);
    for shown in exchanges {
        let at = shown.timeline.first().map(|step| step.at.as_str()).unwrap_or_default();
        let link = format!("<a href=\"{0}.html\">{0}</a>", escaped(&shown.id));
        let _ = write!(page, "<tr><td>{}</td><td>{}</td><td>{link}</td></tr>", escaped(&shown.infno), escaped(at));
    }
    page + "</table></body></html>\n"
}

/// One exchange.
pub(super) fn exchange(shown: &Shown) -> String {
    let title = format!("{} {}", shown.infno, shown.id);
    let mut page = format!("{HEAD}<title>{0}</title></head><body><h1>{0}</h1>", escaped(&title));
    page.push_str("<h2>经过 timeline</h2><table>");
    row(&mut page, "th", &["记录 record", "时间 time", "事件 what", "结果 outcome", "告知 told", "说明 detail"]);
    for step in &shown.timeline {
        let outcome = step.outcome.as_deref().unwrap_or_default();
        let detail = step.detail.as_deref().unwrap_or_default();
        let told = step.told.unwrap_or_default();
        row(&mut page, "td", &[&step.seq.to_string(), &step.at, &step.what, outcome, told, detail]);
    }
    page.push_str("</table>");
    for (heading, lines) in [
        ("违反的规则 findings", &shown.findings),
        ("网关的改动 edits", &shown.edits),
        ("未能打开 unopened", &shown.unopened),
    ] {
        if !lines.is_empty() {
            let _ = write!(page, "<h2>{heading}</h2><pre>{}</pre>", escaped(&lines.join("\n")));
        }
    }
    message(&mut page, "请求 request", shown.request.as_ref());
    message(&mut page, "平台应答 reply", shown.reply.as_ref());
    message(&mut page, "网关自答 answer of the gateway", shown.own_answer.as_ref());
    page + "</body></html>\n"
}

fn message(page: &mut String, heading: &str, message: Option<&MessageShown>) {
    let Some(message) = message else { return };
    let headers: Vec<String> = message.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let head = format!("{}\n{}", message.line, headers.join("\n"));
    let _ = write!(page, "<h2>{heading}</h2><pre>{}</pre>", escaped(&head));
    if !message.body.fields.is_empty() {
        page.push_str("<table>");
        row(page, "th", &["字段 field", "名称 name", "值 value", "含义 meaning"]);
        for field in &message.body.fields {
            row(page, "td", &[&field.path, field.label, &field.value, field.meaning.unwrap_or_default()]);
        }
        page.push_str("</table>");
    }
    let _ = write!(page, "<h3>原文 raw</h3><pre>{}</pre>", escaped(&message.body.raw));
}

fn row(page: &mut String, cell: &str, values: &[&str]) {
    page.push_str("<tr>");
    for value in values {
        let _ = write!(page, "<{cell}>{}</{cell}>", escaped(value));
    }
    page.push_str("</tr>");
}
