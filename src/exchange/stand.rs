//! The two sides of an exchange, and whether they agree: a table (`money.md` §1, §4, §6). Pure.

use crate::domain::class::Class;
use crate::domain::outcome::Told;

/// What the platform holds, as far as evidence goes. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Platform {
    /// Its INTENT is durable, and nothing was heard yet.
    UnderWay = 1,
    /// Sent, and no proof either way.
    Perhaps = 2,
    /// Done.
    Did = 3,
    /// Not done.
    DidNot = 4,
    /// Done, and perhaps undone since.
    UndonePerhaps = 5,
    /// Done, and undone since.
    Undone = 6,
}

impl Platform {
    /// All of them, in the order of their numbers.
    pub const ALL: [Platform; 6] = [
        Platform::UnderWay,
        Platform::Perhaps,
        Platform::Did,
        Platform::DidNot,
        Platform::UndonePerhaps,
        Platform::Undone,
    ];

    /// The word used in listings.
    pub fn word(self) -> &'static str {
        match self {
            Platform::UnderWay => "under_way",
            Platform::Perhaps => "perhaps",
            Platform::Did => "did",
            Platform::DidNot => "did_not",
            Platform::UndonePerhaps => "undone_perhaps",
            Platform::Undone => "undone",
        }
    }
}

/// What the HIS has shown since that it knows. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shown {
    /// Nothing.
    Nothing = 0,
    /// That it has booked it: a later call of its own names what was made (`money.md` §6, strong), or repeats it and heard.
    Booked = 1,
    /// That it has taken it back: by its own cancel.
    TakenBack = 2,
}

impl Shown {
    /// All of them, in the order of their numbers.
    pub const ALL: [Shown; 3] = [Shown::Nothing, Shown::Booked, Shown::TakenBack];

    /// The word used in listings.
    pub fn word(self) -> &'static str {
        match self {
            Shown::Nothing => "nothing",
            Shown::Booked => "booked",
            Shown::TakenBack => "taken_back",
        }
    }
}

/// Why an exchange is a case. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// Nobody knows whether the platform did it. 结果未知
    UnknownOutcome = 1,
    /// The platform did it, and the HIS was not told so. 平台已成、院内未知
    NotDelivered = 2,
    /// The HIS has taken it back, and the platform has not. 院内已撤、平台未撤
    HisTookBack = 3,
    /// The HIS holds it for done, and the platform does not have it, or no more. 院内多
    HisMore = 4,
    /// The platform's own amounts do not add up, where they are proven to do so. 金额不平
    MoneyLaw = 5,
    /// Ledgers: the platform has a row that the HIS has not. 平台多
    PlatformMore = 6,
    /// Ledgers: the journal holds it for done, and nobody has it. 网关多
    JournalMore = 7,
    /// Ledgers: the amounts are not the same. 金额不符
    AmountsDiffer = 8,
    /// Ledgers: a refund stands on one side only. 缺退费
    RefundMissing = 9,
    /// Ledgers: it was not made through this gateway. 他渠道
    ForeignChannel = 10,
}

impl Cause {
    /// All of them, in the order of their numbers.
    pub const ALL: [Cause; 10] = [
        Cause::UnknownOutcome,
        Cause::NotDelivered,
        Cause::HisTookBack,
        Cause::HisMore,
        Cause::MoneyLaw,
        Cause::PlatformMore,
        Cause::JournalMore,
        Cause::AmountsDiffer,
        Cause::RefundMissing,
        Cause::ForeignChannel,
    ];

