//! Ledgers through the admin port: sums of days, and the HIS's own ledger handed in.

use std::io::{self, Read};
use std::sync::{Arc, mpsc};

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::Console;
use super::answer::Failed;
use super::api::{Asked, Bearer, in_turn, pairs};
use super::lookup::{Parameter, Trouble};
use super::persons::is_plain_name;

/// Pieces of a file that wait between the socket and the one who reads it.
const PIECES_MAX: usize = 16;
/// Longest value of a parameter, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// What the gateway does with ledgers. Every call may wait for the disk: the console calls it off the runtime.
pub trait Desk: Send + Sync {
    /// Sums of a day or a month.
    ///
    /// # Errors
    /// What was wrong with the question, or why there is no answer.
    fn sums(&self, asked: &[(String, String)]) -> Result<Sums, Trouble>;
    /// Takes a ledger of the HIS.
    ///
    /// # Errors
    /// As above; `Refused` with everything that is wrong with the file.
    fn import(&self, asked: &HisLedger, file: &mut dyn Read) -> Result<Imported, Trouble>;
    /// Takes a ledger of the HIS out of the view that the settings name; `name` says nothing.
    ///
    /// # Errors
    /// As above; `NotNow` when the view was not read.
    fn import_view(&self, asked: &HisLedger) -> Result<Imported, Trouble>;
    /// What runs of some days have found.
    ///
    /// # Errors
    /// As above.
    fn reconciled(&self, asked: &[(String, String)]) -> Result<Reconciled, Trouble>;
    /// Runs a day now, or every day of a month.
    ///
    /// # Errors
    /// As above.
    fn reconcile(&self, asked: &[(String, String)]) -> Result<Reconciled, Trouble>;
    /// Asks the platform for its lists of closed days.
    ///
    /// # Errors
    /// As above; `Refused` where the gateway is not the declared submitter, or a day is not over.
    fn submit(&self, asked: &[(String, String)]) -> Result<Submitted, Trouble>;
}

/// What the platform was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Submitted {
    /// One object per list: `day`, `fixmedins_code`, `clr_optins`, `clr_type`, `state` (in, failed), and `record`, `rows`, `differing`,
    /// `by_rows`, or `why`.
    #[schema(value_type = Vec<Object>)]
    pub statements: Vec<Value>,
}

/// How the ledgers of some days stand to each other.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reconciled {
    /// One object per day: `day`, `state` (balanced, not_balanced, no_his_ledger), `settlements`, `differences`, `unexplained`, ...
    #[schema(value_type = Vec<Object>)]
    pub days: Vec<Value>,
    /// One object per difference: `day`, `age_days`, `setl_id`, `class`, both sides in yuan, the records that prove them, `next_step`.
    #[schema(value_type = Vec<Object>)]
    pub differences: Vec<Value>,
}

/// Sums of some days.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sums {
    /// First day.
    pub first: String,
    /// Last day.
    pub last: String,
    /// One object per institution, dimensions, place of insurance and kind (refunds apart): `count`, and sums in yuan.
    #[schema(value_type = Vec<Object>)]
    pub sums: Vec<Map<String, Value>>,
    /// Everything up to this journal record is in the answer.
    pub position: u64,
}

/// Which ledger is handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HisLedger {
    /// The day that it is of.
    pub date: String,
    /// Name of the file.
    pub name: String,
    /// 定点医药机构编号, where neither the settings nor the file say it.
    pub institution: String,
    /// Who hands it in.
    pub who: String,
}

/// A ledger of the HIS that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Its record.
    pub record: u64,
    /// The same bytes were in force already: nothing was done.
    pub before: bool,
    /// Its rows; 0 when nothing was done.
    pub rows: u64,
    /// The record of the file that it replaces.
    pub replaces: Option<u64>,
}

/// What may be asked about days.
pub(super) fn day_parameters() -> [Parameter; 2] {
    let one = |name, about: &str| Parameter { name, about: about.to_owned(), words: Vec::new() };
    [one("date", "a day, 2026-11-21"), one("month", "a month, 2026-11; one of both")]
}

/// What may be said of a file.
pub(super) fn file_parameters() -> [Parameter; 4] {
    let one = |name, about: &str| Parameter { name, about: about.to_owned(), words: Vec::new() };
    [
        one("date", "the day that the file is of, 2026-11-21"),
        one("name", "its name"),
        one("institution", "fixmedins_code, where neither the settings nor the file say it"),
        one("who", "who hands it in"),
    ]
}

