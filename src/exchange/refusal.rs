//! Our no, and our "outcome unknown": every reason with the Chinese text a cashier reads.
//!
//! A refusal sent nothing, so the text says so; it leaves as HTTP 200 in the platform's own envelope (`decisions.md` 6).

use crate::domain::exchange::Seq;
use crate::domain::outcome::Cause;

use super::bearer::NoToken;
use super::door::Bound;
use super::fence::Existing;
use crate::signing::apply::CannotSign;
use crate::signing::check::Wrong;

/// Characters of a sentence about broken rules: with what stands around it, an `err_msg` is 200 long (`wire.md` §2).
const RULES_CHARS_MAX: usize = 180;
/// Rules that the sentence names.
const RULES_NAMED_MAX: usize = 3;

/// What rules refuse a call for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// How many.
    pub count: u64,
    /// What is wrong and what to do, in Chinese, those that count most first.
    pub sentences: Vec<String>,
    /// The record that lists them all; none where it could not be written.
    pub reference: Seq,
}

impl Broken {
    /// What the cashier reads: the first three, each cut to its share of the room, and where all of them stand.
    fn text(&self) -> String {
        let named = self.sentences.len().min(RULES_NAMED_MAX);
        let all = match self.reference {
            Seq::NONE => String::new(),
            reference => format!("。全部见编号{reference}"),
        };
        let mut text = format!("报文有{}处不符合规则：", self.count);
        let mut room = RULES_CHARS_MAX.saturating_sub(text.chars().count() + all.chars().count());
        for (nth, sentence) in self.sentences.iter().take(named).enumerate() {
            let number = format!("{}{}.", if nth == 0 { "" } else { " " }, nth + 1);
            let share = (room / (named - nth)).saturating_sub(number.len());
            let cut = cut(sentence, share);
            room = room.saturating_sub(number.len() + cut.chars().count());
            text.push_str(&number);
            text.push_str(&cut);
        }
        text + &all
    }
}

/// The beginning of a text, as long as it may be.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

/// Why a call was refused before anything was sent.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A bound of the door.
    #[error("a bound of the door stopped the call: {0:?}")]
    Bound(Bound),
    /// No client section names the peer.
    #[error("the peer belongs to no client section")]
    UnknownClient,
    /// The client may not call for the institution.
    #[error("the client may not call for institution {fixmedins_code:?}")]
    ForeignInstitution {
        /// 定点医药机构编号 of the call; empty when it names none.
        fixmedins_code: String,
    },
    /// No route takes the call.
    #[error("no route takes transaction {infno}")]
    NoRoute {
        /// Transaction number.
        infno: String,
    },
    /// A repeat whose compared field moved.
    #[error("field {field} differs from the first call with this key")]
    Moved {
        /// The field.
        field: String,
        /// msgid of the first call.
        first_msgid: String,
    },
    /// A repeat of a success too old to be replayed unasked.
    #[error("the recorded success is too old to be replayed unasked")]
    SettledBefore {
        /// Settlements it made.
        setl_ids: Vec<String>,
        /// The transaction that tells how it stands; may be empty.
        ask: String,
    },
    /// A repeat of a success whose recorded answer was erased with its visit.
    #[error("the recorded answer was erased by policy")]
    Erased {
        /// Settlements it made.
        setl_ids: Vec<String>,
    },
    /// A 2601 that names a msgid the platform never saw, because we answered that call from the record.
    #[error("the msgid was answered from the record and never sent")]
    ReversesAlias {
        /// The msgid that was sent.
        first_msgid: String,
    },
    /// A call that differs from an unresolved one only in `begntime` or `invono`.
    #[error("a like call of this person is unresolved")]
    LikeUnresolved {
        /// msgid of the unresolved call.
        first_msgid: String,
    },
    /// A repeat of a call that the gateway is taking back (`money.md` §5).
    #[error("the gateway is taking the first call back")]
    Reversing {
        /// msgid of the first call.
        first_msgid: String,
    },
    /// A 2601 of a call that the platform may still be working at (`money.md` §5).
    #[error("the call to be reversed is still under way")]
    NotQuiet {
        /// msgid of the call to be reversed.
        first_msgid: String,
    },
    /// A settlement that looks like one of the same person of which the HIS does not know what became (`money.md` §5).
    #[error("a similar settlement of this person is not known to the HIS")]
    Fenced(Box<Existing>),
    /// Rules of the packs in force.
    #[error("{} rules refuse the call, listed in record {}", .0.count, .0.reference)]
    Rules(Box<Broken>),
    /// The journal has no room.
    #[error("the journal has no room")]
    NoRoom,
    /// The journal is closed or failed.
    #[error("the journal is closed")]
    JournalClosed,
    /// The history of the key could not be read.
    #[error("the history of the key cannot be read")]
    HistoryUnread,
    /// The body could not be kept on disk.
    #[error("the body could not be stored")]
    NotStored,
    /// The HIS's signature is not its own, or not of now.
    #[error("the signature of the call: {0}")]
    Signature(Wrong),
    /// The gateway cannot sign the call.
    #[error("the call cannot be signed: {0}")]
    CannotSign(CannotSign),
    /// The platform handed out no token for the call.
    #[error("no token for the call: {0}")]
    NoToken(NoToken),
    /// The request never left this machine.
    #[error("the other side could not be reached: {why}")]
    NeverSent {
        /// English reason for the log.
        why: String,
        /// Who could not be reached, for people.
        whom: &'static str,
    },
}

