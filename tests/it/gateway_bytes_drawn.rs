//! Messages drawn from a number: every kind of body that a HIS or platform was seen to write, and some that were not.

use medgate::sandbox::draw::Draw;

/// Header lines as bytes, without their line ends; framing is not among them.
pub type Lines = Vec<Vec<u8>>;

/// Transactions of every class, and one that no profile knows.
const INFNOS: [&str; 18] = [
    "1101", "5201", "1301", "9102", "2101", "2206", "2204", "2301", "2201", "2401", "3505", "4101", "2207", "2304",
    "2208", "2102", "9001", "7777",
];
/// Of these any complete answer is relayed, whatever its status.
const RELAYED_ALWAYS: [&str; 7] = ["1101", "5201", "1301", "9102", "2101", "2206", "9001"];
const LARGEST: f64 = 2_097_152.0;
const ORDINARY: f64 = 65_536.0;

/// One request and its reply.
pub struct Case {
    pub target: String,
    pub lines: Lines,
    pub body: Vec<u8>,
    chunked: bool,
    pub reply: Reply,
}

/// What the platform says to it.
pub struct Reply {
    status: u16,
    pub lines: Lines,
    pub body: Vec<u8>,
    chunked: bool,
}

impl Case {
    /// The same number draws the same case.
    pub fn draw(number: u64) -> Case {
        let mut draw = Draw::from_seed(number ^ 0x6b17e5);
        let infno = *draw.one(&INFNOS);
        let path = match draw.below(5) {
            0 => format!("/fsi/api/rsfComIfsService/callService/{infno}"),
            1 => format!("/CSB/hsa-fsi-{infno}"),
            2 => format!("/ebus/gdyb_inf/poc//hsa/./hgs/{infno}"),
            3 if infno == "2207" => "/fsi/api/outpatientSettleService/saveSettletmentV2".to_owned(),
            _ => format!("/hsa/hgs/{infno}"),
        };
        let target = format!("{path}?n={number}&x=%C4%E3{}", draw.below(1000));
        let kind = Kind::draw(&mut draw);
        let bytes = size(&mut draw);
        let body = kind.body(&mut draw, bytes, &format!("\"infno\":\"{infno}\",{}", key(number)));
        let mut lines = lines(&mut draw, kind);
        if draw.below(6) == 0 {
            lines.insert(0, format!("_api_name: hsa-fsi-{infno}").into_bytes());
        }
        let chunked = draw.below(8) == 0;
        // A break inside the number makes it another one, of an unknown class, and then a 5xx is not relayed.
        let any_status = RELAYED_ALWAYS.contains(&infno) && kind != Kind::Broken;
        Case { target, lines, body, chunked, reply: Reply::draw(&mut draw, any_status) }
    }

    /// The request as a HIS writes it.
    pub fn message(&self) -> Vec<u8> {
        framed(format!("POST {} HTTP/1.1\r\nHost: gateway\r\n", self.target), &self.lines, &self.body, self.chunked)
    }
}

impl Reply {
    fn draw(draw: &mut Draw, any_status: bool) -> Reply {
        let kind = Kind::draw(draw);
        let bytes = size(draw);
        let body = match draw.below(3) {
            0 => kind.body(draw, bytes, "\"infcode\":0,\"output\":{\"setl_id\":\"S1\"},"),
            1 => kind.body(draw, bytes, "\"infcode\":\"0\",\"infcode\":\"0\",\"err_msg\":null,"),
            _ => kind.body(draw, bytes, ""),
        };
        let status = if any_status { *draw.one(&[200, 200, 200, 201, 302, 404, 500, 502, 503]) } else { 200 };
        Reply { status, lines: lines(draw, kind), body, chunked: draw.below(8) == 0 }
    }

    /// Its status line.
    pub fn first(&self) -> String {
        format!("HTTP/1.1 {} Said So", self.status)
    }

    /// The reply as a platform writes it.
    pub fn message(&self) -> Vec<u8> {
        framed(format!("{}\r\n", self.first()), &self.lines, &self.body, self.chunked)
    }
}

/// Fields that make a business key, different in every case.
fn key(number: u64) -> String {
    format!(
        "\"msgid\":\"H99000000001{number:018}\",\"fixmedins_code\":\"H99000000001\",\"mdtrtarea_admvs\":\"990100\",\
         \"psn_no\":\"P{number}\",\"mdtrt_id\":\"M{number}\",\"chrg_bchno\":\"B{number}\",\"setl_id\":\"S{number}\","
    )
}

