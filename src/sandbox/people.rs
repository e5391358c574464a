//! Persons who do not exist: drawn from a seed, recognisable as made up at a glance.
//!
//! Their identity numbers begin with 990000, an area that no one was ever born in.

use rust_decimal::Decimal;

use super::draw::Draw;
use super::record::Record;

/// One insured person of the stand-in platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// 人员编号, the platform's own number.
    pub psn_no: String,
    /// Identity number: 990000 + birthday + serial + check digit.
    pub certno: String,
    /// A name that begins with 沙箱 ("sandbox").
    pub psn_name: String,
    /// 1 male, 2 female.
    pub gend: &'static str,
    /// Birthday, `yyyy-MM-dd`.
    pub brdy: String,
    /// 310 employees, 390 residents.
    pub insutype: &'static str,
    /// 11 in work, 12 retired, 14 resident.
    pub psn_type: &'static str,
    /// Area where the person is insured.
    pub insuplc_admdvs: &'static str,
    /// 人员身份类别; empty = none. 23: in need, the medical aid pays a share.
    pub idet_type: &'static str,
    /// 公务员: the subsidy pays a share.
    pub civil: bool,
    /// 1 insured, 2 paused.
    pub insu_stas: &'static str,
    /// Balance of the personal account at the start of the day; residents have none.
    pub balc: Decimal,
}

impl Person {
    /// Somebody whom the stand-in does not know, as a lenient one takes them.
    pub fn stranger(psn_no: &str, certno: Option<String>) -> Person {
        Person {
            psn_no: psn_no.to_string(),
            certno: certno.unwrap_or_default(),
            psn_name: "沙箱来客".to_string(),
            gend: "9",
            brdy: "1990-01-01".to_string(),
            insutype: "390",
            psn_type: "14",
            insuplc_admdvs: "990100",
            idet_type: "",
            civil: false,
            insu_stas: "1",
            balc: Decimal::ZERO,
        }
    }

    /// By the names of the specification.
    pub fn facts(&self, year: &str) -> Record {
        let year_of = |text: &str| text.get(..4).and_then(|year| year.parse::<i64>().ok()).unwrap_or(0);
        Record::new()
            .with("psn_no", &self.psn_no)
            .with("psn_name", &self.psn_name)
            .with("psn_cert_type", "01")
            .with("certno", &self.certno)
            .with("gend", self.gend)
            .with("naty", "01")
            .with("brdy", &self.brdy)
            .with("age", (year_of(year) - year_of(&self.brdy)).max(0).to_string())
            .with("insutype", self.insutype)
            .with("psn_type", self.psn_type)
            .with("cvlserv_flag", if self.civil { "1" } else { "0" })
            .with("flxempe_flag", "0")
            .with("nwb_flag", "0")
            .with("maf_psn_flag", if self.idet_type.is_empty() { "0" } else { "1" })
            .with("insu_optins", self.insuplc_admdvs)
            .with("insu_admdvs", self.insuplc_admdvs)
            .with("insuplc_admdvs", self.insuplc_admdvs)
            .with("emp_name", "沙箱单位")
    }
}

/// The people of one seed, found by either number.
#[derive(Debug, Default)]
pub struct Population {
    people: Vec<Person>,
}

/// As many as have serials of three digits (100–999), so that no two share an identity number.
pub const PEOPLE: usize = 900;

/// From this place on people are insured in another area.
const FAR_FROM: usize = 840;
/// From this place on the insurance of people is paused.
const PAUSED_FROM: usize = 890;

impl Population {
    /// Draws [`PEOPLE`] persons.
    pub fn from_seed(seed: u64) -> Population {
        let mut draw = Draw::from_seed(seed ^ 0x5eed_0f9e_0913);
        Population { people: (0..PEOPLE).map(|at| person(&mut draw, at)).collect() }
    }

    /// Everybody, in order.
    pub fn all(&self) -> &[Person] {
        &self.people
    }

    /// The person with this 人员编号.
    pub fn by_psn_no(&self, psn_no: &str) -> Option<&Person> {
        let at: usize = psn_no.get(10..)?.parse().ok()?;
        self.people.get(at).filter(|person| person.psn_no == psn_no)
    }

    /// The person with this identity number.
    pub fn by_certno(&self, certno: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.certno == certno)
    }
}

fn person(draw: &mut Draw, at: usize) -> Person {
    const GIVEN: [&str; 16] =
        ["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", "子", "丑", "寅", "卯", "辰", "巳"];
    let (year, month, day) = (1940 + draw.below(75), 1 + draw.below(12), 1 + draw.below(28));
    let employed = year < 2003 && draw.below(3) > 0;
    let psn_type = match (employed, year < 1964) {
        (true, true) => "12",
        (true, false) => "11",
        (false, _) => "14",
    };
    let serial = 100 + at;
    let number = format!("990000{year:04}{month:02}{day:02}{serial:03}");
    Person {
        psn_no: format!("9900000000{at:010}"),
        certno: format!("{number}{}", check_digit(&number)),
        psn_name: format!("沙箱{}{}", draw.one(&GIVEN), draw.one(&GIVEN)),
        gend: if serial % 2 == 1 { "1" } else { "2" },
        brdy: format!("{year:04}-{month:02}-{day:02}"),
        insutype: if employed { "310" } else { "390" },
        psn_type,
        insuplc_admdvs: if at >= FAR_FROM { "990200" } else { "990100" },
        idet_type: if !employed && at % 13 == 4 { "23" } else { "" },
        civil: employed && at % 17 == 5,
        insu_stas: if at >= PAUSED_FROM { "2" } else { "1" },
        balc: if employed { Decimal::new(i64::try_from(draw.below(200_000)).unwrap_or(0), 2) } else { Decimal::ZERO },
    }
}

/// The eighteenth character of an identity number (GB 11643).
fn check_digit(number: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = number.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    char::from(b"10X98765432"[(sum % 11) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_recognisably_made_up_and_found_again() {
        let people = Population::from_seed(1);
        assert_eq!(people.all(), Population::from_seed(1).all());
        for person in people.all() {
            assert!(person.certno.starts_with("990000") && person.certno.len() == 18, "{}", person.certno);
            assert!(person.psn_name.starts_with("沙箱"));
            assert_eq!(people.by_psn_no(&person.psn_no), Some(person));
            assert_eq!(people.by_certno(&person.certno), Some(person));
        }
        assert_eq!(people.by_psn_no("nobody"), None);
    }

    #[test]
    fn check_digit_is_the_standards() {
        // The sample of GB 11643-1999 itself.
        assert_eq!(check_digit("11010519491231002"), 'X');
    }
}
