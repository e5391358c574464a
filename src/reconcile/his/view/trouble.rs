//! Why a view was not read, for hospital people. What a database says of a row may name a person and is left out.

use sqlx::error::DatabaseError;

use super::super::super::ledger::day::Day;
use crate::keys::source::Trouble;

/// Begins of the SQLSTATEs whose message speaks of names and rights, never of values: connection, login, catalogue, transaction,
/// syntax and access, resources, operator. HY000 is MySQL's for what has none; its numbers are in [`PLAIN_NUMBERS`].
const PLAIN_STATES: [&str; 7] = ["08", "28", "3D", "25", "42", "53", "57"];
/// Of MySQL and MariaDB: a statement that took too long, was ended, or would have written.
const PLAIN_NUMBERS: [u16; 4] = [1969, 3024, 1792, 1290];

/// Why a view was not read, or not to its end. Nothing of it is taken then.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// The settings name none.
    #[error("未设置院内账视图：请填写配置 [his_view]，或导入文件 (no view is set)")]
    Unset,
    /// A kind that is not spoken to, or an address that is none.
    #[error("配置 [his_view] 不可用：{0}；请运行 medgate check")]
    Settings(&'static str),
    /// The password.
    #[error("院内账视图的口令读不到：{0}")]
    Password(Trouble),
    /// The server was not reached, or TLS did not come about.
    #[error("连不上院内数据库：{0}；请核对 [his_view] 的 address、tls 与网络 (not connected)")]
    NotConnected(String),
    /// It did not answer in time.
    #[error("院内数据库 {0} 秒内没有接通；请核对 [his_view] 的 address 与网络 (no answer in time)")]
    Unanswered(u64),
    /// It refused user, password or database.
    #[error("院内数据库拒绝登录：{0}；请核对 [his_view] 的 user、password_file、database (login refused)")]
    Refused(String),
    /// It refused or broke off the query.
    #[error("院内数据库没有执行查询：{0}；请核对 [his_view] 的 query 与只读授权 (the query failed)")]
    Query(String),
    /// The rows did not end in time.
    #[error("视图在 {0} 秒内没有读完；请为结算日期建索引，或提高 read_seconds (not read in time)")]
    Slow(u64),
    /// A value that is no text.
    #[error("第{0}行「{1}」不是 UTF-8 文本；请在视图中转换 (no text)")]
    NoText(u64, String),
    /// The connection ended before the rows did.
    #[error("与院内数据库的连接中断，未读完：{0} (broken off)")]
    Broken(String),
    /// Not a row.
    #[error("视图里没有 {0} 的行；当天确无医保结算时无需导入，否则请核对视图 (no rows)")]
    Empty(Day),
    /// Another reading is under way.
    #[error("正在读取视图，请稍后再试 (a reading is under way)")]
    Busy,
    /// The gateway stops.
    #[error("网关正在停止，视图未读完 (stopping)")]
    Stopping,
}

impl NotRead {
    /// Before the first statement.
    pub(super) fn connecting(error: sqlx::Error) -> NotRead {
        match error {
            sqlx::Error::Database(error) => NotRead::Refused(said(error.as_ref())),
            other => NotRead::NotConnected(other.to_string()),
        }
    }

    /// While rows are awaited.
    pub(super) fn reading(error: sqlx::Error) -> NotRead {
        match error {
            sqlx::Error::Database(error) => NotRead::Query(said(error.as_ref())),
            sqlx::Error::Io(error) => NotRead::Broken(error.kind().to_string()),
            sqlx::Error::Tls(error) => NotRead::Broken(error.to_string()),
            _ => NotRead::Broken("unexpected data".to_owned()),
        }
    }
}

/// What a database says, where that cannot be of a person.
fn said(error: &dyn DatabaseError) -> String {
    let state = error.code().unwrap_or_default().into_owned();
    let number = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(|error| error.number());
    let plain = PLAIN_STATES.iter().any(|begin| state.starts_with(begin))
        || number.is_some_and(|number| PLAIN_NUMBERS.contains(&number));
    let code = number.map_or_else(|| state.clone(), |number| format!("{number}/{state}"));
    if plain { format!("{} [{code}]", error.message()) } else { format!("SQLSTATE {code}") }
}