impl Refusal {
    /// The rule's id or a fixed code, for journal, metrics and support.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Bound(Bound::BodyTooLarge) => "GW101",
            Refusal::Bound(Bound::TooManyWaiting) => "GW102",
            Refusal::Bound(Bound::MemoryFull) => "GW103",
            Refusal::Bound(Bound::Draining) => "GW104",
            Refusal::Bound(Bound::TooSlow) => "GW105",
            Refusal::UnknownClient => "GW201",
            Refusal::NoRoute { .. } => "GW202",
            Refusal::ForeignInstitution { .. } => "GW203",
            Refusal::Moved { .. } => "GW301",
            Refusal::SettledBefore { .. } => "GW302",
            Refusal::ReversesAlias { .. } => "GW303",
            Refusal::LikeUnresolved { .. } => "GW304",
            Refusal::Erased { .. } => "GW305",
            Refusal::Fenced(_) => "GW306",
            Refusal::Reversing { .. } => "GW307",
            Refusal::NotQuiet { .. } => "GW308",
            Refusal::Rules(_) => "GW701",
            Refusal::NoRoom => "GW401",
            Refusal::JournalClosed => "GW402",
            Refusal::HistoryUnread => "GW403",
            Refusal::NotStored => "GW404",
            Refusal::NeverSent { .. } => "GW501",
            Refusal::Signature(Wrong::Missing(_)) => "GW601",
            Refusal::Signature(Wrong::Account | Wrong::Signature) => "GW602",
            Refusal::Signature(Wrong::Time | Wrong::Expired) => "GW603",
            Refusal::Signature(Wrong::Replayed) => "GW604",
            Refusal::CannotSign(_) => "GW611",
            Refusal::NoToken(_) => "GW612",
        }
    }

    /// Why, as the journal's cause.
    pub fn cause(&self) -> Cause {
        match self {
            Refusal::NeverSent { .. } => Cause::NeverSent,
            _ => Cause::Gateway,
        }
    }

    /// The `err_msg`: what happened, that nothing was sent, what to do, and the code.
    pub fn text(&self) -> String {
        let says = match self {
            Refusal::Bound(Bound::BodyTooLarge) => "报文过大，超过网关上限，请拆分后重发".to_owned(),
            Refusal::Bound(Bound::TooManyWaiting) => "网关繁忙，排队已满，请稍后重试".to_owned(),
            Refusal::Bound(Bound::MemoryFull) => "网关内存预算已满，请稍后重试".to_owned(),
            Refusal::Bound(Bound::Draining) => "网关正在停机，请稍后重试".to_owned(),
            Refusal::Bound(Bound::TooSlow) => "报文发送过慢或中断，请检查网络后重试".to_owned(),
            Refusal::UnknownClient => "本机地址未在网关登记，请联系信息科登记".to_owned(),
            Refusal::ForeignInstitution { fixmedins_code } if fixmedins_code.is_empty() => {
                "报文没有定点医药机构编号（fixmedins_code），而本机只获准为指定机构办理，请补填后重发".to_owned()
            }
            Refusal::ForeignInstitution { fixmedins_code } => {
                format!("本机未获准为机构{fixmedins_code}办理业务，请核对定点医药机构编号，或联系信息科登记")
            }
            Refusal::NoRoute { infno } => format!("交易{infno}没有配置去向，请联系信息科"),
            Refusal::Moved { .. }
            | Refusal::SettledBefore { .. }
            | Refusal::Erased { .. }
            | Refusal::ReversesAlias { .. }
            | Refusal::LikeUnresolved { .. }
            | Refusal::Reversing { .. }
            | Refusal::NotQuiet { .. }
            | Refusal::Fenced(_) => self.stands_against(),
            Refusal::Rules(broken) => broken.text(),
            Refusal::NoRoom => "网关磁盘空间不足，暂停受理，请联系信息科清理磁盘".to_owned(),
            Refusal::JournalClosed => "网关日志暂不可写，暂停受理，请稍后重试".to_owned(),
            Refusal::HistoryUnread => "网关无法核对该业务的历史记录，暂停受理，请联系信息科".to_owned(),
            Refusal::NotStored => "网关无法保存报文，请稍后重试".to_owned(),
            Refusal::Signature(wrong) => match wrong {
                Wrong::Missing(what) => format!("报文缺少签名信息（{what}），请联系信息科核对签名配置"),
                Wrong::Account | Wrong::Signature => "报文签名验证不通过，请联系信息科核对账号与密钥".to_owned(),
                Wrong::Time | Wrong::Expired => "签名时间戳超出允许范围，请校准本机时间后重试".to_owned(),
                Wrong::Replayed => "签名随机数重复，疑似重放，请重新生成签名后重试".to_owned(),
            },
            Refusal::CannotSign(why) => match why {
                CannotSign::TooLarge => "报文过大，网关无法加密签名，请拆分后重发".to_owned(),
                CannotSign::AlreadySealed(_) => "报文已由本机加密签名，与网关代签设置冲突，请联系信息科".to_owned(),
                _ => "网关无法为报文签名，请联系信息科核对报文与签名配置".to_owned(),
            },
            Refusal::NoToken(why) => format!("网关未取得医保平台的访问令牌：{}", why.text()),
            Refusal::NeverSent { whom, .. } => format!("网关连不上{whom}，请检查网络后重试"),
        };
        format!("【网关未发送】{says}[{}]", self.code())
    }

    /// What stands against a call that would charge or take back once more.
    fn stands_against(&self) -> String {
        match self {
            Refusal::Moved { field, first_msgid } => {
                format!(
                    "该业务已提交过（首次报文{first_msgid}），本次{field}与首次不同，请核对；如需重收请先撤销原结算"
                )
            }
            Refusal::SettledBefore { setl_ids, ask } => {
                format!("该业务此前已办理成功{}，勿重收，请先用{ask}查询核对", which(setl_ids))
            }
            Refusal::Erased { setl_ids } => {
                let which = which(setl_ids);
                format!("该业务此前已办理成功{which}，当时的应答已按规定清除，勿重收，请向医保经办机构核对")
            }
            Refusal::ReversesAlias { first_msgid } => {
                format!("该报文是重复提交，未发往平台；如需冲正请使用首次报文{first_msgid}")
            }
            Refusal::LikeUnresolved { first_msgid } => {
                format!("此人有一笔相同的结算结果未知（报文{first_msgid}），勿重收，请待核实")
            }
            Refusal::Reversing { first_msgid } => {
                format!("原交易（报文{first_msgid}）正在冲正，勿重收，请待冲正完成后再办理")
            }
            Refusal::NotQuiet { first_msgid } => {
                format!("原交易（报文{first_msgid}）平台仍在办理，暂不能冲正，请稍后再试")
            }
            Refusal::Fenced(existing) => existing.text(),
            _ => String::new(),
        }
    }
}

/// The settlements that a call made, in brackets.
fn which(setl_ids: &[String]) -> String {
    if setl_ids.is_empty() { String::new() } else { format!("（结算ID {}）", setl_ids.join("、")) }
}
