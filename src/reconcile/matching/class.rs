//! The named classes of differences (`money.md` §7). The words are stored and shown.

/// How the rows of one settlement stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The platform has it, and the HIS has not. 平台多
    PlatformMore,
    /// The HIS has it, and the platform has not. 院内多
    HisMore,
    /// The journal holds it for confirmed, and neither platform nor HIS has it. 网关多
    JournalMore,
    /// The amounts are not the same. 金额不符
    AmountsDiffer,
    /// A refund stands on one side and not on the other. 缺退费
    RefundMissing,
    /// The journal never sent it: kiosk, internet hospital, mobile payment, a window without the gateway. 他渠道
    ForeignChannel,
    /// Both have it, on neighbouring days. 跨日
    DateShift,
    /// Several rows of the HIS sum up to one settlement. 拆分
    Split,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 8] = [
        Class::PlatformMore,
        Class::HisMore,
        Class::JournalMore,
        Class::AmountsDiffer,
        Class::RefundMissing,
        Class::ForeignChannel,
        Class::DateShift,
        Class::Split,
    ];

    /// The word used in files, metrics and listings.
    pub fn word(self) -> &'static str {
        match self {
            Class::PlatformMore => "platform_more",
            Class::HisMore => "his_more",
            Class::JournalMore => "journal_more",
            Class::AmountsDiffer => "amounts_differ",
            Class::RefundMissing => "refund_missing",
            Class::ForeignChannel => "foreign_channel",
            Class::DateShift => "date_shift",
            Class::Split => "split",
        }
    }

    /// The class of a word.
    pub fn named(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.word() == word)
    }

    /// What hospital people call it.
    pub fn chinese(self) -> &'static str {
        match self {
            Class::PlatformMore => "平台多",
            Class::HisMore => "院内多",
            Class::JournalMore => "网关多",
            Class::AmountsDiffer => "金额不符",
            Class::RefundMissing => "缺退费",
            Class::ForeignChannel => "他渠道",
            Class::DateShift => "跨日",
            Class::Split => "拆分",
        }
    }

    /// Both sides have the same money; the difference only wants to be known.
    pub fn is_explained(self) -> bool {
        matches!(self, Class::DateShift | Class::Split)
    }

    /// What is to be done, in the words of hospital people.
    pub fn advice(self) -> &'static str {
        match self {
            Class::PlatformMore => "院内没有这笔：先查是否已收费未入账；确未入账的，按结算ID补记，或由收费员撤销",
            Class::HisMore => "平台没有这笔：先等次日平台账；仍没有的，在院内撤销该笔并重新结算",
            Class::JournalMore => "网关收到过成功应答，平台与院内都没有：向平台核实该结算ID是否已被冲正",
            Class::AmountsDiffer => "以平台为准核对医疗费总额、基金、个人账户、现金各项，院内更正后重新导入",
            Class::RefundMissing => "退费只做了一边：平台缺的重试撤销，院内缺的补记退费",
            Class::ForeignChannel => {
                "不是经网关办理（自助机、互联网医院、移动支付或旁路窗口）：不得冲正，由办理渠道核对"
            }
            Class::DateShift => "两边都有、金额一致，记在相邻两天：以平台结算时间为准，无需处理",
            Class::Split => "院内拆成几笔，合计一致：无需处理",
        }
    }
}
