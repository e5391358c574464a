//! Goods: stock by institution, item and batch, as purchases, sales, changes and counts make it (3501 to 3507), and the
//! trace codes that came and went with them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::call::text;
use crate::sandbox::record::{Part, Record};
use crate::sandbox::yuan;

const ITEM: &[&str] = &["fixmedins_hilist_id", "fixmedins_bchno"];

const fn upload(infno: &'static str) -> Row {
    Row { infno, needs: ITEM, before: Before::Nothing, act: |ledger, ask| ledger.move_goods(ask) }
}

pub(super) const ROWS: &[Row] = &[
    upload("3501"),
    upload("3502"),
    upload("3503"),
    upload("3504"),
    upload("3505"),
    upload("3505A"),
    upload("3506"),
    Row {
        infno: "3507",
        needs: &["fixmedins_bchno", "inv_data_type"],
        before: Before::Nothing,
        act: |ledger, ask| ledger.wipe(ask),
    },
];

/// What a movement does to the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Effect {
    /// The stock is what was counted.
    Is,
    In,
    Out,
}

/// One kind of movement: its node, the field with the quantity, what it does, and its `inv_data_type` for 3507.
struct Kind {
    infno: &'static str,
    node: &'static str,
    count: &'static str,
    effect: Effect,
    data_type: &'static str,
    number: &'static str,
}

const fn kind(
    infno: &'static str,
    node: &'static str,
    count: &'static str,
    effect: Effect,
    names: [&'static str; 2],
) -> Kind {
    Kind { infno, node, count, effect, data_type: names[0], number: names[1] }
}

const KINDS: [Kind; 7] = [
    kind("3501", "invinfo", "inv_cnt", Effect::Is, ["1", "medins_prod_inv_no"]),
    kind("3502", "invinfo", "cnt", Effect::In, ["2", "medins_prod_inv_chg_no"]),
    kind("3503", "purcinfo", "purc_retn_cnt", Effect::In, ["3", "medins_prod_purc_no"]),
    kind("3504", "purcinfo", "purc_retn_cnt", Effect::Out, ["3", "medins_prod_purc_no"]),
    kind("3505", "selinfo", "sel_retn_cnt", Effect::Out, ["4", "medins_prod_sel_no"]),
    kind("3505A", "selinfoDetail", "sel_retn_cnt", Effect::Out, ["4", "medins_prod_sel_no"]),
    kind("3506", "selinfo", "sel_retn_cnt", Effect::In, ["4", "medins_prod_sel_no"]),
];

/// `inv_chg_type` that take goods out of stock; the others bring them in.
const CHANGES_OUT: [&str; 6] = ["102", "104", "105", "107", "109", "111"];

/// One movement of goods as uploaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Movement {
    pub(super) infno: String,
    pub(super) fixmedins_code: String,
    pub(super) facts: Record,
    pub(super) codes: Vec<String>,
    effect: Effect,
    #[serde(with = "yuan")]
    pub(super) count: Decimal,
    pub(super) data_type: String,
    /// Deleted by 3507.
    pub(super) gone: bool,
}

impl Movement {
    /// A movement of the same goods.
    fn is_of(&self, other: &Movement) -> bool {
        let same = |name: &str| self.facts.text(name) == other.facts.text(name);
        !self.gone
            && self.fixmedins_code == other.fixmedins_code
            && same("fixmedins_hilist_id")
            && same("fixmedins_bchno")
    }
}

impl Ledger {
    /// What stands in stock: each item and batch with its quantity.
    pub fn stock(&self) -> Vec<(Record, Decimal)> {
        let mut found: Vec<(&Movement, Decimal)> = Vec::new();
        for movement in self.goods.iter().filter(|movement| !movement.gone) {
            match found.iter_mut().find(|(first, _)| first.is_of(movement)) {
                Some((_, count)) => *count = movement.applied(*count),
                None => found.push((movement, movement.applied(Decimal::ZERO))),
            }
        }
        found.into_iter().map(|(movement, count)| (movement.facts.clone(), count)).collect()
    }

    /// 3501 to 3506: one movement for each row; one bad row fails all.
    fn move_goods(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let infno = ask.call.infno.as_str();
        let kind = KINDS.iter().find(|kind| kind.infno == infno).ok_or("沙箱没有这个商品交易")?;
        let rows = ask.call.rows(kind.node);
        if rows.is_empty() {
            return Err(format!("缺少节点 {}", kind.node));
        }
        let mut moved = Vec::with_capacity(rows.len());
        for row in rows {
            let number = self.number('G');
            let movement = movement(kind, row, ask, number)?;
            self.check_movement(&movement, kind)?;
            moved.push(movement);
        }
        let result = Record::new().with("retRslt", "1").with("msgRslt", "成功");
        let told = moved.iter().map(|movement| movement.facts.clone().and(&result)).collect();
        self.goods.extend(moved);
        ask.did(vec![("result", Part::One(result)), ("selinfoDetail", Part::Rows(told))])
    }

