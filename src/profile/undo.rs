//! How the gateway takes back what an earlier call did: rows of `[undo.*]`.

use super::Profile;
use super::transaction::Transaction;

/// A row of `[undo.*]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undo {
    /// 交易编号 that take back.
    pub infno: Vec<String>,
    /// Members of `input.data`, in order.
    pub fields: Vec<String>,
    /// The platform's longest processing: after it, a call that was not answered is over.
    pub quiet_minutes: u64,
    /// Whether it is allowed where the patient is insured elsewhere.
    pub cross_region: bool,
}

/// The two ways to take a settlement back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneBy {
    /// The transaction that takes back.
    pub infno: String,
    /// Its row.
    pub undo: Undo,
}

impl Profile {
    /// What takes back a settlement whose number is known (2208 of a 2207); `None` where the profile names nothing.
    pub fn undone_by_handle(&self, transaction: &Transaction) -> Option<UndoneBy> {
        self.undone_by(transaction, "setl_id")
    }

    /// What takes back a call of which only the msgid is known (2601), where the profile's list has it.
    pub fn undone_by_msgid(&self, transaction: &Transaction) -> Option<UndoneBy> {
        let listed = self.transaction(&transaction.oinfno).reversible_by_2601;
        self.undone_by(transaction, "omsgid").filter(|_| listed)
    }

    fn undone_by(&self, transaction: &Transaction, by: &str) -> Option<UndoneBy> {
        let freed_by = transaction.key.as_ref()?.freed_by.iter();
        let mut ways = freed_by.filter(|one| one.by == by).filter_map(|one| {
            let takes = |undo: &&Undo| undo.infno.contains(&one.infno);
            let undo = self.rules.undos.values().map(|(_, undo)| undo).find(takes)?;
            Some(UndoneBy { infno: one.infno.clone(), undo: undo.clone() })
        });
        ways.next()
    }
}