/// What may be said of a view.
pub(super) fn view_parameters() -> [Parameter; 3] {
    let [date, _, institution, who] = file_parameters();
    let about = "the day whose ledger the view gives, 2026-11-21".to_owned();
    [Parameter { about, ..date }, institution, who]
}

pub(super) async fn sums(State(console): State<Console>, asked: Asked) -> Result<Json<Sums>, Failed> {
    let (asked, desk) = (pairs(asked)?, Arc::clone(&console.desk));
    in_turn(&console, move || desk.sums(&asked)).await.map(Json)
}

pub(super) async fn reconciled(State(console): State<Console>, asked: Asked) -> Result<Json<Reconciled>, Failed> {
    let (asked, desk) = (pairs(asked)?, Arc::clone(&console.desk));
    in_turn(&console, move || desk.reconciled(&asked)).await.map(Json)
}

pub(super) async fn reconcile(State(console): State<Console>, asked: Asked) -> Result<Json<Reconciled>, Failed> {
    let (asked, desk) = (pairs(asked)?, Arc::clone(&console.desk));
    in_turn(&console, move || desk.reconcile(&asked)).await.map(Json)
}

pub(super) async fn submit(State(console): State<Console>, asked: Asked) -> Result<Json<Submitted>, Failed> {
    let (asked, desk) = (pairs(asked)?, Arc::clone(&console.desk));
    in_turn(&console, move || desk.submit(&asked)).await.map(Json)
}

pub(super) async fn import(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    asked: Asked,
    body: Body,
) -> Result<Json<Imported>, Failed> {
    let asked = read(&pairs(asked)?, bearer)?;
    let desk = Arc::clone(&console.desk);
    let ((send, receive), room) = (mpsc::channel(), Arc::new(Semaphore::new(PIECES_MAX)));
    let mut arriving = Arriving { receive, room: Arc::clone(&room), piece: Bytes::new() };
    let taking = in_turn(&console, move || desk.import(&asked, &mut arriving));
    let (taken, ()) = tokio::join!(taking, feed(body, (send, room)));
    taken.map(Json)
}

pub(super) async fn import_view(
    State(console): State<Console>,
    Extension(bearer): Extension<Bearer>,
    asked: Asked,
) -> Result<Json<Imported>, Failed> {
    let asked = read(&pairs(asked)?, bearer)?;
    let desk = Arc::clone(&console.desk);
    in_turn(&console, move || desk.import_view(&asked)).await.map(Json)
}

fn read(asked: &[(String, String)], bearer: Bearer) -> Result<HisLedger, Failed> {
    let wrong = |place: &str, what: &str| {
        Failed::new(
            StatusCode::BAD_REQUEST,
            place,
            what,
            "date=2026-11-21&name=FILE&who=NAME, perhaps with institution",
        )
    };
    let mut read = HisLedger::default();
    for (name, value) in asked {
        if VALUE_CHARS_MAX < value.chars().count() || value.chars().any(char::is_control) {
            return Err(wrong(name, "this is too long, or no plain text"));
        }
        match name.as_str() {
            "date" => read.date.clone_from(value),
            "name" => read.name.clone_from(value),
            "institution" => read.institution.clone_from(value),
            "who" => read.who.clone_from(value),
            _ => return Err(wrong(name, "there is no such parameter")),
        }
    }
    if !is_plain_name(&read.who) {
        return Err(wrong("who", "it does not say who hands the file in"));
    }
    read.who = format!("{} {}", bearer.name, read.who);
    Ok(read)
}

/// Hands on what arrives, as fast as it is taken.
async fn feed(mut body: Body, (send, room): (mpsc::Sender<io::Result<Bytes>>, Arc<Semaphore>)) {
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => frame.into_data().map_err(|_| io::Error::other("trailers")),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        // Closed when nobody reads on.
        let Ok(place) = room.acquire().await else { return };
        place.forget();
        let failed = piece.is_err();
        if send.send(piece).is_err() || failed {
            return;
        }
    }
}

/// What arrives, for one who reads and may wait.
struct Arriving {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    /// How many more pieces may wait.
    room: Arc<Semaphore>,
    piece: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let Ok(piece) = self.receive.recv() else { return Ok(0) };
            self.room.add_permits(1);
            self.piece = piece?;
        }
        let read = out.len().min(self.piece.len());
        out[..read].copy_from_slice(&self.piece.split_to(read));
        Ok(read)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.room.close();
    }
}
