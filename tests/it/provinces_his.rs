//! One HIS of each province, by a table: URL style, header lines and their case, order of the envelope, number style, and its own
//! signature, which the openssl program makes. Sources: wire.md 1.2 to 1.7, 2.1 to 2.7, 3.3; where a province has no manual, the
//! national one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::domain::clock::{Clock, SystemClock};
use medgate::domain::terms::Form;
use medgate::sandbox::people::Person;
use medgate::sandbox::spec;
use serde_json::Value;

use crate::doors_rig::Raw;
use crate::money_his::{HOSPITAL, somebody};
use crate::signing_rig::{CLIENT_ID, SECRET, USER_ID, Vault, der_of, hmac, openssl, openssl_signs, openssl_verifies};

/// How a family writes URLs.
pub enum Url {
    /// One for each transaction: `{infno}` stands in it.
    Each(&'static str),
    /// One for each service method, behind this base.
    Service(&'static str),
    /// One for all.
    One(&'static str),
}

/// How a family writes amounts.
#[derive(Clone, Copy)]
pub enum Amounts {
    /// `300.00`
    Number,
    /// `"300.00"`
    Text,
    /// `300.0`
    Float,
}

/// One province's way of asking.
pub struct Tongue {
    pub profile: &'static str,
    pub url: Url,
    /// Header lines before the signature's.
    lines: &'static [(&'static str, &'static str)],
    /// The signature's lines, in this client's case and order: name, and what stands there.
    signature: &'static [(&'static str, &'static str)],
    pub account: &'static str,
    /// The envelope's members in their order; `name=value` is written as it stands.
    order: &'static str,
    /// Blanks behind colons and commas.
    spaced: bool,
    amounts: Amounts,
    /// The sequence part of a msgid.
    sequence: fn(u64) -> String,
}

const CSB: &[(&str, &str)] = &[
    ("_api_name", "{infno}"),
    ("_api_version", "1.0.0"),
    ("_api_timestamp", "{ms}"),
    ("_api_access_key", "{account}"),
    ("_api_signature", "{csb}"),
];
const CSB_JIANGXI: &[(&str, &str)] = &[
    ("_api_timestamp", "{ms}"),
    ("_api_name", "hsa-fsi-{infno}"),
    ("_api_signature", "{csb}"),
    ("_api_version", "1.0.0"),
    ("_api_access_key", "{account}"),
];
const CSB_JIANGSU: &[(&str, &str)] = &[
    ("_api_access_key", "{account}"),
    ("_api_name", "hsa-fsi"),
    ("_api_signature", "{csb}"),
    ("_api_timestamp", "{ms}"),
    ("_api_version", "1.0.0"),
];
const TABLE_ORDER: &str = "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"FSI_LOCAL\" dev_no=\"\" dev_safe_info=\"\" cainfo=\"\" \
    signtype=\"\" infver=\"V1.0\" opter_type=\"1\" opter opter_name inf_time fixmedins_code fixmedins_name sign_no input";
const JSON_UTF8: (&str, &str) = ("Content-Type", "application/json;charset=utf-8");

/// Every built-in profile's HIS.
pub const TONGUES: &[Tongue] = &[
    Tongue {
        profile: "baseline",
        url: Url::One("/fsi/api/rsfComIfsService/callService"),
        lines: &[("Content-Type", "text/plain;charset=utf-8")],
        signature: &[],
        account: "",
        order: TABLE_ORDER,
        spaced: false,
        amounts: Amounts::Number,
        sequence: |nth| format!("{nth:04}"),
    },
    // GD-SZ, GD-GZ: unused members are the text "null", sign_no is empty, msgid ends in milliseconds and a digit.
    Tongue {
        profile: "guangdong",
        url: Url::Each("/ebus/gdyb_inf/poc/hsa/hgs/{infno}"),
        lines: &[("Content-Type", "text/plain"), ("Accept", "*/*")],
        signature: &[
            ("x-tif-paasId", "{account}"),
            ("X-Tif-Signature", "{tif}"),
            ("X-Tif-Timestamp", "{s}"),
            ("x-tif-nonce", "{nonce}"),
        ],
        account: "sz_yb_1",
        order: "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"MBS_LOCAL\" recer_admdvs=\"990100\" dev_no=\"null\" \
            dev_safe_info=\"null\" cainfo=\"null\" signtype=\"SM3\" infver=\"V1.0\" opter_type=\"1\" opter opter_name inf_time \
            fixmedins_code fixmedins_name sign_no=\"\" input",
        spaced: false,
        amounts: Amounts::Number,
        sequence: |nth| format!("{:03}{}", nth * 37 % 1000, nth % 10),
    },
    // NT: style B, members of its own, whole amounts as 300.0.
    Tongue {
        profile: "hebei",
        url: Url::Service("/fsi/api/"),
        lines: &[("Content-Type", "application/json; charset=utf-8"), ("Accept", "application/json")],
        signature: &[
            ("x-tif-paasid", "{account}"),
            ("x-tif-timestamp", "{s}"),
            ("x-tif-signature", "{tif}"),
            ("x-tif-nonce", "{nonce}"),
        ],
        account: "nt-paas",
        order: "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"sys01\" dev_no=null dev_safe_info=null cainfo=null \
            signtype=null infver=\"1.0.0\" opter_type=\"1\" opter opter_name inf_time fixmedins_code fixmedins_name \
            fixmedins_soft_fcty=\"沙箱软件\" serv_code=\"\" serv_sign=\"\" sign_no input",
        spaced: false,
        amounts: Amounts::Float,
        sequence: |nth| (1000 + nth * 613 % 9000).to_string(),
    },
    // HN27: samples with `input` first, other spellings of two members, a sequence of three digits, blanks.
    Tongue {
        profile: "hunan",
        url: Url::Each("/power-csb/powercsb/{infno}"),
        lines: &[("Content-Type", "text/plain;charset=UTF-8")],
        signature: CSB,
        account: "ak-hunan",
        order: "input infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"YBXT\" devNo=\"\" dev_safeInfo=\"\" cainfo=\"\" \
            signtype=\"SM3\" infver=\"V1.0\" opter_type=\"1\" opter opter_name inf_time fixmedins_code fixmedins_name sign_no",
        spaced: true,
        amounts: Amounts::Text,
        sequence: |nth| format!("{nth:03}"),
    },
    // JTG: a hyphen before the number, opter_type as a number, a counter that is not padded, a malformed Accept.
    Tongue {
        profile: "jiangxi",
        url: Url::Each("/CSB/hsa-fsi-{infno}"),
        lines: &[("Content-Type", "application/json"), ("Accept", "*")],
        signature: CSB_JIANGXI,
        account: "ak-jiangxi",
        order: "infno msgid insuplc_admdvs mdtrtarea_admvs recer_sys_code=\"01\" infver=\"V1.0\" opter_type=1 opter opter_name inf_time \
            fixmedins_code fixmedins_name sign_no cainfo=\"\" signtype=\"\" dev_no=\"\" dev_safe_info=\"\" input",
        spaced: false,
        amounts: Amounts::Number,
        sequence: |nth| nth.to_string(),
    },
    // JSU: one URL and one service name for all; the body alone names the transaction.
    Tongue {
        profile: "jiangsu",
        url: Url::One("/CSB"),
        lines: &[JSON_UTF8],
        signature: CSB_JIANGSU,
        account: "ak-jiangsu",
        order: "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"HIS\" dev_no=\"\" dev_safe_info=\"\" cainfo=\"\" \
            signtype=\"SM2\" enc_type=\"\" infver=\"1.0.0\" opter_type=\"1\" opter opter_name inf_time fixmedins_code fixmedins_name \
            sign_no input",
        spaced: false,
        amounts: Amounts::Text,
        sequence: |nth| format!("{nth:04}"),
    },
    // ZJ-C: style B, a sequence that is always 9999.
    Tongue {
        profile: "zhejiang",
        url: Url::Service("/fsi/api/"),
        lines: &[("Content-Type", "application/json;charset=UTF-8")],
        signature: &[("x-ca-key", "{account}"), ("x-ca-signature", "{xca}")],
        account: HOSPITAL,
        order: "infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code=\"99\" dev_no=null dev_safe_info=null cainfo=null signtype=null \
            infver=\"V1.0\" opter_type=\"1\" opter opter_name inf_time fixmedins_code fixmedins_name sign_no input",
        spaced: true,
        amounts: Amounts::Number,
        sequence: |_| "9999".to_owned(),
    },
    // JL: a bearer token, `input` sealed by SM4 and signed by SM2.
    Tongue {
        profile: "jilin",
        url: Url::One("/mbs/fmi/fsi/api/callFsiService/callService"),
        lines: &[("Content-Type", "application/json")],
        signature: &[("Authorization", "Bearer {token}")],
        account: CLIENT_ID,
        order: "cainfo enc_type fixmedins_code fixmedins_name inf_time infno infver=\"V1.0\" input insuplc_admdvs mdtrtarea_admvs msgid \
            opter opter_name opter_type=\"1\" recer_sys_code=\"MBS_LOCAL\" sign_no signtype",
        spaced: false,
        amounts: Amounts::Float,
        sequence: |nth| format!("{nth:04}"),
    },
    // No manual is public: as the national samples have it.
    Tongue {
        profile: "guangxi",
        url: Url::One("/fsi/api/rsfComIfsService/callService"),
        lines: &[JSON_UTF8],
        signature: &[],
        account: "",
        order: TABLE_ORDER,
        spaced: false,
        amounts: Amounts::Text,
        sequence: |nth| format!("{nth:04}"),
    },
    Tongue {
        profile: "shaanxi",
        url: Url::Each("/hsa/hgs/{infno}"),
        lines: &[JSON_UTF8],
        signature: &[],
        account: "",
        order: TABLE_ORDER,
        spaced: true,
        amounts: Amounts::Number,
        sequence: |nth| format!("{nth:04}"),
    },
];

/// One message, ready to send.
#[derive(Clone)]
pub struct Message {
    pub infno: &'static str,
    pub msgid: String,
    pub target: String,
    pub lines: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    /// Its header lines as text.
    pub fn head(&self) -> String {
        self.lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }
}

/// One work place.
pub struct Desk<'a> {
    pub tongue: &'a Tongue,
    pub form: Form,
    /// The HIS signs; else it speaks plain.
    pub signs: bool,
    /// Where its key and the platform's public one are (`platform.pem`).
    pub vault: &'a Vault,
    pub person: Person,
    /// What it learned: sign_no, mdtrt_id, setl_id, omsgid.
    pub sign_no: String,
    /// The token that its calls bear, where they bear one.
    pub token: String,
    pub mdtrt_id: String,
    pub setl_id: String,
    /// How far its clock is off, seconds.
    pub off_s: i64,
    sent: u64,
}

impl<'a> Desk<'a> {
    pub fn new(tongue: &'a Tongue, form: Form, signs: bool, vault: &'a Vault) -> Desk<'a> {
        let none = String::new;
        let (sign_no, token, mdtrt_id, setl_id) = (none(), none(), none(), none());
        Desk { tongue, form, signs, vault, person: somebody(), sign_no, token, mdtrt_id, setl_id, off_s: 0, sent: 0 }
    }

    /// An amount of 300.
    fn three_hundred(&self) -> &'static str {
        match self.tongue.amounts {
            Amounts::Number => "300.00",
            Amounts::Text => "\"300.00\"",
            Amounts::Float => "300.0",
        }
    }

