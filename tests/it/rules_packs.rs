//! A site's own packs: signed or not taken, read anew while calls run, in force whole or not at all.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::sandbox::Sandbox;
use medgate::sandbox::platform::Settings;
use medgate::signing::sm2::SoftKey;
use serde_json::json;

use crate::doors_rig::{Talk, post};
use crate::money_his::{self as his, URL};
use crate::program_rig::Program;
use crate::rig::{SOON, records_in};
use crate::signing_rig::Vault;

const PACK: &str = "title = \"本院\"\nversion = \"VERSION\"\n[mode]\nupload = \"enforce\"\n[[cites]]\nid = \"BY-1\"\ntitle = \"院内规定\"\nsummary = \"自费销售写明备注\"\n";
const RULE: &str = "[[rule]]\nid = \"BY-MEMO\"\non = [\"4101\"]\nrequire = [\"setlinfo.FIELD\"]\nsays = \"{label}必填\"\ncure = \"请填写\"\n\
    cites = \"BY-1\"\nmark = \"C\"\n[[rule.passes]]\ninput = '{\"setlinfo\":{\"FIELD\":\"x\"}}'\n[[rule.fails]]\ninput = '{\"setlinfo\":{}}'\n";

/// The site's folder with its one pack; `field` is what its one rule asks for.
struct Site {
    vault: Vault,
    key_file: String,
    passphrase_file: String,
}

impl Site {
    fn new() -> Site {
        let (vault, key) = (Vault::new(), SoftKey::generate().unwrap());
        let identity = vault.with_key("rules", &key);
        vault.public("signer.pem", &key);
        Site { vault, key_file: identity.key_file, passphrase_file: identity.passphrase_file }
    }

    fn pack(&self, version: &str, field: &str) {
        let folder = self.vault.folder("rules/own", "pack.toml", &PACK.replace("VERSION", version));
        fs::write(folder.join("own.toml"), RULE.replace("FIELD", field)).unwrap();
    }

    fn settings(&self) -> String {
        let (folder, signer) = (self.vault.path("rules"), self.vault.path("signer.pem"));
        let text = format!("[rules]\nfolder = \"{}\"\nsigner = \"{}\"\n", folder.display(), signer.display());
        self.vault.keep("site.toml", &text)
    }

    fn sign(&self) {
        let (code, said) = medgate(&[
            "rules",
            "sign",
            &self.vault.path("rules").display().to_string(),
            "--key-file",
            &self.key_file,
            "--passphrase-file",
            &self.passphrase_file,
        ]);
        assert!(code == 0 && said.contains("own is signed"), "{said}");
    }

    /// Exit code and text of `medgate check`.
    fn checked(&self) -> (i32, String) {
        let data = self.vault.path("data").display().to_string();
        medgate(&["check", "--config", &self.settings(), "--data", &data, "--upstream", "http://127.0.0.1:1"])
    }
}

fn medgate(words: &[&str]) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_medgate")).args(words).env_remove("RUST_LOG").output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// What the HIS hears of a 4101 with nothing in it.
async fn asks(program: &Program) -> String {
    let body = his::body("4101", &json!({"setlinfo": {}}));
    let mut talk = Talk::to(program.listen).await;
    let answer = tokio::time::timeout(SOON, talk.ask(post(URL, "Content-Type: application/json\r\n", &body))).await;
    String::from_utf8(answer.expect("an answer in time").body).unwrap()
}

async fn reloads(program: &Program, result: &str, times: u32) {
    let expected = format!("medgate_reloads_total{{result=\"{result}\"}} {times}\n");
    let counted = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(20));
        while !program.look("/metrics").await.contains(&expected) {
            again.tick().await;
        }
    };
    tokio::time::timeout(SOON, counted).await.unwrap_or_else(|_| panic!("not {expected}: {}", program.log()));
}

#[test]
fn a_pack_that_nobody_vouches_for_is_not_taken() {
    let site = Site::new();
    site.pack("1", "hi_no");
    let (code, said) = site.checked();
    assert!(code == 78 && said.contains("pack own is not signed by the key of rules.signer"), "{said}");
    site.sign();
    let (code, said) = site.checked();
    assert!(code == 0 && said.contains("own 1"), "{said}");
    site.pack("2", "hi_no");
    let (code, said) = site.checked();
    assert!(code == 78 && said.contains("was changed since") && said.contains("medgate rules sign"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sites_pack_takes_force_whole_or_not_at_all() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let platform = Sandbox::start(loopback, Settings::default(), Arc::new(SystemClock::start())).await.unwrap();
    let site = Site::new();
    site.pack("1", "hi_no");
    site.sign();
    let config = site.settings();
    let program = Program::start_as(&format!("http://{}", platform.addr()), &[], |command| {
        command.args(["--config", &config]);
    })
    .await;
    let heard = asks(&program).await;
    assert!(heard.contains("GW701") && heard.contains("医保编号"), "{heard}");

    // Another version, and nobody signed it: what was before stays.
    site.pack("2", "psn_name");
    program.signal("HUP");
    reloads(&program, "refused", 1).await;
    assert!(asks(&program).await.contains("医保编号"));

    site.pack("2", "psn_name");
    site.sign();
    program.signal("HUP");
    reloads(&program, "taken", 1).await;
    let heard = asks(&program).await;
    assert!(heard.contains("GW701") && !heard.contains("医保编号"), "{heard}");
    assert_eq!(platform.platform().requests(), 0, "nothing was sent");

    let records = records_in(&program.data());
    let of = |kind| records.iter().filter(move |record| record.header.known_kind() == Some(kind));
    let versions = |record: &medgate::journal::Record| {
        let own = record.facts.all_named(Fact::Pack).find(|(name, _)| *name == "own");
        String::from_utf8_lossy(own.unwrap().1).split('\0').next().unwrap().to_owned()
    };
    let in_force: Vec<String> =
        of(Kind::Snapshot).filter(|one| one.facts.text_of(Fact::Name) == Some("profile")).map(versions).collect();
    assert_eq!(in_force, ["1", "2"], "the journal says which was in force when");
    let acts: Vec<&str> = of(Kind::OperatorAct).filter_map(|act| act.facts.text_of(Fact::Text)).collect();
    assert!(
        acts.len() == 1 && acts[0].starts_with("rules: ") && acts[0].contains("own 1") && acts[0].contains("own 2"),
        "{acts:?}"
    );
}