    /// The cause a stored byte means.
    pub fn from_code(code: u8) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| *cause as u8 == code)
    }

    /// The word used in metrics and listings.
    pub fn word(self) -> &'static str {
        match self {
            Cause::UnknownOutcome => "unknown_outcome",
            Cause::NotDelivered => "not_delivered",
            Cause::HisTookBack => "his_took_back",
            Cause::HisMore => "his_more",
            Cause::MoneyLaw => "money_law",
            Cause::PlatformMore => "platform_more",
            Cause::JournalMore => "journal_more",
            Cause::AmountsDiffer => "amounts_differ",
            Cause::RefundMissing => "refund_missing",
            Cause::ForeignChannel => "foreign_channel",
        }
    }

    /// The cause of a word.
    pub fn named(word: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// What hospital people call it.
    pub fn chinese(self) -> &'static str {
        match self {
            Cause::UnknownOutcome => "结果未知",
            Cause::NotDelivered => "平台已成、院内未知",
            Cause::HisTookBack => "院内已撤、平台未撤",
            Cause::HisMore => "院内多",
            Cause::MoneyLaw => "金额不平",
            Cause::PlatformMore => "平台多",
            Cause::JournalMore => "网关多",
            Cause::AmountsDiffer => "金额不符",
            Cause::RefundMissing => "缺退费",
            Cause::ForeignChannel => "他渠道",
        }
    }
}

/// How the two sides stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It is not over yet.
    Watched,
    /// They agree.
    Agreed,
    /// The HIS was handed the success; that it has booked it is not proven yet. 院内入账待证
    Unproven,
    /// They may disagree.
    Case(Cause),
}

/// How the sides stand. `told` is what was handed over; `None` while nobody knows yet.
#[rustfmt::skip]
pub fn stand(class: Class, platform: Platform, told: Option<Told>, shown: Shown) -> Stand {
    use {Cause::*, Platform::*, Shown::*, Stand::*};
    match (platform, told, shown) {
        (UnderWay,            _,                   _        ) => Watched,
        (Perhaps,             _,                   _        ) => Case(UnknownOutcome),
        (DidNot,              Some(Told::Success), _        ) => Case(HisMore),
        (DidNot,              _,                   Booked   ) => Case(HisMore),
        (DidNot,              _,                   _        ) => Agreed,
        (Undone,              _,                   TakenBack) => Agreed,
        (Undone,              _,                   Booked   ) => Case(HisMore),
        (Undone,              Some(Told::Success), Nothing  ) => Case(HisMore),
        (Undone,              _,                   Nothing  ) => Agreed,
        (Did | UndonePerhaps, _,                   TakenBack) => Case(HisTookBack),
        (Did | UndonePerhaps, _,                   Booked   ) => Agreed,
        (Did | UndonePerhaps, None,                Nothing  ) => Watched,
        (Did | UndonePerhaps, Some(Told::Success), Nothing  ) => if class == Class::Money { Unproven } else { Agreed },
        (Did | UndonePerhaps, Some(_),             Nothing  ) => Case(NotDelivered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination, as a text that an insurance officer can read.
    fn table() -> String {
        let mut text = String::from("class  | platform       | HIS was told      | HIS has shown | stand\n");
        let told = [Told::Success, Told::Refused, Told::Unknown, Told::NotTold, Told::UnknownWhatTold];
        for (class, name) in [(Class::Money, "money"), (Class::Upload, "others")] {
            for platform in Platform::ALL {
                for told in told.into_iter().map(Some).chain([None]) {
                    for shown in Shown::ALL {
                        let stand = match stand(class, platform, told, shown) {
                            Stand::Case(cause) => format!("CASE {} {}", cause.word(), cause.chinese()),
                            stand => format!("{stand:?}").to_lowercase(),
                        };
                        let (platform, told) = (platform.word(), told.map_or("not reported yet", Told::word));
                        text += &format!("{name:<6} | {platform:<14} | {told:<17} | {:<13} | {stand}\n", shown.word());
                    }
                }
            }
        }
        text
    }

    #[test]
    fn every_combination_is_the_golden_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/stand.txt");
        if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert_eq!(table(), golden, "run with MEDGATE_UPDATE_GOLDEN=1 to write the new table, and read its diff");
    }
}
