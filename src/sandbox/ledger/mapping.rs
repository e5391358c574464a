//! Mappings of the institution's catalogue to the insurance's: 3301 and 3302; 1317 reads them.

use super::rows::{Before, Row};
use super::visit::ROWS_MAX;
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::record::Record;

const KEY: &[&str] = &["fixmedins_hilist_id", "list_type"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "3301", needs: KEY, before: Before::Nothing, act: |ledger, ask| ledger.map_items(ask) },
    Row { infno: "3302", needs: KEY, before: Before::Nothing, act: |ledger, ask| ledger.unmap_item(ask) },
];

impl Ledger {
    /// How many items are mapped.
    pub fn mapped(&self) -> usize {
        self.mappings.len()
    }

    fn map_items(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let rows = ask.call.rows("data");
        if rows.is_empty() || rows.len() > ROWS_MAX {
            return Err(format!("目录对照应为 1 至 {ROWS_MAX} 行，收到 {} 行", rows.len()));
        }
        let rows: Vec<Record> = rows.iter().map(Record::of).collect();
        for row in &rows {
            let (from, to, id) = (row.text("begndate"), row.text("enddate"), row.text("fixmedins_hilist_id"));
            if id.is_empty() || row.text("med_list_codg").is_empty() {
                return Err("字段 fixmedins_hilist_id 与 med_list_codg 不能为空".to_string());
            }
            if !to.is_empty() && to < from {
                return Err(format!("目录 {id}：结束日期 {to} 早于开始日期 {from}"));
            }
        }
        for row in rows {
            let institution = Record::new()
                .with("fixmedins_code", &ask.call.fixmedins_code)
                .with("updt_time", ask.now.day())
                .with("crte_time", ask.now.day())
                .alias("medins_list_codg", "fixmedins_hilist_id");
            let row = row.and(&institution);
            let row =
                row.alias("medins_list_codg", "fixmedins_hilist_id").alias("medins_list_name", "fixmedins_hilist_name");
            self.mappings.insert(key(&ask.call.fixmedins_code, &row), row);
        }
        ask.did_silently()
    }

    fn unmap_item(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let row = ask.facts();
        let code = ask.call.field("fixmedins_code").unwrap_or_else(|| ask.call.fixmedins_code.clone());
        match self.mappings.remove(&key(&code, &row)) {
            Some(_) => ask.did_silently(),
            None => Err(format!(
                "未查询到目录对照：{} {}；请先调用 {}",
                row.text("fixmedins_hilist_id"),
                row.text("list_type"),
                named("3301")
            )),
        }
    }
}

fn key(fixmedins_code: &str, row: &Record) -> String {
    format!("{fixmedins_code} {} {}", row.text("list_type"), row.text("fixmedins_hilist_id"))
}
