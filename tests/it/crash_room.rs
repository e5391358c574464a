//! A disk without room: money is refused before anything leaves, what is under way is recorded, and intake reopens by itself.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use medgate::domain::outcome::Outcome;
use medgate::journal::verify::{End, verify};
use medgate::sandbox::callers::post::Answer;
use medgate::sandbox::draw::Draw;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::crash_evidence::{Evidence, Told};
use crate::crash_rig::{Gateway, SEGMENT_BYTES, Serve, medgate, run, said, until};
use crate::doors_rig::Peer;

const TARGET: &str = "/fsi/api/hsa/hgs/2207";
const INSTITUTION: &str = "H99000000001";
const HELD: usize = 6;
const HELD_ANSWER_BYTES: usize = 700 << 10;
/// Live segment, spare and ballast leave too little for another spare.
const DISK_BYTES: u64 = 64 << 20;
const BALLAST_BYTES: usize = 20 << 20;

/// A data folder whose room can be taken away and given back.
enum Scarce {
    /// On a small filesystem of its own, which a ballast file fills.
    Filesystem(tempfile::TempDir),
    /// Under a limit on the size of files: no new segment fits.
    SizeLimit(tempfile::TempDir),
}

impl Scarce {
    /// Where this user may not mount, a limit on the size of files takes the filesystem's place.
    fn filesystem() -> Scarce {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Scarce::Filesystem(folder),
            refused => {
                eprintln!("no mount here, so a size limit takes its place: {refused:?}");
                Scarce::SizeLimit(folder)
            }
        }
    }

    fn data(&self) -> PathBuf {
        let (Scarce::Filesystem(folder) | Scarce::SizeLimit(folder)) = self;
        folder.path().join("data")
    }

    fn take_away(&self, gateway: &Gateway) {
        match self {
            Scarce::Filesystem(folder) => {
                let mut ballast = std::fs::File::create(folder.path().join("ballast")).unwrap();
                ballast.write_all(&vec![1; BALLAST_BYTES]).unwrap();
            }
            Scarce::SizeLimit(_) => limit(gateway, &(SEGMENT_BYTES - 8).to_string()),
        }
    }

    fn give_back(&self, gateway: &Gateway) {
        match self {
            Scarce::Filesystem(folder) => std::fs::remove_file(folder.path().join("ballast")).unwrap(),
            Scarce::SizeLimit(_) => limit(gateway, "unlimited"),
        }
    }
}

fn limit(gateway: &Gateway, bytes: &str) {
    let set = Command::new("prlimit").args(["--pid", &gateway.pid(), &format!("--fsize={bytes}:unlimited")]).output();
    let set = set.unwrap();
    assert!(set.status.success(), "{}", said(&set));
}

impl Drop for Scarce {
    fn drop(&mut self) {
        if let Scarce::Filesystem(folder) = self {
            let _left_behind = Command::new("umount").arg("-l").arg(folder.path()).status();
        }
    }
}

/// A platform that settles everything and keeps its answers to `held…` back until it is told.
struct Platform {
    addr: SocketAddr,
    saw: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
}

