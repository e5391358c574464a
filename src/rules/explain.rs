//! What a rule asks, why, who says so, and what it does where: for a hand-written rule and for a row of a table alike.

use crate::domain::spec::codes::Tables;

use super::compile::{Listed, Rules};
use super::dates::Day;
use super::form::{Ask, Form, Member};
use super::mode::Mode;
use super::pack::Pack;
use super::sentences;
use super::table;
use super::texts::Texts;

/// What is said of a rule: name and text, in the order in which people read.
pub type Explained = Vec<(&'static str, String)>;

/// Explains a rule by its id; `None` where there is none.
pub fn explain(id: &str, packs: &[Pack], texts: &Texts, rules: &Rules) -> Option<Explained> {
    by_hand(id, packs, texts, rules).or_else(|| of_table(id, packs, texts, rules))
}

/// Every id: hand-written rules, then the rows of a transaction's table (of all where `infno` is empty).
pub fn ids(rules: &Rules, infno: &str) -> Vec<(String, Mode)> {
    let mut all: Vec<(String, Mode)> = Vec::new();
    for Listed { rule, on, .. } in &rules.listed {
        let modes = on.iter().filter(|(on, _)| infno.is_empty() || &**on == infno).map(|(_, mode)| *mode);
        all.extend(modes.max().map(|mode| (rule.id.clone(), mode)));
    }
    for form in rules.forms().into_iter().filter(|form| infno.is_empty() || &*form.infno == infno) {
        for (node, one) in form.nodes.iter().enumerate() {
            for (at, member) in one.members.iter().enumerate() {
                let asked = asked(member).into_iter();
                all.extend(asked.map(|(ask, mode)| (form.id(node as u16, at as u16, ask), mode)));
            }
        }
    }
    all
}

/// What a member is held to, with what a broken one does.
fn asked(member: &Member) -> Vec<(Ask, Mode)> {
    use super::form::Written::{Any, Day, Month, Nest, Number, Text, Time};
    let (nests, coded, written) = (member.child.is_some(), member.codes.is_some(), member.written);
    let plain = !nests && !coded;
    let holds = |ask: Ask| match ask {
        Ask::Required => member.required.is_some(),
        Ask::Length => plain && member.longest > 0 && matches!(written, Text | Any | Number),
        Ask::GbkLength => plain && member.longest > 0 && matches!(written, Text | Any),
        Ask::Kind => plain && written == Number,
        Ask::Scale => plain && written == Number && member.scale.is_some(),
        Ask::Code => !nests && coded,
        Ask::Date => plain && matches!(written, Day | Time | Month),
        Ask::Shape => nests || written != Any || written == Nest,
    };
    let mode = |ask: Ask| match ask {
        Ask::Required => member.required.unwrap_or(Mode::Observe),
        Ask::GbkLength => Mode::Observe,
        Ask::Code => member.code_mode,
        _ => member.mode,
    };
    Ask::ALL.into_iter().filter(|ask| member.asks(*ask) && holds(*ask)).map(|ask| (ask, mode(ask))).collect()
}

fn by_hand(id: &str, packs: &[Pack], texts: &Texts, rules: &Rules) -> Option<Explained> {
    let (pack, rule) = packs.iter().find_map(|pack| Some((pack, pack.rules.iter().find(|rule| rule.id == id)?)))?;
    let listed = rules.listed.iter().find(|listed| listed.rule.id == id);
    let mut said = vec![
        ("规则", rule.id.clone()),
        ("提示", rule.says.clone()),
        ("处理", rule.cure.clone()),
        ("要求", rule.asks()),
        ("节点", if rule.nodes.is_empty() { "整个报文".to_owned() } else { rule.nodes.join("、") }),
        ("标记", mark(&rule.mark)),
        ("出自", format!("{}:{} ({} {} {})", texts.shown(&rule.file), rule.line, pack.name, pack.title, pack.version)),
    ];
    let region = if rule.region.is_empty() { &pack.region } else { &rule.region };
    if !region.is_empty() {
        said.push(("地区", region.clone()));
    }
    said.extend(rule.days.or(pack.days).map(|days| ("有效期", shown_days(days))));
    let on = |listed: &Listed| {
        let each = listed.on.iter().map(|(infno, mode)| format!("{infno} {}", shown_mode(*mode)));
        each.collect::<Vec<_>>().join("、")
    };
    said.push(("现行", listed.map_or("未生效（地区、日期，或被其他规则包关闭）".to_owned(), on)));
    for cite in packs.iter().flat_map(|pack| &pack.cites).filter(|cite| rule.cites.contains(&cite.id)) {
        let about = [&cite.title, &cite.number, &cite.date, &cite.issuer, &cite.link]
            .into_iter()
            .filter(|text| !text.is_empty());
        said.push(("依据", format!("{}。{}", about.cloned().collect::<Vec<_>>().join("，"), cite.summary)));
    }
    for (name, examples) in [("通过", &rule.passes), ("不通过", &rule.fails)] {
        let text = |one: &super::rule::Example| {
            let short: String = one.message.chars().take(160).collect();
            let more = if short.len() < one.message.len() { "…" } else { "" };
            (name, format!("{} {short}{more}", one.infno))
        };
        said.extend(examples.iter().map(text));
    }
    Some(said)
}

fn of_table(id: &str, packs: &[Pack], texts: &Texts, rules: &Rules) -> Option<Explained> {
    let (place, word) = id.rsplit_once(':')?;
    let ask = Ask::ALL.into_iter().find(|ask| ask.word() == word)?;
    let infno = place.split('.').next().map(|infno| if infno == "envelope" { "*" } else { infno })?;
    let form = rules.form(infno)?;
    let (node, at) = form.member_of(place)?;
    let member = &form.nodes[usize::from(node)].members[usize::from(at)];
    let (says, cure) = sentences::of(member, ask);
    let asked = asked(member);
    let mode = asked.iter().find(|(one, _)| *one == ask).map(|(_, mode)| *mode);
    let of_pack = packs.iter().find(|pack| pack.tables.iter().any(|table| *table.file == *form.file));
    let of_pack = of_pack.map_or(String::new(), |pack| format!(" ({} {} {})", pack.name, pack.title, pack.version));
    let mut said = vec![
        ("规则", id.to_owned()),
        ("提示", says),
        ("处理", cure),
        ("字段", format!("{} {}", member.name, member.label)),
        ("要求", asks(member)),
        ("标记", mark(&member.source)),
        ("出自", format!("{}:{}{of_pack}", texts.shown(&form.file), member.line.max(1))),
        ("现行", mode.map_or("不检查，或被规则包关闭".to_owned(), shown_mode)),
    ];
    said.extend(member.codes.as_ref().map(|codes| ("代码", meanings(&codes.name, packs, texts))));
    let others =
        asked.iter().filter(|(one, _)| *one != ask).map(|(one, mode)| format!("{} {}", one.word(), shown_mode(*mode)));
    said.push(("同字段", others.collect::<Vec<_>>().join("、")));
    let text = texts.of(&form.file).unwrap_or_default();
    for example in table::examples(text).filter(|example| example.breaks.is_none_or(|rule| rule == id)) {
        said.push((if example.breaks.is_some() { "不通过" } else { "通过" }, shortened(example.message)));
    }
    Some(said)
}

fn shortened(message: &str) -> String {
    const CHARS: usize = 160;
    let short: String = message.chars().take(CHARS).collect();
    if short.len() < message.len() { short + "…" } else { short }
}

fn asks(member: &Member) -> String {
    use super::form::Written::{Any, Day, Month, Nest, Number, Text, Time};
    let mut asked = Vec::new();
    asked.extend(member.required.map(|_| "必填".to_owned()));
    match (member.child.is_some(), member.written, member.longest) {
        (true, ..) | (_, Nest, _) => asked.push("节点".to_owned()),
        (_, Number, 0) => asked.push("数值".to_owned()),
        (_, Number, most) => {
            asked.push(format!("数值，共{most}位"));
            asked.extend(member.scale.map(|scale| format!("其中小数{scale}位")));
        }
        (_, Day, _) => asked.push("yyyy-MM-dd".to_owned()),
        (_, Time, _) => asked.push("yyyy-MM-dd HH:mm:ss".to_owned()),
        (_, Month, _) => asked.push("yyyyMM".to_owned()),
        (_, Text | Any, 0) => {}
        (_, Text | Any, most) => asked.push(format!("最多{most}个字符")),
    }
    asked.extend(member.codes.as_ref().map(|codes| format!("代码表{}", codes.name)));
    if asked.is_empty() { "无".to_owned() } else { asked.join("，") }
}

fn meanings(name: &str, packs: &[Pack], texts: &Texts) -> String {
    const SHOWN: usize = 20;
    let mut tables = Tables::default();
    for file in packs.iter().filter_map(|pack| pack.codes.as_ref()) {
        tables.read(texts.of(file).unwrap_or_default());
    }
    let Some(table) = tables.of(name) else { return name.to_owned() };
    let each = table.codes.iter().take(SHOWN).map(|(code, meaning)| format!("{code} {meaning}")).collect::<Vec<_>>();
    let more = if table.codes.len() > SHOWN { format!("…共{}个", table.codes.len()) } else { String::new() };
    format!("{name}（{}）：{}{more}", table.source, each.join("、"))
}

/// A mark in words.
fn mark(mark: &str) -> String {
    let (letter, rest) = mark.split_once(' ').unwrap_or((mark, ""));
    let words = match letter {
        "C" => "两处以上来源",
        "S" => "单一来源",
        "I" => "推断",
        "P" => "经验，待现场验证",
        "B" => "只知文件名或项目要求，正文未公开",
        _ => "",
    };
    format!("{letter} {words} {rest}").trim_end().to_owned()
}

fn shown_mode(mode: Mode) -> String {
    format!("{}（{}）", mode.word(), mode.chinese())
}

fn shown_days((from, to): (Day, Day)) -> String {
    let day = |day: Day, open: Day| if day == open { "…".to_owned() } else { day.to_string() };
    format!("{} 至 {}", day(from, Day::FIRST), day(to, Day::LAST))
}

/// How many rules a form has: rows of its table that ask something, and hand-written ones.
pub fn count(form: &Form) -> (usize, usize) {
    let rows = form.nodes.iter().flat_map(|node| &node.members).map(|member| asked(member).len()).sum();
    (rows, form.cross.len())
}
