//! An answer's content: members in a fixed order, amounts exact, printed as a province prints them.

use rust_decimal::Decimal;

use super::yuan;

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// JSON null.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Count(i64),
    /// An amount of money in yuan.
    Money(Decimal),
    /// A count, price or ratio, with as many decimals as it has.
    Number(Decimal),
    /// True or false.
    Flag(bool),
    /// Members in order.
    Object(Vec<(&'static str, Node)>),
    /// Rows.
    List(Vec<Node>),
}

/// How amounts look on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyStyle {
    /// A bare number with so many decimals: `12.50`, `12.5000`.
    Number(u32),
    /// A text with two decimals: `"12.50"`.
    Text,
}

impl Node {
    /// A text node.
    pub fn text(text: impl Into<String>) -> Node {
        Node::Text(text.into())
    }

    /// Without the members that are null, at any depth.
    #[must_use]
    pub fn without_nulls(self) -> Node {
        match self {
            Node::Object(members) => {
                let filled = members.into_iter().filter(|(_, node)| *node != Node::Null);
                Node::Object(filled.map(|(name, node)| (name, node.without_nulls())).collect())
            }
            Node::List(rows) => Node::List(rows.into_iter().map(Node::without_nulls).collect()),
            other => other,
        }
    }

    /// Appends this value as JSON.
    pub fn write(&self, money: MoneyStyle, out: &mut Vec<u8>) {
        match self {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Text(text) => quote(text, out),
            Node::Count(count) => out.extend_from_slice(count.to_string().as_bytes()),
            Node::Number(number) if money == MoneyStyle::Text => quote(&number.to_string(), out),
            Node::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Node::Flag(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
            Node::Money(amount) => write_money(*amount, money, out),
            Node::Object(members) => between(members, *b"{}", out, |(name, value), out| {
                quote(name, out);
                out.push(b':');
                value.write(money, out);
            }),
            Node::List(rows) => between(rows, *b"[]", out, |row, out| row.write(money, out)),
        }
    }
}

/// Appends a JSON string.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

fn write_money(amount: Decimal, style: MoneyStyle, out: &mut Vec<u8>) {
    let text = match style {
        MoneyStyle::Number(decimals) => yuan::digits(amount, decimals as usize),
        MoneyStyle::Text => format!("\"{}\"", yuan::text(amount)),
    };
    out.extend_from_slice(text.as_bytes());
}

fn between<T>(items: &[T], fences: [u8; 2], out: &mut Vec<u8>, mut each: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(fences[0]);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(fences[1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_decimals() {
        let node = Node::Object(vec![
            ("acct_pay", Node::Money(Decimal::new(1250, 2))),
            ("age", Node::Count(38)),
            ("memo", Node::text("引\"号\n")),
            ("rows", Node::List(vec![Node::Null, Node::Money(Decimal::ZERO)])),
        ]);
        for (style, expected) in [
            (MoneyStyle::Number(2), r#"{"acct_pay":12.50,"age":38,"memo":"引\"号\n","rows":[null,0.00]}"#),
            (MoneyStyle::Number(4), r#"{"acct_pay":12.5000,"age":38,"memo":"引\"号\n","rows":[null,0.0000]}"#),
            (MoneyStyle::Text, r#"{"acct_pay":"12.50","age":38,"memo":"引\"号\n","rows":[null,"0.00"]}"#),
        ] {
            let mut out = Vec::new();
            node.write(style, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