impl Platform {
    async fn start() -> Platform {
        let (saw, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let (seen, held) = (Arc::clone(&saw), Arc::clone(&gate));
        let peer = Peer::wild(move |mut talk| {
            let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
            async move {
                while let Some(request) = talk.hear().await {
                    let request: Value = serde_json::from_slice(&request.body).unwrap();
                    let msgid = request["msgid"].as_str().unwrap().to_owned();
                    seen.lock().unwrap().push(msgid.clone());
                    if msgid.contains("held") {
                        held.acquire().await.unwrap().forget();
                    }
                    let body = settled(&msgid);
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                    talk.say(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
                }
            }
        });
        Platform { addr: peer.await.addr, saw, gate }
    }

    fn saw(&self, msgid: &str) -> bool {
        self.saw.lock().unwrap().iter().any(|seen| seen == msgid)
    }
}

/// The platform's answer to a msgid.
fn settled(msgid: &str) -> String {
    let filler = if msgid.contains("held") { HELD_ANSWER_BYTES } else { 0 };
    let info =
        json!({"setl_id": format!("990000S{msgid}"), "medins_setl_id": msgid, "exp_content": letters(msgid, filler)});
    json!({"infcode": 0, "err_msg": null, "output": {"setlinfo": info}}).to_string()
}

fn letters(seed: &str, count: usize) -> String {
    let mut dice = Draw::from_seed(u64::from(crc32c::crc32c(seed.as_bytes())));
    let text: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| dice.bits().to_le_bytes()).collect();
    text.into_iter().map(|byte| char::from(b'A' + byte % 26)).collect()
}

/// A call of its own visit.
fn call(infno: &str, name: &str, filler: usize) -> (String, Vec<u8>) {
    let msgid = format!("{INSTITUTION}{name}");
    let psn_no = format!("99{:018}", crc32c::crc32c(name.as_bytes())); // A person each: no fence holds them.
    let input = json!({"data": {"psn_no": psn_no, "mdtrt_id": name, "chrg_bchno": "b1", "med_type": "11",
        "medfee_sumamt": "300.00", "insutype": "310", "acct_used_flag": "1", "exp_content": letters(name, filler)}});
    let envelope = json!({"infno": infno, "msgid": msgid, "mdtrtarea_admvs": "990100", "insuplc_admdvs": "990100",
        "fixmedins_code": INSTITUTION, "input": input});
    (msgid, envelope.to_string().into_bytes())
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn is_refused_for_room(answer: &Answer) -> bool {
    let text = text(answer);
    assert_eq!(answer.status, 200, "{text}");
    text.contains("【网关未发送】网关磁盘空间不足")
}

/// Sends large, then ever smaller settlements until even a small one finds no room.
async fn fill(gateway: &Gateway, platform: &Platform) {
    for (size, filler) in [900 << 10, 100 << 10, 8 << 10, 0].into_iter().enumerate() {
        let mut refused = false;
        for count in 0..500 {
            let (msgid, body) = call("2207", &format!("fill{size}n{count}"), filler);
            refused = is_refused_for_room(&gateway.call(TARGET, &body).await);
            assert_eq!(platform.saw(&msgid), !refused, "{msgid}");
            if refused {
                break;
            }
        }
        assert!(refused, "the disk never ran full");
    }
}

fn healthcheck(gateway: &Gateway) -> (Option<i32>, String) {
    let output = run(medgate(&["healthcheck", "--admin", &gateway.admin.to_string()]));
    (output.status.code(), said(&output))
}

/// Nothing reaches the platform, whatever the class.
async fn refuses_every_class(gateway: &Gateway, platform: &Platform, data: &Path) {
    for infno in ["2207", "2208", "2204", "2201", "1101", "9999"] {
        let (msgid, body) = call(infno, &format!("full{infno}"), 0);
        let answer = gateway.call(&format!("/fsi/api/hsa/hgs/{infno}"), &body).await;
        assert!(is_refused_for_room(&answer), "{infno}: {}", text(&answer));
        assert!(!platform.saw(&msgid), "{infno} was sent without an intent");
    }
    // A body in a file of its own, which must not go on filling the disk.
    let files = || std::fs::read_dir(data.join("journal/bodies")).unwrap().count();
    let before = files();
    let (msgid, body) = call("2207", "fulllarge", 2 << 20);
    let answer = gateway.call(TARGET, &body).await;
    assert!(text(&answer).contains("【网关未发送】"), "{}", text(&answer));
    assert!(!platform.saw(&msgid));
    assert_eq!(files(), before, "the body of a refused call was left behind");
    let (code, said) = healthcheck(gateway);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("journal"), "{said}");
}

fn everything_sent_was_recorded(data: &Path, platform: &Platform) {
    let evidence = Evidence::in_folder(data);
    for msgid in platform.saw.lock().unwrap().iter() {
        let settled = evidence.outcome_of(msgid).unwrap_or_else(|| panic!("{msgid} has no outcome"));
        let answer = Told::of(200, self::settled(msgid).as_bytes());
        assert_eq!((settled.outcome, settled.answer.as_ref()), (Outcome::Confirmed, Some(&answer)), "{msgid}");
    }
    assert_eq!(evidence.intents.len(), platform.saw.lock().unwrap().len(), "no intent without a send");
}

async fn without_room(scarce: Scarce) {
    let platform = Platform::start().await;
    let serve = Serve::on(&scarce.data(), platform.addr).with("JOURNAL__ROOM_WAIT_MS", "200");
    let serve = serve.with("JOURNAL__SPARE_RETRY_MS", "100").heedless_of_size_limits();
    let gateway = serve.start().await;
    let held: Vec<_> = (0..HELD).map(|count| call("2207", &format!("held{count}"), 0)).collect();
    let under_way = held.iter().cloned().map(|(_, body)| {
        let mut his = gateway.his();
        tokio::spawn(async move { crate::crash_rig::answered(his.send("POST", TARGET, &[], &body).await) })
    });
    let under_way: Vec<_> = under_way.collect();
    until("held calls", || async { held.iter().all(|(msgid, _)| platform.saw(msgid)).then_some(()) }).await;

    scarce.take_away(&gateway);
    fill(&gateway, &platform).await;
    refuses_every_class(&gateway, &platform, &scarce.data()).await;
    platform.gate.add_permits(HELD);
    for ((msgid, _), answer) in held.iter().zip(under_way) {
        let answer = answer.await.unwrap();
        assert!(text(&answer) == settled(msgid), "{msgid} was answered otherwise");
    }
    everything_sent_was_recorded(&scarce.data(), &platform);

    scarce.give_back(&gateway);
    reopens(&gateway).await;
    everything_sent_was_recorded(&scarce.data(), &platform);
    assert!(gateway.stop().await.success());
    let report = verify(&scarce.data()).unwrap();
    assert_eq!((report.bad, report.end), (None, End::Sealed));
}

async fn reopens(gateway: &Gateway) {
    let attempt = std::sync::atomic::AtomicU32::new(0);
    until("intake to reopen", || async {
        let nth = attempt.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = gateway.call(TARGET, &call("2207", &format!("after{nth}"), 0).1).await;
        (!is_refused_for_room(&answer)).then_some(())
    })
    .await;
    until("readiness", || async { (healthcheck(gateway).0 == Some(0)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_its_intent_is_durable_on_a_full_filesystem() {
    without_room(Scarce::filesystem()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_its_intent_is_durable() {
    without_room(Scarce::SizeLimit(tempfile::tempdir().unwrap())).await;
}
