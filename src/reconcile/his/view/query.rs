//! One connection, one statement, row by row: every value as the text that the database writes.

use std::io::Write;
use std::time::Duration;

use futures_util::StreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Column, ColumnIndex, ConnectOptions, Connection, Database, Decode, Executor, Row};

use super::super::super::ledger::day::Day;
use super::settings::{Kind, Settings, Tls};
use super::trouble::NotRead;

/// The server gives up on its own when we did not get to tell it: so much later, so that it is ours which is told.
const SERVER_GRACE_SECONDS: u64 = 5;
/// MySQL and MariaDB say that a variable is not theirs.
const NO_SUCH_VARIABLE: u16 = 1193;

/// Writes what the view gives for a day to `out`, as CSV under the names of its columns; nothing when there are no rows.
pub(super) async fn write(view: &Settings, password: &str, day: Day, out: &mut dyn Write) -> Result<u64, NotRead> {
    let address = view.host_port().ok_or(NotRead::Settings("address"))?;
    let statement = view.statement(day);
    match view.kind {
        Kind::PostgreSql => {
            let options = postgresql(view, address, password);
            let mut connection = connected(view, PgConnection::connect_with(&options)).await?;
            // China's time, so that a moment is written with the day it has in the books.
            let seconds = view.read_seconds + SERVER_GRACE_SECONDS;
            let begin = format!(
                "BEGIN READ ONLY; SET LOCAL TIME ZONE 8; SET LOCAL statement_timeout = '{seconds}s'; SET LOCAL extra_float_digits = 0"
            );
            sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(NotRead::reading)?;
            rows(&mut connection, statement, out).await
        }
        Kind::MySql => {
            let options = mysql(view, address, password);
            let mut connection = connected(view, MySqlConnection::connect_with(&options)).await?;
            give_up_after(&mut connection, view.read_seconds + SERVER_GRACE_SECONDS).await?;
            let begin = sqlx::raw_sql("START TRANSACTION READ ONLY");
            begin.execute(&mut connection).await.map_err(NotRead::reading)?;
            rows(&mut connection, statement, out).await
        }
        Kind::Off | Kind::SqlServer => Err(NotRead::Settings("kind")),
    }
}

async fn connected<C>(view: &Settings, connecting: impl Future<Output = sqlx::Result<C>>) -> Result<C, NotRead> {
    match tokio::time::timeout(Duration::from_secs(view.connect_seconds), connecting).await {
        Ok(connected) => connected.map_err(NotRead::connecting),
        Err(_) => Err(NotRead::Unanswered(view.connect_seconds)),
    }
}

fn postgresql(view: &Settings, (host, port): (&str, u16), password: &str) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass().host(host).port(port).database(&view.database);
    let options = options.username(&view.user).password(password).application_name("medgate").extra_float_digits(None);
    let options = match (view.tls, view.ca.as_os_str().is_empty()) {
        (Tls::Off, _) => options.ssl_mode(PgSslMode::Disable),
        (Tls::Required, true) => options.ssl_mode(PgSslMode::VerifyFull),
        (Tls::Required, false) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(&view.ca),
    };
    // Statements are the operator's own, and our log says what matters of them.
    options.disable_statement_logging()
}

fn mysql(view: &Settings, (host, port): (&str, u16), password: &str) -> MySqlConnectOptions {
    let options = MySqlConnectOptions::new().host(host).port(port).database(&view.database).username(&view.user);
    let options =
        options.password(password).timezone("+08:00".to_owned()).pipes_as_concat(false).no_engine_substitution(false);
    let options = match (view.tls, view.ca.as_os_str().is_empty()) {
        (Tls::Off, _) => options.ssl_mode(MySqlSslMode::Disabled),
        (Tls::Required, true) => options.ssl_mode(MySqlSslMode::VerifyIdentity),
        (Tls::Required, false) => options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca(&view.ca),
    };
    options.disable_statement_logging()
}

/// When the server gives up: MariaDB counts seconds, MySQL milliseconds under another name.
async fn give_up_after(connection: &mut MySqlConnection, seconds: u64) -> Result<(), NotRead> {
    let ways = [
        format!("SET SESSION max_statement_time = {seconds}"),
        format!("SET SESSION max_execution_time = {}", seconds * 1000),
    ];
    for way in ways {
        match sqlx::raw_sql(AssertSqlSafe(way)).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(sqlx::Error::Database(error))
                if error
                    .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                    .is_some_and(|error| error.number() == NO_SUCH_VARIABLE) => {}
            Err(error) => return Err(NotRead::reading(error)),
        }
    }
    // An old server that knows neither finds out when the connection ends.
    Ok(())
}

/// `raw_sql` speaks the text protocol of both, so that every value comes as the text that the server writes.
async fn rows<'c, DB>(
    connection: impl Executor<'c, Database = DB>,
    statement: String,
    out: &mut dyn Write,
) -> Result<u64, NotRead>
where
    DB: Database,
    usize: ColumnIndex<DB::Row>,
    for<'r> &'r str: Decode<'r, DB>,
{
    let mut csv = csv::Writer::from_writer(out);
    let (mut rows, mut count) = (sqlx::raw_sql(AssertSqlSafe(statement)).fetch(connection), 0);
    while let Some(row) = rows.next().await {
        let row = row.map_err(NotRead::reading)?;
        if count == 0 {
            csv.write_record(row.columns().iter().map(|column| column.name().trim())).map_err(gone)?;
        }
        count += 1;
        for (place, column) in row.columns().iter().enumerate() {
            let no_text = |_| NotRead::NoText(count, column.name().to_owned());
            let cell: Option<&str> = row.try_get_unchecked(place).map_err(no_text)?;
            csv.write_field(cell.unwrap_or_default()).map_err(gone)?;
        }
        csv.write_record(None::<&[u8]>).map_err(gone)?;
    }
    csv.flush().map_err(gone)?;
    Ok(count)
}

/// Whoever reads the text has let go of it.
fn gone<E>(_: E) -> NotRead {
    NotRead::Stopping
}
