//! Wrong profiles: every complaint with its file, line and cure.

use super::*;

#[test]
fn every_complaint_names_its_line_and_a_cure() {
    let site = "inherits = \"baseline\"\n[envelop]\n[refusal]\ninfcode = \"numbr\"\nmembers = \"x\"\n[class]\nmoney = [\"22O7\"]\n[key.mine]\ninfno = [\"2207\"]\non_repeat = \"reply\"\n[err.x]\nclass = \"refuse\"\n[unknown]\nlost = \"请稍候\"\n[transaction]\n1101 = { clas = \"query\", class = \"qwery\" }\n";
    let texts = Texts::with(vec![("site.toml".to_owned(), site.to_owned())]);
    let complaints = Profile::load("site", &texts).expect_err("it is wrong");
    let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    for wanted in [
        "site.toml:2: unknown key `envelop`; did you mean `envelope`?",
        "site.toml:4: infcode is `number` or `string`",
        "site.toml:5: `members` is string, not a list of texts",
        "site.toml:7: `22O7` is no transaction of this profile; did you mean `2207",
        "site.toml:9: key.mine: on_repeat is `reply`; did you mean `replay`?",
        "site.toml:12: `refuse` is no class of texts; did you mean `refused`?",
        "site.toml:12: err.x has no source",
        "site.toml:14: `lost` does not warn at once",
        "site.toml:16: unknown key `clas`; did you mean `class`?",
        "site.toml:16: `qwery` is no class; did you mean `query`?",
    ] {
        assert!(said.iter().any(|line| line.starts_with(wanted)), "{wanted}\nin\n{}", said.join("\n"));
    }
    let broken = Texts::with(vec![("site.toml".to_owned(), "title = \"a\"\nx = [\n".to_owned())]);
    let complaints = Profile::load("site", &broken).expect_err("it is no TOML");
    assert!(complaints.iter().any(|one| one.file == "site.toml" && one.line >= 2), "{complaints:?}");
    let complaints = Profile::load("guangdon", &Texts::embedded()).expect_err("there is none");
    assert!(complaints[0].to_string().contains("did you mean `guangdong`?"), "{complaints:?}");
}

#[test]
fn bad_profiles_say_what_is_wrong_where_and_the_cure() {
    // What stands in site.toml from line 2 on; what is said of it.
    for (site, wanted) in [
        ("[identity]\nurl = [\"/a\"]", "3: unknown key `url`; did you mean `urls`?"),
        ("[identity]\nurls = [\"fsi/{infno}\"]", "3: `fsi/{infno}` is no path; write a path that begins with /"),
        ("[identity]\nurls = [\"/fsi/{number}\"]", "3: `/fsi/{number}` is no path"),
        (
            "[trait]\nby_2601 = [\"2207\", \"22070\"]",
            "3: `22070` is no transaction of this profile; did you mean `2207",
        ),
        ("[service]\n\"a/b\" = [\"xyz\"]", "3: `xyz` is no transaction of this profile"),
        ("[host.second]\nname = \"x\"", "3: unknown key `name`"),
        ("[host.Second]\ntitle = \"x\"", "3: `Second` is no name of a host; use small letters"),
        (
            "[host.second]\ntitle = \"x\"\n[route.a]\nhost = \"secnd\"\ninfno = [\"42*\"]",
            "6: route.a: no host `secnd`; did you mean `second`?",
        ),
        ("[route.a]\nhost = \"b\"\ninfno = [\"42*\"]", "4: route.a: no host `b`; add [host.b] with a title"),
        ("[host.b]\ntitle = \"x\"\n[route.a]\nhost = \"b\"\ninfno = [\"88*\"]", "6: route.a: `88*` is no transaction"),
        (
            "[host.b]\ntitle = \"x\"\n[host.c]\ntitle = \"x\"\n[route.a]\nhost = \"b\"\ninfno = [\"42*\"]\n[route.d]\nhost = \"c\"\ninfno = [\"4205\"]",
            "8: route.a and route.d take the same calls",
        ),
        (
            "[host.b]\ntitle = \"x\"\n[route.a]\nhost = \"b\"\ninfno = [\"42*\"]\nprefix = \"fsi\"",
            "7: `prefix` does not begin with /; write a path",
        ),
        ("[answer]\ninfcode = \"text\"", "3: infcode is `number` or `string`"),
        ("[answer]\ninfcode = 1", "3: `infcode` is integer, not a text"),
        ("[statement.totals]\nmeanings = [\"0\"]", "3: `0` is not written as code:meaning"),
        (
            "[statement.mine]\ninfno = [\"3201\"]\nfield = \"f\"\nbalanced = \"0\"",
            "3: statement.mine and statement.totals both say what 3201 means; let one",
        ),
        ("[statement.mine]\ninfno = [\"3212\"]", "3: statement.mine is not whole; say `field`"),
        (
            "[dictionaries]\ntables = [\"national/code.txt\"]",
            "3: no file `national/code.txt`; did you mean `national/codes.txt`?",
        ),
        ("[dictionaries]\ncodes = [\"x\"]", "3: unknown key `codes`"),
        ("[spelling]\nexp_content = \"expContent\"", "3: `exp_content` is string, not a list of texts"),
        ("[transaction]\n2301 = { rows = { maximum = 5 } }", "3: unknown key `maximum`"),
        (
            "[transaction]\n2301 = { source = \"our contract\" }",
            "3: `our contract` has no mark; begin with C (certain)",
        ),
        (
            "parts = [\"baseline/transaction.toml\"]",
            "2: no file `baseline/transaction.toml`; did you mean `baseline/transactions.toml`?",
        ),
        (
            "[key.registration]\non_repeat = \"replay_whilefresh\"",
            "3: key.registration: on_repeat is `replay_whilefresh`; did you mean `replay_while_fresh`?",
        ),
    ] {
        let said = complaints_of(&[("site.toml", &format!("inherits = \"baseline\"\n{site}\n"))]);
        let wanted = format!("site.toml:{wanted}");
        assert!(said.len() == 1 && said[0].starts_with(&wanted), "{wanted}\nin\n{}", said.join("\n"));
    }
    let circle =
        complaints_of(&[("site.toml", "title = \"a\"\ninherits = \"b\"\n"), ("b.toml", "\n\ninherits = \"site\"\n")]);
    assert_eq!(
        circle,
        ["b.toml:3: a circle of `inherits`: site.toml -> b.toml -> site.toml; let one of them inherit `baseline`"]
    );
    let nobody = complaints_of(&[("site.toml", "inherits = \"guangdon\"\n")]);
    assert_eq!(nobody, ["site.toml:1: no profile `guangdon`; did you mean `guangdong`?"]);
}

fn complaints_of(files: &[(&str, &str)]) -> Vec<String> {
    let texts = Texts::with(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
    let complaints = Profile::load("site", &texts).expect_err("it is wrong");
    complaints.iter().map(ToString::to_string).collect()
}
