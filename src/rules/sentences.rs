//! What people read of a broken table rule: what is wrong and what to do, in Chinese, never the value.

use super::form::{Ask, Member, Written};

/// Sentence and cure.
pub(super) fn of(member: &Member, ask: Ask) -> (String, String) {
    let name = named(member);
    let most = member.longest;
    let (says, cure) = match (ask, member.written) {
        (Ask::Required, _) => (format!("{name}必填，未填写"), "请补填后重新提交".to_owned()),
        (Ask::Length, Written::Number) => {
            let whole = most.saturating_sub(member.scale.unwrap_or(0));
            (format!("{name}超长，整数部分最多{whole}位"), "请核对数值".to_owned())
        }
        (Ask::Length, _) => (format!("{name}超长，最多{most}个字符"), "请缩短后重新提交".to_owned()),
        (Ask::GbkLength, _) => (format!("{name}按GBK编码超过{most}字节"), "汉字按两个字节计，建议缩短".to_owned()),
        (Ask::Kind, _) => (format!("{name}应为数值"), "请只填数字，不带单位和逗号".to_owned()),
        (Ask::Scale, _) => {
            (format!("{name}小数最多{}位", member.scale.unwrap_or(0)), "请四舍五入到规定位数".to_owned())
        }
        (Ask::Code, _) => {
            let table = member.codes.as_ref().map_or("", |codes| &*codes.name);
            let known = member.codes.as_ref().map_or(String::new(), |codes| listed(&codes.codes));
            (format!("{name}不在代码表{table}内"), format!("请填{known}"))
        }
        (Ask::Date, written) => {
            let form = match written {
                Written::Day => "yyyy-MM-dd",
                Written::Month => "yyyyMM",
                _ => "yyyy-MM-dd HH:mm:ss",
            };
            (format!("{name}格式应为{form}"), "请按此格式填写存在的日期".to_owned())
        }
        (Ask::Shape, _) if member.child.is_some() || member.written == Written::Nest => {
            (format!("{name}应为节点（对象或数组）"), "请按接口文档的结构组织报文".to_owned())
        }
        (Ask::Shape, _) => (format!("{name}应为单个值，不是对象或数组"), "请按接口文档的结构组织报文".to_owned()),
    };
    (says, cure)
}

/// 「就诊ID」(mdtrt_id).
fn named(member: &Member) -> String {
    if member.label.is_empty() {
        format!("「{}」", member.name)
    } else {
        format!("「{}」({})", member.label, member.name)
    }
}

/// The first codes of a table.
fn listed(codes: &[Box<str>]) -> String {
    const SHOWN: usize = 8;
    let more = if codes.len() > SHOWN { "等" } else { "" };
    format!("{}{more}", codes.iter().take(SHOWN).map(|code| &**code).collect::<Vec<_>>().join("、"))
}