/// Log-uniform: one in twenty up to the largest, the others up to an ordinary size, so that they weigh little together.
fn size(draw: &mut Draw) -> usize {
    let largest = if draw.below(20) == 0 { LARGEST } else { ORDINARY };
    let part = draw.below(1 << 20) as f64 / f64::from(1 << 20);
    largest.powf(part) as usize
}

fn framed(mut head: String, lines: &Lines, body: &[u8], chunked: bool) -> Vec<u8> {
    let mut message = std::mem::take(&mut head).into_bytes();
    for line in lines {
        message.extend_from_slice(line);
        message.extend_from_slice(b"\r\n");
    }
    if !chunked {
        message.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        message.extend_from_slice(body);
        return message;
    }
    message.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(40_009) {
        message.extend(format!("{:x}\r\n", part.len()).bytes());
        message.extend_from_slice(part);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\n\r\n");
    message
}

/// Header lines: names in any case, some with underscores, values of any byte that HTTP lets through.
fn lines(draw: &mut Draw, kind: Kind) -> Lines {
    let mut lines: Lines = kind.content_type(draw).into_iter().map(|value| line("Content-Type", value)).collect();
    let known = ["Accept: *", "Range: bytes=17-", "X-TIF-signature: 00ff", "Accept-Encoding: gzip", "soapAction:"];
    if draw.below(2) == 0 {
        lines.push(draw.one(&known).as_bytes().to_vec());
    }
    for nth in 0..draw.below(12) {
        let name = format!("{}{nth}{}", draw.one(&["x-Tif_", "_", "X-", "paasId", "sessionId_", "Q"]), letters(draw));
        for _ in 0..=draw.below(8) / 7 {
            lines.push(line(&name, &value(draw)));
        }
    }
    lines
}

fn line(name: &str, value: &[u8]) -> Vec<u8> {
    if value.is_empty() { format!("{name}:").into_bytes() } else { [name.as_bytes(), b": ", value].concat() }
}

fn letters(draw: &mut Draw) -> String {
    (0..draw.below(6)).map(|_| char::from(*draw.one(b"abcXYZ_-."))).collect()
}

/// No blank at either end, as HTTP leaves those out.
fn value(draw: &mut Draw) -> Vec<u8> {
    let inner = match draw.below(4) {
        0 => gbk(draw, 6),
        1 => "中文，【】".as_bytes().to_vec(),
        2 => (0..draw.below(300)).map(|_| *draw.one(b"!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ \t\x80\xff")).collect(),
        _ => return Vec::new(),
    };
    [b"v", &inner[..], b"."].concat()
}

/// Characters of GBK, with trail bytes that are quotes of JSON or backslashes among them.
fn gbk(draw: &mut Draw, chars: u64) -> Vec<u8> {
    let trail = |draw: &mut Draw| *draw.one(b"\x5c\x40\x7e\x80\xd0\xfe\xa1");
    (0..chars).flat_map(|_| [0x81 + draw.below(0x7d) as u8, trail(draw)]).collect()
}

/// What a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    JsonGbk,
    JsonWithMark,
    Broken,
    DoubleEncoded,
    Multipart,
    Xml,
    Form,
    Binary,
    Utf16,
    Empty,
}

impl Kind {
    fn draw(draw: &mut Draw) -> Kind {
        use Kind::*;
        let all = [
            Json,
            Json,
            Json,
            JsonGbk,
            JsonGbk,
            JsonWithMark,
            Broken,
            Broken,
            DoubleEncoded,
            Multipart,
            Xml,
            Form,
            Binary,
            Binary,
            Utf16,
            Empty,
        ];
        *draw.one(&all)
    }

