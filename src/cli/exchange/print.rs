//! One exchange for people: timeline, then request and answer, raw and field by field.

use std::io::{self, Write};

use serde_json::Value;

use crate::views::shown::{BodyShown, FieldShown, MessageShown, Shown};

/// Columns of the row that are printed above the timeline.
const SUMMARY: &[&str] = &[
    "at",
    "infno",
    "class",
    "outcome",
    "cause",
    "delivered",
    "erased_at",
    "msgid",
    "mdtrt_id",
    "setl_id",
    "institution",
    "upstream",
];

/// What to do with an unknown outcome.
const UNKNOWN: &str = "outcome unknown: the platform may have done it. Do not charge again and do not turn it into self-pay; have the insurance\n\
    office ask the platform (3202 by msgid; 5203 where a setl_id is known). A repeat hears the same until the outcome is proven.\n\
    结果未知：平台可能已经办成。勿重收、勿转自费，请医保办向平台核实（3202 按报文ID，已知结算ID时用 5203）。查明之前，重发得到的仍是这个回答。";

/// What is left of it.
const ERASED: &str = "erased by policy: request and answers are gone for good; its records stand as they were written, and verify.\n\
    已按规定清除：请求与应答报文不可恢复，账本记录完整，可校验。";

pub(super) fn exchange(out: &mut dyn Write, shown: &Shown) -> io::Result<()> {
    writeln!(out, "exchange {}", shown.id)?;
    for name in SUMMARY {
        let value = shown.summary.as_ref().and_then(|summary| summary.get(*name)).and_then(Value::as_str);
        if let Some(value) = value {
            writeln!(out, "  {name:<12} {}", plain(value))?;
        }
    }
    writeln!(out, "\ntimeline 经过")?;
    for step in &shown.timeline {
        let told = step.told.unwrap_or_default();
        let parts = [step.outcome.as_deref().unwrap_or_default(), told, step.detail.as_deref().unwrap_or_default()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        writeln!(out, "  {} {:>10} {:<10} {}", step.at, step.seq, step.what, plain(&parts.join(", ")))?;
    }
    for finding in &shown.findings {
        writeln!(out, "  finding: {}", plain(finding))?;
    }
    let messages = [
        ("request 请求", &shown.request),
        ("reply of the platform 平台应答", &shown.reply),
        ("answer of the gateway 网关应答", &shown.own_answer),
    ];
    for (what, one) in messages {
        if let Some(one) = one {
            message(out, what, one)?;
        }
    }
    for edit in &shown.edits {
        writeln!(out, "  changed by the gateway: {edit}")?;
    }
    if shown.erased {
        writeln!(out, "\n{ERASED}")?;
    }
    for unopened in &shown.unopened {
        writeln!(out, "  could not be opened: {unopened}")?;
    }
    let unknown = shown.summary.as_ref().and_then(|summary| summary.get("outcome")).and_then(Value::as_str);
    if unknown == Some("unknown") {
        writeln!(out, "\n{UNKNOWN}")?;
    }
    if !shown.revealed {
        writeln!(out, "\npersonal data stands as ***; --reveal shows it, and the look is journaled. 个人信息已隐藏")?;
    }
    Ok(())
}

fn message(out: &mut dyn Write, what: &str, message: &MessageShown) -> io::Result<()> {
    writeln!(out, "\n{what}\n  {}", plain(&message.line))?;
    for (name, value) in &message.headers {
        writeln!(out, "  {}: {}", plain(name), plain(value))?;
    }
    let BodyShown { bytes, charset, form, cut, raw, fields } = &message.body;
    let cut = if *cut { ", only its front is shown" } else { "" };
    let form = if *form == "withheld" { "withheld: not readable field by field; --reveal shows it" } else { form };
    writeln!(out, "  body: {bytes} bytes, {charset}, {form}{cut}")?;
    if !raw.is_empty() {
        writeln!(out, "\n{raw}\n")?;
    }
    fields.iter().try_for_each(|one| writeln!(out, "  {}", field(one)))
}

/// `input.data.insutype 险种类型 = 310 职工基本医疗保险`.
fn field(field: &FieldShown) -> String {
    let label = if field.label.is_empty() { "(not in the specification)" } else { field.label };
    let meaning = field.meaning.map(|meaning| format!(" {meaning}")).unwrap_or_default();
    format!("{} {label} = {}{meaning}", plain(&field.path), plain(&field.value))
}

/// On one line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
