//! The stand-in's insurance law as a table: deductible, rate, ceiling and the hospital's own share, by insurance, kind of
//! care and level of the hospital.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Kind of care, as far as it decides who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Care {
    /// 普通门诊.
    Clinic,
    /// 门诊慢特病 (med_type 14…): needs a filing (2503).
    Chronic,
    /// 住院.
    Stay,
    /// 药店购药.
    Pharmacy,
}

/// What a deductible is counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each settlement.
    Bill,
    /// All settlements of one stay.
    Stay,
    /// All settlements of the year.
    Year,
}

/// One row of the law.
#[derive(Debug, PartialEq, Eq)]
pub struct Tariff {
    /// 险种; the last row of a kind serves every other insurance.
    pub insutype: &'static str,
    /// Kind of care.
    pub care: Care,
    /// 1 small to 3 large; 0 = any hospital.
    pub tier: u8,
    /// 起付线, yuan.
    pub deductible: i64,
    /// What it is counted over.
    pub per: Per,
    /// Share of the pool above the deductible, percent.
    pub rate: i64,
    /// What the pool pays in a year at most, yuan.
    pub ceiling: i64,
    /// Share of the large-amount fund in what the pool leaves, percent.
    pub large: i64,
    /// The hospital's share of what the pool would pay above 100 yuan, percent.
    pub hospital: i64,
}

const fn law(insutype: &'static str, care: Care, tier: u8, over: (i64, Per), pays: [i64; 4]) -> Tariff {
    let [rate, ceiling, large, hospital] = pays;
    Tariff { insutype, care, tier, deductible: over.0, per: over.1, rate, ceiling, large, hospital }
}

const LAWS: [Tariff; 18] = [
    // insurance, care, hospital, deductible, [rate %, ceiling of the year, large-amount fund %, hospital %]
    law("310", Care::Clinic, 3, (20, Per::Bill), [70, 300_000, 25, 1]),
    law("310", Care::Clinic, 2, (15, Per::Bill), [75, 300_000, 25, 1]),
    law("310", Care::Clinic, 0, (10, Per::Bill), [80, 300_000, 25, 1]),
    law("310", Care::Chronic, 0, (300, Per::Year), [85, 300_000, 25, 0]),
    law("310", Care::Stay, 3, (900, Per::Stay), [85, 300_000, 60, 1]),
    law("310", Care::Stay, 2, (600, Per::Stay), [88, 300_000, 60, 1]),
    law("310", Care::Stay, 0, (300, Per::Stay), [92, 300_000, 60, 1]),
    law("310", Care::Pharmacy, 0, (0, Per::Bill), [60, 300_000, 0, 0]),
    law("340", Care::Clinic, 0, (0, Per::Bill), [100, 9_999_999, 0, 0]),
    law("340", Care::Stay, 0, (0, Per::Stay), [100, 9_999_999, 0, 0]),
    law("390", Care::Clinic, 3, (20, Per::Bill), [55, 150_000, 0, 1]),
    law("390", Care::Clinic, 2, (15, Per::Bill), [60, 150_000, 0, 1]),
    law("390", Care::Clinic, 0, (10, Per::Bill), [65, 150_000, 0, 1]),
    law("390", Care::Chronic, 0, (200, Per::Year), [70, 150_000, 0, 0]),
    law("390", Care::Stay, 3, (1200, Per::Stay), [65, 150_000, 0, 1]),
    law("390", Care::Stay, 2, (800, Per::Stay), [75, 150_000, 0, 1]),
    law("390", Care::Stay, 0, (400, Per::Stay), [85, 150_000, 0, 1]),
    law("390", Care::Pharmacy, 0, (0, Per::Bill), [50, 150_000, 0, 0]),
];

impl Care {
    /// By the transaction that opened the visit, and the kind that the hospital says.
    pub fn of(opened_by: &str, med_type: &str) -> Care {
        match (opened_by.get(..2), med_type.get(..2)) {
            (Some("24" | "23"), _) => Care::Stay,
            (Some("21"), _) => Care::Pharmacy,
            (_, Some("14")) => Care::Chronic,
            _ => Care::Clinic,
        }
    }

    /// 清算类别.
    pub fn clr_type(self) -> &'static str {
        match self {
            Care::Clinic => "11",
            Care::Chronic => "14",
            Care::Stay => "21",
            Care::Pharmacy => "41",
        }
    }

    /// 医疗类别 where the call does not say it.
    pub fn med_type(self) -> &'static str {
        match self {
            Care::Clinic => "11",
            Care::Chronic => "14",
            Care::Stay => "21",
            Care::Pharmacy => "41",
        }
    }
}

impl Tariff {
    /// The law for an insurance, a kind of care and a hospital of this tier; residents' law for unknown insurances.
    pub fn of(insutype: &str, care: Care, tier: u8) -> &'static Tariff {
        let find = |insutype: &str| {
            LAWS.iter().find(|law| law.insutype == insutype && law.care == care && (law.tier == tier || law.tier == 0))
        };
        find(insutype).or_else(|| find("390")).unwrap_or(&LAWS[LAWS.len() - 1])
    }

    /// The rate as `pool_prop_selfpay` says it.
    pub fn ratio(&self) -> Decimal {
        Decimal::new(self.rate, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_insurance_care_and_hospital_has_its_law() {
        for (insutype, care, tier, rate) in [
            ("310", Care::Clinic, 3, 70),
            ("310", Care::Clinic, 1, 80),
            ("310", Care::Stay, 2, 88),
            ("390", Care::Chronic, 3, 70),
            ("340", Care::Chronic, 3, 70),
            ("510", Care::Stay, 1, 85),
        ] {
            assert_eq!(Tariff::of(insutype, care, tier).rate, rate, "{insutype} {care:?} {tier}");
        }
        assert_eq!(
            (Care::of("2201", "140101"), Care::of("2401", "14"), Care::of("2102", "")),
            (Care::Chronic, Care::Stay, Care::Pharmacy)
        );
    }
}
