//! Catalogues (13xx) and dictionaries (1901): items drawn for each number, with versions. Each day that is closed brings
//! a new version: some items change, one comes, one ends. Downloads answer with a file, queries with a page.

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::domain::zipped as archive;
use crate::sandbox::draw::Draw;
use crate::sandbox::record::{Part, Record};
use crate::sandbox::spec;

const fn download(infno: &'static str) -> Row {
    Row { infno, needs: &["ver"], before: Before::Nothing, act: |ledger, ask| ledger.download(ask) }
}

const fn page(infno: &'static str) -> Row {
    Row { infno, needs: &["page_num", "page_size"], before: Before::Nothing, act: |ledger, ask| ledger.page(ask) }
}

pub(super) const ROWS: &[Row] = &[
    download("1301"),
    download("1302"),
    download("1303"),
    download("1305"),
    download("1306"),
    download("1307"),
    download("1308"),
    download("1309"),
    download("1310"),
    download("1311"),
    download("1313"),
    download("1314"),
    download("1315"),
    download("1320"),
    download("1321"),
    page("1304"),
    page("1312"),
    page("1316"),
    page("1317"),
    page("1318"),
    page("1319"),
    Row { infno: "1901", needs: &["type"], before: Before::Nothing, act: |_, ask| dictionary(ask) },
];

/// Items of the first version.
const ITEMS: u64 = 40;
/// Rows of one page.
const PAGE_ROWS_MAX: usize = 1000;

/// One item of a catalogue in its newest form.
struct Item {
    code: String,
    name: String,
    version: u64,
    ended: bool,
}

/// Dictionaries of 1901: type, value, label.
const DICTIONARY: [(&str, &str, &str); 9] = [
    ("INSUTYPE", "310", "职工基本医疗保险"),
    ("INSUTYPE", "390", "城乡居民基本医疗保险"),
    ("MED_TYPE", "11", "普通门诊"),
    ("MED_TYPE", "14", "门诊慢特病"),
    ("MED_TYPE", "21", "普通住院"),
    ("MED_TYPE", "41", "定点药店购药"),
    ("GEND", "1", "男"),
    ("GEND", "2", "女"),
    ("GEND", "9", "未说明性别"),
];

impl Ledger {
    /// The newest version: one more with each closed day.
    fn version(&self) -> u64 {
        1 + self.days_closed.len() as u64
    }

    /// A download: a zip on the shelf with everything that is newer than the version at hand.
    fn download(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let infno = ask.call.infno.as_str();
        let ver = ask.call.need("ver")?;
        let newest = self.version();
        let at_hand = version_of(&ver);
        if at_hand >= newest {
            return Err(format!("{} 没有比 {ver} 更新的版本，当前版本 v{newest:04}", named(infno)));
        }
        let columns = spec::table(infno).map_or(&[][..], |table| &table.columns);
        let items = items(infno, newest).into_iter().filter(|item| item.version > at_hand);
        let rows: Vec<String> = items.map(|item| item.line(columns, &ask.now.day())).collect();
        let name = format!("{infno}_v{newest:04}.txt");
        let bytes = archive::pack(&name, &rows.concat());
        let told = self.keep_file(&format!("{name}.zip"), bytes, ask.now).with("data_cnt", rows.len().to_string());
        Ok(Deed::query(ask.output(vec![(".", Part::One(told))])))
    }

    /// A page of rows.
    fn page(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let wanted = ask.facts();
        let number = |name: &str| wanted.text(name).parse::<usize>().ok().filter(|number| *number > 0);
        let (at, size) = (number("page_num"), number("page_size"));
        let (at, size) = at.zip(size).ok_or("字段 page_num 与 page_size 应为正整数")?;
        if size > PAGE_ROWS_MAX {
            return Err(format!("每页最多 {PAGE_ROWS_MAX} 行"));
        }
        let all: Vec<Record> = match ask.call.infno.as_str() {
            "1317" => self.mappings.values().cloned().collect(),
            infno => items(infno, self.version()).iter().map(Item::facts).collect(),
        };
        let narrows = ["hilist_code", "med_list_codg", "medins_list_codg", "fixmedins_code", "list_type", "vali_flag"];
        let fits = |row: &&Record| {
            narrows.iter().all(|name| wanted.text(name).is_empty() || wanted.text(name) == row.text(name))
        };
        let filler = filler(&ask.now.day());
        let found: Vec<Record> = all.iter().filter(fits).map(|row| row.clone().or(&filler)).collect();
        let pages = found.len().div_ceil(size).max(1);
        let rows: Vec<Record> = found.iter().skip((at - 1) * size).take(size).cloned().collect();
        let counters = Record::new()
            .with("page_num", at.to_string())
            .with("page_size", size.to_string())
            .with("size", rows.len().to_string())
            .with("start_row", ((at - 1) * size + 1).to_string())
            .with("record_counts", found.len().to_string())
            .with("pages", pages.to_string())
            .with("first_page", (at == 1).to_string())
            .with("last_page", (at >= pages).to_string());
        ask.found(vec![("data", Part::Rows(rows)), (".", Part::One(counters))])
    }
}