    /// Declarations lie, so one in four is another kind's.
    fn content_type(self, draw: &mut Draw) -> Option<&'static [u8]> {
        let said = if draw.below(4) == 0 { Kind::draw(draw) } else { self };
        Some(match said {
            Kind::Json | Kind::JsonWithMark | Kind::DoubleEncoded => b"application/json;charset=UTF-8",
            Kind::JsonGbk => b"application/json; charset=GBK",
            Kind::Broken => b"text/json;;charset=\"utf 8",
            Kind::Multipart => b"multipart/form-data; boundary=----x7MA4",
            Kind::Xml => b"text/xml;charset=gb2312",
            Kind::Form => b"application/x-www-form-urlencoded",
            Kind::Binary => b"application/octet-stream",
            Kind::Utf16 => b"text/plain; charset=utf-16",
            Kind::Empty => return None,
        })
    }

    /// A body of about so many bytes that begins with `members` where it is an object.
    fn body(self, draw: &mut Draw, bytes: usize, members: &str) -> Vec<u8> {
        match self {
            Kind::Json => object(draw, bytes, members, false),
            Kind::JsonGbk => object(draw, bytes, members, true),
            Kind::JsonWithMark => [b"\xef\xbb\xbf \r\n", &object(draw, bytes, members, false)[..], b"\r\n\0"].concat(),
            Kind::Broken => {
                let whole = object(draw, bytes, members, false);
                broken(draw, whole)
            }
            Kind::DoubleEncoded => {
                let inner = String::from_utf8(object(draw, bytes, members, false)).unwrap_or_default();
                format!("{{{members}\"input\":{}}}", serde_json::Value::String(inner)).into_bytes()
            }
            Kind::Multipart => multipart(draw, bytes, members),
            Kind::Xml => {
                format!("<?xml version=\"1.0\"?><a><![CDATA[{}]]></a>", "<中>&".repeat(bytes / 6)).into_bytes()
            }
            Kind::Form => format!("jsonStr=%7B%22infno%22%7D&x={}", "%C4%E3+".repeat(bytes / 7)).into_bytes(),
            Kind::Binary => noise(draw, bytes),
            Kind::Utf16 => "{\"a\":\"中\"}".repeat(bytes / 22 + 1).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Kind::Empty => Vec::new(),
        }
    }
}

fn noise(draw: &mut Draw, bytes: usize) -> Vec<u8> {
    let mut noise: Vec<u8> = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        noise.extend(draw.bits().to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// An object with duplicate keys, numbers that no double holds, escapes, nesting, and text to fill it up.
fn object(draw: &mut Draw, bytes: usize, members: &str, in_gbk: bool) -> Vec<u8> {
    const NUMBERS: [&str; 10] =
        ["38.0", "1e400", "-0", "0.10", "123456789012345678901234567890.00", "1E+2", "-0.0", "0", "true", "null"];
    const BLANKS: [&str; 4] = ["", " ", "\r\n\t", "  "];
    let mut object = format!("{{{members}").into_bytes();
    let mut nth = 0;
    while object.len() < bytes {
        nth += 1;
        let name = *draw.one(&["medfee_sumamt", "a", "a", "cnt", "备注", "x\\u0031", "feedetail", ""]);
        let value = match draw.below(6) {
            0 | 1 => (*draw.one(&NUMBERS)).to_owned(),
            2 => "\"\\u4e2d\\\\\\\"\\/\\ud83d\\ude00\"".to_owned(),
            3 => format!("[{{\"a\":{nth}, \"a\":[[{{}}]]}},{}]", draw.one(&NUMBERS)),
            4 => format!("\"{}\"", letters(draw)),
            _ => format!("\"{}\"", "结算说明，甲乙".repeat(draw.below(40 + bytes as u64 / 200) as usize)),
        };
        object.extend(format!("{}\"{name}\" :{}{value},", draw.one(&BLANKS), draw.one(&BLANKS)).bytes());
    }
    object.extend(format!("\"end\":{nth}}}").bytes());
    if !in_gbk {
        return object;
    }
    let text = String::from_utf8(object).unwrap_or_default();
    encoding_rs::GBK.encode(&text).0.into_owned()
}

/// What real clients break: the end is missing, a comma too many, a bare quote, a control byte, half a character.
fn broken(draw: &mut Draw, mut object: Vec<u8>) -> Vec<u8> {
    let at = 1 + draw.below(object.len() as u64 - 1) as usize;
    match draw.below(5) {
        0 => object.truncate(at),
        1 => object.splice(1..1, *b",,").for_each(drop),
        2 => object.insert(at, b'"'),
        3 => object.insert(at, 0x01),
        _ => object.insert(at, 0xe4),
    }
    object
}

fn multipart(draw: &mut Draw, bytes: usize, members: &str) -> Vec<u8> {
    let json = object(draw, bytes / 2, members, false);
    let file = noise(draw, bytes / 2);
    let part =
        |name: &str| format!("------x7MA4\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes();
    [&part("jsonStr")[..], &json, b"\r\n", &part("file"), &file, b"\r\n------x7MA4--\r\n"].concat()
}