    /// The exact text of an `input`.
    pub fn input(&self, infno: &str, batch: &str, omsgid: &str) -> String {
        let Person { psn_no, certno, psn_name, psn_type, .. } = &self.person;
        let (visit, sum) = (&self.mdtrt_id, self.three_hundred());
        let card =
            format!(r#""mdtrt_cert_type":"02","mdtrt_cert_no":"{certno}","psn_cert_type":"01","certno":"{certno}""#);
        match infno {
            "9001" => r#"{"signIn":{"opter_no":"sb01","mac":"00-00-5E-00-53-01","ip":"192.0.2.1"}}"#.to_owned(),
            "1101" => format!(r#"{{"data":{{{card},"card_sn":"","begntime":"","psn_name":"{psn_name}"}}}}"#),
            "2201" => format!(
                r#"{{"data":{{"psn_no":"{psn_no}","insutype":"310","begntime":"2024-01-02 03:00:00",{card},"ipt_otp_no":"MZ1","psn_type":"{psn_type}","psn_name":"{psn_name}","atddr_no":"D1","dr_name":"沙箱医师","dept_code":"A03","dept_name":"沙箱内科","caty":"A03"}}}}"#
            ),
            "2204" => format!(
                r#"{{"feedetail":[{{"feedetl_sn":"{batch}1","mdtrt_id":"{visit}","psn_no":"{psn_no}","chrg_bchno":"{batch}","dise_codg":"","rxno":"R1","rx_circ_flag":"0","fee_ocur_time":"2024-01-02 03:00:00","med_list_codg":"XSB00000001A1","medins_list_codg":"Y1","det_item_fee_sumamt":{sum},"cnt":"1","pric":{sum},"bilg_dept_codg":"A03","bilg_dept_name":"沙箱内科","bilg_dr_codg":"D1","bilg_dr_name":"沙箱医师","hosp_appr_flag":"1"}}]}}"#
            ),
            "2206" | "2207" => format!(
                r#"{{"data":{{"psn_no":"{psn_no}",{card},"med_type":"11","medfee_sumamt":{sum},"psn_setlway":"01","mdtrt_id":"{visit}","chrg_bchno":"{batch}","insutype":"310","acct_used_flag":"1","invono":"{batch}-I","exp_content":""}}}}"#
            ),
            "2208" => {
                format!(r#"{{"data":{{"setl_id":"{}","mdtrt_id":"{visit}","psn_no":"{psn_no}"}}}}"#, self.setl_id)
            }
            "2601" => format!(r#"{{"data":{{"psn_no":"{psn_no}","omsgid":"{omsgid}","oinfno":"2207"}}}}"#),
            other => panic!("no input for {other}"),
        }
    }

    /// Wraps an input, and signs it where the HIS does. Each message is a second later than the one before.
    pub fn wrap(&mut self, infno: &'static str, input: &str) -> Message {
        self.sent += 1;
        let (minute, second) = (self.sent / 60, self.sent % 60);
        let msgid = format!("{HOSPITAL}202401020300{second:02}{}", (self.tongue.sequence)(self.sent));
        let inf_time = format!("2024-01-02 03:{minute:02}:{second:02}");
        let seals = self.signs && self.form == Form::SealedInput;
        let (cainfo, sealed) = if seals { self.sealed(input) } else { (String::new(), input.to_owned()) };
        let member = |word: &str| -> (String, String) {
            if let Some((name, value)) = word.split_once('=') {
                return (name.to_owned(), value.to_owned());
            }
            let text = match word {
                "input" => return (word.to_owned(), sealed.clone()),
                "infno" => infno,
                "msgid" => &msgid,
                "mdtrtarea_admvs" | "insuplc_admdvs" => "990100",
                "opter" => "sb01",
                "opter_name" => "沙箱收费员",
                "inf_time" => &inf_time,
                "fixmedins_code" => HOSPITAL,
                "fixmedins_name" => "沙箱第一医院",
                "sign_no" => &self.sign_no,
                "cainfo" => &cainfo,
                "signtype" => {
                    if seals {
                        "SM2"
                    } else {
                        ""
                    }
                }
                "enc_type" => {
                    if seals {
                        "SM4"
                    } else {
                        ""
                    }
                }
                other => panic!("{other} has no value"),
            };
            (word.to_owned(), format!("\"{text}\""))
        };
        let (colon, comma) = if self.tongue.spaced { (": ", ", ") } else { (":", ",") };
        let members = self.tongue.order.split_whitespace().map(member);
        let members: Vec<String> = members.map(|(name, value)| format!("\"{name}\"{colon}{value}")).collect();
        let body = format!("{{{}}}", members.join(comma));
        let target = match self.tongue.url {
            Url::Each(url) => url.replace("{infno}", infno),
            Url::Service(base) => format!("{base}{}", service(infno)),
            Url::One(url) => url.to_owned(),
        };
        let lines = self.lines(infno, &body);
        Message { infno, msgid, target, lines, body }
    }

    fn lines(&self, infno: &str, body: &str) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut lines: Vec<(String, String)> = self.tongue.lines.iter().map(owned).collect();
        if !self.signs {
            return lines;
        }
        let now_ms = SystemClock::start().unix_ns() / 1_000_000 + self.off_s * 1000;
        let (ms, s, nonce) = (now_ms.to_string(), (now_ms / 1000).to_string(), format!("{:08}", self.sent * 7919));
        let account = self.tongue.account;
        let named = |name: &str| {
            let found = self.tongue.signature.iter().find(|(own, _)| *own == name);
            found.map_or("", |(_, value)| *value).replace("{infno}", infno)
        };
        for (name, value) in self.tongue.signature {
            let value = match *value {
                "{tif}" => {
                    hex::encode(openssl(&["dgst", "-sha256", "-binary"], format!("{s}{SECRET}{nonce}{s}").as_bytes()))
                }
                "{csb}" => {
                    let name = named("_api_name");
                    let text =
                        format!("_api_access_key={account}&_api_name={name}&_api_timestamp={ms}&_api_version=1.0.0");
                    BASE64_STANDARD.encode(hmac("sha1", text.as_bytes()))
                }
                "{xca}" => format!("{s}:{}", hex::encode_upper(hmac("sm3", format!("{s}\n{body}").as_bytes()))),
                "{account}" => account.to_owned(),
                "{ms}" => ms.clone(),
                "{s}" => s.clone(),
                "{nonce}" => nonce.clone(),
                other => other.replace("{infno}", infno).replace("{token}", &self.token),
            };
            lines.push(((*name).to_owned(), value));
        }
        lines
    }

    /// `cainfo` and `input` of a plain text.
    pub fn sealed(&self, input: &str) -> (String, String) {
        let key = self.vault.path(&format!("{CLIENT_ID}.pem"));
        let der = openssl_signs(self.vault, &key, USER_ID, input.as_bytes());
        let cipher = openssl(&["enc", "-sm4-ecb", "-K", &hex::encode(CLIENT_ID)], input.as_bytes());
        (BASE64_STANDARD.encode(raw_of(&der)), format!("\"{}\"", BASE64_STANDARD.encode(cipher)))
    }

    /// Reads an answer as this HIS does; opens and verifies what is sealed.
    pub fn read(&self, heard: &Raw) -> Value {
        let text = String::from_utf8_lossy(&heard.body);
        let mut answer: Value = serde_json::from_slice(&heard.body).unwrap_or_else(|_| panic!("no JSON: {text}"));
        let granted = answer["infcode"] == 0 || answer["infcode"] == "0";
        if self.signs && self.form == Form::SealedInput && granted {
            let member =
                |name: &str| BASE64_STANDARD.decode(answer[name].as_str().unwrap_or_else(|| panic!("{text}"))).unwrap();
            let plain = openssl(&["enc", "-d", "-sm4-ecb", "-K", &hex::encode(CLIENT_ID)], &member("output"));
            let platform = self.vault.path("platform.pem");
            let der = der_of(&member("cainfo"));
            assert!(openssl_verifies(self.vault, platform.to_str().unwrap(), USER_ID, &plain, &der), "{text}");
            assert_eq!(answer["signtype"], "SM2");
            answer["output"] = serde_json::from_slice(&plain).unwrap();
        }
        answer
    }
}

/// The path of a service method (`wire.md` §1.3); of several the newest, which ends in V2.
fn service(infno: &str) -> &'static str {
    let services = &spec::table(infno).unwrap().services;
    services.iter().max_by_key(|service| service.ends_with("V2")).unwrap_or_else(|| panic!("{infno} has no service"))
}

/// r ‖ s of a SEQUENCE of two INTEGERs.
fn raw_of(der: &[u8]) -> Vec<u8> {
    let (r_len, mut raw) = (usize::from(der[3]), Vec::new());
    for integer in [&der[4..4 + r_len], &der[6 + r_len..]] {
        let digits = &integer[integer.iter().position(|byte| *byte != 0).unwrap()..];
        raw.extend(std::iter::repeat_n(0, 32 - digits.len()));
        raw.extend_from_slice(digits);
    }
    raw
}
