//! Institutions that do not exist: sandbox hospitals and pharmacies, and what level each has.

use super::record::Record;

/// One institution.
#[derive(Debug, PartialEq, Eq)]
pub struct Institution {
    /// 定点医药机构编号.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// 1 hospital, 2 pharmacy.
    pub kind: &'static str,
    /// `hosp_lv` of the dictionary.
    pub level: &'static str,
    /// 3 large, 2 middle, 1 small: what the tariff asks for.
    pub tier: u8,
}

/// Everybody who is known by name. Other sandbox codes are served, too, as large hospitals.
pub const INSTITUTIONS: [Institution; 6] = [
    Institution { code: "H99000000001", name: "沙箱第一医院", kind: "1", level: "2", tier: 3 },
    Institution { code: "H99000000002", name: "沙箱第二医院", kind: "1", level: "5", tier: 2 },
    Institution { code: "H99000000003", name: "沙箱社区卫生服务中心", kind: "1", level: "8", tier: 1 },
    Institution { code: "H99000000004", name: "沙箱中医院", kind: "1", level: "2", tier: 3 },
    Institution { code: "P99000000001", name: "沙箱第一药店", kind: "2", level: "11", tier: 1 },
    Institution { code: "P99000000002", name: "沙箱第二药店", kind: "2", level: "11", tier: 1 },
];

impl Institution {
    /// The institution of this code.
    pub fn of(code: &str) -> Option<&'static Institution> {
        INSTITUTIONS.iter().find(|institution| institution.code == code)
    }

    /// By the names of the specification.
    pub fn facts(&self) -> Record {
        Record::new()
            .with("fixmedins_code", self.code)
            .with("fixmedins_name", self.name)
            .with("uscc", format!("99990000{}", &self.code[2..]))
            .with("fixmedins_type", self.kind)
            .with("hosp_lv", self.level)
    }
}

/// The tier of any code.
pub fn tier(code: &str) -> u8 {
    Institution::of(code).map_or(3, |institution| institution.tier)
}