fn dictionary(ask: &Ask<'_>) -> Result<Deed, String> {
    let wanted = ask.call.need("type")?;
    let of_type = DICTIONARY.iter().filter(|(kind, _, _)| kind.eq_ignore_ascii_case(&wanted));
    let rows = of_type.enumerate().map(|(at, (kind, value, label))| {
        Record::new()
            .with("type", *kind)
            .with("label", *label)
            .with("value", *value)
            .with("parent_value", "990100")
            .with("sort", (at + 1).to_string())
            .with("vali_flag", "1")
            .with("create_user", "sandbox")
            .with("create_date", ask.now.day())
            .with("version", "1")
    });
    let rows: Vec<Record> = rows.collect();
    if rows.is_empty() {
        return Err(format!("沙箱没有字典 {wanted}；它有 INSUTYPE、MED_TYPE、GEND"));
    }
    ask.found(vec![("list", Part::Rows(rows))])
}

/// `v0003`, `F001_V3`, anything: the digits at its end.
fn version_of(ver: &str) -> u64 {
    let digits = ver.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Every item of a catalogue as of a version. The same for everybody: a catalogue is the nation's.
fn items(infno: &str, version: u64) -> Vec<Item> {
    let mut draw = Draw::from_seed(infno.bytes().fold(0x13, |seed, byte| seed * 31 + u64::from(byte)));
    let item = |at: u64, version: u64| Item {
        code: format!("XSB{infno}{at:06}A{}", at % 10),
        name: format!("沙箱{}{at}号", spec::name(infno).trim_end_matches("目录下载").trim_end_matches("查询")),
        version,
        ended: false,
    };
    let mut items: Vec<Item> = (0..ITEMS).map(|at| item(at, 1)).collect();
    for version in 2..=version {
        for change in 0..4 {
            let at = usize::try_from(draw.below(items.len() as u64)).unwrap_or(0);
            items[at].version = version;
            items[at].ended |= change == 3;
            if change < 3 {
                items[at].name.push('改');
            }
        }
        items.push(item(items.len() as u64, version));
    }
    items
}

impl Item {
    /// One line of the file: what the column's name says is known, `null` elsewhere.
    fn line(&self, columns: &[&str], day: &str) -> String {
        let mut named = false;
        let cells: Vec<String> =
            columns.iter().enumerate().map(|(at, column)| self.cell(at, column, day, &mut named)).collect();
        format!("{}\n", cells.join("\t"))
    }

    fn cell(&self, at: usize, column: &str, day: &str, named: &mut bool) -> String {
        match column {
            _ if at == 0 => self.code.clone(),
            "有效标志" => if self.ended { "0" } else { "1" }.to_string(),
            "版本号" => format!("v{:04}", self.version),
            "唯一记录号" => format!("R{}", self.code),
            "结束日期" | "失效时间" if self.ended => day.to_string(),
            "开始日期" | "生效时间" | "数据创建时间" | "数据更新时间" => day.to_string(),
            name if name.contains("名称") && !*named => {
                *named = true;
                self.name.clone()
            }
            _ => "null".to_string(),
        }
    }

    fn facts(&self) -> Record {
        let price = Draw::from_seed(self.code.len() as u64 + self.version).below(900) + 100;
        Record::new()
            .with("hilist_code", &self.code)
            .with("med_list_codg", &self.code)
            .with("hilist_name", &self.name)
            .with("drug_prodname", &self.name)
            .with("vali_flag", if self.ended { "0" } else { "1" })
            .with("ver", format!("v{:04}", self.version))
            .with("rid", format!("R{}", self.code))
            .with("hilist_pric_uplmt_amt", price.to_string())
    }
}

/// What every row of a catalogue says alike.
fn filler(day: &str) -> Record {
    let same = [
        ("insu_admdvs", "990100"),
        ("list_type", "101"),
        ("med_chrgitm_type", "09"),
        ("chrgitm_lv", "01"),
        ("lmt_used_flag", "0"),
        ("med_use_flag", "1"),
        ("matn_used_flag", "0"),
        ("hilist_use_type", "1"),
        ("lmt_cpnd_type", "0"),
        ("hilist_lmtpric_type", "1"),
        ("overlmt_dspo_way", "1"),
        ("selfpay_prop_psn_type", "1"),
        ("selfpay_prop_type", "1"),
        ("selfpay_prop", "0.1"),
        ("vali_flag", "1"),
        ("rid", "R1"),
        ("crter_id", "sandbox"),
        ("crter_name", "沙箱"),
        ("crte_optins_no", "990100"),
        ("opter_id", "sandbox"),
        ("opter_name", "沙箱"),
        ("optins_no", "990100"),
        ("opt_time", day),
        ("begndate", day),
        ("updt_time", day),
        ("crte_time", day),
    ];
    same.into_iter().fold(Record::new(), |row, (name, text)| row.with(name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_changes_some_items_and_the_rest_stays() {
        let (first, second) = (items("1301", 1), items("1301", 2));
        assert_eq!((first.len(), second.len()), (40, 41));
        let changed = second.iter().filter(|item| item.version == 2).count();
        assert!((2..=5).contains(&changed), "{changed}");
        assert!(second.iter().any(|item| item.ended));
        assert_eq!((version_of("v0000"), version_of("F001_V3"), version_of("")), (0, 3, 0));
    }
}
