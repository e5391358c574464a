//! What is to be done about a case, in the words of hospital people: a table.

use crate::domain::class::Class;

use crate::exchange::stand::Cause;

use super::matching::Class as Difference;

/// The next step of a case.
#[rustfmt::skip]
pub fn next_step(class: Class, cause: Cause) -> &'static str {
    use Cause::*;
    if class == Class::Reconcile {
        return Difference::named(cause.word()).map_or("", Difference::advice);
    }
    match (class, cause) {
        (Class::Money, UnknownOutcome) => "勿重收、勿转自费；等平台迟到的应答，或由收费员重试同一笔（网关作答，不会重复收费）；日终以3202按报文ID核对",
        (Class::Reversal, UnknownOutcome) => "由收费员重试同一笔撤销（重复撤销是最安全的查询）；日终以3202核对",
        (Class::Upload, UnknownOutcome) => "用对应的查询交易（3511、3513等）核对后补传缺失的行",
        (Class::State, UnknownOutcome) => "用5201、5303等查询就诊或备案状态，再决定是否重办",
        (_, UnknownOutcome) => "向平台核实结果，核实前不要重办",
        (Class::Money, NotDelivered) => "由收费员重试同一笔，网关给出原结果；患者已离开的，凭结算ID在院内补记",
        (_, NotDelivered) => "由原窗口重试同一笔，网关给出原结果；或在院内按平台结果补记",
        (_, HisTookBack) => "平台仍有这笔结算：由收费员办理撤销（2208、2305），或在院内恢复",
        (_, MoneyLaw) => "核对平台应答的各项金额（总额、基金、个人、账户、现金），向经办机构查清后以凭证结案",
        (_, HisMore) => "平台没有（或已撤销）这笔：在院内撤销该笔，或重新结算",
        (_, PlatformMore | JournalMore | AmountsDiffer | RefundMissing | ForeignChannel) => "核对当日账目，以凭证结案",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_next_step_and_money_is_never_to_be_taken_twice() {
        for class in Class::ALL {
            for cause in Cause::ALL {
                let is_of_ledgers = Difference::named(cause.word()).is_some();
                assert!(class == Class::Reconcile && !is_of_ledgers || !next_step(class, cause).is_empty());
            }
        }
        assert!(next_step(Class::Money, Cause::UnknownOutcome).contains("勿重收"));
    }
}