    fn check_movement(&self, movement: &Movement, kind: &Kind) -> Result<(), String> {
        if movement.count < Decimal::ZERO || movement.count.is_zero() && movement.effect != Effect::Is {
            return Err(format!("字段 {} 应大于 0", kind.count));
        }
        if self.habits.lenient {
            return Ok(());
        }
        let same = || self.goods.iter().filter(|other| other.is_of(movement));
        let stock = same().fold(Decimal::ZERO, |count, other| other.applied(count));
        let item = movement.facts.text("fixmedins_hilist_id");
        if movement.effect == Effect::Out && movement.count > stock {
            return Err(format!(
                "库存不足：{item} 批次 {} 现有 {stock}，需要 {}；请先调用 {} 或 {}",
                movement.facts.text("fixmedins_bchno"),
                movement.count,
                named("3503"),
                named("3501")
            ));
        }
        if kind.infno == "3506" {
            let sold: Decimal = same().filter(|other| other.infno.starts_with("3505")).map(|other| other.count).sum();
            let back: Decimal = same().filter(|other| other.infno == "3506").map(|other| other.count).sum();
            if movement.count > sold - back {
                return Err(format!("退货数量超过销售：{item} 可退 {}；请先调用 {}", sold - back, named("3505")));
            }
        }
        let watched =
            kind.infno.starts_with("3505") && self.habits.watches_codes && movement.facts.text("trdn_flag") != "1";
        if let Some(code) = movement.codes.iter().find(|code| watched && self.is_sold(code)) {
            return Err(format!("追溯码 {code} 已销售；退货请先调用 {}", named("3506")));
        }
        Ok(())
    }

    /// Whether the last that was heard of a trace code was its sale.
    fn is_sold(&self, code: &str) -> bool {
        let heard = |movement: &&Movement| !movement.gone && movement.codes.iter().any(|other| other == code);
        self.goods.iter().rev().find(heard).is_some_and(|movement| movement.infno.starts_with("3505"))
    }

    /// 3507: every record of one type under a batch serial.
    fn wipe(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let (serial, data_type) = (ask.call.need("fixmedins_bchno")?, ask.call.need("inv_data_type")?);
        let kind = KINDS.iter().find(|kind| kind.data_type == data_type);
        let kind = kind.ok_or("inv_data_type 应为 1 盘存、2 变更、3 采购、4 销售")?;
        let mut wiped = 0;
        for movement in &mut self.goods {
            let named = movement.facts.text("fixmedins_bchno") == serial && movement.data_type == data_type;
            if named && !movement.gone && movement.fixmedins_code == ask.call.fixmedins_code {
                movement.gone = true;
                wiped += 1;
            }
        }
        match wiped {
            0 => Err(format!("批次 {serial} 没有类型 {data_type} 的商品信息；请先调用 {}", named(kind.infno))),
            _ => ask.did_silently(),
        }
    }
}

impl Movement {
    fn applied(&self, stock: Decimal) -> Decimal {
        match self.effect {
            Effect::Is => self.count,
            Effect::In => stock + self.count,
            Effect::Out => stock - self.count,
        }
    }
}

fn movement(kind: &Kind, row: &serde_json::Value, ask: &Ask<'_>, number: String) -> Result<Movement, String> {
    let count = text(row, kind.count).ok_or_else(|| format!("字段 {} 不能为空", kind.count))?;
    let count = count.parse().map_err(|_| format!("字段 {} 不是数量", kind.count))?;
    let mut codes: Vec<String> = match &row["drugtracinfo"] {
        serde_json::Value::Array(codes) => codes.iter().filter_map(|code| text(code, "drug_trac_codg")).collect(),
        one => text(one, "drug_trac_codg").into_iter().collect(),
    };
    codes.extend(text(row, "drug_trac_codg"));
    let changes_out = CHANGES_OUT.contains(&text(row, "inv_chg_type").unwrap_or_default().as_str());
    let effect = if kind.infno == "3502" && changes_out { Effect::Out } else { kind.effect };
    let facts = Record::of(row)
        .with(kind.number, number.clone())
        .with("rid", number)
        .with("fixmedins_code", &ask.call.fixmedins_code)
        .with("crte_time", ask.now.second())
        .with("updt_time", ask.now.second())
        .with("opt_time", ask.now.second())
        .with("vali_flag", "1")
        .alias("medins_list_codg", "fixmedins_hilist_id")
        .alias("medins_list_name", "fixmedins_hilist_name")
        .alias("bilg_dr_name", "prsc_dr_name")
        .alias("mdtrt_id", "mdtrt_sn")
        .alias("mdtrt_setl_type", "MDTRT_SETL_TYPE")
        .alias("bkkp_sn", "rtal_docno")
        .with("prod_retn_flag", if kind.infno == "3504" { "1" } else { "0" });
    Ok(Movement {
        infno: kind.infno.to_string(),
        fixmedins_code: ask.call.fixmedins_code.clone(),
        facts,
        codes,
        effect,
        count,
        data_type: kind.data_type.to_string(),
        gone: false,
    })
}
